"""What was typed becomes a code, a backup code, or is malformed; nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pam_tfa.core.answers import (
    MAX_ANSWER_BYTES,
    BackupAnswer,
    CodeAnswer,
    MalformedAnswer,
    parse_answer,
)

_SSHD_DUMMY = b"\b\n\r\x7fINCORRECT"


@given(st.binary(max_size=80), st.sets(st.sampled_from((6, 8))))
def test_any_bytes_are_read_without_an_error(answer: bytes, digits: set[int]) -> None:
    """Parsing is total, and what it returns is of ASCII and of the right form."""
    parsed = parse_answer(answer, digits)
    match parsed:
        case CodeAnswer(code=code):
            assert len(code) in digits
            assert all(byte in b"0123456789" for byte in code)
        case BackupAnswer(normalized=normalized):
            assert len(normalized) == 15
        case MalformedAnswer():
            assert parsed.reason


@pytest.mark.parametrize("typed", [b"123456", b"123 456", b" 123456 ", b"1-2-3-4-5-6"])
def test_spaces_and_dashes_in_a_code_do_not_matter(typed: bytes) -> None:
    """Apps show a code in groups, and people type it that way."""
    assert parse_answer(typed, {6}) == CodeAnswer(b"123456")


def test_code_of_a_length_that_no_authenticator_shows_is_malformed() -> None:
    """Eight digits are no code for an account whose codes have six."""
    assert parse_answer(b"12345678", {6}) == MalformedAnswer("not_a_code")
    assert parse_answer(b"12345678", {6, 8}) == CodeAnswer(b"12345678")


@pytest.mark.parametrize(
    "typed", [b"0123456789ABCDE", b"o1234-S6789-abcde".replace(b"S", b"5"), b"O l23456789abcde"]
)
def test_backup_code_is_read_forgivingly(typed: bytes) -> None:
    """Case, dashes, spaces and look-alikes don't matter."""
    assert parse_answer(typed, {6}) == BackupAnswer(b"0123456789ABCDE")


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        (b"", "empty"),
        (b" ", "empty"),
        (b"- -", "empty"),
        (b"1" * (MAX_ANSWER_BYTES + 1), "too_long"),
        (b"1" * 513, "too_long"),
        (b"1" * 2**20, "too_long"),
        ("²23456".encode(), "not_ascii"),
        ("١٢٣٤٥٦".encode(), "not_ascii"),
        (b"12345\xff", "not_ascii"),
        (b"123456\n", "control_byte"),
        (b"123\n456", "control_byte"),
        (b"123456\0", "control_byte"),
        (b"\t123456", "control_byte"),
        (b"12345\x7f", "control_byte"),
        (b"correct horse", "not_a_code"),
        (b"+12345", "not_a_code"),
        (b"1e5000", "not_a_code"),
        (b"1_2345", "not_a_code"),
        (b"0123456789ABCDU", "not_a_code"),
        (b"0123456789ABCDEF", "not_a_code"),
    ],
)
def test_answer_that_can_not_be_a_code_is_malformed(typed: bytes, reason: str) -> None:
    """Its reason is for the log."""
    assert parse_answer(typed, {6, 8}) == MalformedAnswer(reason)  # type: ignore[arg-type]  # from the table


@pytest.mark.parametrize("length", range(1, 65))
def test_dummy_that_sshd_sends_is_malformed_at_any_length(length: int) -> None:
    """OpenSSH cuts or repeats its dummy to the length of what was typed."""
    dummy = (_SSHD_DUMMY * 6)[:length]
    assert parse_answer(dummy, {6, 8}) == MalformedAnswer("control_byte")
