"""A record is read back exactly as it was written, or refused."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pam_tfa.core.errors import RecordFormatError
from pam_tfa.core.otp_parameters import OtpParameters
from pam_tfa.core.records import Record, associated_data, decode_record, encode_record
from tests.unit.core.builders import (
    a_backup_set,
    a_record,
    account_names,
    an_authenticator,
    identifiers,
    records,
)

Change = Callable[[dict[str, Any]], object]


def with_checksum(line: bytes) -> bytes:
    """Encode a line as if it were a record's."""
    return line + b"\nsha256:" + hashlib.sha256(line).hexdigest().encode() + b"\n"


def changed(change: Change) -> bytes:
    """Encode a good record with its content changed, in canonical spacing."""
    content = json.loads(encode_record(a_record()).partition(b"\n")[0])
    change(content)
    return with_checksum(json.dumps(content, separators=(",", ":")).encode())


def refusal(encoded: bytes) -> RecordFormatError:
    """Return the error that decoding raises."""
    with pytest.raises(RecordFormatError) as raised:
        decode_record(encoded)
    return raised.value


@given(records)
@example(a_record(account_name="\udcff\udc80"))
@example(a_record(account_name="\u202e../x\n"))
def test_record_survives_its_encoding(record: Record) -> None:
    """Names of any bytes included, in two lines of ASCII."""
    encoded = encode_record(record)
    assert decode_record(encoded) == record
    assert encoded.isascii()
    assert encoded.count(b"\n") == 2


@given(records, st.data())
def test_truncated_record_is_refused(record: Record, data: st.DataObject) -> None:
    """Wherever it is cut."""
    encoded = encode_record(record)
    length = data.draw(st.integers(0, len(encoded) - 1))
    refusal(encoded[:length])


def test_record_truncated_at_every_byte_is_refused() -> None:
    """All of them for one record."""
    encoded = encode_record(a_record())
    for length in range(len(encoded)):
        refusal(encoded[:length])


@given(records, st.data(), st.integers(1, 255))
def test_record_with_a_changed_byte_is_refused(
    record: Record, data: st.DataObject, change: int
) -> None:
    """Whichever byte it is."""
    encoded = bytearray(encode_record(record))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] ^= change
    refusal(bytes(encoded))


@given(records, st.binary(min_size=1, max_size=8))
def test_bytes_behind_a_record_are_refused(record: Record, behind: bytes) -> None:
    """The padding of a file is no part of it."""
    refusal(encode_record(record) + behind)


@given(st.binary(max_size=200))
def test_any_line_with_a_good_checksum_is_read_or_refused(line: bytes) -> None:
    """A checksum proves no format."""
    refusal(with_checksum(line))


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_any_json_in_place_of_any_field_is_refused(value: Any) -> None:
    """None of the fields takes what it isn't made of."""
    for key in ("authenticators", "backup_codes", "format", "revision"):
        if key == "revision" and type(value) is int and value >= 1:
            continue
        assert refusal(changed(lambda c, key=key: c.update({key: value}))).field.startswith(key)  # type: ignore[misc]  # mypy can't infer a lambda with a default


def _device(content: dict[str, Any]) -> dict[str, Any]:
    device: dict[str, Any] = content["authenticators"][0]
    return device


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("", lambda c: c.update(more=1)),
        ("format", lambda c: c.update(format="pam-tfa-record/2")),
        ("format", lambda c: c.pop("format")),
        ("uid", lambda c: c.update(uid=True)),
        ("uid", lambda c: c.update(uid=1000.0)),
        ("uid", lambda c: c.update(uid="1000")),
        ("uid", lambda c: c.update(uid=-1)),
        ("uid", lambda c: c.update(uid=2**32 - 1)),
        ("revision", lambda c: c.update(revision=0)),
        ("revision", lambda c: c.update(revision=2**63)),
        ("created_s", lambda c: c.update(created_s=-1)),
        ("account_name", lambda c: c.update(account_name="")),
        ("account_name", lambda c: c.update(account_name="a\0b")),
        ("account_name", lambda c: c.update(account_name="x" * 1025)),
        ("account_name", lambda c: c.update(account_name="\ud800")),
        ("account_name", lambda c: c.update(account_name="\udcc3\udca4")),
        ("account_name", lambda c: c.update(account_name=None)),
        ("authenticators", lambda c: c.update(authenticators=[])),
        ("authenticators", lambda c: c.update(authenticators={})),
        ("authenticators", lambda c: c["authenticators"].append(_device(c))),
        ("authenticators[0]", lambda c: c.update(authenticators=[1])),
        ("authenticators[0]", lambda c: _device(c).update(more=1)),
        ("authenticators[0].authenticator_id", lambda c: _device(c).update(authenticator_id="/")),
        ("authenticators[0].name", lambda c: _device(c).update(name="")),
        ("authenticators[0].name", lambda c: _device(c).update(name="x" * 65)),
        ("authenticators[0].name", lambda c: _device(c).update(name="\x1b[31m")),
        ("authenticators[0].created_s", lambda c: _device(c).pop("created_s")),
        ("authenticators[0].otp", lambda c: _device(c)["otp"].update(more=1)),
        ("authenticators[0].otp.type", lambda c: _device(c)["otp"].update(type="TOTP")),
        ("authenticators[0].otp.algorithm", lambda c: _device(c)["otp"].update(algorithm="md5")),
        ("authenticators[0].otp.digits", lambda c: _device(c)["otp"].update(digits=7)),
        ("authenticators[0].otp.period_s", lambda c: _device(c)["otp"].update(period_s=9)),
        ("authenticators[0].otp.period_s", lambda c: _device(c)["otp"].update(period_s=0)),
        ("authenticators[0].otp.period_s", lambda c: _device(c)["otp"].update(type="hotp")),
        ("authenticators[0].sealed_secret", lambda c: _device(c).update(sealed_secret="00")),
        ("authenticators[0].sealed_secret", lambda c: _device(c)["sealed_secret"].update(more=1)),
        (
            "authenticators[0].sealed_secret.key_id",
            lambda c: _device(c)["sealed_secret"].update(key_id=""),
        ),
        (
            "authenticators[0].sealed_secret.nonce",
            lambda c: _device(c)["sealed_secret"].update(nonce="00" * 11),
        ),
        (
            "authenticators[0].sealed_secret.ciphertext",
            lambda c: _device(c)["sealed_secret"].update(ciphertext="AB" * 36),
        ),
        (
            "authenticators[0].sealed_secret.ciphertext",
            lambda c: _device(c)["sealed_secret"].update(ciphertext="00" * 29),
        ),
        ("backup_codes", lambda c: c["backup_codes"].update(more=1)),
        ("backup_codes.salt", lambda c: c["backup_codes"].update(salt="0" * 31)),
        ("backup_codes.salt", lambda c: c["backup_codes"].update(salt=" 0" * 16)),
        ("backup_codes.digests", lambda c: c["backup_codes"].update(digests=["00" * 32] * 2)),
        ("backup_codes.digests", lambda c: c["backup_codes"].update(digests=["00" * 31])),
        (
            "backup_codes.digests",
            lambda c: c["backup_codes"].update(digests=[f"{n:064x}" for n in range(65)]),
        ),
    ],
)
def test_refusal_names_the_field(field: str, change: Change) -> None:
    """So that an administrator knows what is wrong."""
    assert refusal(changed(change)).field == field


@pytest.mark.parametrize(
    "spoil",
    [
        lambda line: line.replace(b'"uid":1000', b'"uid": 1000'),
        lambda line: line.replace(b'"uid":1000', b'"uid":1e3'),
        lambda line: line.replace(b'"uid":1000', b'"uid":-0'),
        lambda line: line.replace(b'"uid":1000', b'"uid":NaN'),
        lambda line: line.replace(b'"uid":1000', b'"uid":' + b"1" * 5000),
        lambda line: line.replace(b'"alice"', b'"\\u0061lice"'),
        lambda line: line.replace(b'"alice"', b'"\xff"'),
        lambda line: b" " + line,
        lambda line: line + b" ",
        lambda line: b"\xef\xbb\xbf" + line,
        lambda _: b"[" * 100_000,
        lambda line: b"[" + line + b"]",
        lambda _: b"null",
        lambda _: b"",
    ],
)
def test_only_the_canonical_line_is_read(spoil: Callable[[bytes], bytes]) -> None:
    """A second spelling, or no object at all, under a good checksum."""
    line = encode_record(a_record()).partition(b"\n")[0]
    assert spoil(line) != line
    refusal(with_checksum(spoil(line)))


@pytest.mark.parametrize(
    "record",
    [
        a_record(uid=-1),
        a_record(uid=True),
        a_record(revision=0),
        a_record(account_name="\ud800\udc00"),
        a_record(an_authenticator(), an_authenticator(1, name="phone 0")),
        a_record(an_authenticator(), an_authenticator(1, authenticator_id="a0")),
        a_record(an_authenticator(otp=OtpParameters(type="hotp"))),
        a_record(*map(an_authenticator, range(17))),
        a_record(authenticators=()),
        a_record(backup_codes=a_backup_set(65)),
    ],
)
def test_record_that_could_not_be_read_back_is_not_encoded(record: Record) -> None:
    """What would lock its user out is refused before it is stored."""
    with pytest.raises(RecordFormatError):
        encode_record(record)


def test_key_that_stands_twice_is_refused_as_such() -> None:
    """JSON parsers differ in which of the two they believe."""
    line = encode_record(a_record()).partition(b"\n")[0]
    twice = line.replace(b'"uid":1000', b'"uid":1000,"uid":1000')
    assert refusal(with_checksum(twice)).reason == "has a key twice"


def test_overlong_record_is_refused_unread() -> None:
    """No more than the file's size rule allows is ever parsed."""
    assert refusal(with_checksum(b"x" * 62 * 4096)).reason == "too long"


parts = st.tuples(account_names, st.integers(0, 2**32 - 2), identifiers)


@settings(max_examples=500)
@given(parts, parts)
@example(("a", 11, "1"), ("a", 1, "11"))
@example(("a1", 1, "b"), ("a", 11, "b"))
def test_secret_is_bound_to_account_and_authenticator(
    one: tuple[str, int, str], other: tuple[str, int, str]
) -> None:
    """Two places have the same associated data only if they are the same."""
    assert (associated_data(*one) == associated_data(*other)) == (one == other)
