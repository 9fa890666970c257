"""A model of a few lines agrees with the product over any history of an account."""

from functools import lru_cache

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from pam_tfa.core.attempt import Locked, Refused
from pam_tfa.core.otp import generate_code
from tests.unit.core.builders import (
    LONG_HOTP,
    LONG_TOTP,
    NOW_S,
    Account,
    a_digest,
    a_secret,
    is_success,
)

_WAITS_S = [0] * 6 + [30, 60, 120, 240, 480, 960, 1920] + [3600] * 87
_WRONG = b"00000000"
_WINDOW, _DRIFT, _RESYNC = 1, 10, 20
_LOOK_AHEAD, _RESYNC_AHEAD = 10, 100


@lru_cache(maxsize=200_000)
def code_at(factor: int) -> bytes:
    """Return the code of a step or counter of the account's one authenticator."""
    return generate_code(a_secret(), LONG_TOTP, factor) if factor >= 0 else _WRONG


class Lock:
    """The model of one count of failures."""

    def __init__(self) -> None:
        """Start without failures."""
        self.failures = 0
        self.since_s = 0

    def holds(self, now_s: int) -> bool:
        """Tell whether nothing may be evaluated; a clock turned back starts the wait anew."""
        if self.failures >= 100:
            return True
        wait_s = _WAITS_S[self.failures]
        self.since_s = min(self.since_s, now_s)
        return now_s < self.since_s + wait_s

    def fail(self, now_s: int) -> None:
        """Count one more."""
        self.failures += 1
        self.since_s = now_s


class AccountMachine(RuleBasedStateMachine):
    """What both kinds of authenticators share: clock, locks, backup codes, and the promises."""

    otp = LONG_TOTP

    def __init__(self) -> None:
        """Enrol."""
        super().__init__()
        self.account = Account(self.otp)
        self.now_s = NOW_S
        self.codes, self.backup = Lock(), Lock()
        self.used_backup: set[int] = set()
        self.accepted: list[int] = []
        self.first_code: int | None = None  # of two for resynchronisation
        self.evaluated = 0

    @rule(seconds=st.integers(0, 90) | st.integers(0, 4000) | st.just(3600))
    def time_passes(self, seconds: int) -> None:
        """Let the clock go on."""
        self.now_s += seconds

    @rule(seconds=st.integers(1, 4000) | st.integers(1, 10 * 365 * 86400))
    def clock_steps_back(self, seconds: int) -> None:
        """Turn it back."""
        self.now_s = max(0, self.now_s - seconds)

    @rule(seconds=st.integers(1, 10 * 365 * 86400))
    def clock_steps_forward(self, seconds: int) -> None:
        """Turn it forward."""
        self.now_s += seconds

    @rule(number=st.integers(0, 12))
    def enter_backup_code(self, number: int) -> None:
        """Take a good one, a used one, or one of no set."""
        decision = self.account.enters_backup(a_digest(number), self.now_s)
        if self.backup.holds(self.now_s):
            assert isinstance(decision, Locked)
            return
        self.first_code = None
        good = number < 10 and number not in self.used_backup
        assert is_success(decision) == good
        if good:
            self.used_backup.add(number)
            self.codes, self.backup = Lock(), Lock()
            self.evaluated = 0
        else:
            self.backup.fail(self.now_s)

    @rule()
    def enter_a_wrong_code(self) -> None:
        """Guess."""
        self.enter(_WRONG)

    @rule()
    def guess_for_days(self) -> None:
        """As often as the lock allows."""
        for _ in range(20):
            self.now_s += 3600
            self.enter(_WRONG)

    @rule()
    def enter_the_last_code_again(self) -> None:
        """Replay it."""
        if self.accepted:
            self.enter(code_at(self.accepted[-1]))

    def enter(self, code: bytes) -> None:
        """Type a code, and compare what comes of it with the model."""
        decision = self.account.enters(code, self.now_s)
        if self.codes.holds(self.now_s):
            assert isinstance(decision, Locked)
            return
        good = [each for each in self.good_factors() if code_at(each) == code]
        assert is_success(decision) == bool(good)
        if good:
            self.accept(max(good))
            assert max(good) not in self.accepted
            self.accepted.append(max(good))
            self.first_code = None
            self.codes, self.evaluated = Lock(), 0
        else:
            assert isinstance(decision, Refused)
            self.codes.fail(self.now_s)
            self.evaluated += 1
            near = [each for each in self.resync_factors() if code_at(each) == code]
            self.first_code = max(near, default=None)

    def good_factors(self) -> set[int]:
        """Return the steps or counters that are good now."""
        raise NotImplementedError

    def resync_factors(self) -> range:
        """Return the steps or counters that may be the first of two for resynchronisation."""
        raise NotImplementedError

    def accept(self, factor: int) -> None:
        """Move on after a good code."""
        raise NotImplementedError

    @invariant()
    def never_more_than_a_hundred_guesses(self) -> None:
        """Since the last success."""
        assert self.evaluated <= 100

    @invariant()
    def accepted_only_ever_increases(self) -> None:
        """Whatever the clock does."""
        assert self.accepted == sorted(set(self.accepted))


class TotpMachine(AccountMachine):
    """An account with a phone."""

    def __init__(self) -> None:
        """Start without a last step or drift."""
        super().__init__()
        self.drift = 0

    @property
    def clock(self) -> int:
        """Return the clock's step."""
        return self.now_s // 30

    @rule(offset=st.integers(-3, 3) | st.integers(-25, 25))
    def enter_a_code(self, offset: int) -> None:
        """Of a phone whose clock is off by some steps."""
        self.enter(code_at(self.clock + offset))

    @rule(offset=st.integers(-21, 21))
    def enter_two_codes(self, offset: int) -> None:
        """For resynchronisation."""
        self.enter(code_at(self.clock + offset))
        self.now_s += 30
        self.enter(code_at(self.clock + offset))

    def good_factors(self) -> set[int]:
        """Near the clock or the phone's clock, or the second of two, and after the last."""
        last = max(self.accepted, default=-1)
        near = range(self.clock - _RESYNC, self.clock + _RESYNC + 1)
        return {
            step
            for step in near
            if step > last
            and (
                abs(step - self.clock) <= _WINDOW
                or abs(step - self.clock - self.drift) <= _WINDOW
                or (self.first_code is not None and step == self.first_code + 1)
            )
        }

    def resync_factors(self) -> range:
        """Within twenty steps, after the last."""
        first = max(*self.accepted, -1, -1) + 1
        return range(max(first, self.clock - _RESYNC), self.clock + _RESYNC + 1)

    def accept(self, factor: int) -> None:
        """Learn the drift."""
        self.drift = max(-_DRIFT, min(_DRIFT, factor - self.clock))


class HotpMachine(AccountMachine):
    """An account with a token."""

    otp = LONG_HOTP

    def __init__(self) -> None:
        """Start at counter 0."""
        super().__init__()
        self.counter = 0

    @rule(ahead=st.integers(-3, 12) | st.integers(-3, 110))
    def enter_a_code(self, ahead: int) -> None:
        """Of a token whose button was pressed some times."""
        self.enter(code_at(self.counter + ahead))

    @rule(ahead=st.integers(8, 105))
    def enter_two_codes(self, ahead: int) -> None:
        """For resynchronisation."""
        counter = self.counter
        self.enter(code_at(counter + ahead))
        self.enter(code_at(counter + ahead + 1))

    def good_factors(self) -> set[int]:
        """From the counter on, or the second of two."""
        good = set(range(self.counter, self.counter + _LOOK_AHEAD + 1))
        if self.first_code is not None and self.first_code < self.counter + _RESYNC_AHEAD:
            good.add(self.first_code + 1)
        return good

    def resync_factors(self) -> range:
        """Up to a hundred ahead."""
        return range(self.counter, self.counter + _RESYNC_AHEAD + 1)

    def accept(self, factor: int) -> None:
        """Move the counter."""
        self.counter = factor + 1


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("machine", [TotpMachine, HotpMachine])
def test_model_agrees_over_any_history(machine: type[AccountMachine], campaign: bool) -> None:
    """In 30 histories of up to 50 steps, in the campaign in 10,000 of each kind."""
    effort = settings(max_examples=10_000 if campaign else 30, stateful_step_count=50)
    run_state_machine_as_test(machine, settings=effort)
