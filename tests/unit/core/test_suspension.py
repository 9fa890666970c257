"""An administrator's suspension, and its bytes."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pam_tfa.core.errors import RecordFormatError
from pam_tfa.core.suspension import (
    NOT_SUSPENDED,
    SUSPENSION_SIZE,
    WITHOUT_END_S,
    Suspension,
    decode_suspension,
    encode_suspension,
    is_suspended,
)
from tests.unit.core.builders import NOW_S, suspensions, times


def test_suspension_lasts_from_its_start_to_before_its_end() -> None:
    """Both to the second."""
    span = (NOW_S, NOW_S + 60)
    assert [is_suspended(*span, NOW_S + each) for each in (-1, 0, 59, 60)] == [
        False,
        True,
        True,
        False,
    ]


def test_clock_before_the_start_ends_a_suspension() -> None:
    """Turning the clock back revives nothing."""
    assert not is_suspended(NOW_S, WITHOUT_END_S, NOW_S - 86400)


@given(times)
def test_account_that_was_never_suspended_is_not(now_s: int) -> None:
    """Zeros mean so at any time."""
    assert not is_suspended(NOT_SUSPENDED.from_s, NOT_SUSPENDED.until_s, now_s)


@given(suspensions, st.binary(max_size=20))
def test_suspension_survives_its_encoding(suspension: Suspension, behind: bytes) -> None:
    """Whatever follows it in the state."""
    encoded = encode_suspension(suspension)
    assert len(encoded) == SUSPENSION_SIZE
    assert decode_suspension(encoded + behind) == suspension


@given(st.integers(0, SUSPENSION_SIZE - 1))
def test_suspension_cut_short_is_refused(length: int) -> None:
    """At every byte."""
    with pytest.raises(RecordFormatError):
        decode_suspension(encode_suspension(NOT_SUSPENDED)[:length])


@given(suspensions, st.integers(0, SUSPENSION_SIZE - 1), st.integers(1, 255))
def test_changed_byte_is_never_misread(suspension: Suspension, place: int, change: int) -> None:
    """It is refused, or the bytes are exactly the encoding of what was read."""
    encoded = bytearray(encode_suspension(suspension))
    encoded[place] ^= change
    try:
        read = decode_suspension(bytes(encoded))
    except RecordFormatError:
        return
    assert encode_suspension(read) == encoded


@pytest.mark.parametrize(
    "suspension",
    [
        Suspension(2, 1, ""),
        Suspension(5, 5, ""),
        Suspension(0, 0, "why"),
        Suspension(-1, 5, ""),
        Suspension(0, 2**64, ""),
        Suspension(1, 2, "x" * 257),
        Suspension(1, 2, "a\0b"),
        Suspension(1, 2, "\udc80"),
    ],
)
def test_suspension_that_can_not_be_is_not_encoded(suspension: Suspension) -> None:
    """A wrong span or reason is refused before it is stored."""
    with pytest.raises(RecordFormatError, match="suspension"):
        encode_suspension(suspension)


def test_longest_reason_fits() -> None:
    """256 bytes, without a terminator."""
    suspension = Suspension(1, 2, "ü" * 128)
    assert decode_suspension(encode_suspension(suspension)) == suspension


def test_gate_modules_of_the_core_import_nothing_heavy() -> None:
    """The helper loads them before it prompts, at every login."""
    program = (
        "import sys; sys.path.insert(0, '.'); import pam_tfa.core.suspension;"
        "print(*{'typing', 'collections', 'json', 're', 'enum', 'hashlib'} & set(sys.modules))"
    )
    command = [sys.executable, "-I", "-S", "-c", program]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=_root())
    assert said.stdout.split() == []


def _root() -> str:
    import pam_tfa

    return str(pam_tfa.__path__[0]).removesuffix("/pam_tfa")
