"""Two consecutive codes bring a device back whose clock or counter went too far."""

import pytest

from pam_tfa.core.attempt import Accepted, Locked, Refused
from pam_tfa.core.lockout import FailureCount
from pam_tfa.core.otp_parameters import OtpParameters
from pam_tfa.core.state import AuthenticatorState
from tests.unit.core.builders import (
    LONG_HOTP,
    LONG_TOTP,
    NOW_S,
    NOW_STEP,
    Account,
    a_digest,
    is_success,
)


@pytest.mark.parametrize("offset", [-20, -12, -3, 3, 12, 19])
def test_two_consecutive_totp_codes_resynchronise(offset: int) -> None:
    """The first counts as wrong, the second lets in and the drift is learned."""
    account = Account()
    assert isinstance(account.enters(account.code(NOW_STEP + offset)), Refused)
    assert account.state.codes.failures == 1
    decision = account.enters(account.code(NOW_STEP + offset + 1), NOW_S + 30)
    assert isinstance(decision, Accepted)
    assert account.state.authenticators[0].last_step == NOW_STEP + offset + 1
    assert account.state.authenticators[0].drift_steps == max(-10, min(10, offset))
    assert account.state.codes.failures == 0


@pytest.mark.parametrize("offset", [-30, -22, 21, 30])
def test_totp_codes_further_than_twenty_steps_do_not_resynchronise(offset: int) -> None:
    """Both of them must be that near."""
    account = Account()
    account.enters(account.code(NOW_STEP + offset))
    assert not is_success(account.enters(account.code(NOW_STEP + offset + 1)))


def test_second_code_beyond_twenty_steps_does_not_resynchronise() -> None:
    """Though the first was within them."""
    account = Account()
    account.enters(account.code(NOW_STEP + 20))
    assert not is_success(account.enters(account.code(NOW_STEP + 21)))


def test_totp_codes_before_the_last_accepted_do_not_resynchronise() -> None:
    """Two codes that someone saw earlier are worth nothing."""
    account = Account()
    account.enters(account.code(NOW_STEP))
    later_s = NOW_S + 15 * 30
    for step in (NOW_STEP - 1, NOW_STEP, NOW_STEP + 1):
        assert not is_success(account.enters(account.code(step), later_s))


def test_resynchronised_codes_are_used_up() -> None:
    """Neither of the two is good again."""
    account = Account()
    codes = [account.code(NOW_STEP + 5), account.code(NOW_STEP + 6)]
    assert [is_success(account.enters(code)) for code in codes] == [False, True]
    assert [is_success(account.enters(code)) for code in codes] == [False, False]


@pytest.mark.parametrize("second", [4, 5, 7])
def test_totp_codes_that_are_not_consecutive_do_not_resynchronise(second: int) -> None:
    """In either order."""
    account = Account()
    account.enters(account.code(NOW_STEP + 5))
    assert not is_success(account.enters(account.code(NOW_STEP + second)))


def test_attempt_in_between_ends_a_resynchronisation() -> None:
    """A wrong code, or a backup code, good or not."""
    account = Account()
    for between in ("code", "wrong backup", "good backup"):
        account.enters(account.code(NOW_STEP + 5))
        if between == "code":
            account.enters(account.wrong_code)
        else:
            account.enters_backup(a_digest(0) if between == "good backup" else None)
        assert not is_success(account.enters(account.code(NOW_STEP + 6)))
        account = Account()


def test_code_of_another_authenticator_in_between_ends_it() -> None:
    """Its holder is in, and the two codes are no longer of consecutive attempts."""
    account = Account(LONG_TOTP, LONG_HOTP)
    account.enters(account.code(50, index=1))
    assert is_success(account.enters(account.code(NOW_STEP, index=0)))
    assert not is_success(account.enters(account.code(51, index=1)))


def test_answer_in_between_that_is_no_code_does_not_end_it() -> None:
    """It was never an attempt."""
    account = Account()
    account.enters(account.code(NOW_STEP + 5))
    account.enters(b"what?")
    assert is_success(account.enters(account.code(NOW_STEP + 6)))


def test_nothing_resynchronises_while_locked() -> None:
    """Nor are the codes remembered."""
    account = Account(codes=FailureCount(6, NOW_S))
    for offset in (5, 6):
        assert isinstance(account.enters(account.code(NOW_STEP + offset)), Locked)
    assert account.state.authenticators[0].resync_factor == -1


def test_device_resynchronises_beside_another() -> None:
    """Each authenticator remembers its own first code."""
    account = Account(LONG_TOTP, LONG_HOTP)
    account.enters(account.code(50, index=1))
    assert account.enters(account.code(51, index=1)) == Accepted(1, account.state)


@pytest.mark.parametrize("ahead", [11, 50, 99])
def test_two_consecutive_hotp_codes_resynchronise(ahead: int) -> None:
    """RFC 4226 section 7.4."""
    account = Account(LONG_HOTP)
    assert isinstance(account.enters(account.code(ahead)), Refused)
    assert account.state.authenticators[0].counter == 0
    assert isinstance(account.enters(account.code(ahead + 1)), Accepted)
    assert account.state.authenticators[0] == AuthenticatorState(counter=ahead + 2)


@pytest.mark.parametrize("ahead", [100, 101, 150])
def test_hotp_codes_further_than_a_hundred_ahead_do_not_resynchronise(ahead: int) -> None:
    """Both of them must be that near."""
    account = Account(LONG_HOTP)
    account.enters(account.code(ahead))
    assert not is_success(account.enters(account.code(ahead + 1)))


def test_hotp_codes_before_the_counter_do_not_resynchronise() -> None:
    """They were used, or skipped."""
    account = Account(LONG_HOTP)
    account.state = account.state._replace(authenticators=(AuthenticatorState(counter=50),))
    for counter in (47, 48, 49):
        assert not is_success(account.enters(account.code(counter)))


def test_hotp_whose_counter_was_lost_needs_two_consecutive_codes() -> None:
    """Once; then one is enough again."""
    account = Account(LONG_HOTP)
    account.state = account.state._replace(
        authenticators=(AuthenticatorState(counter=7, needs_two_codes=True),)
    )
    decisions = [account.enters(account.code(counter)) for counter in (7, 8, 9)]
    assert [is_success(each) for each in decisions] == [False, True, True]


@pytest.mark.parametrize("period_s", [10, 60, 120])
def test_steps_are_those_of_the_authenticators_period(period_s: int) -> None:
    """Not of thirty seconds."""
    account = Account(OtpParameters(digits=8, period_s=period_s))
    clock_step = NOW_S // period_s
    assert not is_success(account.enters(account.code(clock_step - 2)))
    assert is_success(account.enters(account.code(clock_step + 1)))
