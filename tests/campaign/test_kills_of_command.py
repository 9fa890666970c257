"""kill -9 of the command at its system calls: the account is as before or as it should become."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING

import pytest

from pam_tfa.administration import end_suspension, unlock
from tests.campaign.command_process import Ended, RepeatedCommand, calls_that_matter
from tests.campaign.leftovers import leftovers
from tests.campaign.parallel import at_each_call
from tests.campaign.system_calls import assert_most_were_killed, spread
from tests.harness.enrolled import a_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.campaign.enrolled_account import EnrolledAccount
    from tests.campaign.figures import Figures
    from tests.campaign.system_calls import Call

SAMPLE = 8


def before_enroll(account: EnrolledAccount) -> None:
    """Start without a record."""
    account.reset()


def after_enroll(account: EnrolledAccount, ended: Ended) -> None:
    """Find a record only where its secret was shown, and then it works."""
    if account.is_enrolled():
        assert ended.answer is not None, "enrolled, and nobody has seen the secret"
        account.adopt(base64.b32decode(ended.answer["secret"]))
    else:
        account.enroll()


def after_replacement(account: EnrolledAccount, ended: Ended) -> None:
    """Expect the old secret to work, or the new one that was shown."""
    if account.log_in(account.code(-1)) == "refused":
        assert ended.answer is not None, "replaced, and nobody has seen the new secret"
        account.adopt(base64.b32decode(ended.answer["secret"]))


def after_disable(account: EnrolledAccount, ended: Ended) -> None:
    """Accept it suspended or not; `enable` makes it as before."""
    assert ended.answer is None or account.log_in("") == "ignore"
    assert end_suspension(a_store(), account.name, int(time.time())) is not None


def before_enable(account: EnrolledAccount) -> None:
    """Start suspended."""
    account.enroll()
    account.suspend()


def after_enable(account: EnrolledAccount, ended: Ended) -> None:
    """Expect it enabled where it said so."""
    if ended.answer is None:
        end_suspension(a_store(), account.name, int(time.time()))


def after_backup_codes(account: EnrolledAccount, ended: Ended) -> None:
    """Expect the new set of backup codes to work where it was shown."""
    old = account.log_in(account.backup_codes[0])
    if ended.answer is not None:
        assert old == "refused", "the old codes work although new ones were shown"
        assert account.log_in(ended.answer["backup_codes"][0]) == "success"


def before_unlock(account: EnrolledAccount) -> None:
    """Start locked until unlocked."""
    account.enroll()
    account.lock()


def after_unlock(account: EnrolledAccount, ended: Ended) -> None:
    """Expect it unlocked where it said so; else a second try does it."""
    if ended.answer is None:
        assert unlock(a_store(), account.name, int(time.time()), reset_clock=False)


def after_reset(account: EnrolledAccount, ended: Ended) -> None:
    """Expect the record gone or whole."""
    assert ended.answer is None or not account.is_enrolled()
    if not account.is_enrolled():
        account.enroll()


def start_enrolled(account: EnrolledAccount) -> None:
    """Start with a fresh enrolment."""
    account.enroll()


CASES: dict[str, tuple[tuple[str, ...], Callable[..., None], Callable[..., None]]] = {
    "enroll": (("enroll", "--no-confirm"), before_enroll, after_enroll),
    "enroll --replace": (
        ("enroll", "--no-confirm", "--replace"),
        start_enrolled,
        after_replacement,
    ),
    "disable": (("disable",), start_enrolled, after_disable),
    "enable": (("enable",), before_enable, after_enable),
    "backup-codes": (("backup-codes",), start_enrolled, after_backup_codes),
    "unlock": (("unlock",), before_unlock, after_unlock),
    "reset": (("reset",), start_enrolled, after_reset),
}


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("name", CASES)
def test_command_killed_at_any_call_loses_no_record_and_locks_nobody_out(
    accounts: list[EnrolledAccount],
    figures: Figures,
    campaign: bool,
    strace: str,
    killer: str,
    tmp_path: Path,
    name: str,
) -> None:
    """After it, and at most the same verb again, the next good code works."""
    arguments, before, after = CASES[name]

    def round_with(account: EnrolledAccount, call: Call) -> Ended:
        before(account)
        ended = RepeatedCommand(*arguments, account.name).run_killed(killer, call)
        after(account, ended)
        assert account.log_in(account.code(1)) == "success", "the next good code was refused"
        assert leftovers(account.name) == set()
        return ended

    command = RepeatedCommand(*arguments, accounts[0].name)
    for _ in range(2):  # the first run may compile modules, which no later one does
        before(accounts[0])
        calls = calls_that_matter(command.record(strace, tmp_path / "log"))
    with figures.measured(f"kill -9 of the command: {name}") as figure:
        rounds = at_each_call(calls if campaign else spread(calls, SAMPLE), accounts, round_with)
        figure.rounds = len(rounds)
        assert_most_were_killed([each.was_killed for each in rounds])
        killed = sum(each.was_killed for each in rounds)
        answered = sum(each.answer is not None for each in rounds)
        figure.outcome = f"record whole; {killed} killed, {answered} answered before"
    assert leftovers() == set()
