"""The module with a daemon in place: a stand-in in this process, over the daemon's socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness import wire
from tests.harness.enrolled import EnrolledUser, an_enrolled_user
from tests.harness.faults import absent
from tests.harness.installation import helper_path
from tests.harness.pam_client import (
    PAM_AUTH_ERR,
    PAM_AUTHINFO_UNAVAIL,
    PAM_CONV_ERR,
    PAM_MAXTRIES,
    PAM_SERVICE_ERR,
    PAM_SUCCESS,
    transact,
)
from tests.harness.pam_services import IGNORED, a_module_service
from tests.harness.stand_in_daemon import daemon, real_flow
from tests.pam.denial import assert_works, log_in

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator


VERDICTS = {
    wire.SUCCESS: PAM_SUCCESS,
    wire.IGNORED: IGNORED,
    wire.REFUSED: PAM_AUTH_ERR,
    wire.LOCKED: PAM_MAXTRIES,
    wire.UNAVAILABLE: PAM_AUTHINFO_UNAVAIL,
    wire.CONVERSATION_FAILED: PAM_CONV_ERR,
    wire.MISCONFIGURED: PAM_SERVICE_ERR,
}


@pytest.fixture
def user() -> Iterator[EnrolledUser]:
    """Return an enrolled user, whose next good code has to work without the daemon."""
    user = an_enrolled_user(otp_type="hotp")
    yield user
    assert_works(user)


def test_daemon_is_used_instead_of_the_helper(user: EnrolledUser) -> None:
    """Good and wrong codes, over its socket, with the helper not even there."""
    with absent(helper_path()), daemon(real_flow) as seen:
        assert log_in(user.name, user.code()).result == PAM_SUCCESS
        assert log_in(user.name, user.wrong_code()).result == PAM_AUTH_ERR
        shown = log_in(user.name, user.backup_codes[0])
    assert shown.result == PAM_SUCCESS
    assert shown.transcript[-1].text == "Backup code accepted, 9 left."
    assert seen.connections == 3


def test_request_carries_the_items_of_the_login(user: EnrolledUser) -> None:
    """User, service, remote host, remote user, terminal and options, as PAM has them."""
    service = a_module_service("nodelay", "nullok", "debug", "prompt=Code: ")
    items = {"rhost": "192.0.2.7", "ruser": "someone", "tty": "pts/3"}
    with daemon(real_flow) as seen:
        transact(service, user.name, [user.code().encode()], items=items)
    fields = wire.fields_of(seen.received[0])
    assert fields[2] == user.name.encode()
    assert fields[3] == service.encode()
    assert (fields[4], fields[5], fields[6]) == (b"192.0.2.7", b"someone", b"pts/3")
    assert fields[8] == b"Code: "
    assert int.from_bytes(fields[9], "big") == 1 | 16
    assert 7 not in fields


def test_each_request_has_a_nonce_of_its_own(user: EnrolledUser) -> None:
    """An answer to one request is none to another."""
    nonces: set[bytes] = set()

    def refuse(connection: socket.socket) -> None:
        connection.send(wire.hello())
        nonce = wire.nonce_of(connection.recv(65536))
        nonces.add(nonce)
        connection.send(wire.verdict(wire.REFUSED, nonce))

    with daemon(refuse):
        for _ in range(4):
            assert log_in(user.name, "").result == PAM_AUTH_ERR
    assert len(nonces) == 4


@pytest.mark.parametrize("code", VERDICTS)
def test_verdict_becomes_the_pam_result(code: int, user: EnrolledUser) -> None:
    """The table of docs/PROTOCOL.md."""

    def answer(connection: socket.socket) -> None:
        connection.send(wire.hello())
        request = connection.recv(65536)
        connection.send(wire.verdict(code, wire.nonce_of(request)))

    with daemon(answer):
        assert log_in(user.name, "").result == VERDICTS[code]


def test_several_prompts_and_messages_are_relayed(user: EnrolledUser) -> None:
    """The module does not count: what the daemon asks and shows is asked and shown, in order."""

    def converse(connection: socket.socket) -> None:
        connection.send(wire.hello())
        nonce = wire.nonce_of(connection.recv(65536))
        connection.send(wire.note("Welcome"))
        connection.send(wire.prompt("One: "))
        first = wire.fields_of(connection.recv(65536))[wire.TEXT]
        connection.send(wire.prompt("Two: ", style=1))
        second = wire.fields_of(connection.recv(65536))[wire.TEXT]
        connection.send(wire.note(f"{first.decode()}+{second.decode()}", style=1))
        connection.send(wire.verdict(wire.SUCCESS, nonce))

    with daemon(converse):
        done = transact(a_module_service(), user.name, [b"1", b"2"])
    assert done.result == PAM_SUCCESS
    assert [tuple(said) for said in done.transcript] == [
        ("info", "Welcome"),
        ("hidden", "One: "),
        ("echoed", "Two: "),
        ("error", "1+2"),
    ]


def test_password_never_crosses_the_socket() -> None:
    """What equals PAM_AUTHTOK is not sent, only that it does."""
    user = an_enrolled_user(password="correct horse")
    service = a_module_service("nodelay", password=True)
    with daemon(real_flow) as seen:
        done = transact(service, user.name, [b"correct horse", b"correct horse"])
    assert done.result == PAM_AUTH_ERR
    assert wire.fields_of(seen.received[1]) == {wire.UNUSABLE: b"\2"}
    assert not any(b"correct horse" in each for each in seen.received)
