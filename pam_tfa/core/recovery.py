"""States after damage and after an administrator's or the user's repairs."""

from typing import assert_never

from pam_tfa.core.lockout import NO_FAILURES, count_failure
from pam_tfa.core.matching import TOTP_RESYNC_STEPS, TOTP_WINDOW_STEPS
from pam_tfa.core.otp_parameters import OtpParameters
from pam_tfa.core.records import Record, clamp_time
from pam_tfa.core.state import MAX_MOVING_FACTOR, AuthenticatorState, State
from pam_tfa.core.suspension import NOT_SUSPENDED


def state_after_damage(state: State, record: Record, now_s: int) -> State:
    """Return the state to go on with when a newer one may have been lost.

    The lost write may have accepted a code, used a backup code, counted a failure or ended a
    suspension; whatever it was, it must not be undone to anyone's advantage.

    Args:
        state: the newest one that can be read, at most one write behind.
        record: the account's, with as many authenticators as the state.
        now_s: Unix seconds.
    """
    now_s = clamp_time(now_s)
    pairs = zip(record.authenticators, state.authenticators, strict=True)
    return State(
        suspension=NOT_SUSPENDED,
        codes=count_failure(state.codes, now_s),
        backup=count_failure(state.backup, now_s),
        verify=count_failure(state.verify, now_s),
        backup_used=state.backup_used,
        backup_refused=True,
        authenticators=tuple(_after_damage(device.otp, each, now_s) for device, each in pairs),
    )


def state_after_unlock(state: State) -> State:
    """Return the state with every count of failures cleared."""
    return state._replace(codes=NO_FAILURES, backup=NO_FAILURES, verify=NO_FAILURES)


def state_after_clock_reset(state: State, record: Record, now_s: int) -> State:
    """Return the state with steps that a wrong clock pushed ahead taken back to now.

    No step up to now, or that is good now, is good again; a code that was used while the clock
    was ahead is, once its time has come.

    Args:
        state: the account's.
        record: the account's, with as many authenticators as the state.
        now_s: Unix seconds.
    """
    now_s = clamp_time(now_s)
    pairs = zip(record.authenticators, state.authenticators, strict=True)
    return state._replace(
        authenticators=tuple(_after_reset(device.otp, each, now_s) for device, each in pairs)
    )


def state_after_new_backup_codes(state: State) -> State:
    """Return the state that belongs to a new set of backup codes."""
    return state._replace(backup_used=0, backup_refused=False)


def _after_damage(
    parameters: OtpParameters, state: AuthenticatorState, now_s: int
) -> AuthenticatorState:
    match parameters.type:
        case "totp":
            clock_step = now_s // parameters.period_s
            second = min(state.resync_factor + 1, clock_step + TOTP_RESYNC_STEPS)
            last_step = max(state.last_step, _window_end(state, clock_step), second)
            return state._replace(last_step=last_step, resync_factor=-1)
        case "hotp":
            # What was lost may have been the second code of a resynchronisation.
            counter = state.counter
            if state.resync_factor >= 0:
                counter = min(MAX_MOVING_FACTOR, max(counter, state.resync_factor + 2))
            return state._replace(counter=counter, needs_two_codes=True, resync_factor=-1)
        case _:
            assert_never(parameters.type)


def _after_reset(
    parameters: OtpParameters, state: AuthenticatorState, now_s: int
) -> AuthenticatorState:
    match parameters.type:
        case "totp":
            last_step = min(state.last_step, _window_end(state, now_s // parameters.period_s))
            return state._replace(last_step=last_step, resync_factor=-1)
        case "hotp":
            return state
        case _:
            assert_never(parameters.type)


def _window_end(state: AuthenticatorState, clock_step: int) -> int:
    return clock_step + max(0, state.drift_steps) + TOTP_WINDOW_STEPS
