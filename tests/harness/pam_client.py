"""A PAM client over ctypes: one transaction, with everything that was said and answered.

Needs nothing but the standard library of Python 3.9, so that any interpreter on the machine can
run it as a program: a JSON object on standard input (service, user, replies), one on standard
output.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    # Bytes; None for success without an answer; a number for a conversation that fails with it;
    # a function that is called while the module waits.
    Reply = bytes | int | Callable[[], bytes | int | None] | None

PAM_SUCCESS, PAM_SERVICE_ERR, PAM_PERM_DENIED, PAM_AUTH_ERR = 0, 3, 6, 7
PAM_AUTHINFO_UNAVAIL, PAM_MAXTRIES, PAM_CONV_ERR, PAM_IGNORE = 9, 11, 19, 25
PAM_SILENT = 0x8000
PAM_ESTABLISH_CRED = 2
ITEMS = {"service": 1, "user": 2, "tty": 3, "rhost": 4, "ruser": 8}
PAM_FAIL_DELAY = 10
STYLES = {1: "hidden", 2: "echoed", 3: "error", 4: "info"}
ASKING = ("hidden", "echoed")


class Said(NamedTuple):
    """One message of the conversation."""

    style: str
    text: str


class Transaction(NamedTuple):
    """What came of one transaction; results are None for calls that were not made."""

    result: int
    transcript: list[Said]
    setcred: int | None
    acct_mgmt: int | None
    delay_us: int
    seconds: float
    seconds_after_last_answer: float
    user_item: str | None
    replies_left: int

    def asked(self) -> list[str]:
        """Return the prompts' texts."""
        return [said.text for said in self.transcript if said.style in ASKING]


class _Message(ctypes.Structure):
    _fields_ = [("style", ctypes.c_int), ("text", ctypes.c_char_p)]


class _Response(ctypes.Structure):
    _fields_ = [("text", ctypes.c_void_p), ("code", ctypes.c_int)]


_CONVERSE = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_int,
    ctypes.POINTER(ctypes.POINTER(_Message)),
    ctypes.POINTER(ctypes.c_void_p),
    ctypes.c_void_p,
)
_DELAY = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p)


class _Conversation(ctypes.Structure):
    _fields_ = [("converse", _CONVERSE), ("data", ctypes.c_void_p)]


def _load() -> tuple[Any, Any]:
    libc = ctypes.CDLL("libc.so.6", use_errno=True)
    libc.calloc.restype = ctypes.c_void_p
    libc.calloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
    libc.strdup.restype = ctypes.c_void_p
    libc.strdup.argtypes = [ctypes.c_char_p]
    return libc, ctypes.CDLL("libpam.so.0")


_LIBC, _LIBPAM = _load()


class Client:
    """One PAM handle. Use it as a context manager: leaving ends the transaction."""

    def __init__(
        self,
        service: str,
        user: str | None,
        replies: Sequence[Reply] = (),
        *,
        confdir: str | None = None,
        items: dict[str, str] | None = None,
    ) -> None:
        self.transcript: list[Said] = []
        self.delay_us = 0
        self.answered_at = time.monotonic()
        self.replies = list(replies)
        self.last_result = PAM_SUCCESS
        self._handle = ctypes.c_void_p()
        # Kept, because C holds pointers to them.
        self._callback = _CONVERSE(self._converse)
        self._delay_callback = _DELAY(self._delay)
        self._conversation = _Conversation(self._callback, None)
        self._start(service, user, confdir)
        for name, value in (items or {}).items():
            self.set_item(name, value)
        self._check(_LIBPAM.pam_set_item(self._handle, PAM_FAIL_DELAY, self._delay_callback))

    def __enter__(self) -> Client:  # noqa: PYI034 - Self came with Python 3.11
        """Nothing to do: the handle is there."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the transaction."""
        _LIBPAM.pam_end(self._handle, self.last_result)

    def call(self, function: str, flags: int = 0) -> int:
        """Call pam_FUNCTION(handle, flags) and return its result."""
        self.answered_at = time.monotonic()
        self.last_result = getattr(_LIBPAM, f"pam_{function}")(self._handle, flags)
        return self.last_result

    def set_item(self, name: str, value: str) -> None:
        """Set one of ITEMS."""
        self._check(_LIBPAM.pam_set_item(self._handle, ITEMS[name], value.encode()))

    def get_item(self, name: str) -> str | None:
        """Return one of ITEMS, None where it isn't set."""
        value = ctypes.c_char_p()
        self._check(_LIBPAM.pam_get_item(self._handle, ITEMS[name], ctypes.byref(value)))
        return None if value.value is None else value.value.decode("utf-8", "surrogateescape")

    def _start(self, service: str, user: str | None, confdir: str | None) -> None:
        arguments: list[Any] = [
            service.encode(),
            None if user is None else user.encode("utf-8", "surrogateescape"),
            ctypes.byref(self._conversation),
        ]
        start = _LIBPAM.pam_start
        if confdir is not None:
            start = _LIBPAM.pam_start_confdir
            arguments.append(confdir.encode())
        self._check(start(*arguments, ctypes.byref(self._handle)))

    def _check(self, result: int) -> None:
        if result != PAM_SUCCESS:
            raise OSError(f"libpam answers {result}")

    def _delay(self, _result: int, delay_us: int, _data: object) -> None:
        self.delay_us = delay_us

    def _converse(self, count: int, messages: Any, responses: Any, _data: object) -> int:
        array = _LIBC.calloc(count, ctypes.sizeof(_Response))
        answers = ctypes.cast(array, ctypes.POINTER(_Response))
        responses[0] = array
        for i in range(count):
            message = messages[i].contents
            style = STYLES.get(message.style, str(message.style))
            self.transcript.append(Said(style, message.text.decode("utf-8", "backslashreplace")))
            if style not in ASKING:
                continue
            reply = self.replies.pop(0) if self.replies else PAM_CONV_ERR
            if callable(reply):
                reply = reply()
            self.answered_at = time.monotonic()
            if isinstance(reply, int):
                return reply
            if reply is not None:
                answers[i].text = _LIBC.strdup(reply)
        return PAM_SUCCESS


def transact(
    service: str,
    user: str | None,
    replies: Sequence[Reply] = (),
    *,
    flags: int = 0,
    confdir: str | None = None,
    items: dict[str, str] | None = None,
    follow_up: bool = True,
) -> Transaction:
    """Authenticate, then (after success, unless follow_up is off) acct_mgmt and setcred."""
    with Client(service, user, replies, confdir=confdir, items=items) as client:
        began = time.monotonic()
        result = client.call("authenticate", flags)
        ended = time.monotonic()
        after_answer = ended - client.answered_at
        setcred = acct_mgmt = None
        if follow_up and result == PAM_SUCCESS:
            acct_mgmt = client.call("acct_mgmt", flags)
            setcred = client.call("setcred", PAM_ESTABLISH_CRED | flags)
        return Transaction(
            result=result,
            transcript=client.transcript,
            setcred=setcred,
            acct_mgmt=acct_mgmt,
            delay_us=client.delay_us,
            seconds=ended - began,
            seconds_after_last_answer=after_answer,
            user_item=client.get_item("user"),
            replies_left=len(client.replies),
        )


def main() -> None:
    """Run the transaction that standard input describes."""
    order = json.load(sys.stdin)
    replies = [each.encode("utf-8", "surrogateescape") for each in order["replies"]]
    done = transact(order["service"], order["user"], replies, confdir=order.get("confdir"))
    json.dump(done._asdict(), sys.stdout)


if __name__ == "__main__":
    main()
