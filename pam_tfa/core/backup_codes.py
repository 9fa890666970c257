"""Backup codes: each gets its holder in once when the phone isn't there.

75 random bits as 15 symbols of Crockford's base32, which has no I, L, O or U; reading forgives
case, spaces, dashes, I and L for 1, and O for 0.
Source: https://www.crockford.com/base32.html; NIST SP 800-63B-4 section 3.1.2 (look-up secrets
below 112 bits are salted and hashed by a password-hashing scheme).
"""

from hashlib import scrypt
from hmac import compare_digest
from typing import NamedTuple

BACKUP_CODE_COUNT = 10
MAX_BACKUP_CODES = 64  # bits of the bitmap of used codes
SALT_BYTES = 16
DIGEST_BYTES = 32
SYMBOLS_PER_CODE = 15
RANDOM_BYTES_PER_CODE = 10

_ALPHABET = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_FORGIVEN = bytes.maketrans(b"ILO", b"110")
_GROUP = 5


class BackupCodeSet(NamedTuple):
    """One generation of backup codes, hashed.

    Attributes:
        salt: SALT_BYTES random bytes, for the whole set.
        digests: what hash_backup_code makes of each code, 0 to MAX_BACKUP_CODES.
        created_s: Unix seconds.
    """

    salt: bytes
    digests: tuple[bytes, ...]
    created_s: int

    def __repr__(self) -> str:
        return f"BackupCodeSet({len(self.digests)} digests, created_s={self.created_s})"


def format_backup_code(random_bytes: bytes) -> str:
    """Write a backup code as people see it: XXXXX-XXXXX-XXXXX.

    Args:
        random_bytes: RANDOM_BYTES_PER_CODE bytes, of which 75 bits are used.

    Raises:
        ValueError: another number of bytes.
    """
    if len(random_bytes) != RANDOM_BYTES_PER_CODE:
        raise ValueError(f"a backup code is made of {RANDOM_BYTES_PER_CODE} random bytes")
    bits = int.from_bytes(random_bytes, "big") >> 5
    symbols = [_ALPHABET[bits >> 5 * place & 31] for place in reversed(range(SYMBOLS_PER_CODE))]
    text = bytes(symbols).decode()
    return "-".join(text[start : start + _GROUP] for start in range(0, SYMBOLS_PER_CODE, _GROUP))


def normalize_backup_code(typed: bytes) -> bytes | None:
    """Return the one spelling of a backup code that is hashed, or None if it can't be one.

    Args:
        typed: ASCII as a person typed it; case, spaces and dashes don't matter.
    """
    symbols = typed.translate(None, b" -").upper().translate(_FORGIVEN)
    if len(symbols) != SYMBOLS_PER_CODE or symbols.translate(None, _ALPHABET):
        return None
    return symbols


def hash_backup_code(normalized: bytes, salt: bytes) -> bytes:
    """Hash a backup code; about 10 ms, so done before the record's lock is taken.

    Args:
        normalized: what normalize_backup_code returned.
        salt: the salt of the set.

    Returns:
        DIGEST_BYTES bytes.

    Source: RFC 7914 section 2, with N = 2^12, r = 8, p = 1: a code has 75 bits of its own.
    """
    return scrypt(normalized, salt=salt, n=4096, r=8, p=1, dklen=DIGEST_BYTES)


def match_backup_code(digest: bytes, backup_codes: BackupCodeSet) -> int | None:
    """Return the index of the code with a digest, used or not, or None.

    Compares with every code of the set, in time that doesn't depend on which one matches.

    Args:
        digest: what hash_backup_code made of the answer with the set's salt.
        backup_codes: the account's set.
    """
    found = None
    for index, candidate in enumerate(backup_codes.digests):
        if compare_digest(candidate, digest):
            found = index
    return found


def backup_codes_left(backup_codes: BackupCodeSet, used: int) -> int:
    """Return how many codes of a set weren't used yet.

    Args:
        backup_codes: the account's set.
        used: bit i set: code i was used.
    """
    return len(backup_codes.digests) - used.bit_count()
