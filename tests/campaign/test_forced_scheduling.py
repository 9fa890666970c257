"""Who freezes or kills a process between the answer and the verdict gains no free guess."""

from __future__ import annotations

import random
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.campaign.helper_process import HelperProcess
from tests.campaign.host_process import HostProcess
from tests.harness.processes import helpers, wait_until

if TYPE_CHECKING:
    from tests.campaign.enrolled_account import EnrolledAccount
    from tests.campaign.figures import Figures

# A verdict comes about 0.02 s after the answer; the moments are spread over more than that.
LATEST_S = 0.06
FULL, SHORT = 150, 12
LOCKED_FROM = 5
HELPER_PATIENCE_S = 10.0


@pytest.mark.timeout(600)
def test_helper_killed_at_a_random_moment_gives_no_free_guess(
    account: EnrolledAccount, figures: Figures, campaign: bool
) -> None:
    """Frozen, looked at, killed: what could be observed is counted."""
    moments = random.Random(4226)
    observed = counted = 0
    with figures.measured("helper frozen, then killed, at random moments") as figure:
        for figure.rounds in range(1, (FULL if campaign else SHORT) + 1):
            account.enroll()
            with HelperProcess(account.name) as helper:
                assert helper.wait_for_prompt()
                helper.answer(account.wrong_code())
                time.sleep(moments.uniform(0, LATEST_S))
                helper.signal(signal.SIGSTOP)
                helper.signal(signal.SIGKILL)
                helper.wait_for_verdict()
            was_observed = helper.verdict is not None or bool(helper.shown)
            assert account.failures() >= was_observed, "a guess was answered and not counted"
            observed += was_observed
            counted += account.failures()
            assert account.log_in(account.code()) == "success"
        figure.outcome = f"{observed} guesses observed, {counted} counted"


@pytest.mark.timeout(600)
def test_every_guess_is_counted_although_the_module_hangs_up_at_once(
    account: EnrolledAccount, figures: Figures, campaign: bool
) -> None:
    """A guess that has reached the helper counts, whoever still listens."""
    guesses = 0
    with figures.measured("module hangs up right after the answer") as figure:
        for figure.rounds in range(1, (FULL if campaign else SHORT) + 1):
            if guesses % LOCKED_FROM == 0:
                account.enroll()
                guesses = 0
            with HelperProcess(account.name) as helper:
                assert helper.wait_for_prompt()
                helper.answer(account.wrong_code())
                helper.hang_up()
            guesses += 1
            assert account.failures() == guesses
        figure.outcome = "every guess counted"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_every_guess_is_counted_although_the_host_is_killed_or_frozen(
    account: EnrolledAccount,
    host: str,
    service: str,
    figures: Figures,
    campaign: bool,
    number: signal.Signals,
) -> None:
    """A set-uid host is its caller's to kill; the guess counts if the module has sent it."""
    moments = random.Random(6238)
    observed = counted = 0
    with figures.measured(f"host gets {number.name} at random moments") as figure:
        for figure.rounds in range(1, (FULL if campaign else SHORT) // 2 + 1):
            account.enroll()
            with HostProcess(host, service, account.name) as process:
                assert process.wait_for_prompt()
                process.answer(account.wrong_code())
                time.sleep(moments.uniform(0, LATEST_S))
                process.signal(number)
                time.sleep(0.1 if number == signal.SIGSTOP else 0)
                process.signal(signal.SIGKILL)
                process.wait_for_result()
            wait_until(lambda: not helpers(), HELPER_PATIENCE_S, "the helper has gone")
            was_observed = process.result is not None or bool(process.shown)
            assert account.failures() >= was_observed, "a guess was answered and not counted"
            observed += was_observed
            counted += account.failures()
            assert account.log_in(account.code()) == "success"
        figure.outcome = f"{observed} guesses observed, {counted} counted"
