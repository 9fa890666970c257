"""Fixtures of the tests that need an installation; a conftest.py imports those that it wants."""

from __future__ import annotations

import syslog
from typing import TYPE_CHECKING

import pytest

from tests.harness.installation import require_namespace
from tests.harness.processes import helpers, wait_until
from tests.harness.system_log import LogLine, SystemLog

if TYPE_CHECKING:
    from collections.abc import Iterator


class LogSinceStart:
    """The log from a test's first line on."""

    def __init__(self, log: SystemLog) -> None:
        self._log = log
        self._since = log.mark()

    def texts(self) -> list[str]:
        """Return what was logged so far."""
        return self._log.texts(self._since)

    def lines(self) -> list[LogLine]:
        """Return the lines with facility and priority."""
        return self._log.lines(self._since)

    def restart(self) -> None:
        """Forget what came so far."""
        self._since = self._log.mark()

    def wait_for(self, pattern: str, timeout_s: float = 3.0) -> str:
        """Return the text of the first line that a regular expression finds, or fail."""
        return self._log.wait_for(pattern, self._since, timeout_s).text


@pytest.fixture(scope="session")
def system_log() -> Iterator[SystemLog]:
    """Listen at /dev/log for the whole run."""
    require_namespace()
    log = SystemLog()
    # glibc keeps its connection: made here, it is not a leak of the first test that logs.
    syslog.syslog(syslog.LOG_DEBUG, "the tests listen")
    yield log
    log.close()


@pytest.fixture
def log(system_log: SystemLog) -> LogSinceStart:
    """Return the log from this test's start on."""
    return LogSinceStart(system_log)


@pytest.fixture(autouse=True)
def no_helper_left_behind(system_log: SystemLog) -> Iterator[None]:  # noqa: ARG001 - begins before
    """Fail a test after which a helper lives, whoever started it."""
    before = set(helpers())
    yield
    wait_until(lambda: set(helpers()) <= before, 2, "every helper ends")
