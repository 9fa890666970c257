"""Logins to be disturbed, and what must hold after each, however it ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal, NamedTuple

from pam_tfa.core.lockout import FailureCount
from pam_tfa.core.state import AuthenticatorState
from pam_tfa.core.suspension import WITHOUT_END_S, Suspension
from tests.campaign.injected_account import PERIOD_S, InjectedAccount, step_now
from tests.harness.installation import CONFIG, USERS_DIR

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pam_tfa.core.state import State

    Before = Callable[[InjectedAccount, int], State]
    Factor = Callable[[int], int]

ELSEWHERE = USERS_DIR.parent / "elsewhere" / "users"
HOUR_S = 3600


class Observed(NamedTuple):
    """What a disturbed login let out: its verdict, None without any, and texts shown."""

    verdict: str | None
    shown: tuple[str, ...]


# Of a log line: refused, and nobody looked at the answer. The name service says "no such user"
# also where it fails; libpam asks its service "other" where it can't read the one that was meant.
_NOT_EVALUATED = ("reason=unknown_user ", "reason=caller_is_not_root ", ": pam_unix(")


class Scenario(NamedTuple):
    """A login.

    Attributes:
        name: for the report.
        verdict: what it comes to undisturbed.
        before: makes the state before it, from the account and the TOTP step of now.
        factor: of its code, from the step; None for another answer.
        answer: "code", "wrong", "backup" or the text itself.
        hotp: whether the codes are counted.
        torn: whether the newer slot is damaged.
        elsewhere: whether the configuration names another store than the default.
        enrolled: whether there is a record; "formerly": under a name that the account had.
        later_s: after how long the next good code must get in.
    """

    name: str
    verdict: str
    before: Before
    factor: Factor | None = None
    answer: str = "code"
    hotp: bool = False
    torn: bool = False
    elsewhere: bool = False
    enrolled: Literal["yes", "no", "formerly"] = "yes"
    later_s: int = 0

    @property
    def may_let_in(self) -> bool:
        """Whether the answer is good."""
        return self.verdict == "success"

    @property
    def counts(self) -> bool:
        """Whether the answer is evaluated and wrong."""
        evaluated = self.answer in ("code", "wrong", "backup")
        return self.verdict == "refused" and evaluated and self.enrolled == "yes"


def _fresh(account: InjectedAccount, _step: int) -> State:
    return account.fresh


def _counted_to(counter: int, resync_factor: int = -1) -> Before:
    device = AuthenticatorState(counter=counter, resync_factor=resync_factor)
    return lambda account, _step: account.fresh._replace(authenticators=(device,))


def _used_this_step(account: InjectedAccount, step: int) -> State:
    return account.fresh._replace(authenticators=(AuthenticatorState(last_step=step),))


def _gave_code_ahead(account: InjectedAccount, step: int) -> State:
    return account.fresh._replace(authenticators=(AuthenticatorState(resync_factor=step + 7),))


def _failed(failures: int, ahead_s: int = 0) -> Before:
    def before(account: InjectedAccount, _step: int) -> State:
        count = FailureCount(failures, int(time.time()) + ahead_s)
        return account.fresh._replace(codes=count)

    return before


def _suspended(from_s: int, until_s: int) -> Before:
    def before(account: InjectedAccount, _step: int) -> State:
        now_s = int(time.time())
        suspension = Suspension(now_s + from_s, min(now_s + until_s, WITHOUT_END_S), "on leave")
        return account.fresh._replace(suspension=suspension)

    return before


def _first_backup_code_used(account: InjectedAccount, _step: int) -> State:
    return account.fresh._replace(backup_used=1)


def _now(step: int) -> int:
    return step


SCENARIOS = (
    Scenario("good code", "success", _fresh, _now),
    Scenario("wrong code", "refused", _fresh, answer="wrong"),
    Scenario("good code after wrong ones", "success", _failed(3), _now),
    Scenario("used code", "refused", _used_this_step, _now),
    Scenario("good backup code", "success", _fresh, answer="backup"),
    Scenario("used backup code", "refused", _first_backup_code_used, answer="backup"),
    Scenario("HOTP code", "success", _counted_to(5), lambda _: 7, hotp=True),
    Scenario("wrong HOTP code", "refused", _counted_to(5), answer="wrong", hotp=True),
    Scenario(
        "resynchronised HOTP", "success", _counted_to(5, resync_factor=40), lambda _: 41,
        hotp=True,
    ),
    Scenario("first code of a resynchronisation", "refused", _fresh, lambda step: step + 8),
    Scenario(
        "resynchronised TOTP", "success", _gave_code_ahead, lambda step: step + 8
    ),
    Scenario("locked until unlocked", "locked", _failed(100), _now),
    Scenario("locked for a while", "locked", _failed(8), answer="wrong", later_s=HOUR_S),
    Scenario("locked, clock set back", "locked", _failed(8, 1000), _now, later_s=HOUR_S),
    Scenario("suspended", "ignore", _suspended(-1, WITHOUT_END_S), _now),
    Scenario("suspension over", "success", _suspended(-99, -9), _now),
    Scenario("damaged state", "refused", _fresh, _now, torn=True, later_s=HOUR_S),
    Scenario("a password", "refused", _fresh, answer="correct horse battery"),
    Scenario("store elsewhere", "success", _fresh, _now, elsewhere=True),
    Scenario("not enrolled, denied", "refused", _fresh, _now, enrolled="no"),
    Scenario("renamed since", "unavailable", _fresh, _now, enrolled="formerly"),
)  # fmt: skip


class DisturbedLogin:
    """One scenario with its account, again and again."""

    def __init__(
        self, scenario: Scenario, account: InjectedAccount, former: InjectedAccount
    ) -> None:
        """Take an account of the scenario's type and store, and one of its uid that is gone."""
        self.scenario = scenario
        self._former = former
        self.account = account
        self._step = self._factor = 0
        self._before = account.fresh

    @property
    def config(self) -> str:
        """What the configuration file says."""
        rule = "deny" if self.scenario.enrolled == "no" else "skip"
        paths = f'[paths]\nstore = "{ELSEWHERE}"\n' if self.scenario.elsewhere else ""
        return f'unenrolled = "{rule}"\n{paths}'

    def prepare(self) -> str:
        """Put the account and the configuration as they are before; return the answer."""
        scenario, account = self.scenario, self.account
        self._step = step_now()
        self._factor = scenario.factor(self._step) if scenario.factor is not None else -1
        self._before = scenario.before(account, self._step)
        CONFIG.write_text(self.config)
        account.put(self._before, torn=scenario.torn)
        self._former.take_away()
        if scenario.enrolled != "yes":
            account.take_away()
        if scenario.enrolled == "formerly":
            self._former.put(self._before)
        match scenario.answer:
            case "code":
                return account.code_at(self._factor)
            case "wrong":
                return account.wrong_code()
            case "backup":
                return account.backup_codes[0]
            case text:
                return text

    def check(self, answer: str, observed: Observed, log_lines: Sequence[str]) -> str:
        """Hold what must be true now; return how it ended, for the table."""
        verdict, scenario = observed.verdict, self.scenario
        assert verdict != "ignore" or scenario.verdict == "ignore", "PAM_IGNORE"
        assert verdict != "success" or scenario.may_let_in, "success"
        if scenario.enrolled != "yes":
            again = self.account.log_in(answer)
            assert again == scenario.verdict, f"the next login: {again}"
            return verdict or "no verdict"
        was_evaluated = not any(each in line for line in log_lines for each in _NOT_EVALUATED)
        after = self.account.stored().state
        self._check_counts(after, was_told=verdict == "refused" and was_evaluated)
        if scenario.may_let_in:
            self._check_durability(answer, verdict, was_used=self._is_used(after))
        self._check_next_login()
        assert not self.account.leftovers(), self.account.leftovers()
        return verdict or "no verdict"

    def _check_counts(self, after: State, *, was_told: bool) -> None:
        before = self._before
        if self.scenario.may_let_in:
            assert self._is_used(after) or _failures(after) == _failures(before), "a count changed"
            return
        more = _failures(after) - _failures(before)
        if not self.scenario.counts:
            assert more == 0, f"counted {more}, and nothing was evaluated"
            return
        # The write that was lost may have been a failure, of a code or of a backup code.
        possible = (0, 2, 3) if self.scenario.torn else (0, 1)
        assert more in (possible[-1:] if was_told else possible), f"counted {more}"

    def _check_durability(self, answer: str, verdict: str | None, *, was_used: bool) -> None:
        assert was_used or verdict != "success", "a success that isn't durable"
        if not was_used:
            assert self.account.log_in(answer) == "success", "a good code is refused"
        assert self.account.log_in(answer) == "refused", "a code is good twice"

    def _check_next_login(self) -> None:
        account, later_s = self.account, self.scenario.later_s
        if self.scenario.verdict == "ignore":
            assert account.log_in("") == "ignore", "the suspension is lost"
            account.put(account.fresh)
        if self.scenario.name == "locked until unlocked":
            assert account.log_in(account.code_at(self._step)) == "locked"
            assert account.log_in(account.backup_codes[1]) == "success", (
                "the backup code is refused"
            )
        stored = account.stored()
        (device,) = stored.state.authenticators
        if account.otp.type == "hotp":
            factor = device.counter
        elif later_s:
            factor = step_now() + later_s // PERIOD_S
        else:
            factor = max(self._step, device.last_step + 1)
        after = account.log_in(account.code_at(factor), later_s)
        if stored.damaged:  # then one login mends it, and its code is lost
            assert after == "refused", f"with the newest state lost: {after}"
            after = account.log_in(account.code_at(factor + 4), later_s + 120)
        assert after == "success", f"a fresh good code afterwards: {after}"

    def _is_used(self, state: State) -> bool:
        (device,) = state.authenticators
        if self.scenario.answer == "backup":
            return bool(state.backup_used & 1)
        if self.scenario.hotp:
            return device.counter > self._factor
        return device.last_step >= self._factor


def _failures(state: State) -> int:
    return state.codes.failures + state.backup.failures
