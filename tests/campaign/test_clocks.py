"""A host's clock that jumps, at and between attempts: no replay, nobody locked out for good."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.campaign.clocked_account import PERIOD_S, Kind
from tests.campaign.clocked_login import (
    DAY_S,
    JUMPS,
    MEND,
    MOMENTS,
    REFUSAL,
    T0,
    Login,
    Moment,
    Token,
    Used,
    a_clocked_login,
)
from tests.campaign.raw_host import PAM_AUTH_ERR, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.campaign.figures import Figures
    from tests.harness.system_log import SystemLog

KINDS: tuple[Kind, ...] = ("totp", "hotp", "backup")
SHORT_CASES: list[tuple[str, Moment, Kind]] = [
    ("back a day", "between attempts", "totp"),
    ("back an hour", "at the prompt", "totp"),
    ("on 10 years", "between attempts", "totp"),
    ("on 10 years", "at the prompt", "hotp"),
    ("on an hour", "at the prompt", "backup"),
]
RESYNC_STEPS = 20
FULL_WALKS, SHORT_WALKS, WALK_STEPS = 150, 2, 14


@pytest.fixture(scope="module")
def login(tmp_path_factory: pytest.TempPathFactory, system_log: SystemLog) -> Iterator[Login]:
    """Return an account under a clock of ours."""
    with a_clocked_login(tmp_path_factory.mktemp("host"), system_log) as login:
        yield login


def check_jump(login: Login, moment: Moment, kind: Kind, jump_s: int) -> bool:
    """Log in, at another time, and back where it was; return whether a reset was needed."""
    account, clock = login.account, login.clock
    account.enroll(kind, f"{moment} {kind} {jump_s}", T0 - DAY_S)
    token = Token(login, kind)
    clock.set(T0)
    used = [Used(token.code(), T0)]
    assert login.is_let_in(used[0].code)

    to_s = max(0, T0 + jump_s)
    is_good = kind != "totp" or to_s // PERIOD_S > account.last_step
    accepted = login.accepted_at(moment, to_s, token.code)
    assert (accepted is not None) == is_good
    used += [Used(accepted, to_s)] if accepted is not None else []
    login.assert_none_is_good(used)

    first = used[0].code
    assert login.accepted_at(moment, T0 + 10, lambda: first) is None, "accepted again"
    login.assert_none_is_good(used)
    clock.set(T0 + 120)
    needs_reset = kind == "totp" and account.last_step >= clock.step
    if needs_reset:
        check_reset(login, token)
        login.assert_none_is_good([each for each in used if each.at_s <= T0])
        clock.set(T0 + 180)  # the next code but one: the one after now may have been used
    assert login.is_let_in(token.code()), "locked out"
    assert login.is_let_in(account.backup_codes[-1].encode()), "a backup code has no clock"
    return needs_reset


def check_reset(login: Login, token: Token) -> None:
    """Have the log say what mends it where this clock can't have accepted the last step; do it."""
    account = login.account
    done, line = login.transact(Reply(token.code()))
    assert (done.result, done.shown) == (PAM_AUTH_ERR, [REFUSAL])
    is_named = MEND.format(account.name) in line and "reason=clock_behind_last_step" in line
    assert is_named is (account.last_step > login.clock.step + RESYNC_STEPS), line
    account.run("unlock")
    assert not login.is_let_in(token.code()), "unlock alone took the steps back"
    account.run("unlock", "--reset-clock")
    assert not login.is_let_in(token.code()), "good without waiting for the next code"


@pytest.mark.timeout(1200)
def test_used_codes_stay_used_and_their_owner_gets_in_wherever_the_clock_jumps(
    login: Login, figures: Figures, campaign: bool
) -> None:
    """Each jump, there and back, between attempts and between prompt and answer, for each kind."""
    every = [(jump, moment, kind) for jump in JUMPS for moment in MOMENTS for kind in KINDS]
    resets = 0
    with figures.measured("clock: jumps there and back") as figure:
        for jump, moment, kind in every if campaign else SHORT_CASES:
            try:
                resets += check_jump(login, moment, kind, JUMPS[jump])
            except BaseException as error:
                error.add_note(f"{jump} {moment}, {kind}")
                raise
            figure.rounds += 1
        assert resets
        figure.outcome = f"no replay, nobody out; {resets} mended by --reset-clock"


@pytest.mark.timeout(1200)
def test_no_walk_of_the_clock_makes_a_used_code_good(
    login: Login, figures: Figures, campaign: bool
) -> None:
    """The clock jumps at random before and within each login; used codes are tried all along."""
    tried = 0
    with figures.measured("clock: random walks") as figure:
        for figure.rounds in range(1, (FULL_WALKS if campaign else SHORT_WALKS) + 1):
            tried += walk(login, random.Random(figure.rounds))
        figure.outcome = f"{tried:,} used codes tried again, none good"


def walk(login: Login, random_numbers: random.Random) -> int:
    """Walk once; return how many used codes were tried."""
    account, clock = login.account, login.clock
    kind = random_numbers.choice(KINDS)
    account.enroll(kind, f"walk {random_numbers.random()}", T0)
    clock.set(T0)
    token, tried = Token(login, kind), 0
    used: list[Used] = []
    for _ in range(WALK_STEPS):
        account.forgive()
        moment = random_numbers.choice(MOMENTS)
        if used and random_numbers.random() < 0.4:
            old = random_numbers.choice(used)
            to_s = max(0, old.at_s + random_numbers.randint(-PERIOD_S, PERIOD_S))
            again = login.accepted_at(moment, to_s, partial(bytes, old.code))
            assert again is None, "a used code was accepted again"
            tried += 1
            continue
        jump_s = random_numbers.choice(list(JUMPS.values())) + random_numbers.randint(-90, 90)
        to_s = max(0, clock.now_s + jump_s) % (2 * T0)
        is_good = kind != "totp" or to_s // PERIOD_S > account.last_step
        accepted = login.accepted_at(moment, to_s, token.code)
        assert (accepted is not None) == is_good, (kind, to_s)
        used += [Used(accepted, to_s)] if accepted is not None else []
        if kind == "backup" and len(used) == len(account.backup_codes):
            break
    return tried
