"""States after damage and after repairs never make a used code good again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pam_tfa.core.lockout import NO_FAILURES, FailureCount
from pam_tfa.core.recovery import (
    state_after_clock_reset,
    state_after_damage,
    state_after_new_backup_codes,
    state_after_unlock,
)
from pam_tfa.core.state import AuthenticatorState, encode_state
from pam_tfa.core.suspension import NOT_SUSPENDED, WITHOUT_END_S, Suspension
from tests.unit.core.builders import (
    LONG_HOTP,
    LONG_TOTP,
    NOW_S,
    NOW_STEP,
    Account,
    a_digest,
    a_record,
    a_state,
    authenticator_states,
    is_success,
)


def damage(account: Account, older_state: object, now_s: int = NOW_S) -> None:
    """Lose the newest write of an account's state."""
    account.state = state_after_damage(older_state, account.record, now_s)  # type: ignore[arg-type]  # a State


@given(st.integers(-10, 10), st.integers(-40, 40), st.integers(0, 600))
def test_code_whose_acceptance_was_lost_is_never_good_again(
    drift_steps: int, offset: int, later_s: int
) -> None:
    """Whatever drift was learned, and when the damage is noticed."""
    account = Account()
    older = a_state(AuthenticatorState(drift_steps=drift_steps))
    account.state = older
    code = account.code(NOW_STEP + offset)
    if is_success(account.enters(code)):
        damage(account, older, NOW_S + later_s)
        assert not is_success(account.enters(code, NOW_S + later_s))


@pytest.mark.parametrize("offset", [-20, -5, 5, 19])
def test_resynchronisation_that_was_lost_is_not_repeated(offset: int) -> None:
    """Neither with the second code nor with both."""
    account = Account()
    codes = [account.code(NOW_STEP + offset), account.code(NOW_STEP + offset + 1)]
    account.enters(codes[0])
    older = account.state
    assert is_success(account.enters(codes[1]))
    damage(account, older)
    assert [is_success(account.enters(code)) for code in (codes[1], *codes)] == [False] * 3


def test_totp_works_again_after_the_window_has_passed() -> None:
    """A minute later at the latest, with a phone whose clock is right."""
    account = Account()
    damage(account, account.state)
    assert not is_success(account.enters(account.code(NOW_STEP + 1), NOW_S))
    assert is_success(account.enters(account.code(NOW_STEP + 2), NOW_S + 60))


def test_hotp_code_whose_acceptance_was_lost_is_never_good_again() -> None:
    """Alone it isn't enough, and no two codes that were used are consecutive and unused."""
    account = Account(LONG_HOTP)
    older = account.state
    account.enters(account.code(0))
    damage(account, older)
    assert not is_success(account.enters(account.code(0)))
    assert is_success(account.enters(account.code(1)))


def test_backup_codes_are_refused_until_a_new_set_is_made() -> None:
    """Which of them were used is no longer known."""
    account = Account()
    damage(account, account.state)
    assert not is_success(account.enters_backup(a_digest(0)))
    account.state = state_after_new_backup_codes(account.state)
    assert is_success(account.enters_backup(a_digest(0)))


def test_damage_ends_a_suspension() -> None:
    """The lost write may have been the administrator's enable, so the code is asked for again."""
    suspended = a_state(suspension=Suspension(NOW_S, WITHOUT_END_S, "on leave"))
    assert state_after_damage(suspended, a_record(), NOW_S).suspension == NOT_SUSPENDED


def test_damage_gives_no_free_guess() -> None:
    """The lost write may have counted the hundredth."""
    before = a_state(codes=FailureCount(99, 1), backup=FailureCount(4, 1))
    after = state_after_damage(before, a_record(), NOW_S)
    assert after.codes == FailureCount(100, NOW_S)
    assert after.backup == FailureCount(5, NOW_S)
    assert after.verify == FailureCount(1, NOW_S)


@given(authenticator_states, st.integers(), st.sampled_from([LONG_TOTP, LONG_HOTP]))
def test_repaired_states_can_be_stored(device: AuthenticatorState, now_s: int, otp: object) -> None:
    """At any time."""
    account = Account(otp)  # type: ignore[arg-type]  # one of the two above
    state = a_state(device)
    assert encode_state(state_after_damage(state, account.record, now_s))
    assert encode_state(state_after_clock_reset(state, account.record, now_s))


def test_unlock_clears_every_count_and_nothing_else() -> None:
    """The last step stays."""
    count = FailureCount(100, NOW_S)
    device = AuthenticatorState(last_step=NOW_STEP)
    locked = a_state(device, codes=count, backup=count, verify=count, backup_used=5)
    unlocked = a_state(device, backup_used=5)
    assert state_after_unlock(locked) == unlocked
    assert unlocked.codes == NO_FAILURES


def test_clock_reset_takes_steps_back_from_the_future() -> None:
    """After an hour in which the clock ran ten years ahead."""
    account = Account()
    future_s = NOW_S + 10 * 365 * 86400
    assert is_success(account.enters(account.code(future_s // 30), future_s))
    later_s = NOW_S + 3600
    assert not is_success(account.enters(account.code(later_s // 30), later_s))
    account.state = state_after_clock_reset(account.state, account.record, later_s)
    assert not is_success(account.enters(account.code(later_s // 30), later_s))
    assert is_success(account.enters(account.code(later_s // 30 + 2), later_s + 60))


@given(st.integers(-40, 40), st.integers(-10, 10))
def test_clock_reset_makes_no_code_of_the_past_good(offset: int, drift_steps: int) -> None:
    """What was accepted by a right clock stays used."""
    account = Account()
    account.state = a_state(AuthenticatorState(drift_steps=drift_steps))
    code = account.code(NOW_STEP + offset)
    if is_success(account.enters(code)):
        account.state = state_after_clock_reset(account.state, account.record, NOW_S)
        assert not is_success(account.enters(code))


def test_clock_reset_leaves_hotp_alone() -> None:
    """Counters know no clock."""
    account = Account(LONG_HOTP)
    account.enters(account.code(3))
    assert state_after_clock_reset(account.state, account.record, 0) == account.state


@pytest.mark.parametrize("ahead", [11, 50, 99])
def test_hotp_resynchronisation_that_was_lost_is_not_repeated(ahead: int) -> None:
    """Whoever saw both codes of it can't use them again as the two that are asked for."""
    account = Account(LONG_HOTP)
    codes = [account.code(ahead), account.code(ahead + 1)]
    account.enters(codes[0])
    older = account.state
    assert is_success(account.enters(codes[1]))
    damage(account, older)
    assert [is_success(account.enters(code)) for code in (codes[1], *codes)] == [False] * 3
    assert not is_success(account.enters(account.code(ahead + 2), NOW_S + 3600))
    assert is_success(account.enters(account.code(ahead + 3), NOW_S + 7200))
