"""Which codes of one authenticator are good now, and what they leave behind.

Source: RFC 4226 section 7.4 (look-ahead, resynchronisation by consecutive codes); RFC 6238
section 5.2 (one step either side, a second use is refused) and section 6 (drift is recorded).
"""

from typing import NamedTuple, assert_never

from pam_tfa.core.otp import matching_factors
from pam_tfa.core.otp_parameters import OtpParameters
from pam_tfa.core.state import MAX_DRIFT_STEPS, MAX_MOVING_FACTOR, AuthenticatorState

TOTP_WINDOW_STEPS = 1
TOTP_RESYNC_STEPS = 20
HOTP_LOOK_AHEAD = 10
HOTP_RESYNC_AHEAD = 100


class NotMatched(NamedTuple):
    """What a refused code leaves behind.

    Attributes:
        state: remembers the code where it may be the first of two for resynchronisation.
        replayed: the code was good once, for the log.
        clock_is_behind: no clock that went straight on to now can have accepted the last step,
            for the log.
    """

    state: AuthenticatorState
    replayed: bool
    clock_is_behind: bool


def match_code(
    secret: bytes, parameters: OtpParameters, state: AuthenticatorState, code: bytes, now_s: int
) -> AuthenticatorState | None:
    """Return the authenticator's state after it accepted a code, or None if it doesn't.

    Of several candidates with the same digits the greatest counts: were it a smaller one, the
    same digits would be good again at once.

    Args:
        secret: MIN_SECRET_BYTES to MAX_SECRET_BYTES bytes.
        parameters: the authenticator's.
        state: the authenticator's.
        code: as typed.
        now_s: Unix seconds, 0 to MAX_TIME_S.
    """
    match parameters.type:
        case "totp":
            clock_step = now_s // parameters.period_s
            candidates = _totp_candidates(state, clock_step)
            matched = matching_factors(secret, parameters, sorted(candidates), code)
            return _after_totp(max(matched), clock_step) if matched else None
        case "hotp":
            candidates = _hotp_candidates(state)
            matched = matching_factors(secret, parameters, sorted(candidates), code)
            return AuthenticatorState(counter=max(matched) + 1) if matched else None
        case _:
            assert_never(parameters.type)


def note_refused_code(
    secret: bytes, parameters: OtpParameters, state: AuthenticatorState, code: bytes, now_s: int
) -> NotMatched:
    """Return what a code that match_code refused leaves behind.

    Args: as for match_code.
    """
    first_good = state.last_step + 1 if parameters.type == "totp" else state.counter
    near = _resync_candidates(parameters, state, now_s)
    matched = matching_factors(secret, parameters, near, code)
    newest = max(matched, default=-1)
    return NotMatched(
        state=state._replace(resync_factor=newest if newest >= first_good else -1),
        replayed=any(each < first_good for each in matched),
        clock_is_behind=_clock_is_behind(parameters, state, now_s),
    )


def _totp_candidates(state: AuthenticatorState, clock_step: int) -> set[int]:
    # Beside the learned drift also the clock itself: a phone whose clock was mended works at once.
    window = range(-TOTP_WINDOW_STEPS, TOTP_WINDOW_STEPS + 1)
    candidates = {clock_step + each for each in window}
    candidates |= {clock_step + state.drift_steps + each for each in window}
    second = state.resync_factor + 1
    if state.resync_factor >= 0 and abs(second - clock_step) <= TOTP_RESYNC_STEPS:
        candidates.add(second)
    return {each for each in candidates if each > state.last_step and each >= 0}


def _hotp_candidates(state: AuthenticatorState) -> set[int]:
    candidates: set[int] = set()
    if not state.needs_two_codes:
        candidates.update(range(state.counter, state.counter + HOTP_LOOK_AHEAD + 1))
    if state.counter <= state.resync_factor < state.counter + HOTP_RESYNC_AHEAD:
        candidates.add(state.resync_factor + 1)
    return {each for each in candidates if each < MAX_MOVING_FACTOR}


def _after_totp(step: int, clock_step: int) -> AuthenticatorState:
    drift_steps = max(-MAX_DRIFT_STEPS, min(MAX_DRIFT_STEPS, step - clock_step))
    return AuthenticatorState(last_step=step, drift_steps=drift_steps)


def _clock_is_behind(parameters: OtpParameters, state: AuthenticatorState, now_s: int) -> bool:
    # A step is accepted at most TOTP_RESYNC_STEPS ahead of the clock: then it ran ahead, or now
    # it is behind.
    if parameters.type != "totp":
        return False
    return state.last_step > now_s // parameters.period_s + TOTP_RESYNC_STEPS


def _resync_candidates(parameters: OtpParameters, state: AuthenticatorState, now_s: int) -> range:
    if parameters.type == "totp":
        clock_step = now_s // parameters.period_s
        return range(max(0, clock_step - TOTP_RESYNC_STEPS), clock_step + TOTP_RESYNC_STEPS + 1)
    # One back: the code used last. Older ones need not have been used, so they prove no replay.
    last = min(state.counter + HOTP_RESYNC_AHEAD, MAX_MOVING_FACTOR - 1)
    return range(max(0, state.counter - 1), last + 1)
