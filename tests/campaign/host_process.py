"""A real PAM host in C around the installed module, which waits at the prompt for its driver."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.harness.installation import require_tool

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE_S = 60.0
PAM_SUCCESS, PAM_AUTH_ERR, PAM_AUTHINFO_UNAVAIL, PAM_MAXTRIES = 0, 7, 9, 11


def build_program(name: str, directory: Path, *libraries: str) -> str:
    """Compile one of this directory's C programs and return its path."""
    program = str(directory / name)
    source = str(Path(__file__).with_name(f"{name}.c"))
    compiler = require_tool("gcc", "gcc")
    flags = ("-Wall", "-Wextra", "-Werror")
    subprocess.run([compiler, *flags, source, "-o", program, *libraries], check=True)
    return program


class HostProcess:
    """One process with one PAM transaction."""

    def __init__(self, program: str, service: str, user: str, under: Sequence[str] = ()) -> None:
        """Start it, perhaps under another program (strace); nothing is waited for."""
        self.shown: list[str] = []
        self.result: int | None = None
        self.status: int | None = None
        self._process = subprocess.Popen(
            [*under, program, service, user],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait_for_prompt(self) -> bool:
        """Read up to the prompt; False where the host ended instead."""
        return self._read_until("?")

    def answer(self, text: str) -> None:
        """Type the answer to the prompt."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # killed already; reading finds the end
            self._process.stdin.write(text + "\n")
            self._process.stdin.flush()

    def wait_for_result(self) -> int | None:
        """Return what pam_authenticate() returned; None where the host ended before."""
        self._read_until("=")
        return self.result

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the started process, where it still is."""
        self._process.send_signal(number)

    def close(self) -> None:
        """Close its input and wait for its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # what it did not read any more
            self._process.stdin.close()
        try:
            self.status = self._process.wait(PATIENCE_S)
        finally:
            self._process.stdout.close()

    def _read_until(self, wanted: str) -> bool:
        assert self._process.stdout is not None
        while True:
            line = self._process.stdout.readline()
            if line.startswith("="):
                self.result = int(line[1:])
            elif line.startswith("-"):
                self.shown.append(line[1:].rstrip("\n"))
            if not line or line[0] in (wanted, "="):
                return line.startswith(wanted)
