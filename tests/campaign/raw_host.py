"""A PAM host in C that takes names and answers as bytes, and many transactions in one process."""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PAM_USER, PAM_TTY, PAM_RHOST, PAM_RUSER = 2, 3, 4, 8
PAM_SUCCESS, PAM_AUTH_ERR, PAM_AUTHINFO_UNAVAIL, PAM_MAXTRIES, PAM_CONV_ERR = 0, 7, 9, 11, 19
TEXT, NO_TEXT, NO_RESPONSES, FAILURE, GONE = range(5)
PATIENCE_S = 60.0
# What lies in malloc's caches of threads would count as allocated.
_EXACT_HEAP = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}


class Reply(NamedTuple):
    """What a conversation does when it is asked, see raw_host.c."""

    text: bytes = b""
    kind: int = TEXT
    number: int = 0


class Done(NamedTuple):
    """A transaction: PAM's result, what was asked and shown, what the host holds afterwards."""

    result: int
    asked: list[bytes]
    shown: list[bytes]
    heap_bytes: int
    descriptors: int


class HostDiedError(AssertionError):
    """The host ended in the middle of a transaction."""


class RawHost:
    """One process; use it as a context manager."""

    def __init__(self, program: str, service: str, under: Sequence[str] = ()) -> None:
        """Start it, perhaps under another program (strace)."""
        self.service = service
        self._process = subprocess.Popen(
            [*under, program, service],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_EXACT_HEAP,
            cwd="/run",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def transact(
        self,
        user: bytes | None,
        replies: Sequence[Reply | Callable[[], Reply]] = (),
        items: Mapping[int, bytes] | None = None,
    ) -> Done:
        """Run one transaction.

        Args:
            user: PAM_USER; None: the module asks for it.
            replies: to its prompts, in their order; a function is called when it is asked.
            items: others of PAM's.

        Raises: HostDiedError.
        """
        order = {**(items or {})} if user is None else {PAM_USER: user, **(items or {})}
        self._send(_number(len(order)) + b"".join(_number(k) + _text(v) for k, v in order.items()))
        asked: list[bytes] = []
        shown: list[bytes] = []
        while True:
            mark, line = self._read_line()
            if mark == "=":
                result, heap_bytes, descriptors = map(int, line.split())
                return Done(result, asked, shown, heap_bytes, descriptors)
            if mark == "-":
                shown.append(bytes.fromhex(line))
                continue
            assert len(asked) < len(replies), ("asked once more", bytes.fromhex(line))
            reply = replies[len(asked)]
            asked.append(bytes.fromhex(line))
            kind_and_text = reply if isinstance(reply, Reply) else reply()
            self._send(_encoded(kind_and_text))

    def close(self) -> None:
        """Let it end, and hold it to an end of its own."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        with contextlib.suppress(BrokenPipeError):
            stdin.close()
        try:
            status = self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        finally:
            stdout.close()
        assert status == 0, f"the host ended with {status}"

    def _send(self, content: bytes) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # reading finds the end
            self._process.stdin.write(content)
            self._process.stdin.flush()

    def _read_line(self) -> tuple[str, str]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().decode()
        if not line.endswith("\n"):
            raise HostDiedError(f"the host ended with {self._process.wait(PATIENCE_S)}")
        return line[0], line[1:-1]


def _encoded(reply: Reply) -> bytes:
    return _number(reply.kind) + _number(reply.number) + _text(reply.text)


def _number(value: int) -> bytes:
    return (value & 0xFFFFFFFF).to_bytes(4, "big")


def _text(value: bytes) -> bytes:
    return _number(len(value)) + value
