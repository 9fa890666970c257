"""What changes at logins: steps, counters, failures, suspension; and its fixed encoding.

Offsets within the payload, big-endian, everything not named here zero:

    0    suspension            274 bytes, see core/suspension.py
    274  codes, backup, verify 3 x (failures u32, last_failure_s u64)
    310  backup_used           u64    bit i: backup code i was used
    318  flags                 u32    bit 0: backup codes refused until made anew
    322  authenticators        u16    how many follow, at most 16
    324  authenticator         40 bytes each: last_step i64, counter u64, drift_steps i16,
                               resync_factor i64, flags u16 (bit 0: two codes needed), 12 zeros
    964  room for later fields, up to PAYLOAD_SIZE
"""

from struct import Struct
from typing import NamedTuple

from pam_tfa.core.errors import RecordFormatError
from pam_tfa.core.lockout import FAILURES_UNTIL_LOCKED, NO_FAILURES, FailureCount
from pam_tfa.core.records import MAX_AUTHENTICATORS
from pam_tfa.core.suspension import (
    NOT_SUSPENDED,
    SUSPENSION_SIZE,
    Suspension,
    decode_suspension,
    encode_suspension,
)

PAYLOAD_SIZE = 4096 - 24 - 4  # a slot without its header and checksum
MAX_MOVING_FACTOR = 2**63 - 1
MAX_DRIFT_STEPS = 10

_COUNTS = Struct(">IQIQIQQIH")
_AUTHENTICATOR = Struct(">qQhqH12s")
_UNUSED = bytes(12)


class AuthenticatorState(NamedTuple):
    """What one authenticator's accepted and refused codes have left behind.

    Attributes:
        last_step: TOTP: the last accepted step number; -1 for none.
        counter: HOTP: the next counter that is good; 0 to MAX_MOVING_FACTOR.
        drift_steps: TOTP: steps that the device's clock is ahead, -10 to 10, learned.
        resync_factor: step or counter of a first code for resynchronisation; -1 for none.
        needs_two_codes: HOTP: only two consecutive codes are good, because the counter was lost.
    """

    last_step: int = -1
    counter: int = 0
    drift_steps: int = 0
    resync_factor: int = -1
    needs_two_codes: bool = False


class State(NamedTuple):
    """Everything about an account that logins change.

    Attributes:
        suspension: an administrator's.
        codes: wrong one-time codes in a row at logins.
        backup: wrong backup codes in a row at logins.
        verify: wrong answers in a row through the user's own unprivileged verify.
        backup_used: bit i set: backup code i was used.
        backup_refused: no backup code is good until a new set is made.
        authenticators: in the order of the record's.
    """

    suspension: Suspension
    codes: FailureCount
    backup: FailureCount
    verify: FailureCount
    backup_used: int
    backup_refused: bool
    authenticators: tuple[AuthenticatorState, ...]


def initial_state(authenticators: tuple[AuthenticatorState, ...]) -> State:
    """Return the state of a new record, whose authenticators may come with a past."""
    return State(
        suspension=NOT_SUSPENDED,
        codes=NO_FAILURES,
        backup=NO_FAILURES,
        verify=NO_FAILURES,
        backup_used=0,
        backup_refused=False,
        authenticators=authenticators,
    )


def encode_state(state: State) -> bytes:
    """Encode a state into PAYLOAD_SIZE bytes.

    Raises:
        RecordFormatError: the state breaks a rule that decode_state holds it to.
    """
    _check_state(state)
    counts = _COUNTS.pack(
        *state.codes,
        *state.backup,
        *state.verify,
        state.backup_used,
        int(state.backup_refused),
        len(state.authenticators),
    )
    authenticators = b"".join(_AUTHENTICATOR.pack(*each, _UNUSED) for each in state.authenticators)
    encoded = encode_suspension(state.suspension) + counts + authenticators
    return encoded.ljust(PAYLOAD_SIZE, b"\0")


def decode_state(payload: bytes) -> State:
    """Decode exactly what encode_state returns.

    Raises:
        RecordFormatError: anything else; names the field.
    """
    if len(payload) != PAYLOAD_SIZE:
        raise RecordFormatError("state", f"not {PAYLOAD_SIZE} bytes")
    counts = _COUNTS.unpack_from(payload, SUSPENSION_SIZE)
    failures, (backup_used, flags, authenticator_count) = counts[:6], counts[6:]
    state = State(
        suspension=decode_suspension(payload),
        codes=FailureCount(*failures[0:2]),
        backup=FailureCount(*failures[2:4]),
        verify=FailureCount(*failures[4:6]),
        backup_used=backup_used,
        backup_refused=_decode_flag("flags", flags),
        authenticators=_decode_authenticators(payload, authenticator_count),
    )
    _check_state(state)
    return state


def _decode_authenticators(payload: bytes, count: int) -> tuple[AuthenticatorState, ...]:
    if count > MAX_AUTHENTICATORS:
        raise RecordFormatError("authenticators", "too many")
    start = SUSPENSION_SIZE + _COUNTS.size
    end = start + count * _AUTHENTICATOR.size
    if payload[end:].strip(b"\0"):
        raise RecordFormatError("state", "has bytes after its end")
    decoded = []
    for *numbers, flags, unused in _AUTHENTICATOR.iter_unpack(payload[start:end]):
        if unused != _UNUSED:
            raise RecordFormatError("authenticators", "reserved bytes are in use")
        numbers.append(_decode_flag("authenticators", flags))
        decoded.append(AuthenticatorState._make(numbers))
    return tuple(decoded)


def _decode_flag(field: str, flags: int) -> bool:
    if flags not in (0, 1):
        raise RecordFormatError(field, "unknown flags")
    return flags == 1


def _check_state(state: State) -> None:
    for name, count in (("codes", state.codes), ("backup", state.backup), ("verify", state.verify)):
        _check_range(f"{name}.failures", count.failures, 0, FAILURES_UNTIL_LOCKED)
        _check_range(f"{name}.last_failure_s", count.last_failure_s, 0, 2**64 - 1)
    _check_range("backup_used", state.backup_used, 0, 2**64 - 1)
    _check_range("authenticators", len(state.authenticators), 0, MAX_AUTHENTICATORS)
    for index, each in enumerate(state.authenticators):
        path = f"authenticators[{index}]"
        _check_range(f"{path}.last_step", each.last_step, -1, MAX_MOVING_FACTOR)
        _check_range(f"{path}.counter", each.counter, 0, MAX_MOVING_FACTOR)
        _check_range(f"{path}.drift_steps", each.drift_steps, -MAX_DRIFT_STEPS, MAX_DRIFT_STEPS)
        _check_range(f"{path}.resync_factor", each.resync_factor, -1, MAX_MOVING_FACTOR)


def _check_range(field: str, value: int, minimum: int, maximum: int) -> None:
    if not minimum <= value <= maximum:
        raise RecordFormatError(field, f"not {minimum} to {maximum}")
