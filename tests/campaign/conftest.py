"""The campaign's accounts, the log they write to, and the table at the end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.campaign.enrolled_account import EnrolledAccount
from tests.campaign.figures import Figures
from tests.campaign.host_process import build_program
from tests.harness.fixtures import no_helper_left_behind, system_log
from tests.harness.installation import require_namespace, require_tool
from tests.harness.pam_services import a_module_service, remove_service
from tests.harness.users import a_user, remove_user

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["no_helper_left_behind", "system_log"]

_FIGURES = pytest.StashKey[Figures]()


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> Figures:
    """Return the rows of this run's table."""
    return request.config.stash.setdefault(_FIGURES, Figures())


@pytest.fixture(scope="package")
def accounts() -> Iterator[list[EnrolledAccount]]:
    """Return an account for each processor; each round enrols one afresh."""
    require_namespace()
    users = [a_user(f"tfa-campaign{number:03}", home=True) for number in range(os.cpu_count() or 1)]
    yield [EnrolledAccount(user) for user in users]
    for user in users:
        remove_user(user.name)


@pytest.fixture
def account(accounts: list[EnrolledAccount]) -> EnrolledAccount:
    """Return one of the accounts."""
    return accounts[0]


@pytest.fixture(scope="package")
def host(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the path of a PAM host that waits at the prompt."""
    return build_program("waiting_host", tmp_path_factory.mktemp("host"), "-lpam")


@pytest.fixture(scope="package")
def killer(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the path of the program that kills another one at a system call."""
    return build_program("kill_at_call", tmp_path_factory.mktemp("killer"))


@pytest.fixture(scope="package")
def service() -> Iterator[str]:
    """Return a PAM service that answers what the module answers."""
    name = a_module_service("nodelay", name="tfa-campaign")
    yield name
    remove_service(name)


@pytest.fixture(scope="session")
def strace() -> str:
    """Return the path of strace."""
    return require_tool("strace", "strace")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print what a full run counted."""
    figures = config.stash.get(_FIGURES, None)
    if figures is None or not config.getoption("--campaign"):
        return
    terminalreporter.section("campaign")
    for line in figures.table():
        terminalreporter.write_line(line)
