"""The two C programs that measure: built for the run, started once for each sample."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.harness.installation import CHECKOUT, require_tool

FLAGS = ("-std=c11", "-O2", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror")
SOURCES = Path(__file__).parent
TIME_LIMIT_S = 60.0


class MeasurementError(Exception):
    """A sample that can't be counted: the login failed, or a program did."""


class Programs:
    """Where the programs are, and how to call them."""

    def __init__(self, directory: Path) -> None:
        """Compile both into a directory."""
        self._login_host = directory / "login_host"
        self._process_timer = directory / "process_timer"
        _compile(self._login_host, [SOURCES / "login_host.c"], "-lpam")
        wire = CHECKOUT / "native" / "wire.c"
        _compile(self._process_timer, [SOURCES / "process_timer.c", wire])

    def login(self, service: str, user: str, answer: str) -> dict[str, Any]:
        """Log in once in a fresh process."""
        return _run([str(self._login_host), service, user, answer, "0"])

    def helper(self, program: str, user: str, answer: str, wait_ms: int) -> dict[str, Any]:
        """Start the helper alone, and answer its prompt after a wait."""
        return _run([str(self._process_timer), "helper", program, user, answer, str(wait_ms)])

    def command(self, *command: str) -> dict[str, Any]:
        """Start a program and wait for its end."""
        return _run([str(self._process_timer), "command", *command])


def _compile(program: Path, sources: list[Path], *libraries: str) -> None:
    compiler = require_tool("gcc", "gcc")
    subprocess.run([compiler, *FLAGS, *sources, "-o", program, *libraries], check=True)


def _run(command: list[str]) -> dict[str, Any]:
    finished = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={},
        timeout=TIME_LIMIT_S,
        check=False,
    )
    if finished.returncode != 0:
        raise MeasurementError(f"{command}: status {finished.returncode}: {finished.stderr}")
    measured: dict[str, Any] = json.loads(finished.stdout)
    return measured
