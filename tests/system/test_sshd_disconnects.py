"""Clients that go away while they are asked leave nothing behind."""

from __future__ import annotations

import select
import signal
import socket
import struct
import threading
from typing import TYPE_CHECKING, Self

import pytest

from tests.harness.processes import descriptors_of, helpers, wait_until
from tests.system.conftest import PASSWORD
from tests.system.sshd import Sshd, an_sshd
from tests.system.test_sshd_codes import PROMPT

if TYPE_CHECKING:
    from tests.harness.enrolled import EnrolledUser
    from tests.system.terminal import Terminal

SOON_S = 5.0


class CuttableLine:
    """A TCP relay to a server, which can break the connection as a dead network does."""

    def __init__(self, server_port: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._server_port = server_port
        self._cut = threading.Event()
        self._thread = threading.Thread(target=self._relay, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._listener.close()

    def cut(self) -> None:
        """Reset the connection on the server's side."""
        self._cut.set()
        self._thread.join(SOON_S)

    def _relay(self) -> None:
        client, _ = self._listener.accept()
        with client, socket.create_connection(("127.0.0.1", self._server_port)) as server:
            while not self._cut.is_set():
                for source in select.select([client, server], [], [], 0.02)[0]:
                    target = server if source is client else client
                    target.sendall(source.recv(65536))
            # Closing it now sends a reset instead of a proper end.
            server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def assert_nothing_left(sshd: Sshd, descriptors_before: int) -> None:
    """Wait until no helper and no process of the connection is left."""
    wait_until(lambda: not helpers(), SOON_S, "the helper has gone")
    wait_until(lambda: not sshd.connections(), SOON_S, "sshd's children have gone")
    assert len(descriptors_of(sshd.pid)) == descriptors_before


def be_asked(terminal: Terminal) -> None:
    """Go on until the code is asked for; a helper waits then."""
    terminal.answer("Password: ", PASSWORD)
    terminal.expect(PROMPT)
    assert len(helpers()) == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_ssh_that_is_killed_at_the_prompt_leaves_no_process(
    someone: EnrolledUser, number: signal.Signals
) -> None:
    """The helper ends when the module's host does."""
    with an_sshd() as sshd:
        before = len(descriptors_of(sshd.pid))
        with sshd.log_in(someone.name) as terminal:
            be_asked(terminal)
            terminal.signal(number)
            assert_nothing_left(sshd, before)
    assert someone.state().codes.failures == 0


def test_window_that_is_closed_at_the_prompt_leaves_no_process(someone: EnrolledUser) -> None:
    """The terminal goes away, and ssh with it."""
    with an_sshd() as sshd:
        before = len(descriptors_of(sshd.pid))
        with sshd.log_in(someone.name) as terminal:
            be_asked(terminal)
        assert_nothing_left(sshd, before)


def test_connection_that_is_reset_at_the_prompt_leaves_no_process(someone: EnrolledUser) -> None:
    """The same where the network ends it."""
    with an_sshd() as sshd:
        before = len(descriptors_of(sshd.pid))
        with (
            CuttableLine(sshd.port) as line,
            Sshd(sshd.pid, line.port).log_in(someone.name) as terminal,
        ):
            be_asked(terminal)
            line.cut()
            assert_nothing_left(sshd, before)


def test_login_grace_time_ends_a_login_nobody_finishes(someone: EnrolledUser) -> None:
    """sshd's own limit, while the module waits for a person without one."""
    with an_sshd("LoginGraceTime 2") as sshd:
        before = len(descriptors_of(sshd.pid))
        with sshd.log_in(someone.name) as terminal:
            be_asked(terminal)
            assert_nothing_left(sshd, before)


def test_next_login_works_after_a_disconnect(someone: EnrolledUser) -> None:
    """No lock and no slot stays taken."""
    with an_sshd() as sshd:
        with sshd.log_in(someone.name) as terminal:
            be_asked(terminal)
            terminal.signal(signal.SIGKILL)
        with sshd.log_in(someone.name, "true") as terminal:
            terminal.answer("Password: ", PASSWORD)
            terminal.answer(PROMPT, someone.code())
            assert terminal.wait_for_end() == 0
