"""Every system call of module, helper and command failing in every way that it may.

Each pair of a call and an error once, and once lasting: this call from then on, or all that touch
files. What must hold afterwards is in injected_logins.py and injected_commands.py: no success that
isn't durable, no PAM_IGNORE, no guess for free, nobody locked out, no half a change.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from tests.campaign.host_process import build_program
from tests.campaign.injected_processes import SERVICE_LINES
from tests.campaign.injections import ERRORS
from tests.harness.installation import CHECKOUT, PREFIX, require_namespace, require_tool
from tests.harness.pam_services import a_service, remove_service
from tests.harness.users import a_user, remove_user

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.campaign.figures import Figure, Figures

# The installed product's interpreter and modules; only the tests come from the checkout.
START = (
    "import sys; sys.path.append(sys.argv.pop()); "
    "from tests.campaign.injection_worker import main; main(sys.argv[1:])"
)
# Of how many scenarios or verbs, and how many injections; 0: all that there are.
SHORT = {
    "helper": (0, 500),
    "installed helper": (4, 40),
    "command": (0, 500),
    "installed command": (4, 20),
    "module": (4, 60),
}
FULL = {
    "helper": (0, 0),
    "installed helper": (0, 1500),
    "command": (0, 0),
    "installed command": (0, 400),
    "module": (0, 1000),
}
LEAST_SHARE_INJECTED = 0.9  # some calls come or don't with the allocator and the scheduler
SHOWN_OUTCOMES = 5


class Orders:
    """Has orders worked off by a worker for each processor."""

    def __init__(self, directory: Path, *, is_full: bool) -> None:
        self._directory = directory
        self._is_full = is_full
        self._library = build_program("fail_at_call", directory, "-shared", "-fPIC", "-O1")
        self._host = build_program("waiting_host", directory, "-lpam")
        self._accounts = [a_user("tfa-injected1").name, a_user("tfa-injected2").name]
        self._service = a_service(*SERVICE_LINES, name="tfa-injected")

    def close(self) -> None:
        """Remove accounts and service."""
        remove_service(self._service)
        for name in self._accounts:
            remove_user(name)

    def work_off(self, figure: Figure, *subjects: str) -> None:
        """Disturb subjects as often as this form does; fill in the table's row.

        Raises: AssertionError with what did not hold after which injection.
        """
        outcomes: Counter[str] = Counter()
        calls = missed = 0
        for subject in subjects:
            for result in self._results(subject):
                assert not result["failures"], "\n".join(result["failures"])
                outcomes.update(result["outcomes"])
                missed += result["missed"]
                calls += result["calls"]
            figure.rounds = outcomes.total()
        assert outcomes.total() >= LEAST_SHARE_INJECTED * (outcomes.total() + missed), missed
        figure.outcome = f"{calls:,} calls x {len(ERRORS)} errors; {_listed(outcomes)}"

    def _results(self, subject: str) -> list[dict[str, Any]]:
        workers = os.cpu_count() or 1
        targets, wanted = (FULL if self._is_full else SHORT)[subject]
        order = {
            "library": self._library,
            "subject": subject,
            "targets": targets,
            "wanted": wanted,
            "accounts": self._accounts,
            "host": self._host,
            "service": self._service,
            "of": workers,
        }
        with contextlib.ExitStack() as stack:
            started = [
                stack.enter_context(_Worker(self._directory, {**order, "share": share}))
                for share in range(workers)
            ]
            return [worker.result() for worker in started]


class _Worker:
    def __init__(self, directory: Path, order: dict[str, object]) -> None:
        self._log = directory / f"{order['subject']}-{order['share']}"
        unshare = [require_tool("unshare", "util-linux"), "-m", "--propagation", "private"]
        python = [str(PREFIX / "bin" / "python3"), "-IB", "-c", START]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*unshare, *python, json.dumps(order), str(CHECKOUT)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        with self._process:  # closes the pipe and waits
            pass

    def result(self) -> dict[str, Any]:
        """Wait for its end; return what it printed."""
        printed, _ = self._process.communicate()
        assert self._process.returncode == 0, self._log.read_text(errors="replace")[-3000:]
        found = json.loads(printed)
        assert isinstance(found, dict)
        return found


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory, campaign: bool) -> Iterator[Orders]:
    """Return who has injections made."""
    require_namespace()
    orders = Orders(tmp_path_factory.mktemp("injections"), is_full=campaign)
    yield orders
    orders.close()


@pytest.mark.timeout(1800)
def test_login_through_a_disturbed_module_or_helper_start_is_decided_or_denied(
    orders: Orders, figures: Figures
) -> None:
    """The module's host since it loaded the module, and its child until it is the helper."""
    with figures.measured("errors injected into the module's host") as figure:
        orders.work_off(figure, "module")


@pytest.mark.timeout(1800)
def test_login_through_a_disturbed_helper_is_decided_durably_or_denied(
    orders: Orders, figures: Figures
) -> None:
    """The helper's Python code at each of its calls; the installed helper at a sample."""
    with figures.measured("errors injected into the helper") as figure:
        orders.work_off(figure, "helper", "installed helper")


@pytest.mark.timeout(1800)
def test_disturbed_command_does_what_it_says_or_nothing(orders: Orders, figures: Figures) -> None:
    """The command's code at each of its calls, verb by verb; the installed one at a sample."""
    with figures.measured("errors injected into the command") as figure:
        orders.work_off(figure, "command", "installed command")


def _listed(outcomes: Counter[str]) -> str:
    most = outcomes.most_common(SHOWN_OUTCOMES)
    rest = outcomes.total() - sum(count for _, count in most)
    shown = [f"{name} {count:,}" for name, count in most]
    return ", ".join([*shown, f"others {rest:,}"] if rest else shown)
