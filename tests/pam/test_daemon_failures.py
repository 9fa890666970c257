"""A daemon that fails: before anything was shown the helper takes over, afterwards nobody does."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest

from tests.harness import wire
from tests.harness.enrolled import EnrolledUser, an_enrolled_user
from tests.harness.pam_client import PAM_SUCCESS, transact
from tests.harness.pam_services import a_module_service
from tests.harness.stand_in_daemon import daemon, listening
from tests.harness.stand_in_helper import recorder
from tests.pam.denial import assert_denied, assert_works, log_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.harness.fixtures import LogSinceStart


@pytest.fixture
def user() -> Iterator[EnrolledUser]:
    """Return an enrolled user, whose next good code has to work without the daemon."""
    user = an_enrolled_user(otp_type="hotp")
    yield user
    assert_works(user)


@pytest.fixture
def helper_starts(root_directory: Path) -> Iterator[Callable[[], int]]:
    """Return a function that says how many helpers were started."""
    started = root_directory / "started"
    started.touch()
    with recorder(started):
        yield lambda: len(started.read_text().splitlines())


def _say_nothing(connection: socket.socket) -> None:
    connection.settimeout(10)
    connection.recv(1)


def _end_at_once(_connection: socket.socket) -> None:
    pass


def _end_after_hello(connection: socket.socket) -> None:
    connection.send(wire.hello())


def _end_after_request(connection: socket.socket) -> None:
    connection.send(wire.hello())
    connection.recv(65536)


def _garbage_for_hello(connection: socket.socket) -> None:
    connection.send(b"HTTP/1.1 400 Bad Request")
    _say_nothing(connection)


def _success_for_hello(connection: socket.socket) -> None:
    connection.send(wire.verdict(wire.SUCCESS, bytes(16)))
    _say_nothing(connection)


def _wrong_nonce_before_the_prompt(connection: socket.socket) -> None:
    connection.send(wire.hello())
    connection.recv(65536)
    connection.send(wire.verdict(wire.SUCCESS, bytes(16)))


FAILURES_BEFORE_THE_PROMPT = {
    "says no hello in 2 s": _say_nothing,
    "ends at once": _end_at_once,
    "ends after the hello": _end_after_hello,
    "ends after the request": _end_after_request,
    "says garbage for a hello": _garbage_for_hello,
    "says success for a hello": _success_for_hello,
    "answers another request": _wrong_nonce_before_the_prompt,
}


@pytest.mark.parametrize("failure", FAILURES_BEFORE_THE_PROMPT)
def test_helper_takes_over_before_anything_was_shown(
    failure: str, user: EnrolledUser, helper_starts: Callable[[], int], log: LogSinceStart
) -> None:
    """The login works, once, and the log says that the daemon failed."""
    with daemon(FAILURES_BEFORE_THE_PROMPT[failure]) as seen:
        done = log_in(user.name, user.code())
    assert done.result == PAM_SUCCESS
    assert done.asked() == ["Verification code: "]
    assert done.seconds < 5
    assert (seen.connections, helper_starts()) == (1, 1)
    log.wait_for("the daemon")


def _ask(connection: socket.socket) -> bytes:
    connection.send(wire.hello())
    nonce = wire.nonce_of(connection.recv(65536))
    connection.send(wire.prompt())
    return nonce


def _end_while_typing(connection: socket.socket) -> None:
    _ask(connection)


def _end_after_answer(connection: socket.socket) -> None:
    _ask(connection)
    connection.recv(65536)


def _end_after_message(connection: socket.socket) -> None:
    connection.send(wire.hello())
    connection.recv(65536)
    connection.send(wire.note("Please wait"))


def _garbage_after_answer(connection: socket.socket) -> None:
    _end_after_answer(connection)
    connection.send(b"\0" * 300)
    _say_nothing(connection)


def _oversize_after_answer(connection: socket.socket) -> None:
    nonce = _ask(connection)
    connection.recv(65536)
    connection.send(wire.verdict(wire.SUCCESS, nonce) + bytes(9000))
    _say_nothing(connection)


def _wrong_nonce_after_answer(connection: socket.socket) -> None:
    nonce = _ask(connection)
    connection.recv(65536)
    connection.send(wire.verdict(wire.SUCCESS, nonce[::-1]))


def _hang_after_answer(connection: socket.socket) -> None:
    _end_after_answer(connection)
    time.sleep(4.8)


FAILURES_AFTER_THE_PROMPT = {
    "ends while the person types": _end_while_typing,
    "ends after the answer": _end_after_answer,
    "ends after a message": _end_after_message,
    "says garbage after the answer": _garbage_after_answer,
    "says too much after the answer": _oversize_after_answer,
    "answers another request after the answer": _wrong_nonce_after_answer,
    "hangs after the answer": _hang_after_answer,
}


@pytest.mark.parametrize("failure", FAILURES_AFTER_THE_PROMPT)
def test_silence_after_the_prompt_means_denial(
    failure: str, user: EnrolledUser, helper_starts: Callable[[], int]
) -> None:
    """A code that was sent is never sent twice: no helper starts."""

    def after_a_moment() -> bytes:
        time.sleep(0.2)
        return user.code().encode()

    with daemon(FAILURES_AFTER_THE_PROMPT[failure]):
        done = transact(a_module_service("nodelay"), user.name, [after_a_moment])
        assert_denied(done)
        assert len(done.asked()) <= 1
        assert helper_starts() == 0


def test_full_backlog_is_no_reason_to_wait(user: EnrolledUser) -> None:
    """A daemon that accepts nothing: connecting fails at once, and the helper starts."""
    waiting = []
    with listening(backlog=0) as listener:
        try:
            for _ in range(4):
                client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                client.setblocking(False)
                waiting.append(client)
                if client.connect_ex(listener.getsockname()) != 0:
                    break
            done = log_in(user.name, user.code())
        finally:
            for client in waiting:
                client.close()
    assert done.result == PAM_SUCCESS
    assert done.seconds < 2


def test_daemon_that_never_accepts_is_left_after_2_s(user: EnrolledUser) -> None:
    """The kernel accepted the connection, nobody else did."""
    with listening():
        done = log_in(user.name, user.code())
    assert done.result == PAM_SUCCESS
    assert 1.9 < done.seconds < 4
