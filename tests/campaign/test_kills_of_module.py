"""kill -9 of the module's host as it enters each of its system calls."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.campaign.host_process import PAM_SUCCESS, HostProcess
from tests.campaign.leftovers import leftovers
from tests.campaign.system_calls import (
    assert_most_were_killed,
    killing_alone,
    read_calls,
    recording,
    spread,
)
from tests.harness.processes import helpers, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.campaign.enrolled_account import EnrolledAccount
    from tests.campaign.figures import Figures
    from tests.campaign.system_calls import Call

SAMPLE = 16
HELPER_PATIENCE_S = 10.0


class Attempts:
    """Attempts in a PAM host under strace, which follows no child: the helper stays whole."""

    def __init__(self, account: EnrolledAccount, host: str, service: str) -> None:
        self._account = account
        self._host = host
        self._service = service

    def run(self, answer: str, under: list[str]) -> HostProcess:
        """Run one, to its end or its death, and wait until its helper is gone too."""
        with HostProcess(self._host, self._service, self._account.name, under) as host:
            if host.wait_for_prompt():
                host.answer(answer)
                host.wait_for_result()
        wait_until(lambda: not helpers(), HELPER_PATIENCE_S, "the helper has gone")
        return host


def calls_of_host(recorded: list[tuple[Call, str]]) -> list[Call]:
    """Return the calls at which strace can kill: not its own start of the host, nor the end."""
    return [call for call, _ in recorded if call.name not in ("execve", "exit_group")]


@pytest.mark.timeout(1500)
def test_host_killed_at_any_call_never_makes_a_code_good_twice_nor_locks_out(
    account: EnrolledAccount,
    host: str,
    service: str,
    figures: Figures,
    campaign: bool,
    strace: str,
    tmp_path: Path,
) -> None:
    """A good TOTP code, a kill at each call of the whole host, libpam's among them."""
    attempts = Attempts(account, host, service)
    account.enroll()
    assert attempts.run(account.code(), recording(strace, tmp_path / "log")).result == PAM_SUCCESS
    calls = calls_of_host(read_calls(tmp_path / "log"))
    let_in = 0
    was_killed = []
    with figures.measured("kill -9 of the module's host, TOTP code, every call") as figure:
        for call in calls if campaign else spread(calls, SAMPLE):
            account.enroll()
            used = account.code()
            killed = attempts.run(used, killing_alone(strace, call))
            let_in += killed.result == PAM_SUCCESS
            again = account.log_in(used)
            assert again == "refused" or killed.result != PAM_SUCCESS, str(call)
            assert account.log_in(used) == "refused", str(call)
            assert account.log_in(account.code(1)) == "success", str(call)
            assert leftovers() == set(), str(call)
            was_killed.append(killed.status == -signal.SIGKILL)
            figure.rounds += 1
        assert_most_were_killed(was_killed)
        figure.outcome = f"none accepted twice; {sum(was_killed)} killed, {let_in} let in before"


@pytest.mark.timeout(1500)
def test_host_killed_at_any_call_gives_no_free_guess(
    account: EnrolledAccount,
    host: str,
    service: str,
    figures: Figures,
    campaign: bool,
    strace: str,
    tmp_path: Path,
) -> None:
    """A wrong code: whatever was shown or returned had been counted before."""
    attempts = Attempts(account, host, service)
    account.enroll()
    attempts.run(account.wrong_code(), recording(strace, tmp_path / "log"))
    recorded = read_calls(tmp_path / "log")
    answered = next(i for i, (call, line) in enumerate(recorded) if line.startswith("read(0,"))
    calls = calls_of_host(recorded[answered:])
    observed = counted = 0
    was_killed = []
    with figures.measured("kill -9 of the module's host, wrong code, after the answer") as figure:
        for call in calls if campaign else spread(calls, SAMPLE):
            account.enroll()
            killed = attempts.run(account.wrong_code(), killing_alone(strace, call))
            was_observed = killed.result is not None or bool(killed.shown)
            assert account.failures() in ((1,) if was_observed else (0, 1)), str(call)
            observed += was_observed
            counted += account.failures()
            assert account.log_in(account.code()) == "success", str(call)
            was_killed.append(killed.status == -signal.SIGKILL)
            figure.rounds += 1
        assert_most_were_killed(was_killed)
        figure.outcome = f"{observed} guesses observed, {counted} counted"
