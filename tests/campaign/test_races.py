"""One code, one login: simultaneous logins with one code, of which exactly one succeeds."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal

import pytest

from tests.campaign.helper_process import HelperProcess
from tests.campaign.host_process import (
    PAM_AUTH_ERR,
    PAM_AUTHINFO_UNAVAIL,
    PAM_MAXTRIES,
    PAM_SUCCESS,
    HostProcess,
)

if TYPE_CHECKING:
    from tests.campaign.enrolled_account import EnrolledAccount
    from tests.campaign.figures import Figures

Kind = Literal["totp", "backup"]
PAM_RESULTS = {PAM_SUCCESS, PAM_AUTH_ERR, PAM_MAXTRIES, PAM_AUTHINFO_UNAVAIL}
# Helpers start one after the other: the host has eight slots for starting them.
STARTED_AT_ONCE = 8
# Rounds of the full and of the short form for each size, of helpers and of whole PAM hosts:
# 1,000 in all.
HELPER_ROUNDS: dict[tuple[int, Kind], tuple[int, int]] = {
    (2, "totp"): (300, 1),
    (2, "backup"): (300, 1),
    (16, "totp"): (120, 1),
    (16, "backup"): (120, 1),
    (64, "totp"): (60, 1),
    (64, "backup"): (60, 1),
}
HOST_ROUNDS: dict[tuple[int, Kind], tuple[int, int]] = {
    (2, "totp"): (21, 1),
    (2, "backup"): (20, 1),
    (16, "totp"): (8, 1),
    (16, "backup"): (8, 1),
    (64, "totp"): (5, 1),
    (64, "backup"): (5, 1),
}


def waiting_helpers(account: EnrolledAccount, size: int, stack: ExitStack) -> list[HelperProcess]:
    """Start helpers and wait until each has prompted."""
    helpers: list[HelperProcess] = []
    while len(helpers) < size:
        batch = [
            stack.enter_context(HelperProcess(account.name))
            for _ in range(min(STARTED_AT_ONCE, size - len(helpers)))
        ]
        assert all(helper.wait_for_prompt() for helper in batch)
        helpers += batch
    return helpers


def race(account: EnrolledAccount, size: int, kind: Kind) -> Counter[str | None]:
    """Let helpers wait at the prompt, send all of them one code, and count the verdicts."""
    account.enroll()
    with ExitStack() as stack:
        helpers = waiting_helpers(account, size, stack)
        code = account.code() if kind == "totp" else account.backup_codes[0]
        for helper in helpers:
            helper.answer(code)
        return Counter(helper.wait_for_verdict() for helper in helpers)


def race_of_hosts(
    account: EnrolledAccount, host: str, service: str, size: int, kind: Kind
) -> Counter[int | None]:
    """Do the same with whole PAM hosts, each with the module in it; count PAM's results."""
    account.enroll()
    with ExitStack() as stack:
        hosts: list[HostProcess] = []
        while len(hosts) < size:
            batch = [
                stack.enter_context(HostProcess(host, service, account.name))
                for _ in range(min(STARTED_AT_ONCE, size - len(hosts)))
            ]
            assert all(each.wait_for_prompt() for each in batch)
            hosts += batch
        code = account.code() if kind == "totp" else account.backup_codes[0]
        for each in hosts:
            each.answer(code)
        return Counter(each.wait_for_result() for each in hosts)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("size", "kind"), HELPER_ROUNDS)
def test_one_of_many_simultaneous_helpers_accepts_a_code(
    account: EnrolledAccount, figures: Figures, campaign: bool, size: int, kind: Kind
) -> None:
    """Whatever the order, a code lets exactly one login in and all others get an answer."""
    full, short = HELPER_ROUNDS[size, kind]
    with figures.measured(f"race: {size} helpers, one {kind} code") as figure:
        for figure.rounds in range(1, (full if campaign else short) + 1):
            verdicts = race(account, size, kind)
            assert verdicts["success"] == 1, verdicts
            assert set(verdicts) <= {"success", "refused", "locked", "unavailable"}, verdicts
        figure.outcome = "exactly one success in every round"


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("size", "kind"), HOST_ROUNDS)
def test_one_of_many_simultaneous_pam_hosts_gets_in_with_a_code(
    account: EnrolledAccount,
    host: str,
    service: str,
    figures: Figures,
    campaign: bool,
    size: int,
    kind: Kind,
) -> None:
    """The same through libpam and the module, one process a login."""
    full, short = HOST_ROUNDS[size, kind]
    with figures.measured(f"race: {size} PAM hosts, one {kind} code") as figure:
        for figure.rounds in range(1, (full if campaign else short) + 1):
            results = race_of_hosts(account, host, service, size, kind)
            assert results[PAM_SUCCESS] == 1, results
            assert set(results) <= PAM_RESULTS, results
        figure.outcome = "exactly one success in every round"
