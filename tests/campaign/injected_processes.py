"""What is disturbed: the helper, the command and the module's host, installed or forked.

An installed program is started for each injection, which costs what its start costs. The same
Python code in a child of a process that has imported it already costs a few ms, so that it can be
disturbed a hundred thousand times; the descriptors, files and system calls are real ones.
"""

from __future__ import annotations

import functools
import io
import os
import socket
import sys
from typing import TYPE_CHECKING, NamedTuple

from pam_tfa.cli.__main__ import main
from pam_tfa.service.helper import serve
from tests.campaign.command_process import COMMAND
from tests.campaign.helper_process import HELPER, SOCKET_FD, VERDICTS
from tests.campaign.injected_logins import Observed
from tests.harness import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.campaign.injector import Job

    Body = Callable[[], int]

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
NULLOK = bytes([0, 0, 0, 1])  # a configuration that counts as absent would let everybody skip
NONCE = bytes(range(16))
USER_TAG, SERVICE_TAG, OPTIONS_TAG = 2, 3, 9
# What a job could not write stays in these: closed, they would write it into the next one's.
_left_streams: list[object] = []
PAM_CRED_EXPIRED = 16  # what SERVICE_LINES make of PAM_IGNORE; nobody else says it
PAM_VERDICTS = {0: "success", 7: "refused", 9: "unavailable", 11: "locked"}
PAM_VERDICTS[PAM_CRED_EXPIRED] = "ignore"
SERVICE_LINES = (
    "auth [success=2 ignore=1 default=die] pam_tfa.so nullok",
    "auth requisite pam_deny.so",
    "auth [default=die] pam_debug.so auth=cred_expired",
    "auth [default=done] pam_permit.so",
    "account required pam_permit.so",
)


class Output(NamedTuple):
    """What a program wrote."""

    out: str
    err: str


class HelperConversation:
    """The module's end of a helper's socket; question and answer are sent before it starts.

    Packets wait in the socket, so that nobody has to be there while the helper runs.
    """

    def __init__(self, account_name: str, answer: str, *, installed: bool) -> None:
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.is_program = installed
        fields = (
            (wire.NONCE, NONCE),
            (USER_TAG, account_name.encode()),
            (OPTIONS_TAG, NULLOK),
            (SERVICE_TAG, b"campaign"),
        )
        self._ours.send(wire.message(wire.REQUEST, *fields))
        self._ours.send(wire.message(wire.ANSWER, (wire.TEXT, answer.encode())))

    @property
    def descriptors(self) -> list[int]:
        """The helper's end."""
        return [self._theirs.fileno()]

    @property
    def job(self) -> Job:
        """Be the helper."""
        return become_helper if self.is_program else serve_as_helper

    def observed(self) -> Observed:
        """After its end: return what it said."""
        verdict, shown = None, []
        self._theirs.close()
        with self._ours:
            while packet := self._packet():
                fields = wire.fields_of(packet)
                if packet[1] == wire.MESSAGE:
                    shown.append(fields[wire.TEXT].decode())
                elif packet[1] == wire.VERDICT and fields[wire.NONCE] == NONCE:
                    verdict = VERDICTS.get(fields[wire.CODE][0], "another verdict")
        return Observed(verdict, tuple(shown))

    def _packet(self) -> bytes:
        try:
            return self._ours.recv(wire.MAX_MESSAGE_BYTES + 1)
        except ConnectionError:  # once: it did not read the answer; what it wrote is still there
            return self._ours.recv(wire.MAX_MESSAGE_BYTES + 1)


class Streams:
    """Standard input, output and error of a child, as files in memory."""

    def __init__(self, typed: str = "") -> None:
        self.files = [os.memfd_create(name) for name in ("in", "out", "err")]
        os.pwrite(self.files[0], typed.encode(), 0)

    def close(self) -> Output:
        """Return what was written."""
        out, err = (_content(file) for file in self.files[1:])
        for file in self.files:
            os.close(file)
        return Output(out, err)


class CommandRun:
    """One run of the command."""

    def __init__(self, arguments: Sequence[str], *, installed: bool) -> None:
        self._arguments = [*arguments]
        self.is_program = installed
        self._streams = Streams()

    @property
    def descriptors(self) -> list[int]:
        """Standard input, output and error."""
        return self._streams.files

    @property
    def job(self) -> Job:
        """Be the command."""
        if self.is_program:
            return functools.partial(become_program, [str(COMMAND), *self._arguments])
        return functools.partial(run_command, self._arguments)

    def output(self) -> Output:
        """After its end: return what it wrote."""
        return self._streams.close()


class HostRun:
    """One PAM transaction in waiting_host.c, its answer typed ahead."""

    is_program = True

    def __init__(self, host: str, service: str, account_name: str, answer: str) -> None:
        self._command = [host, service, account_name]
        self._streams = Streams(answer + "\n")

    @property
    def descriptors(self) -> list[int]:
        """Standard input, output and error."""
        return self._streams.files

    @property
    def job(self) -> Job:
        """Be the host."""
        return functools.partial(become_program, self._command)

    def observed(self) -> Observed:
        """After its end: return PAM's result as the verdict that it stands for."""
        verdict, shown = None, []
        for line in self._streams.close().out.splitlines():
            if line.startswith("="):
                verdict = PAM_VERDICTS.get(int(line[1:]), f"PAM result {line[1:]}")
            elif line.startswith("-"):
                shown.append(line[1:])
        return Observed(verdict, tuple(shown))


def become_helper(descriptors: Sequence[int]) -> Body:
    """Become the installed helper, with the descriptors that the module gives it."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in range(SOCKET_FD):
        os.dup2(nowhere, number)
    os.dup2(descriptors[0], SOCKET_FD)
    return lambda: os.execve(HELPER, [HELPER], ENVIRONMENT)


def serve_as_helper(descriptors: Sequence[int]) -> Body:
    """Do what the helper does in Python."""
    os.umask(0o077)
    return lambda: serve(descriptors[0], -1)


def become_program(command: Sequence[str], descriptors: Sequence[int]) -> Body:
    """Become a program that has these standard streams."""
    for number, file in enumerate(descriptors):
        os.dup2(file, number)
    return lambda: os.execve(command[0], [*command], ENVIRONMENT)


def run_command(arguments: Sequence[str], descriptors: Sequence[int]) -> Body:
    """Do what the installed command's interpreter does, its flush at the end included."""
    _left_streams.append((sys.stdin, sys.stdout, sys.stderr))
    for number, file in enumerate(descriptors):
        os.dup2(file, number)
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, "r", closefd=False)))
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(io.BufferedWriter(io.FileIO(number, "w", closefd=False)))
        for number in (1, 2)
    )

    def body() -> int:
        status = main(arguments)
        try:
            sys.stdout.flush()
        except OSError:
            return 120
        return status

    return body


def _content(file: int) -> str:
    return os.pread(file, os.fstat(file).st_size, 0).decode(errors="replace")
