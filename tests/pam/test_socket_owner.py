"""Whose socket it is: nobody but root may take a login over."""

from __future__ import annotations

import os
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.harness.enrolled import an_enrolled_user
from tests.harness.faults import owned_by, with_mode
from tests.harness.installation import RUN_DIR, SOCKET
from tests.harness.pam_client import PAM_AUTH_ERR, PAM_SUCCESS
from tests.harness.stand_in_daemon import daemon, real_flow, run_directory
from tests.harness.users import a_user
from tests.pam.denial import log_in

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable, Iterator

    from tests.harness.fixtures import LogSinceStart

STRANGER_UID = 4711
# Listens as another user at the socket that it inherits, and lets everybody in.
IMPOSTOR = """
import os, socket, sys
listener = socket.socket(fileno=int(sys.argv[1]))
os.setgroups([]); os.setgid(4711); os.setuid(4711)
listener.listen(8) # whose listen() it was is what SO_PEERCRED tells
print("ready", flush=True)
while True:
    connection, _ = listener.accept()
    connection.send(bytes([1, 1]))
    request = connection.recv(65536)
    at = request.index(bytes([1, 0, 16]), 2)
    connection.send(bytes([1, 6, 13, 0, 1, 1]) + request[at : at + 19])
    connection.close()
"""

DISTRUSTED: dict[str, Callable[[], contextlib.AbstractContextManager[None]]] = {
    "somebody else's socket": lambda: owned_by(SOCKET, STRANGER_UID),
    "somebody else's directory": lambda: owned_by(RUN_DIR, STRANGER_UID),
    "a directory that its group may write": lambda: with_mode(RUN_DIR, 0o775),
    "a directory that everybody may write": lambda: with_mode(RUN_DIR, 0o777),
    "a sticky directory that everybody may write": lambda: with_mode(RUN_DIR, 0o1777),
}


@pytest.mark.parametrize("place", DISTRUSTED)
def test_socket_in_a_place_that_is_not_roots_alone(place: str, log: LogSinceStart) -> None:
    """Not connected to at all, logged as an alert; the helper does the login."""
    user = an_enrolled_user(otp_type="hotp")
    with daemon(real_flow) as seen:
        with DISTRUSTED[place]():
            assert log_in(user.name, user.code()).result == PAM_SUCCESS
            assert log_in(user.name, user.wrong_code()).result == PAM_AUTH_ERR
        assert seen.connections == 0
    log.wait_for("is not root's alone: not used")
    assert any(line.priority == 1 for line in log.lines())


def _put_file() -> None:
    SOCKET.write_text("")


def _put_directory() -> None:
    SOCKET.mkdir()


def _put_link() -> None:
    SOCKET.symlink_to("/run/elsewhere.sock")


def _put_fifo() -> None:
    os.mkfifo(SOCKET)


@pytest.mark.parametrize("put", [_put_file, _put_directory, _put_link, _put_fifo])
def test_what_is_no_socket_is_not_opened(put: Callable[[], None], log: LogSinceStart) -> None:
    """A link, which may lead anywhere, is not followed either."""
    user = an_enrolled_user(otp_type="hotp")
    with run_directory():
        put()
        done = log_in(user.name, user.code())
    assert done.result == PAM_SUCCESS
    assert done.seconds < 2
    log.wait_for("is not root's alone: not used")


def test_socket_that_a_daemon_left_behind() -> None:
    """Connection refused: the helper at once, without a word."""
    user = an_enrolled_user(otp_type="hotp")
    with run_directory():
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as left:
            left.bind(str(SOCKET))
        done = log_in(user.name, user.code())
    assert done.result == PAM_SUCCESS
    assert done.seconds < 2


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_socket_of_another_type(kind: socket.SocketKind) -> None:
    """Root's, but it can't be a daemon's: the helper."""
    user = an_enrolled_user(otp_type="hotp")
    with run_directory(), socket.socket(socket.AF_UNIX, kind) as other:
        other.bind(str(SOCKET))
        assert log_in(user.name, user.code()).result == PAM_SUCCESS


@pytest.fixture
def impostor() -> Iterator[None]:
    """Have a process of another user accept at root's socket."""
    with run_directory(), socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(SOCKET))
        process = subprocess.Popen(
            ["/usr/bin/python3", "-IS", "-c", IMPOSTOR, str(listener.fileno())],
            pass_fds=[listener.fileno()],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.usefixtures("impostor")
def test_peer_that_is_not_root(log: LogSinceStart) -> None:
    """SO_PEERCRED decides, whatever the file says: an impostor's success is not heard."""
    user = an_enrolled_user(otp_type="hotp")
    assert log_in(user.name, user.wrong_code()).result == PAM_AUTH_ERR
    assert log_in(user.name, user.code()).result == PAM_SUCCESS
    log.wait_for("is not root's: using the helper")


def test_unprivileged_user_cannot_make_the_socket() -> None:
    """The directory that the helper makes is closed to everybody else."""
    user = an_enrolled_user(otp_type="hotp")
    assert log_in(user.name, user.code()).result == PAM_SUCCESS
    status = RUN_DIR.stat()
    assert status.st_uid == 0
    assert not status.st_mode & 0o022
    caller = a_user()
    made = subprocess.run(
        ["/usr/bin/touch", str(SOCKET)], user=caller.uid, group=caller.gid, check=False
    )
    assert made.returncode != 0
