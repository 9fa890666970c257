"""A daemon in the tests' own process: the real login flow over its socket, or a misbehaving one."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import threading
from typing import TYPE_CHECKING

from pam_tfa.service.helper import Connection, PeerGoneError, run_login
from pam_tfa.service.machine import Machine
from pam_tfa.service.protocol import MAX_MESSAGE_BYTES, decode_request, encode_hello
from tests.harness.installation import RUN_DIR, SOCKET, require_namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Behaviour = Callable[[socket.socket], None]


class Daemon:
    """What a stand-in saw."""

    def __init__(self) -> None:
        self.connections = 0
        self.received: list[bytes] = []


class _RecordedConnection(Connection):
    """The helper's connection, receiving where it is seen."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection.fileno())
        self._connection = connection

    def receive(self) -> bytes:
        """Wait for a message. Raises PeerGoneError at the end of the connection."""
        message = self._connection.recv(MAX_MESSAGE_BYTES + 1)
        if not message:
            raise PeerGoneError
        return message


def real_flow(connection: socket.socket) -> None:
    """Serve a login as the helper does."""
    wire = _RecordedConnection(connection)
    wire.send(encode_hello())
    request = decode_request(wire.receive())
    with contextlib.suppress(PeerGoneError):
        run_login(request, Machine(request.login.service), wire, lambda: None)


@contextlib.contextmanager
def run_directory() -> Iterator[None]:
    """Have /run/pam-tfa as a daemon's unit makes it, and nothing of it in the end."""
    require_namespace()
    made = not RUN_DIR.exists()
    RUN_DIR.mkdir(mode=0o755, exist_ok=True)
    RUN_DIR.chmod(0o755)
    try:
        yield
    finally:
        os.chown(RUN_DIR, 0, 0)
        RUN_DIR.chmod(0o755)
        _remove(SOCKET)
        if made:
            shutil.rmtree(RUN_DIR)


@contextlib.contextmanager
def listening(backlog: int = 8) -> Iterator[socket.socket]:
    """Listen at the daemon's socket; accepting is the caller's affair."""
    with run_directory(), socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        _remove(SOCKET)
        listener.bind(str(SOCKET))
        SOCKET.chmod(0o666)
        listener.listen(backlog)
        yield listener


@contextlib.contextmanager
def daemon(behaviour: Behaviour) -> Iterator[Daemon]:
    """Serve every connection with a function, one at a time; then close it."""
    seen = Daemon()
    with listening() as listener:
        thread = threading.Thread(target=_serve, args=(listener, behaviour, seen))
        thread.start()
        try:
            yield seen
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def _serve(listener: socket.socket, behaviour: Behaviour, seen: Daemon) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        seen.connections += 1
        with contextlib.suppress(OSError, PeerGoneError), _Recording(connection, seen) as recording:
            behaviour(recording)


class _Recording(socket.socket):
    """A connection that remembers what it received."""

    def __init__(self, connection: socket.socket, seen: Daemon) -> None:
        super().__init__(fileno=connection.detach())
        self._seen = seen

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Receive one message."""
        received = super().recv(size, flags)
        self._seen.received.append(received)
        return received


def _remove(path: os.PathLike[str]) -> None:
    with contextlib.suppress(FileNotFoundError):
        if os.path.isdir(path):
            os.rmdir(path)
        else:
            os.unlink(path)
