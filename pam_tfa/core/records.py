"""What rarely changes about an account: its authenticators and backup codes, and their encoding.

A record is one line of canonical JSON and a line with its SHA-256, so that any damage shows.
"""

import hashlib
import json
from typing import NamedTuple

from pam_tfa.core.backup_codes import (
    DIGEST_BYTES,
    MAX_BACKUP_CODES,
    SALT_BYTES,
    BackupCodeSet,
)
from pam_tfa.core.errors import RecordFormatError
from pam_tfa.core.json_fields import JsonObject, parse_json_object
from pam_tfa.core.otp_parameters import (
    MAX_SECRET_BYTES,
    MIN_SECRET_BYTES,
    OTP_ALGORITHMS,
    OTP_TYPES,
    OtpParameters,
    check_otp_parameters,
)

RECORD_FORMAT = "pam-tfa-record/1"
MAX_AUTHENTICATORS = 16
MAX_RECORD_BYTES = 62 * 4096
MAX_ACCOUNT_NAME_BYTES = 1024
MAX_NAME_CHARACTERS = 64
MAX_UID = 2**32 - 2  # 2^32-1 is (uid_t)-1, "no user"
MAX_REVISION = 2**63 - 1
MAX_TIME_S = 2**62
NONCE_BYTES = 12  # RFC 8439 section 2.8
TAG_BYTES = 16  # RFC 8439 section 2.8

_CHECKSUM_PREFIX = b"sha256:"
_ID_SYMBOLS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


class SealedSecret(NamedTuple):
    """An authenticator's secret under the host's sealing key.

    Attributes:
        key_id: which key of the sealing key file; 1 to 64 of A-Z a-z 0-9 _ -.
        nonce: NONCE_BYTES bytes.
        ciphertext: the secret's bytes, encrypted, and TAG_BYTES of tag.
    """

    key_id: str
    nonce: bytes
    ciphertext: bytes

    def __repr__(self) -> str:
        return f"SealedSecret(key_id={self.key_id!r}, ...)"


class Authenticator(NamedTuple):
    """One device or app that shows codes.

    Attributes:
        authenticator_id: unique in the record, never reused; 1 to 64 of A-Z a-z 0-9 _ -.
        name: the user's word for it, unique in the record; 1 to 64 printable characters.
        otp: its public parameters.
        sealed_secret: its secret, sealed with associated_data().
        created_s: Unix seconds.
    """

    authenticator_id: str
    name: str
    otp: OtpParameters
    sealed_secret: SealedSecret
    created_s: int


class Record(NamedTuple):
    """Everything about an account that a login doesn't change.

    Attributes:
        account_name: as NSS spells it, undecodable bytes as os.fsdecode leaves them.
        uid: 0 to MAX_UID; a record whose name and uid no longer belong together denies.
        revision: 1 to MAX_REVISION, greater at each change; a state names the one it belongs to.
        created_s: Unix seconds.
        authenticators: 1 to MAX_AUTHENTICATORS, in the order of the state's.
        backup_codes: the present set.
    """

    account_name: str
    uid: int
    revision: int
    created_s: int
    authenticators: tuple[Authenticator, ...]
    backup_codes: BackupCodeSet


def associated_data(account_name: str, uid: int, authenticator_id: str) -> bytes:
    """Return what a sealed secret is bound to, so that it opens nowhere else.

    Injective: every part is preceded by its length.

    Args:
        account_name: as in the record.
        uid: as in the record.
        authenticator_id: as in the authenticator.
    """
    name = account_name.encode("utf-8", "surrogateescape")
    parts = (b"pam-tfa-secret/1", name, str(uid).encode(), authenticator_id.encode())
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def clamp_time(now_s: int) -> int:
    """Return a clock's reading, held within the times that records and states can keep.

    Args:
        now_s: Unix seconds of any size; a clock before 1970 counts as 1970.
    """
    return max(0, min(now_s, MAX_TIME_S))


def encode_record(record: Record) -> bytes:
    """Encode a record: the JSON line and the checksum line.

    Raises:
        RecordFormatError: the record breaks a rule that decode_record holds it to.
    """
    line = _json_line(record)
    encoded = line + b"\n" + _checksum_line(line)
    if decode_record(encoded) != record:
        raise RecordFormatError("", "would be read back differently")
    return encoded


def decode_record(encoded: bytes) -> Record:
    """Decode exactly what encode_record returns, without padding.

    Raises:
        RecordFormatError: anything else; names the field.
    """
    if len(encoded) > MAX_RECORD_BYTES:
        raise RecordFormatError("", "too long")
    line, newline, checksum = encoded.partition(b"\n")
    if not newline or checksum != _checksum_line(line):
        raise RecordFormatError("", "checksum line is missing or wrong")
    record = _read_record(parse_json_object(line))
    if _json_line(record) != line:
        raise RecordFormatError("", "not in canonical form")
    return record


def _checksum_line(line: bytes) -> bytes:
    return _CHECKSUM_PREFIX + hashlib.sha256(line).hexdigest().encode() + b"\n"


def _json_line(record: Record) -> bytes:
    content = {
        "format": RECORD_FORMAT,
        "account_name": record.account_name,
        "uid": record.uid,
        "revision": record.revision,
        "created_s": record.created_s,
        "authenticators": [_authenticator_content(each) for each in record.authenticators],
        "backup_codes": {
            "salt": record.backup_codes.salt.hex(),
            "digests": [digest.hex() for digest in record.backup_codes.digests],
            "created_s": record.backup_codes.created_s,
        },
    }
    return json.dumps(content, separators=(",", ":")).encode()


def _authenticator_content(authenticator: Authenticator) -> dict[str, object]:
    sealed = authenticator.sealed_secret
    return {
        "authenticator_id": authenticator.authenticator_id,
        "name": authenticator.name,
        "otp": authenticator.otp._asdict(),
        "sealed_secret": {
            "key_id": sealed.key_id,
            "nonce": sealed.nonce.hex(),
            "ciphertext": sealed.ciphertext.hex(),
        },
        "created_s": authenticator.created_s,
    }


def _read_record(fields: JsonObject) -> Record:
    if fields.text("format") != RECORD_FORMAT:
        raise RecordFormatError("format", f"not {RECORD_FORMAT}")
    record = Record(
        account_name=_read_account_name(fields),
        uid=fields.integer("uid", 0, MAX_UID),
        revision=fields.integer("revision", 1, MAX_REVISION),
        created_s=fields.integer("created_s", 0, MAX_TIME_S),
        authenticators=_read_authenticators(fields),
        backup_codes=_read_backup_codes(fields.child("backup_codes")),
    )
    fields.refuse_unknown()
    return record


def _read_account_name(fields: JsonObject) -> str:
    name = fields.text("account_name")
    try:
        encoded = name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        encoded = b""
    if not 1 <= len(encoded) <= MAX_ACCOUNT_NAME_BYTES or b"\0" in encoded:
        raise RecordFormatError("account_name", "not 1 to 1024 bytes of a name")
    if encoded.decode("utf-8", "surrogateescape") != name:
        raise RecordFormatError("account_name", "not the way its bytes are decoded")
    return name


def _read_authenticators(fields: JsonObject) -> tuple[Authenticator, ...]:
    read = [_read_authenticator(each) for each in fields.children("authenticators")]
    if not 1 <= len(read) <= MAX_AUTHENTICATORS:
        raise RecordFormatError("authenticators", f"not 1 to {MAX_AUTHENTICATORS} of them")
    if len({each.authenticator_id for each in read}) != len(read):
        raise RecordFormatError("authenticators", "two have the same authenticator_id")
    if len({each.name for each in read}) != len(read):
        raise RecordFormatError("authenticators", "two have the same name")
    return tuple(read)


def _read_authenticator(fields: JsonObject) -> Authenticator:
    name = fields.text("name")
    if not 1 <= len(name) <= MAX_NAME_CHARACTERS or not name.isprintable():
        raise RecordFormatError(fields.path("name"), "not 1 to 64 printable characters")
    authenticator = Authenticator(
        authenticator_id=_read_id(fields, "authenticator_id"),
        name=name,
        otp=_read_otp_parameters(fields.child("otp")),
        sealed_secret=_read_sealed_secret(fields.child("sealed_secret")),
        created_s=fields.integer("created_s", 0, MAX_TIME_S),
    )
    fields.refuse_unknown()
    return authenticator


def _read_otp_parameters(fields: JsonObject) -> OtpParameters:
    parameters = OtpParameters(
        type=fields.choice("type", OTP_TYPES),
        algorithm=fields.choice("algorithm", OTP_ALGORITHMS),
        digits=fields.integer("digits", 0, 8),
        period_s=fields.integer("period_s", 0, 120),
    )
    fields.refuse_unknown()
    check_otp_parameters(parameters, fields.path(""))
    return parameters


def _read_sealed_secret(fields: JsonObject) -> SealedSecret:
    shortest, longest = MIN_SECRET_BYTES + TAG_BYTES, MAX_SECRET_BYTES + TAG_BYTES
    sealed = SealedSecret(
        key_id=_read_id(fields, "key_id"),
        nonce=fields.octets("nonce", NONCE_BYTES, NONCE_BYTES),
        ciphertext=fields.octets("ciphertext", shortest, longest),
    )
    fields.refuse_unknown()
    return sealed


def _read_backup_codes(fields: JsonObject) -> BackupCodeSet:
    digests = fields.octet_strings("digests", DIGEST_BYTES)
    if len(digests) > MAX_BACKUP_CODES or len(set(digests)) != len(digests):
        raise RecordFormatError(fields.path("digests"), "more than 64, or one of them twice")
    backup_codes = BackupCodeSet(
        salt=fields.octets("salt", SALT_BYTES, SALT_BYTES),
        digests=digests,
        created_s=fields.integer("created_s", 0, MAX_TIME_S),
    )
    fields.refuse_unknown()
    return backup_codes


def _read_id(fields: JsonObject, key: str) -> str:
    text = fields.text(key)
    if not 1 <= len(text) <= 64 or not _ID_SYMBOLS.issuperset(text):
        raise RecordFormatError(fields.path(key), "not 1 to 64 of A-Z a-z 0-9 _ -")
    return text
