"""A state is read back exactly as it was written, or refused."""

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pam_tfa.core.errors import RecordFormatError
from pam_tfa.core.lockout import FailureCount
from pam_tfa.core.state import (
    PAYLOAD_SIZE,
    AuthenticatorState,
    State,
    decode_state,
    encode_state,
)
from pam_tfa.core.suspension import Suspension, decode_suspension
from tests.unit.core.builders import a_state, states

_END_OF_FIELDS = 964


@given(states)
def test_state_survives_its_encoding(state: State) -> None:
    """In a payload of fixed size, so that it can be overwritten in place."""
    encoded = encode_state(state)
    assert len(encoded) == PAYLOAD_SIZE
    assert decode_state(encoded) == state


def test_layout_is_the_documented_one() -> None:
    """Offsets and byte order don't move between versions."""
    state = State(
        suspension=Suspension(1, 2, "why"),
        codes=FailureCount(3, 4),
        backup=FailureCount(5, 6),
        verify=FailureCount(7, 8),
        backup_used=9,
        backup_refused=True,
        authenticators=(AuthenticatorState(10, 11, -2, 12, True), AuthenticatorState()),
    )
    expected = "".join(
        [
            "0000000000000001 0000000000000002 0003" + b"why".ljust(256, b"\0").hex(),
            "00000003 0000000000000004 00000005 0000000000000006 00000007 0000000000000008",
            "0000000000000009 00000001 0002",
            "000000000000000a 000000000000000b fffe 000000000000000c 0001" + "00" * 12,
            "ffffffffffffffff 0000000000000000 0000 ffffffffffffffff 0000" + "00" * 12,
        ]
    )
    assert encode_state(state) == bytes.fromhex(expected).ljust(PAYLOAD_SIZE, b"\0")


@given(states)
def test_suspension_stands_at_the_head(state: State) -> None:
    """The helper reads it alone, before it prompts."""
    assert decode_suspension(encode_state(state)) == state.suspension


@given(states, st.integers(0, PAYLOAD_SIZE - 1))
def test_truncated_state_is_refused(state: State, length: int) -> None:
    """Wherever it is cut."""
    with pytest.raises(RecordFormatError):
        decode_state(encode_state(state)[:length])


@given(states, st.integers(0, _END_OF_FIELDS - 1), st.integers(1, 255))
@example(a_state(), 321, 2)
@example(a_state(), 323, 1)
@example(a_state(), 363, 1)
def test_changed_byte_is_never_misread(state: State, place: int, change: int) -> None:
    """It is refused, or the bytes are exactly the encoding of what was read."""
    encoded = bytearray(encode_state(state))
    encoded[place] ^= change
    try:
        read = decode_state(bytes(encoded))
    except RecordFormatError:
        return
    assert encode_state(read) == encoded


@given(states, st.integers(_END_OF_FIELDS, PAYLOAD_SIZE - 1), st.integers(1, 255))
def test_bytes_behind_the_fields_are_refused(state: State, place: int, byte: int) -> None:
    """A later version's fields aren't ignored."""
    encoded = bytearray(encode_state(state))
    encoded[place] = byte
    with pytest.raises(RecordFormatError):
        decode_state(bytes(encoded))


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(head: bytes) -> None:
    """Nothing else is raised."""
    payload = head.ljust(PAYLOAD_SIZE, b"\0")
    with contextlib.suppress(RecordFormatError):
        assert encode_state(decode_state(payload)) == payload


@pytest.mark.parametrize(
    ("field", "state"),
    [
        ("codes.failures", a_state(codes=FailureCount(101, 0))),
        ("backup.failures", a_state(backup=FailureCount(-1, 0))),
        ("verify.last_failure_s", a_state(verify=FailureCount(0, -1))),
        ("codes.last_failure_s", a_state(codes=FailureCount(0, 2**64))),
        ("backup_used", a_state(backup_used=2**64)),
        ("authenticators", a_state(*[AuthenticatorState()] * 17)),
        ("authenticators[0].last_step", a_state(AuthenticatorState(last_step=-2))),
        (
            "authenticators[1].counter",
            a_state(AuthenticatorState(), AuthenticatorState(counter=-1)),
        ),
        ("authenticators[0].counter", a_state(AuthenticatorState(counter=2**63))),
        ("authenticators[0].drift_steps", a_state(AuthenticatorState(drift_steps=11))),
        ("authenticators[0].resync_factor", a_state(AuthenticatorState(resync_factor=-2))),
    ],
)
def test_state_that_can_not_be_is_not_encoded(field: str, state: State) -> None:
    """The refusal names the field."""
    with pytest.raises(RecordFormatError) as raised:
        encode_state(state)
    assert raised.value.field == field
