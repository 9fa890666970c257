"""The installed helper without a module: its messages sent and read by hand (docs/PROTOCOL.md)."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

HELPER = "/opt/pam-tfa/libexec/pam-tfa-helper"
HELLO, REQUEST, PROMPT, MESSAGE, ANSWER, VERDICT = range(1, 7)
NONCE_TAG, USER_TAG, SERVICE_TAG, OPTIONS_TAG, TEXT_TAG, CODE_TAG = 1, 2, 3, 9, 10, 13
VERDICTS = {1: "success", 2: "ignore", 3: "refused", 4: "locked", 5: "unavailable"}
SOCKET_FD = 3
NONCE = bytes(range(16))
PATIENCE_S = 60.0  # other work shares the machine; the product's own limit is the module's to keep


class Received(NamedTuple):
    """A message of the helper; fields by tag."""

    kind: int
    fields: dict[int, bytes]

    @property
    def verdict(self) -> str | None:
        """Return the verdict that a VERDICT with our nonce carries."""
        if self.kind != VERDICT or self.fields.get(NONCE_TAG) != NONCE:
            return None
        return VERDICTS.get(self.fields[CODE_TAG][0])


class HelperProcess:
    """One helper on the other end of a socket pair, perhaps under another program (strace)."""

    def __init__(self, account_name: str, under: Sequence[str] = ()) -> None:
        """Start it and send the request; nothing is waited for."""
        self.shown: list[str] = []
        self.verdict: str | None = None
        self.status: int | None = None
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [*under, HELPER]
        with theirs:
            self.pid = os.posix_spawn(
                command[0],
                command,
                {"PATH": "/usr/bin:/bin"},
                file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), SOCKET_FD)],
                setsid=True,
            )
        self._send(_request(account_name))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait_for_prompt(self) -> bool:
        """Read up to the prompt; False where the helper ended instead."""
        while (message := self._receive()) is not None:
            if message.kind == PROMPT:
                return True
            if message.kind == VERDICT:
                self.verdict = message.verdict
                return False
        return False

    def answer(self, text: str) -> None:
        """Send what the user typed."""
        self._send(bytes([1, ANSWER]) + _field(TEXT_TAG, text.encode()))

    def wait_for_verdict(self) -> str | None:
        """Read to the end of the connection.

        Returns: the verdict; None where the helper ended without one.
        """
        while (message := self._receive()) is not None:
            if message.kind == MESSAGE:
                self.shown.append(message.fields[TEXT_TAG].decode())
            elif message.kind == VERDICT:
                self.verdict = message.verdict
        return self.verdict

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process that was started."""
        os.kill(self.pid, number)

    def hang_up(self) -> None:
        """Close the socket, as a module does whose host was killed."""
        self._socket.close()

    def close(self) -> None:
        """Hang up and wait until the process has ended.

        Raises: AssertionError where it stays; then it is killed.
        """
        self._socket.close()
        deadline_s = time.monotonic() + PATIENCE_S
        while (ended := os.waitpid(self.pid, os.WNOHANG))[0] == 0:
            if time.monotonic() > deadline_s:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise AssertionError(f"the helper stayed {PATIENCE_S:g} s after its socket closed")
            time.sleep(0.001)
        self.status = os.waitstatus_to_exitcode(ended[1])

    def _send(self, message: bytes) -> None:
        with contextlib.suppress(ConnectionError):  # killed already; reading finds the end
            self._socket.send(message)

    def _receive(self) -> Received | None:
        if not select.select([self._socket], [], [], PATIENCE_S)[0]:
            raise AssertionError(f"the helper said nothing for {PATIENCE_S:g} s")
        try:
            packet = self._socket.recv(8193)
        except ConnectionError:
            return None
        return _decode(packet) if packet else None


def _request(account_name: str) -> bytes:
    return bytes([1, REQUEST]) + b"".join(
        (
            _field(NONCE_TAG, NONCE),
            _field(USER_TAG, account_name.encode()),
            _field(OPTIONS_TAG, bytes(4)),
            _field(SERVICE_TAG, b"campaign"),
        )
    )


def _field(tag: int, value: bytes) -> bytes:
    return bytes([tag]) + len(value).to_bytes(2, "big") + value


def _decode(packet: bytes) -> Received:
    assert packet[0] == 1, "version of the protocol"
    fields: dict[int, bytes] = {}
    at = 2
    while at < len(packet):
        length = int.from_bytes(packet[at + 1 : at + 3], "big")
        fields[packet[at]] = packet[at + 3 : at + 3 + length]
        at += 3 + length
    return Received(packet[1], fields)
