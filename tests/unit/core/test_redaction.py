"""No secret, code or digest shows in a representation or an error."""

import traceback

import pytest

from pam_tfa.core import errors
from pam_tfa.core.answers import BackupAnswer, CodeAnswer, parse_answer
from pam_tfa.core.backup_codes import BackupCodeSet
from pam_tfa.core.records import SealedSecret, decode_record, encode_record
from tests.unit.core.builders import a_digest, a_record, an_authenticator
from tests.unit.core.test_records import with_checksum

_MARK = b"SECRETSECRETSECRETSECRETSECRETSE"
_SEALED = SealedSecret("k1", _MARK[:12], _MARK)


def shows(text: str) -> bool:
    """Tell whether the marked bytes show in a text, as they are or in hexadecimal."""
    return "SECRET" in text or _MARK[:6].hex() in text


@pytest.mark.parametrize(
    "value",
    [
        CodeAnswer(_MARK),
        BackupAnswer(_MARK),
        _SEALED,
        BackupCodeSet(_MARK[:16], (_MARK,), 0),
        an_authenticator(sealed_secret=_SEALED),
        a_record(
            an_authenticator(sealed_secret=_SEALED),
            backup_codes=BackupCodeSet(_MARK[:16], (_MARK,), 0),
        ),
        parse_answer(_MARK[:15], {6}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_representation_shows_no_secret(value: object) -> None:
    """Wherever it may be logged."""
    assert not shows(f"{value!r} {value} {[value]}")


def test_refused_record_shows_nothing_of_its_content() -> None:
    """Not in the error, nor in what it was raised from."""
    line = encode_record(a_record(an_authenticator(sealed_secret=_SEALED))).partition(b"\n")[0]
    spoilt = [line[:-1], line + b"}", line.replace(b'"uid":1000', b'"uid":-1'), b"[" + line]
    spoilt += [line.replace(b'"key_id"', b'"more":1,"key_id"'), line.replace(b'"k1"', b'"\xff"')]
    for each in spoilt:
        with pytest.raises(errors.RecordFormatError) as raised:
            decode_record(with_checksum(each))
        chain = traceback.format_exception(raised.value)
        assert raised.value.__context__ is None
        assert not shows("".join(chain))


def test_errors_carry_fields_and_form_one_tree() -> None:
    """What isn't in the tree denies all the same, but can't be told apart."""
    damaged = errors.RecordDamagedError("users/a.json", "uid", "missing")
    assert (damaged.path, damaged.field, damaged.reason) == ("users/a.json", "uid", "missing")
    assert str(damaged) == "path='users/a.json', reason='missing', field='uid'"
    kinds = [each for each in vars(errors).values() if isinstance(each, type)]
    assert all(issubclass(each, errors.PamTfaError) for each in kinds)
    assert all(each.__name__.endswith("Error") for each in kinds)


def test_digest_of_the_builders_is_not_the_mark() -> None:
    """The tests above look for bytes that only they use."""
    assert not shows(a_digest(0).hex())
