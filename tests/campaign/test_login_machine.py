"""The whole login flow agrees with a model of a few lines, over a million steps."""

from __future__ import annotations

import os
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.campaign.login_machine import LoginMachine, remembered_hashes

if TYPE_CHECKING:
    from tests.campaign.figures import Figures

STEPS, STEPS_OF_A_CAMPAIGN = 3_000, 1_000_000
RULES_OF_A_HISTORY = 50
HISTORIES_AT_ONCE = 200  # hypothesis remembers what it has tried, and grows
# What has to have come of some login, or the machine has not been where it matters.
OUTCOMES = {
    "success reason=code",
    "ignore reason=suspended",
    "refused reason=wrong_code",
    "locked reason=for_",
    'unavailable reason="RecordDamagedError:',
}
OUTCOMES_OF_A_CAMPAIGN = OUTCOMES | {
    "success reason=backup_code",
    "ignore reason=not_enrolled",
    "refused reason=replayed_code",
    "refused reason=clock_behind_last_step",
    "refused reason=wrong_backup_code",
    "refused reason=unknown_user",
    "refused reason=backup_codes_refused",
    "refused reason=caller_is_not_root",
    "refused reason=decoy",
    "refused reason=not_a_code:empty",
    "refused reason=not_a_code:equals_password",
    "refused reason=not_enrolled",
    "refused reason=used_backup_code",
    "locked reason=until_unlocked",
    'unavailable reason="ConfigError:',
    'unavailable reason="FormerNameError:',
    'unavailable reason="SealKeyMissingError:',
    'unavailable reason="StoreUnavailableError:',
}


class Walk(NamedTuple):
    """What one process did: steps, logins by their outcome, and where it failed."""

    steps: int
    outcomes: Counter[str]
    failure: str | None


def walk(first_seed: int, steps: int) -> Walk:
    """Go so many steps, in a process of its own."""
    failure = None
    number = first_seed
    with remembered_hashes():
        while LoginMachine.steps < steps and failure is None:
            left = (steps - LoginMachine.steps) // RULES_OF_A_HISTORY
            failure = histories(number, min(HISTORIES_AT_ONCE, 1 + left // 2))
            number += 1
    return Walk(LoginMachine.steps, LoginMachine.outcomes, failure)


def histories(number: int, count: int) -> str | None:
    """Run so many histories; return what was wrong with one, in its shortest form."""
    effort = settings(
        max_examples=count,
        stateful_step_count=RULES_OF_A_HISTORY,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=tuple(HealthCheck),
    )
    try:
        run_state_machine_as_test(seed(number)(LoginMachine), settings=effort)
    except BaseException as error:  # noqa: BLE001 - told in the process that waits for it
        return f"seed {number}\n" + "".join(traceback.format_exception(error))
    return None


@pytest.mark.timeout(7200)
def test_login_agrees_with_the_model(figures: Figures, campaign: bool) -> None:
    """Whatever is typed, administered, damaged and turned back in between."""
    workers = os.cpu_count() or 1
    steps = STEPS_OF_A_CAMPAIGN if campaign else STEPS
    first_seed = time.time_ns() // 1_000_000 if campaign else 0
    with figures.measured("the login flow beside its model") as figure:
        with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as pool:
            share = -(-steps // workers)
            begun = [pool.submit(walk, first_seed + n * 10**9, share) for n in range(workers)]
            walks = [each.result() for each in begun]
        failures = [each.failure for each in walks if each.failure is not None]
        assert not failures, failures[0]
        figure.rounds = sum(each.steps for each in walks)
        outcomes: Counter[str] = sum((each.outcomes for each in walks), Counter())
        assert figure.rounds >= steps
        missing = (OUTCOMES_OF_A_CAMPAIGN if campaign else OUTCOMES) - outcomes.keys()
        assert not missing, f"never came: {missing}"
        good = sum(n for each, n in outcomes.items() if each.startswith("success"))
        figure.outcome = f"agreed; {outcomes.total():,} logins, {good:,} let in"
