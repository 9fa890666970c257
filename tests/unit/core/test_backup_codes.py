"""Backup codes: how they look, how they are read, and how they are kept."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pam_tfa.core.backup_codes import (
    RANDOM_BYTES_PER_CODE,
    backup_codes_left,
    format_backup_code,
    hash_backup_code,
    match_backup_code,
    normalize_backup_code,
)
from tests.unit.core.builders import a_backup_set, a_digest

random_bytes = st.binary(min_size=RANDOM_BYTES_PER_CODE, max_size=RANDOM_BYTES_PER_CODE)


@given(random_bytes)
def test_backup_code_has_three_groups_of_five_without_look_alikes(drawn: bytes) -> None:
    """Nobody has to tell O from 0 or I from 1."""
    shown = format_backup_code(drawn)
    assert [len(group) for group in shown.split("-")] == [5, 5, 5]
    assert set(shown) <= set("-0123456789ABCDEFGHJKMNPQRSTVWXYZ")


@given(random_bytes, random_bytes)
def test_all_75_bits_show(one: bytes, other: bytes) -> None:
    """Two codes are the same only where their first 75 bits are."""
    differ = int.from_bytes(one, "big") >> 5 != int.from_bytes(other, "big") >> 5
    assert (format_backup_code(one) != format_backup_code(other)) == differ


@given(random_bytes, st.booleans())
def test_backup_code_is_read_as_shown_in_either_case(drawn: bytes, lower: bool) -> None:
    """What was shown, typed in small letters, is the same code."""
    shown = format_backup_code(drawn)
    typed = shown.lower() if lower else shown
    assert normalize_backup_code(typed.encode()) == shown.replace("-", "").encode()


def test_backup_code_needs_its_random_bytes() -> None:
    """Fewer bytes must not quietly make a weaker code."""
    with pytest.raises(ValueError, match="10 random bytes"):
        format_backup_code(bytes(9))


def test_hash_is_scrypt_with_the_documented_cost() -> None:
    """N = 2^12, r = 8, p = 1, 32 bytes, salted."""
    expected = hashlib.scrypt(b"0" * 15, salt=b"s" * 16, n=2**12, r=8, p=1, dklen=32)
    assert hash_backup_code(b"0" * 15, b"s" * 16) == expected
    assert hash_backup_code(b"0" * 15, b"t" * 16) != expected


@pytest.mark.parametrize("index", range(10))
def test_every_code_of_a_set_is_found(index: int) -> None:
    """The first and the last too."""
    assert match_backup_code(a_digest(index), a_backup_set()) == index


@pytest.mark.parametrize("digest", [b"", bytes(31), bytes(32), a_digest(10)])
def test_no_other_digest_is_found(digest: bytes) -> None:
    """Nor one of another length."""
    assert match_backup_code(digest, a_backup_set()) is None


def test_used_codes_are_not_left() -> None:
    """Codes 0 and 3 were used."""
    assert backup_codes_left(a_backup_set(), 0b1001) == 8
