"""Logins under a clock that jumps between them, and between a prompt and its answer."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Literal, NamedTuple

from tests.campaign.clocked_account import Clock, ClockedAccount, Kind, a_clock
from tests.campaign.host_process import build_program
from tests.campaign.raw_host import PAM_AUTH_ERR, PAM_SUCCESS, Done, RawHost, Reply
from tests.harness.pam_services import a_module_service, remove_service
from tests.harness.users import a_user, remove_user

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.harness.system_log import SystemLog

Moment = Literal["between attempts", "at the prompt"]
MOMENTS: tuple[Moment, ...] = ("between attempts", "at the prompt")
T0 = 1_790_000_010  # the start of a step of 30 s
HOUR_S, DAY_S, YEAR_S = 3600, 86_400, 31_557_600
JUMPS = {
    "to 1970": -T0,
    "back 10 years": -10 * YEAR_S,
    "back a day": -DAY_S,
    "back an hour": -HOUR_S,
    "back 31 s": -31,
    "on 61 s": 61,
    "on 10 minutes": 600,
    "on an hour": HOUR_S,
    "on a day": DAY_S,
    "on 10 years": 10 * YEAR_S,
}
SHORT_JUMPS = ("back a day", "on 61 s", "on 10 years")
PROMPT, REFUSAL = b"Verification code: ", b"Verification failed."
MEND = 'mend="set the clock right, then pam-tfa unlock {} --reset-clock"'
LOG_LIMIT_S = 5.0


class Used(NamedTuple):
    """A code that was accepted, and when on the clock."""

    code: bytes
    at_s: int


class Login(NamedTuple):
    """An account, the host that logs it in, and the clock that its back end reads."""

    account: ClockedAccount
    host: RawHost
    clock: Clock
    log: SystemLog

    def transact(self, reply: Reply | Callable[[], Reply]) -> tuple[Done, str]:
        """Log in; return the line of the log too."""
        since = self.log.mark()
        done = self.host.transact(self.account.name.encode(), [reply])
        line = self.log.wait_for(f"user={self.account.name}", since, LOG_LIMIT_S)
        return done, line.text

    def is_let_in(self, answer: bytes) -> bool:
        """Log in; every refusal has to be in the same words."""
        return self.accepted_at("at the prompt", self.clock.now_s, lambda: answer) is not None

    def accepted_at(self, moment: Moment, now_s: int, answer: Callable[[], bytes]) -> bytes | None:
        """Log in while the clock jumps; the answer, chosen once it has, is returned if good."""
        given: list[bytes] = []

        def jump_and_answer() -> Reply:
            self.clock.set(now_s)
            given.append(answer())
            return Reply(given[0])

        if moment == "between attempts":
            self.clock.set(now_s)
        done, _ = self.transact(jump_and_answer)
        assert done.result in (PAM_SUCCESS, PAM_AUTH_ERR), done
        assert done.asked == [PROMPT]
        if done.result == PAM_SUCCESS:
            return given[0]
        assert done.shown == [REFUSAL], done
        return None

    def assert_none_is_good(self, used: list[Used]) -> None:
        """Try codes again that were accepted once, now and as if the clock went back for each."""
        now_s = self.clock.now_s
        for code, at_s in used:
            for again_s in (now_s, at_s):
                self.account.forgive()
                self.clock.set(again_s)
                assert not self.is_let_in(code), "a used code was accepted again"
        self.account.forgive()
        self.clock.set(now_s)


class Token:
    """What makes the next code of a kind: a phone, whose clock goes along, a token, or paper."""

    def __init__(self, login: Login, kind: Kind) -> None:
        self._login = login
        self._kind = kind
        self._next = 0

    def code(self) -> bytes:
        """Return the code for now; it is good unless a later one was accepted."""
        account, number = self._login.account, self._next
        self._next += 1
        if self._kind == "totp":
            return account.code(self._login.clock.step)
        if self._kind == "hotp":
            return account.code(number)
        return account.backup_codes[number].encode()


@contextlib.contextmanager
def a_clocked_login(directory: Path, log: SystemLog) -> Iterator[Login]:
    """Have an account under a clock of ours."""
    program = build_program("raw_host", directory, "-lpam")
    service = a_module_service("nodelay", name="tfa-clocks")
    user = a_user("tfa-clock")
    with a_clock(T0) as clock, RawHost(program, service) as host:
        yield Login(ClockedAccount(user), host, clock, log)
    remove_user(user.name)
    remove_service(service)
