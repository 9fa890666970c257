"""The helper's half in Python: one login over file descriptor 3, then gone."""

from __future__ import annotations

import os
import syslog

from pam_tfa.dialogue import Prompt
from pam_tfa.events import Sentence, format_event
from pam_tfa.login import login
from pam_tfa.service.machine import Machine
from pam_tfa.service.protocol import (
    MAX_MESSAGE_BYTES,
    ProtocolError,
    decode_answer,
    decode_request,
    encode_hello,
    encode_message,
    encode_prompt,
    encode_verdict,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pam_tfa.dialogue import Answer, System
    from pam_tfa.service.protocol import Request


class PeerGoneError(Exception):
    """The module closed the socket: the client went away, or the host was killed."""


class Connection:
    """The module's socket; a packet is a message."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def send(self, message: bytes) -> None:
        """Send one message. Raises PeerGoneError where nobody reads any more."""
        try:
            os.write(self._descriptor, message)
        except (BrokenPipeError, ConnectionError) as error:
            raise PeerGoneError from error

    def receive(self) -> bytes:
        """Wait as long as a person types. Raises PeerGoneError at the end of the connection."""
        try:
            message = os.read(self._descriptor, MAX_MESSAGE_BYTES + 1)
        except ConnectionError as error:
            raise PeerGoneError from error
        if not message:
            raise PeerGoneError
        return message


def serve(socket_fd: int, slot_fd: int) -> int:
    """Run the login that the module asks for. The number returned means nothing to it.

    Args:
        socket_fd: a connected SOCK_SEQPACKET socket.
        slot_fd: holds one of the host's slots for starting helpers; -1 for none.
    """
    connection = Connection(socket_fd)
    request = None
    try:
        connection.send(encode_hello())
        request = decode_request(connection.receive())
        machine = Machine(request.login.service)
        run_login(request, machine, connection, lambda: _prepare(slot_fd))
    except PeerGoneError:
        _log_failure(request, "the_client_went_away", syslog.LOG_INFO)
    except ProtocolError as error:
        _log_failure(request, Sentence(f"protocol: {error}"), syslog.LOG_ERR)
    except BaseException as error:  # noqa: BLE001 - whatever it is: no verdict, so it denies
        _log_failure(request, Sentence(f"internal: {_where(error)}"), syslog.LOG_CRIT)
    return 0


def run_login(
    request: Request,
    system: System,
    connection: Connection,
    while_typing: Callable[[], None],
) -> None:
    """Drive the login flow over a connection until its verdict is sent.

    Args:
        request: what the module asked for.
        system: the machine.
        connection: to the module.
        while_typing: called once a prompt is on its way, before its answer is waited for.

    Raises: PeerGoneError, ProtocolError, and whatever the flow raises; then no verdict was sent.
    """
    flow = login(request.login, system)
    answer: Answer | None = None
    while True:
        try:
            step = flow.send(answer)
        except StopIteration as end:
            connection.send(encode_verdict(end.value, request.nonce))
            return
        if isinstance(step, Prompt):
            connection.send(encode_prompt(step.text, echo=step.echo))
            while_typing()
            answer = decode_answer(connection.receive())
        else:
            connection.send(encode_message(step.text, is_error=step.is_error))
            answer = None


def _prepare(slot_fd: int) -> None:
    """Import what the answer needs; then let the next helper start."""
    # The imports are the work.
    import pam_tfa.store.sealing
    import pam_tfa.store.stored
    import pam_tfa.verification  # noqa: F401

    try:  # noqa: SIM105 - contextlib is an import more before the prompt
        os.close(slot_fd)
    except OSError:
        pass  # this host has no slots, or this is a second prompt


def _log_failure(request: Request | None, reason: str, priority: int) -> None:
    login_request = request.login if request is not None else None
    fields = (
        ("outcome", "none"),
        ("reason", reason),
        ("user", login_request.user if login_request else None),
        ("rhost", login_request.rhost if login_request else None),
    )
    Machine(login_request.service if login_request else None).log(
        priority, format_event("login", fields)
    )


def _where(error: BaseException) -> str:
    """Return an exception's type and place; its text could hold what the user typed."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return type(error).__name__
    name = os.path.basename(traceback.tb_frame.f_code.co_filename)
    return f"{type(error).__name__} at {name}:{traceback.tb_lineno}"
