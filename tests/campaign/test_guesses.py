"""Guessing for ever: at most 100 answers of a kind are evaluated, and the holder gets in."""

from __future__ import annotations

import itertools
import random
import subprocess
from collections import Counter
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from tests.campaign.command_process import COMMAND
from tests.campaign.guessing import FAILURES_UNTIL_LOCKED, FREE_FAILURES, Guesser
from tests.campaign.helper_process import HelperProcess
from tests.campaign.host_process import HostProcess

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.campaign.enrolled_account import EnrolledAccount
    from tests.campaign.figures import Figures
    from tests.campaign.guessing import Kind, Way
    from tests.harness.system_log import SystemLog

# What answers the module, put in place for a whole history of guesses. Guesses at a helper come
# in between in any case: whoever is root's may reach both.
BACK_ENDS: dict[str, Callable[[], AbstractContextManager[object]]] = {"no daemon": nullcontext}
GUESSES = 1000
# The short form goes on from here after its first round.
SHORT_FROM = FAILURES_UNTIL_LOCKED - 5
SIZES = {"first": (64, 16), "helpers": (12, 8), "hosts": (10, 4), "last": (64, 8)}
LEAST_SHARE_KILLED = 0.3  # the others had ended before their moment came
RACES = (30, 3)
WRONG_IN_RACE = 50
LONGEST_HEAD_START_S = 0.015  # about what an evaluation takes: some are overtaken, some are not


@pytest.fixture
def through_helper() -> Way:
    """Return the way to a helper without a module."""
    return lambda account: HelperProcess(account.name)


@pytest.fixture
def through_host(host: str, service: str) -> Way:
    """Return the way through libpam and the module."""
    return lambda account: HostProcess(host, service, account.name)


def guess_until_locked(
    guesser: Guesser, through_helper: Way, through_host: Way, *, full: bool
) -> None:
    """Guess at once, by helpers and hosts, kill both, reboot; wait out every wait."""
    at_once = {name: sizes[not full] for name, sizes in SIZES.items()}
    guesser.guess(through_helper, at_once["first"])
    guesser.check(killed=False)
    if not full:
        guesser.as_if_guessed(SHORT_FROM)
    killed = False
    for turn in itertools.cycle(("helpers", "killed helpers", "hosts", "reboot", "killed hosts")):
        guesser.let_waits_pass()
        match turn:
            case "helpers":
                guesser.guess(through_helper, at_once["helpers"])
            case "hosts":
                guesser.guess(through_host, at_once["hosts"])
            case "killed helpers":
                guesser.guess_and_kill(through_helper, at_once["helpers"])
                killed = True
            case "killed hosts":
                guesser.guess_and_kill(through_host, at_once["hosts"])
                killed = True
            case _:
                guesser.reboot()
        guesser.check(killed=killed)
        if guesser.counted() == FAILURES_UNTIL_LOCKED:
            break
    while guesser.guesses < (GUESSES if full else 0):
        guesser.let_waits_pass()
        assert set(guesser.guess(through_helper, at_once["last"])) == {"locked"}
        guesser.check(killed=killed)


def outcome_of(guesser: Guesser) -> str:
    """Return the row's text."""
    return (
        f"{guesser.evaluated} seen evaluated, {guesser.logged()} logged, "
        f"{guesser.counted()} counted, then none; "
        f"{guesser.killed} of {guesser.aimed_at} killed in time"
    )


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("back_end", BACK_ENDS)
@pytest.mark.parametrize("kind", ["codes", "backup"])
def test_guessing_for_ever_evaluates_a_hundred(
    account: EnrolledAccount,
    system_log: SystemLog,
    through_helper: Way,
    through_host: Way,
    figures: Figures,
    campaign: bool,
    kind: Kind,
    back_end: str,
) -> None:
    """Whatever is killed, lost or waited for in between; then the other kind lets its holder in."""
    guesser = Guesser(account, kind, system_log, seed=6238)
    with figures.measured(f"guesses without end: {kind}, {back_end}") as figure:
        with BACK_ENDS[back_end]():
            guess_until_locked(guesser, through_helper, through_host, full=campaign)
            assert guesser.killed >= LEAST_SHARE_KILLED * guesser.aimed_at, outcome_of(guesser)
            figure.outcome = outcome_of(guesser)
            for way in (through_helper, through_host):
                check_locked(guesser, way)
            check_holder_gets_in(guesser, through_host)
        figure.rounds = guesser.guesses


def check_locked(guesser: Guesser, way: Way) -> None:
    """Expect wrong and good answers of the guessed kind to be locked out, however long ago."""
    guesser.let_waits_pass()
    account = guesser.account
    good = account.code() if guesser.kind == "codes" else account.backup_codes[0]
    assert guesser.answer_at_once(way, [guesser.wrong(), good]) == ["locked", "locked"]
    assert guesser.counted() == FAILURES_UNTIL_LOCKED


def check_holder_gets_in(guesser: Guesser, way: Way) -> None:
    """Expect the other kind to let its holder in, and both to work in the end."""
    account = guesser.account
    if guesser.kind == "codes":
        # Evaluated while codes are locked, on a count of their own.
        wrong = [guesser.wrong("backup") for _ in range(2)]
        assert guesser.answer_at_once(way, wrong) == ["refused", "refused"]
        assert failures_of(account) == (FAILURES_UNTIL_LOCKED, 2)
        assert guesser.answer_at_once(way, [account.backup_codes[0]]) == ["success"]
        assert failures_of(account) == (0, 0)
        assert guesser.answer_at_once(way, [account.code()]) == ["success"]
    else:
        assert guesser.answer_at_once(way, [account.code()]) == ["success"]
        assert failures_of(account) == (0, FAILURES_UNTIL_LOCKED)
        subprocess.run([COMMAND, "unlock", account.name], check=True, capture_output=True)
        assert guesser.answer_at_once(way, [account.backup_codes[0]]) == ["success"]


def failures_of(account: EnrolledAccount) -> tuple[int, int]:
    """Return the counts of codes and of backup codes."""
    state = account.state()
    return state.codes.failures, state.backup.failures


@pytest.mark.timeout(900)
def test_good_code_among_wrong_ones_clears_the_count(
    account: EnrolledAccount,
    system_log: SystemLog,
    through_helper: Way,
    figures: Figures,
    campaign: bool,
) -> None:
    """Before it and after it, as many wrong ones are evaluated as the count allows."""
    moments = random.Random(4226)
    let_in = 0
    with figures.measured(f"one good code among {WRONG_IN_RACE} wrong ones at once") as figure:
        for figure.rounds in range(1, RACES[not campaign] + 1):
            guesser = Guesser(account, "codes", system_log, seed=figure.rounds)
            earlier = moments.randint(1, FREE_FAILURES - 1)
            guesser.guess(through_helper, earlier)
            answers = [account.code(), *(guesser.wrong() for _ in range(WRONG_IN_RACE))]
            head_start_s = moments.uniform(0, LONGEST_HEAD_START_S)
            outcomes = Counter(guesser.answer_at_once(through_helper, answers, head_start_s))
            let_in += outcomes["success"]
            check_race(outcomes, earlier)
            # The last failure of a lock: reached anew after the success.
            assert guesser.counted() == FREE_FAILURES + 1
        assert let_in > 0, "no good code was evaluated before the lock"
        figure.outcome = f"{let_in} let in, {figure.rounds - let_in} locked out; counts as they say"


def check_race(outcomes: Counter[str | None], earlier: int) -> None:
    """Hold the numbers to an order of the attempts that there can have been.

    Without the good code the count goes on to the lock. With it, it begins anew, after at most
    as many wrong ones as were left before the lock.
    """
    assert set(outcomes) <= {"success", "refused", "locked"}, outcomes
    left = FREE_FAILURES + 1 - earlier
    if outcomes["success"]:
        assert FREE_FAILURES + 1 <= outcomes["refused"] < FREE_FAILURES + 1 + left, outcomes
    else:
        assert outcomes["refused"] == left, outcomes
