"""The three ways to a login - a forked helper, the installed one, the module's host - disturbed."""

from __future__ import annotations

import functools
import pwd
from typing import TYPE_CHECKING

from pam_tfa.store.files import FileStore
from tests.campaign.injected_account import InjectedAccount
from tests.campaign.injected_logins import ELSEWHERE, SCENARIOS, DisturbedLogin
from tests.campaign.injected_processes import HelperConversation, HostRun
from tests.campaign.injections import (
    Injection,
    each_once,
    from_first_look,
    in_two_ways,
)
from tests.harness.installation import USERS_DIR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pam_tfa.core.backup_codes import BackupCodeSet
    from tests.campaign.injection_worker import Log, Order
    from tests.campaign.injector import Injector, RecordedCall

    Run = HelperConversation | HostRun
    MakeRun = Callable[[str, str], Run]
    Select = Callable[[list[RecordedCall]], list[Injection]]

FORKED_LIMIT_S, INSTALLED_LIMIT_S = 5.0, 20.0
FORMER_NAME = "tfa-former"
HOST, HELPER_OF_HOST = 0, 1


class LoginTarget:
    """A scenario in one of the ways."""

    def __init__(
        self,
        injector: Injector,
        login: DisturbedLogin,
        make_run: MakeRun,
        select: Select,
        limit_s: float,
        log: Log,
    ) -> None:
        self._log = log
        self.name = login.scenario.name
        self._injector = injector
        self._login = login
        self._make_run = make_run
        self._select = select
        self._limit_s = limit_s

    def injections(self) -> list[Injection]:
        """Run it undisturbed and return what can be injected."""
        answer = self._login.prepare()
        run = self._make_run(self._login.account.name, answer)
        _, calls = self._injector.record(run, self._limit_s)
        observed = run.observed()
        assert observed.verdict == self._login.scenario.verdict, (self.name, observed)
        self._login.check(answer, observed, self._log.lines())
        return self._select(calls)

    def disturb(self, injection: Injection) -> tuple[bool, str]:
        """Run it with errors; return whether there were any, and how it ended."""
        answer = self._login.prepare()
        run = self._make_run(self._login.account.name, answer)
        ended = self._injector.run(run, injection, self._limit_s)
        observed, log_lines = run.observed(), self._log.lines()
        try:
            assert not ended.was_late, "it hung"
            is_lost = ended.lost_syncs > 0
            assert not is_lost or observed.verdict != "success", "a success that isn't durable"
            outcome = self._login.check(answer, observed, log_lines)
            if ended.status < 0:
                assert not isinstance(run, HostRun), "the host crashed"
                outcome += f", signal {-ended.status}"
            return ended.failed > 0, outcome
        except Exception as error:
            error.add_note(f"{ended}, {observed}, log: {log_lines}")
            raise


def login_targets(
    injector: Injector, log: Log, order: Order, codes: tuple[BackupCodeSet, Sequence[str]]
) -> Iterator[LoginTarget]:
    """Return the scenarios in the order's way."""
    FileStore(str(ELSEWHERE)).initialize()
    name = order.accounts[0]
    former = InjectedAccount(FORMER_NAME, codes, uid=pwd.getpwnam(name).pw_uid)
    for scenario in SCENARIOS:
        account = InjectedAccount(
            name,
            codes,
            otp_type="hotp" if scenario.hotp else "totp",
            users_dir=ELSEWHERE if scenario.elsewhere else USERS_DIR,
        )
        login = DisturbedLogin(scenario, account, former)
        make_run, select, limit_s = _way(order)
        yield LoginTarget(injector, login, make_run, select, limit_s, log)


def _way(order: Order) -> tuple[MakeRun, Select, float]:
    match order.subject:
        case "helper":
            forked = functools.partial(HelperConversation, installed=False)
            return forked, in_two_ways, FORKED_LIMIT_S
        case "installed helper":
            installed = functools.partial(HelperConversation, installed=True)
            return installed, _from_first_look, INSTALLED_LIMIT_S
        case _:
            host = functools.partial(HostRun, order.host, order.service)
            return host, _in_host_and_its_child, INSTALLED_LIMIT_S


def _from_first_look(calls: list[RecordedCall]) -> list[Injection]:
    return each_once(from_first_look(calls))


def _in_host_and_its_child(calls: list[RecordedCall]) -> list[Injection]:
    """Return those of the host since it loaded the module, and of its child until it is one."""
    host = from_first_look([call for call in calls if call.process == HOST])
    child = [call for call in calls if call.process == HELPER_OF_HOST]
    names = [call.name for call in child]
    return in_two_ways(host + child[: names.index("execve") + 1])
