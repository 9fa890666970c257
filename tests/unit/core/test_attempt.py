"""Which answers let a user in, and what each leaves behind."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pam_tfa.core.answers import BackupAnswer, CodeAnswer, parse_answer
from pam_tfa.core.attempt import (
    Accepted,
    BackupAccepted,
    Decision,
    Locked,
    Malformed,
    Refused,
    decide_attempt,
)
from pam_tfa.core.errors import RecordFormatError
from pam_tfa.core.lockout import NO_FAILURES, FailureCount
from pam_tfa.core.state import AuthenticatorState, State, encode_state
from tests.unit.core.builders import (
    HOTP,
    LONG_HOTP,
    LONG_TOTP,
    NOW_S,
    NOW_STEP,
    TOTP,
    Account,
    a_digest,
    a_record,
    a_secret,
    a_state,
    authenticator_states,
    is_success,
    states,
    times,
)


def reason(decision: Decision) -> str | None:
    """Return why a decision refuses, None where it doesn't."""
    return decision.reason if isinstance(decision, Refused | Malformed) else None


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_code_within_one_step_of_the_clock_is_accepted(offset: int) -> None:
    """The phone's clock may be off by half a minute."""
    account = Account()
    assert isinstance(account.enters(account.code(NOW_STEP + offset)), Accepted)
    assert account.state.authenticators[0].last_step == NOW_STEP + offset


@pytest.mark.parametrize("offset", [-21, -3, -2, 2, 3, 21])
def test_code_further_from_the_clock_is_refused_and_counted(offset: int) -> None:
    """It isn't good yet, or no longer."""
    account = Account()
    assert reason(account.enters(account.code(NOW_STEP + offset))) == "wrong_code"
    assert account.state.codes == FailureCount(1, NOW_S)


def test_replayed_code_is_refused_and_counted() -> None:
    """Whoever looked over the shoulder comes too late."""
    account = Account()
    code = account.code(NOW_STEP)
    account.enters(code)
    assert reason(account.enters(code)) == "replayed_code"
    assert account.state.codes == FailureCount(1, NOW_S)


@pytest.mark.parametrize(
    ("steps_back", "expected"), [(20, "replayed_code"), (21, "clock_behind_last_step")]
)
def test_last_step_that_this_clock_can_not_have_accepted_is_named(
    steps_back: int, expected: str
) -> None:
    """No good code lies further than 20 steps ahead, so it isn't the user who went wrong."""
    account = Account()
    account.enters(account.code(NOW_STEP))
    clock_step = NOW_STEP - steps_back
    assert reason(account.enters(account.code(clock_step), clock_step * 30)) == expected
    assert account.state.codes.failures == 1


def test_code_older_than_the_accepted_one_is_refused() -> None:
    """Though it was never used (RFC 6238 section 5.2 is stricter than needed here)."""
    account = Account()
    account.enters(account.code(NOW_STEP))
    assert not is_success(account.enters(account.code(NOW_STEP - 1)))


def test_code_stays_refused_when_the_clock_steps_back() -> None:
    """pam_oath and google-authenticator accept it again."""
    account = Account()
    account.enters(account.code(NOW_STEP))
    for back_s in (30, 3600, 86400):
        assert not is_success(account.enters(account.code(NOW_STEP), NOW_S - back_s))
    assert not is_success(account.enters(account.code(NOW_STEP - 120), NOW_S - 3600))


def test_next_code_is_accepted() -> None:
    """One login uses up one code."""
    account = Account()
    account.enters(account.code(NOW_STEP))
    assert isinstance(account.enters(account.code(NOW_STEP + 1)), Accepted)


def test_drift_is_learned_step_by_step() -> None:
    """A phone whose clock runs ahead keeps working."""
    account = Account()
    for login in range(1, 11):
        now_s = NOW_S + login * 86400
        ahead = now_s // 30 + login
        assert isinstance(account.enters(account.code(ahead), now_s), Accepted)
        assert account.state.authenticators[0].drift_steps == login


def test_drift_beyond_ten_steps_is_not_followed() -> None:
    """Drift is bounded (RFC 6238 section 6)."""
    account = Account()
    account.state = account.state._replace(authenticators=(AuthenticatorState(drift_steps=10),))
    assert isinstance(account.enters(account.code(NOW_STEP + 11)), Accepted)
    assert account.state.authenticators[0].drift_steps == 10
    later_s = NOW_S + 86400
    assert not is_success(account.enters(account.code(later_s // 30 + 12), later_s))


def test_phone_whose_clock_was_mended_works_at_once() -> None:
    """The clock itself stays good beside the learned drift."""
    account = Account()
    account.state = account.state._replace(authenticators=(AuthenticatorState(drift_steps=-8),))
    assert isinstance(account.enters(account.code(NOW_STEP)), Accepted)
    assert account.state.authenticators[0].drift_steps == 0


@pytest.mark.parametrize("ahead", range(11))
def test_hotp_code_within_the_look_ahead_is_accepted(ahead: int) -> None:
    """Ten presses of the button may have gone nowhere."""
    account = Account(LONG_HOTP)
    assert isinstance(account.enters(account.code(ahead)), Accepted)
    assert account.state.authenticators[0].counter == ahead + 1


def test_hotp_code_beyond_the_look_ahead_is_refused() -> None:
    """And the counter stays."""
    account = Account(LONG_HOTP)
    assert reason(account.enters(account.code(11))) == "wrong_code"
    assert account.state.authenticators[0].counter == 0


def test_hotp_code_is_good_once() -> None:
    """It and all before it."""
    account = Account(LONG_HOTP)
    account.enters(account.code(5))
    assert reason(account.enters(account.code(5))) == "replayed_code"
    assert not is_success(account.enters(account.code(4)))


def test_each_authenticator_is_accepted_and_keeps_its_own_steps() -> None:
    """A phone and a token side by side."""
    account = Account(LONG_TOTP, LONG_HOTP)
    assert account.enters(account.code(3, index=1)) == Accepted(1, account.state)
    assert account.enters(account.code(NOW_STEP, index=0)) == Accepted(0, account.state)
    assert [each.counter for each in account.state.authenticators] == [0, 4]
    assert [each.last_step for each in account.state.authenticators] == [NOW_STEP, -1]


def test_secret_enrolled_twice_does_not_make_a_code_good_twice() -> None:
    """Two entries of one phone use it up together."""
    account = Account(LONG_TOTP, LONG_TOTP, same_secret=True)
    assert is_success(account.enters(account.code(NOW_STEP)))
    assert not is_success(account.enters(account.code(NOW_STEP)))


def test_same_digits_of_two_steps_are_good_once() -> None:
    """These two steps of the secret show the same six digits: both are used up at once."""
    account = Account(TOTP)
    code = account.code(50448389)
    assert account.code(50448390) == code
    assert is_success(account.enters(code, 50448389 * 30))
    assert reason(account.enters(code, 50448389 * 30)) == "replayed_code"


def test_same_digits_of_two_counters_are_good_once() -> None:
    """These two counters of the secret show the same six digits: both are used up at once."""
    account = Account(HOTP)
    account.state = a_state(AuthenticatorState(counter=25360))
    code = account.code(25360)
    assert account.code(25364) == code
    assert is_success(account.enters(code))
    assert reason(account.enters(code)) == "replayed_code"


def test_success_clears_the_count_of_codes_alone() -> None:
    """Backup codes and verify have counts of their own."""
    other = FailureCount(3, NOW_S)
    account = Account(codes=FailureCount(4, NOW_S), backup=other, verify=other)
    account.enters(account.code(NOW_STEP))
    assert (account.state.codes, account.state.backup, account.state.verify) == (
        NO_FAILURES,
        other,
        other,
    )


def test_five_wrong_codes_are_free_and_the_sixth_makes_wait() -> None:
    """The wait is told, and the good code is good after it."""
    account = Account()
    for _ in range(6):
        assert reason(account.enters(account.wrong_code)) == "wrong_code"
    assert account.enters(account.code(NOW_STEP), NOW_S + 1) == Locked(29, None)
    assert is_success(account.enters(account.code(NOW_STEP + 1), NOW_S + 30))


def test_hundred_wrong_codes_lock_until_unlocked() -> None:
    """NIST SP 800-63B-4 section 3.2.2; and no more than a hundred were evaluated."""
    account = Account()
    decisions = [account.enters(account.wrong_code, NOW_S + 3600 * n) for n in range(300)]
    assert sum(isinstance(each, Refused) for each in decisions) == 100
    assert decisions[100:] == [Locked(None, None)] * 200
    assert account.enters(account.code(NOW_STEP)) == Locked(None, None)


@given(st.lists(times, min_size=15, max_size=40))
def test_no_clock_buys_more_than_a_hundred_guesses(clock: list[int]) -> None:
    """Forward, back, or standing still: after ninety, at most ten more are evaluated."""
    account = Account(codes=FailureCount(90, NOW_S))
    decisions = [account.enters(b"00000000", now_s) for now_s in clock]
    assert sum(isinstance(each, Refused) for each in decisions) <= 10


def test_clock_turned_back_while_locked_is_stored_once() -> None:
    """So that the wait ends by the new clock."""
    account = Account(codes=FailureCount(6, NOW_S))
    yesterday_s = NOW_S - 86400
    locked = account.enters(account.wrong_code, yesterday_s)
    assert locked == Locked(30, account.state)
    assert account.enters(account.wrong_code, yesterday_s + 29) == Locked(1, None)
    assert is_success(account.enters(account.code((yesterday_s + 30) // 30), yesterday_s + 30))


@pytest.mark.parametrize("typed", [b"", b"hunter2", b"\b\n\r\x7fINCORRECT", b"123456", b"\xff"])
def test_answer_that_can_not_be_a_code_changes_nothing(typed: bytes) -> None:
    """Not evaluated, not counted, not even while locked."""
    for failures in (0, 100):
        account = Account(codes=FailureCount(failures, NOW_S))
        before = account.state
        assert isinstance(account.enters(typed), Malformed)
        assert account.state == before


def test_backup_code_lets_in_once() -> None:
    """And tells how many are left."""
    account = Account()
    assert account.enters_backup(a_digest(4)) == BackupAccepted(9, account.state)
    assert reason(account.enters_backup(a_digest(4))) == "used_backup_code"
    assert account.state.backup == FailureCount(1, NOW_S)


def test_every_backup_code_of_the_set_lets_in() -> None:
    """Down to none left."""
    account = Account()
    decisions = [account.enters_backup(a_digest(index)) for index in range(10)]
    assert [d.codes_left for d in decisions if isinstance(d, BackupAccepted)] == [*range(9, -1, -1)]


@pytest.mark.parametrize("digest", [a_digest(99), b"", None])
def test_wrong_backup_code_counts_on_its_own(digest: bytes | None) -> None:
    """Also one that the caller didn't hash."""
    account = Account()
    assert reason(account.enters_backup(digest)) == "wrong_backup_code"
    assert account.state.backup == FailureCount(1, NOW_S)
    assert account.state.codes == NO_FAILURES


def test_backup_code_gets_its_holder_in_while_codes_are_locked() -> None:
    """And clears both counts."""
    account = Account(codes=FailureCount(100, NOW_S), backup=FailureCount(5, NOW_S))
    assert isinstance(account.enters_backup(a_digest(0)), BackupAccepted)
    assert (account.state.codes, account.state.backup) == (NO_FAILURES, NO_FAILURES)


def test_backup_codes_are_not_evaluated_while_they_are_locked() -> None:
    """And codes still are."""
    account = Account(backup=FailureCount(100, NOW_S))
    assert account.enters_backup(a_digest(0)) == Locked(None, None)
    assert is_success(account.enters(account.code(NOW_STEP)))


def test_backup_codes_are_refused_after_damage_until_made_anew() -> None:
    """Not evaluated, so not counted either."""
    account = Account(backup_refused=True)
    before = account.state
    assert reason(account.enters_backup(a_digest(0))) == "backup_codes_refused"
    assert account.state == before


def test_verify_counts_on_its_own() -> None:
    """Someone's own program can't lock their logins, nor a guesser of logins their screen."""
    account = Account(codes=FailureCount(100, NOW_S), backup=FailureCount(100, NOW_S))
    account.enters(account.wrong_code, channel="verify")
    account.enters_backup(None, channel="verify")
    assert account.state.verify == FailureCount(2, NOW_S)
    assert is_success(account.enters(account.code(NOW_STEP), channel="verify"))
    assert account.state.verify == NO_FAILURES
    assert account.state.codes.failures == account.state.backup.failures == 100
    assert is_success(account.enters_backup(a_digest(0), channel="verify"))
    assert account.state.codes.failures == account.state.backup.failures == 100


def test_code_accepted_by_verify_is_used_up_for_logins() -> None:
    """One code, one success, wherever."""
    account = Account()
    account.enters(account.code(NOW_STEP), channel="verify")
    assert reason(account.enters(account.code(NOW_STEP))) == "replayed_code"


numbers_of_authenticators = st.sampled_from([(LONG_TOTP,), (LONG_HOTP,), (LONG_TOTP, LONG_HOTP)])


@given(states, authenticator_states, st.binary(max_size=20), st.integers(), st.booleans())
def test_any_answer_to_any_state_at_any_time_is_decided(
    state: State, device: AuthenticatorState, typed: bytes, now_s: int, hotp: bool
) -> None:
    """Without an error, and the next state can be stored."""
    account = Account(LONG_HOTP if hotp else LONG_TOTP)
    state = state._replace(authenticators=(device,), backup_used=state.backup_used & 0x3FF)
    answers = [parse_answer(typed, {6, 8}), CodeAnswer(b"00000000"), BackupAnswer(b"0" * 15)]
    for answer in answers:
        digest = a_digest(3)
        decision = decide_attempt(account.record, account.secrets, state, answer, digest, now_s)
        following = getattr(decision, "state", None)
        assert following is None or encode_state(following)


@pytest.mark.parametrize("counter", [2**63 - 2, 2**63 - 1])
def test_counter_at_its_end_is_refused_without_an_error(counter: int) -> None:
    """A counter that can't be stored is never accepted."""
    account = Account(LONG_HOTP)
    account.state = account.state._replace(authenticators=(AuthenticatorState(counter=counter),))
    decisions = [account.enters(account.code(counter + each)) for each in range(2)]
    assert [is_success(each) for each in decisions] == [counter < 2**63 - 1, False]


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("authenticators", {"secrets": ()}),
        ("authenticators", {"secrets": (a_secret(), a_secret())}),
        ("authenticators", {"record": a_record(authenticators=())}),
        ("secrets", {"secrets": (bytes(13),)}),
        ("secrets", {"secrets": (bytes(129),)}),
    ],
)
def test_record_secrets_and_state_must_belong_together(field: str, changes: dict[str, Any]) -> None:
    """Else nothing is decided."""
    parts = {"record": a_record(), "secrets": (a_secret(),), **changes}
    state, answer = Account().state, CodeAnswer(b"000000")
    with pytest.raises(RecordFormatError) as raised:
        decide_attempt(parts["record"], parts["secrets"], state, answer, None, NOW_S)
    assert raised.value.field == field


def test_used_bits_beyond_the_set_are_refused() -> None:
    """A state of another set of backup codes isn't guessed at."""
    account = Account(backup_used=1 << 10)
    with pytest.raises(RecordFormatError, match="backup_used"):
        account.enters(account.code(NOW_STEP))
