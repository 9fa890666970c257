"""Someone who guesses without end: many at once, killing what evaluates, rebooting, waiting.

A ledger holds three counts against each other: the outcomes that the guesser saw, the log's lines,
and the failures that the store keeps.
"""

from __future__ import annotations

import random
import re
import shutil
import signal
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from pam_tfa.core.backup_codes import format_backup_code
from pam_tfa.core.lockout import FailureCount
from tests.campaign.helper_process import HelperProcess
from tests.campaign.host_process import (
    PAM_AUTH_ERR,
    PAM_AUTHINFO_UNAVAIL,
    PAM_MAXTRIES,
    PAM_SUCCESS,
    HostProcess,
)
from tests.harness.installation import RUN_DIR
from tests.harness.processes import helpers, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from tests.campaign.enrolled_account import EnrolledAccount
    from tests.harness.system_log import SystemLog

    Attempt = HelperProcess | HostProcess
    Way = Callable[[EnrolledAccount], Attempt]
    Kind = Literal["codes", "backup"]

# The promises, not what the product's constants say they are.
FAILURES_UNTIL_LOCKED = 100
FREE_FAILURES = 5
LONGEST_WAIT_S = 3600
# Helpers start one after the other: the host has eight slots for starting them.
STARTED_AT_ONCE = 8
# When half of the kills have come: in the middle of what simultaneous answers take together.
MIDDLE_OF_KILLS_S = {"codes": 0.02, "backup": 0.05}
HELPER_PATIENCE_S = 10.0
REASONS = {"codes": "wrong_code", "backup": "wrong_backup_code"}
PAM_OUTCOMES = {
    PAM_SUCCESS: "success",
    PAM_AUTH_ERR: "refused",
    PAM_MAXTRIES: "locked",
    PAM_AUTHINFO_UNAVAIL: "unavailable",
}


class Observed(NamedTuple):
    """What one attempt showed: its outcome, None where it ended without; whether kill -9 hit it."""

    outcome: str | None
    was_killed: bool


class Guesser:
    """Guesses at one account and keeps the ledger."""

    def __init__(self, account: EnrolledAccount, kind: Kind, log: SystemLog, seed: int) -> None:
        """Enrol the account; what the log has of it before is of no interest."""
        account.enroll()
        self.account = account
        self.kind = kind
        self.guesses = 0
        self.evaluated = 0  # as their outcomes say
        self.aimed_at = 0
        self.killed = 0  # of those aimed at; the others had ended by themselves
        self._preset = 0
        self._log = log
        self._since = log.mark()
        self._random = random.Random(seed)

    def guess(self, way: Way, size: int) -> list[str | None]:
        """Make so many wrong guesses at once; return their outcomes.

        Every one that may be evaluated now is, and no other.
        """
        before = self.counted()
        observed = self._attempts(way, [self.wrong() for _ in range(size)], kill=False)
        outcomes = [each.outcome for each in observed]
        evaluated = self.counted() - before
        assert set(outcomes) <= {"refused", "locked"}, outcomes
        assert outcomes.count("refused") == evaluated == _evaluable(before, size), outcomes
        return outcomes

    def guess_and_kill(self, way: Way, size: int) -> None:
        """Make guesses at once and kill each at a moment of its own."""
        observed = self._attempts(way, [self.wrong() for _ in range(size)], kill=True)
        self.killed += sum(each.was_killed for each in observed)

    def answer_at_once(
        self, way: Way, answers: list[str], head_start_s: float = 0
    ) -> list[str | None]:
        """Give answers of the caller's choice, all at once but perhaps the first; no kills."""
        observed = self._attempts(way, answers, kill=False, head_start_s=head_start_s)
        return [each.outcome for each in observed]

    def wrong(self, kind: Kind | None = None) -> str:
        """Return another wrong answer in form each time, of the guessed kind or one chosen."""
        if (kind or self.kind) == "backup":
            return format_backup_code(self._random.randbytes(10))
        near = {self.account.code(steps) for steps in range(-30, 31)}
        while (code := f"{self._random.randrange(10**6):06}") in near:
            continue
        return code

    def counted(self) -> int:
        """Return how many failures in a row the store has."""
        return self._count().failures

    def logged(self) -> int:
        """Return how many evaluations the log tells of."""
        line = re.compile(rf"reason={REASONS[self.kind]} user={self.account.name}\b")
        return sum(bool(line.search(text)) for text in self._log.texts(self._since))

    def let_waits_pass(self) -> None:
        """Make it as if the longest wait had passed since the last failure."""
        count = self._count()
        passed = max(0, count.last_failure_s - LONGEST_WAIT_S - 1)
        self._save(count._replace(last_failure_s=passed))

    def as_if_guessed(self, failures: int) -> None:
        """Go on as if there had been so many failures; no guess of this ledger is forgotten."""
        self._preset += failures - self.counted()
        self._save(FailureCount(failures, int(time.time())))

    def reboot(self) -> None:
        """Leave nothing but what is on the disk."""
        assert not helpers(), "a helper of an earlier guess still lives"
        shutil.rmtree(RUN_DIR, ignore_errors=True)

    def check(self, *, killed: bool) -> None:
        """Hold the three counts against each other: nothing was evaluated that isn't counted."""
        counted = self.counted()
        assert self.evaluated + self._preset <= counted <= FAILURES_UNTIL_LOCKED
        assert self.logged() + self._preset <= counted
        if not killed:
            wanted = counted - self._preset
            assert self.evaluated == wanted, (self.evaluated, wanted)
            wait_until(lambda: self.logged() == wanted, what="the log tells of every evaluation")

    def _attempts(
        self, way: Way, answers: list[str], *, kill: bool, head_start_s: float = 0
    ) -> list[Observed]:
        with ExitStack() as stack:
            attempts = self._at_the_prompt(way, len(answers), stack)
            for attempt, answer in zip(attempts, answers, strict=True):
                attempt.answer(answer)
                if attempt is attempts[0]:
                    time.sleep(head_start_s)
            if kill:
                self._kill(attempts)
            outcomes = [_outcome_of(attempt) for attempt in attempts]
        # A killed host's helper ends by itself, after it has decided or before.
        wait_until(lambda: not helpers(), HELPER_PATIENCE_S, "the helpers have gone")
        self.guesses += len(answers)
        self.evaluated += outcomes.count("refused")
        return [
            Observed(outcome, attempt.status == -signal.SIGKILL)
            for outcome, attempt in zip(outcomes, attempts, strict=True)
        ]

    def _at_the_prompt(self, way: Way, size: int, stack: ExitStack) -> list[Attempt]:
        attempts: list[Attempt] = []
        while len(attempts) < size:
            started: list[Attempt] = []
            for _ in range(min(STARTED_AT_ONCE, size - len(attempts))):
                attempt = way(self.account)
                stack.callback(attempt.close)
                started.append(attempt)
            assert all(each.wait_for_prompt() for each in started)
            attempts += started
        return attempts

    def _kill(self, attempts: list[Attempt]) -> None:
        """Kill in random order, spread over the time that the evaluations take."""
        longest_pause_s = 4 * MIDDLE_OF_KILLS_S[self.kind] / len(attempts)
        for attempt in self._random.sample(attempts, len(attempts)):
            time.sleep(self._random.uniform(0, longest_pause_s))
            attempt.signal(signal.SIGKILL)
            self.aimed_at += 1

    def _count(self) -> FailureCount:
        state = self.account.state()
        return state.codes if self.kind == "codes" else state.backup

    def _save(self, count: FailureCount) -> None:
        state = self.account.state()
        self.account._save(
            state._replace(codes=count) if self.kind == "codes" else state._replace(backup=count)
        )


def _evaluable(failures: int, size: int) -> int:
    """Return how many of simultaneous wrong guesses may be evaluated, all waits being over."""
    if failures >= FAILURES_UNTIL_LOCKED:
        return 0
    return min(size, max(1, FREE_FAILURES + 1 - failures))


def _outcome_of(attempt: Attempt) -> str | None:
    if isinstance(attempt, HelperProcess):
        return attempt.wait_for_verdict()
    result = attempt.wait_for_result()
    return None if result is None else PAM_OUTCOMES[result]
