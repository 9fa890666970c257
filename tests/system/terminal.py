"""A program on a pseudo-terminal, driven as a person would: read the prompt, type, read on."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from typing import TYPE_CHECKING, Any, Self

import pexpect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.harness.users import User

TIMEOUT_S = 20
ROWS_AND_COLUMNS = (24, 80)
ENVIRONMENT = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "TERM": "vt100", "LC_ALL": "C.UTF-8"}


class Terminal:
    """One command on a terminal of 80 x 24; use it as a context manager."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        caller: User | None = None,
        limits: Mapping[int, int] | None = None,
    ) -> None:
        """Start a command.

        Args:
            command: its first word is a path.
            caller: whose process it is; default: root's.
            limits: soft and hard limits by resource number, as the caller's shell may set them.
        """

        def become_caller() -> None:
            for number, value in (limits or {}).items():
                resource.setrlimit(number, (value, value))
            if caller is not None:
                os.setgroups([])
                os.setgid(caller.gid)
                os.setuid(caller.uid)

        self._spawned: Any = pexpect.spawn(
            command[0],
            list(command[1:]),
            env=ENVIRONMENT,
            cwd="/",
            encoding="utf-8",
            codec_errors="backslashreplace",
            timeout=TIMEOUT_S,
            dimensions=ROWS_AND_COLUMNS,
            preexec_fn=become_caller,
        )
        self._spawned.delaybeforesend = None
        self._seen: list[str] = []
        self.pid: int = self._spawned.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._spawned.close(force=True)

    @property
    def transcript(self) -> str:
        """Return everything that was read so far."""
        return "".join(self._seen)

    def expect(self, *texts: str, timeout_s: float = TIMEOUT_S) -> str:
        """Read up to the first of some texts and return that one, or fail with what came."""
        try:
            found = self._spawned.expect_exact(list(texts), timeout=timeout_s)
        except (pexpect.TIMEOUT, pexpect.EOF) as error:
            left = str(self._spawned.before)
            raise AssertionError(
                f"{type(error).__name__} instead of {texts}: {self.transcript + left!r}"
            ) from None
        self._seen.append(str(self._spawned.before) + str(self._spawned.after))
        return texts[int(found)]

    def type_line(self, text: str) -> None:
        """Type a line."""
        self._spawned.send(text + "\r")

    def type_keys(self, keys: str) -> None:
        """Type keys without a final return."""
        self._spawned.send(keys)

    def has_new_line(self) -> bool:
        """Read what is there without waiting; tell whether a line ended since the last prompt."""
        with contextlib.suppress(pexpect.TIMEOUT, pexpect.EOF):
            self._seen.append(str(self._spawned.read_nonblocking(65536, timeout=0)))
        return self.transcript.endswith("\n")

    def answer(self, prompt: str, text: str) -> None:
        """Wait for a prompt and type a line."""
        self.expect(prompt)
        self.type_line(text)

    def wait_for_end(self, timeout_s: float = TIMEOUT_S) -> int:
        """Read to the end; return the exit status, or minus the signal's number."""
        try:
            self._spawned.expect(pexpect.EOF, timeout=timeout_s)
        except pexpect.TIMEOUT:
            raise AssertionError(f"it does not end: {self.transcript!r}") from None
        self._seen.append(str(self._spawned.before))
        self._spawned.wait()
        status = self._spawned.exitstatus
        return -int(self._spawned.signalstatus) if status is None else int(status)

    def signal(self, number: signal.Signals) -> None:
        """Send the command a signal."""
        os.kill(self.pid, number)
