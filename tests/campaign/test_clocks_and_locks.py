"""Waits, locks, suspensions and damage under a clock that jumps."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.campaign.clocked_account import PERIOD_S
from tests.campaign.clocked_login import (
    DAY_S,
    JUMPS,
    MEND,
    MOMENTS,
    REFUSAL,
    SHORT_JUMPS,
    T0,
    YEAR_S,
    Login,
    Moment,
    a_clocked_login,
)
from tests.campaign.raw_host import PAM_AUTH_ERR, PAM_MAXTRIES, PAM_SUCCESS, Reply
from tests.harness.pam_services import IGNORED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.campaign.figures import Figures
    from tests.harness.system_log import SystemLog

FAILURES, WAIT_S = 9, 240


@pytest.fixture(scope="module")
def login(tmp_path_factory: pytest.TempPathFactory, system_log: SystemLog) -> Iterator[Login]:
    """Return an account under a clock of ours."""
    with a_clocked_login(tmp_path_factory.mktemp("host"), system_log) as login:
        yield login


def test_wait_after_wrong_codes_is_never_longer_than_its_own_length(
    login: Login, figures: Figures, campaign: bool
) -> None:
    """Wherever the clock jumps while it lasts; and nothing is evaluated until it is over."""
    jumps = list(JUMPS.items()) if campaign else [(each, JUMPS[each]) for each in SHORT_JUMPS]
    with figures.measured("clock: jumps during a wait") as figure:
        for name, jump_s in jumps:
            for moment in MOMENTS:
                check_wait(login, name, moment, T0 + jump_s)
                figure.rounds += 1
        figure.outcome = f"at most {WAIT_S} s more on the clock as it then was"


def check_wait(login: Login, name: str, moment: Moment, to_s: int) -> None:
    """Begin a wait, let the clock jump, and hold the wait to its length from there."""
    account, clock = login.account, login.clock
    account.enroll("totp", f"wait {name} {moment}", T0 - DAY_S)
    clock.set(T0)
    account.fail_before(FAILURES, T0)
    over = to_s >= T0 + WAIT_S
    if moment == "between attempts":
        clock.set(to_s)
    done, _ = login.transact(partial(jump_and_answer, login, to_s))
    assert done.result == (PAM_SUCCESS if over else PAM_MAXTRIES), (name, done)
    if over:
        return
    assert done.shown[0].startswith(b"Too many wrong codes. Try again in "), done
    assert account.last_step == -1, "evaluated while locked"
    left_s = WAIT_S if to_s < T0 else T0 + WAIT_S - to_s
    for wait_s, result in ((left_s - 1, PAM_MAXTRIES), (left_s, PAM_SUCCESS)):
        clock.set(to_s + wait_s)
        assert login.transact(Reply(account.code(clock.step)))[0].result == result, (name, wait_s)


def jump_and_answer(login: Login, to_s: int) -> Reply:
    """Answer the prompt with the code of another time, which it is from now on."""
    login.clock.set(to_s)
    return Reply(login.account.code(login.clock.step))


def test_lock_for_good_outlasts_every_jump_and_its_owner_gets_in_with_a_backup_code(
    login: Login, figures: Figures, campaign: bool
) -> None:
    """A hundred wrong codes: no clock forgives them, and none takes the backup codes away."""
    account, clock = login.account, login.clock
    jumps = list(JUMPS.values()) if campaign else [JUMPS[each] for each in SHORT_JUMPS]
    with figures.measured("clock: jumps while locked for good") as figure:
        for number, jump_s in enumerate(jumps):
            account.enroll("totp", f"locked {number}", T0 - DAY_S)
            clock.set(T0)
            account.fail_before(100, T0)
            for to_s in (T0 + jump_s, T0 + 120):
                clock.set(to_s)
                done, _ = login.transact(Reply(account.code(clock.step)))
                assert done.result == PAM_MAXTRIES, jump_s
            clock.set(T0 + jump_s)
            assert login.is_let_in(account.backup_codes[0].encode()), jump_s
            assert login.is_let_in(account.code(clock.step)), "success clears both counts"
            figure.rounds += 1
        figure.outcome = "still locked, backup codes good"


@pytest.mark.parametrize("until", [("--until", "1d"), ()], ids=["for a day", "without end"])
def test_suspension_that_lies_in_the_future_is_over(
    login: Login, figures: Figures, campaign: bool, until: tuple[str, ...]
) -> None:
    """As is one whose end has passed; within it nobody is asked."""
    account, clock = login.account, login.clock
    ends_s = DAY_S if until else None
    with figures.measured(f"clock: jumps during a suspension {' '.join(until)}".rstrip()) as figure:
        for name in JUMPS if campaign else SHORT_JUMPS:
            jump_s = JUMPS[name]
            account.enroll("totp", f"suspended {name}", T0 - DAY_S)
            clock.set(T0)
            account.run("disable", *until)
            done = login.host.transact(account.name.encode())
            assert (done.result, done.asked) == (IGNORED, [])
            clock.set(T0 + jump_s)
            if jump_s >= 0 and (ends_s is None or jump_s < ends_s):
                assert login.host.transact(account.name.encode()).result == IGNORED, name
            else:
                assert not login.is_let_in(account.code(clock.step + 3)), name
                assert login.is_let_in(account.code(clock.step)), name
            figure.rounds += 1
        figure.outcome = "asked outside of it, not asked within"


def test_write_lost_while_the_clock_was_ahead_is_mended_by_the_reset(
    login: Login, figures: Figures
) -> None:
    """What a lost write can have accepted counts as used: with that clock, ten years' codes."""
    account, clock = login.account, login.clock
    with figures.measured("clock: damage while it is ten years ahead") as figure:
        account.enroll("totp", "damage", T0 - DAY_S)
        clock.set(T0 + 10 * YEAR_S)
        account.lose_last_write()
        assert not login.is_let_in(account.code(T0 // PERIOD_S)), "the phone's clock is right"
        clock.set(T0 + 60)
        done, line = login.transact(Reply(account.code(clock.step)))
        assert (done.result, done.shown) == (PAM_AUTH_ERR, [REFUSAL])
        assert MEND.format(account.name) in line
        done, line = login.transact(Reply(account.backup_codes[0].encode()))
        assert (done.result, done.shown) == (PAM_AUTH_ERR, [REFUSAL])
        assert f'mend="pam-tfa backup-codes {account.name}"' in line
        account.run("unlock", "--reset-clock")
        clock.set(T0 + 120)
        assert login.is_let_in(account.code(clock.step)), "locked out"
        fresh = json.loads(account.run("backup-codes", "--json"))["backup_codes"]
        assert login.is_let_in(fresh[0].encode())
        figure.rounds = 1
        figure.outcome = "the log names both mends, and they mend"


@pytest.mark.parametrize("now_s", [0, 59, 2**31 - 1, 2**31, 2**32, 2**33])
def test_every_time_that_a_clock_can_have_is_as_good_as_any(login: Login, now_s: int) -> None:
    """1970, where a machine without a battery starts; the ends of 32 bits; the year 2242."""
    account, clock = login.account, login.clock
    account.enroll("totp", f"at {now_s}", now_s)
    clock.set(now_s)
    assert login.is_let_in(account.code(clock.step))
    assert not login.is_let_in(account.code(clock.step))
    status = json.loads(account.run("status", "--json"))
    assert status["failures"]["codes"]["last_failure_s"] == now_s, "not the clock of the test"
    assert account.run("status")
    account.run("disable", "--until", "1h")
    assert login.host.transact(account.name.encode()).result == IGNORED
    assert account.run("status")
    account.run("enable")
    account.run("unlock", "--reset-clock")
    clock.set(now_s + 3 * PERIOD_S)
    assert login.is_let_in(account.code(clock.step))
