"""kill -9 of the helper as it enters each of its system calls, from its start to its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.campaign.helper_process import HelperProcess
from tests.campaign.leftovers import leftovers
from tests.campaign.parallel import at_each_call
from tests.campaign.system_calls import (
    KILLED_STATUS,
    Call,
    assert_most_were_killed,
    killing,
    read_calls,
    recording,
    spread,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.campaign.enrolled_account import EnrolledAccount
    from tests.campaign.figures import Figures

SAMPLE = 20
ANSWER_READ = '"\\1\\5'  # how strace prints the beginning of an ANSWER


@dataclass
class Killed:
    """What could be observed of an attempt whose helper was killed."""

    verdict: str | None
    shown: list[str]
    was_killed: bool

    @property
    def observed(self) -> bool:
        """Whether anything told how the attempt came out."""
        return self.verdict is not None or bool(self.shown)


def attempt(account: EnrolledAccount, answer: str, under: list[str]) -> Killed:
    """Run one login in a helper under another program."""
    with HelperProcess(account.name, under) as helper:
        if helper.wait_for_prompt():
            helper.answer(answer)
            helper.wait_for_verdict()
    return Killed(helper.verdict, helper.shown, helper.status == KILLED_STATUS)


def calls_of_attempt(
    account: EnrolledAccount, strace: str, log: Path, answer: str
) -> tuple[list[Call], list[Call]]:
    """Return all calls of an undisturbed attempt, and those from the answer's arrival on."""
    attempt(account, answer, recording(strace, log))
    calls = read_calls(log)
    (arrival,) = (
        index for index, (call, line) in enumerate(calls)
        if call.name == "read" and ANSWER_READ in line
    )  # fmt: skip
    names = [call for call, _ in calls if call.name != "exit_group"]
    return names, names[arrival:]


def outcome_of(rounds: list[Killed]) -> str:
    """Return the counts for the table."""
    killed = sum(each.was_killed for each in rounds)
    let_in = sum(each.verdict == "success" for each in rounds)
    return f"{killed} killed, {let_in} let in before"


def check_aftermath(account: EnrolledAccount, used: str, killed: Killed) -> None:
    """Hold what must be true after a kill, whatever the attempt with the code came to."""
    again = account.log_in(used)
    assert again in ("success", "refused"), again
    if killed.verdict == "success":
        assert again == "refused", "a code that let someone in was accepted again"
    assert account.log_in(used) == "refused", "a code was accepted twice"
    check_next_login(account)


def check_next_login(account: EnrolledAccount) -> None:
    """Expect the next good code to work, and nothing left over."""
    assert account.log_in(account.code(1)) == "success", "the next good code was refused"
    assert leftovers(account.name) == set()


@pytest.mark.timeout(1500)
def test_helper_killed_at_any_call_never_accepts_a_code_twice_nor_locks_out(
    accounts: list[EnrolledAccount],
    figures: Figures,
    campaign: bool,
    strace: str,
    killer: str,
    tmp_path: Path,
) -> None:
    """A good TOTP code, a kill at each call of the whole process."""

    def round_with(account: EnrolledAccount, call: Call) -> Killed:
        account.enroll()
        used = account.code()
        killed = attempt(account, used, killing(killer, call))
        check_aftermath(account, used, killed)
        return killed

    accounts[0].enroll()
    calls, _ = calls_of_attempt(accounts[0], strace, tmp_path / "log", accounts[0].code())
    with figures.measured("kill -9 of the helper, TOTP code, every call") as figure:
        rounds = at_each_call(calls if campaign else spread(calls, SAMPLE), accounts, round_with)
        figure.rounds = len(rounds)
        assert_most_were_killed([each.was_killed for each in rounds])
        figure.outcome = f"none accepted twice; {outcome_of(rounds)}"
    assert leftovers() == set()


@pytest.mark.timeout(1500)
def test_helper_killed_after_a_backup_code_came_never_accepts_it_twice(
    accounts: list[EnrolledAccount],
    figures: Figures,
    campaign: bool,
    strace: str,
    killer: str,
    tmp_path: Path,
) -> None:
    """A good backup code, a kill at each call from its arrival on."""

    def round_with(account: EnrolledAccount, call: Call) -> Killed:
        account.enroll()
        used = account.backup_codes[0]
        killed = attempt(account, used, killing(killer, call))
        check_aftermath(account, used, killed)
        return killed

    first = accounts[0]
    first.enroll()
    _, calls = calls_of_attempt(first, strace, tmp_path / "log", first.backup_codes[0])
    with figures.measured("kill -9 of the helper, backup code, after the answer") as figure:
        rounds = at_each_call(calls if campaign else spread(calls, SAMPLE), accounts, round_with)
        figure.rounds = len(rounds)
        assert_most_were_killed([each.was_killed for each in rounds])
        figure.outcome = f"none accepted twice; {outcome_of(rounds)}"


@pytest.mark.timeout(1500)
def test_helper_killed_after_a_wrong_code_came_gives_no_free_guess(
    accounts: list[EnrolledAccount],
    figures: Figures,
    campaign: bool,
    strace: str,
    killer: str,
    tmp_path: Path,
) -> None:
    """A wrong code, a kill at each call from its arrival on: what shows is counted before."""

    def round_with(account: EnrolledAccount, call: Call) -> tuple[Killed, int]:
        account.enroll()
        killed = attempt(account, account.wrong_code(), killing(killer, call))
        counted = account.failures()
        assert counted in ((1,) if killed.observed else (0, 1)), "a guess was free"
        check_next_login(account)
        return killed, counted

    accounts[0].enroll()
    _, calls = calls_of_attempt(accounts[0], strace, tmp_path / "log", accounts[0].wrong_code())
    with figures.measured("kill -9 of the helper, wrong code, after the answer") as figure:
        rounds = at_each_call(calls if campaign else spread(calls, SAMPLE), accounts, round_with)
        figure.rounds = len(rounds)
        assert_most_were_killed([killed.was_killed for killed, _ in rounds])
        observed = sum(killed.observed for killed, _ in rounds)
        counted = sum(failures for _, failures in rounds)
        figure.outcome = f"{observed} guesses observed, {counted} counted"
