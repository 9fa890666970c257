"""The messages of docs/PROTOCOL.md: bytes to typed values and back. No input or output."""

from __future__ import annotations

import os

from pam_tfa.dialogue import Answer, LoginRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pam_tfa.dialogue import Unusable, Verdict

VERSION = 1
MAX_MESSAGE_BYTES = 8192
MAX_TEXT_BYTES = 4096
MAX_ANSWER_BYTES = 512
MAX_ITEM_BYTES = 1024
MAX_PROMPT_TEXT_BYTES = 255
NONCE_BYTES = 16

HELLO, REQUEST, PROMPT, MESSAGE, ANSWER, VERDICT = range(1, 7)
(
    NONCE,
    USER,
    SERVICE,
    RHOST,
    RUSER,
    TTY,
    CONFIG,
    PROMPT_TEXT,
    OPTIONS,
    TEXT,
    STYLE,
    UNUSABLE,
    CODE,
) = range(1, 14)

OPTION_NULLOK, OPTION_ECHO, OPTION_DECOY, OPTION_QUIET, OPTION_DEBUG = (1, 2, 4, 8, 16)
_ALL_OPTIONS = 31
_UNUSABLE: dict[int, Unusable] = {1: "too_long", 2: "equals_password"}
_CODES: dict[Verdict, int] = {
    "success": 1,
    "ignore": 2,
    "refused": 3,
    "locked": 4,
    "unavailable": 5,
    "conversation_failed": 6,
    "misconfigured": 7,
}
# Smallest and largest length of each field that a module may send.
_REQUEST_FIELDS = {
    NONCE: (NONCE_BYTES, NONCE_BYTES),
    USER: (0, MAX_ITEM_BYTES),
    OPTIONS: (4, 4),
    SERVICE: (0, MAX_ITEM_BYTES),
    RHOST: (0, MAX_ITEM_BYTES),
    RUSER: (0, MAX_ITEM_BYTES),
    TTY: (0, MAX_ITEM_BYTES),
    CONFIG: (1, MAX_ITEM_BYTES),
    PROMPT_TEXT: (1, MAX_PROMPT_TEXT_BYTES),
}
_REQUIRED_REQUEST_FIELDS = (NONCE, USER, OPTIONS)
_ANSWER_FIELDS = {TEXT: (0, MAX_ANSWER_BYTES), UNUSABLE: (1, 1)}


class ProtocolError(Exception):
    """A message breaks the protocol. Carries the rule, never what was sent."""


class Request:
    """A request and the nonce that its success must repeat."""

    __slots__ = ("login", "nonce")

    def __init__(self, login: LoginRequest, nonce: bytes) -> None:
        self.login = login
        self.nonce = nonce


def encode_hello() -> bytes:
    """Say that somebody is there, before any work."""
    return _encode(HELLO, ())


def encode_prompt(text: str, *, echo: bool) -> bytes:
    """Ask for one line."""
    return _encode(PROMPT, ((TEXT, _text(text)), (STYLE, bytes([echo]))))


def encode_message(text: str, *, is_error: bool) -> bytes:
    """Show a text."""
    return _encode(MESSAGE, ((TEXT, _text(text)), (STYLE, bytes([is_error]))))


def encode_verdict(verdict: Verdict, nonce: bytes) -> bytes:
    """End the login."""
    return _encode(VERDICT, ((CODE, bytes([_CODES[verdict]])), (NONCE, nonce)))


def decode_request(message: bytes) -> Request:
    """Read a module's request.

    Raises: ProtocolError.
    """
    fields = _decode(message, REQUEST, _REQUEST_FIELDS)
    if any(tag not in fields for tag in _REQUIRED_REQUEST_FIELDS):
        raise ProtocolError("a field is missing")
    options = int.from_bytes(fields[OPTIONS], "big")
    if options & ~_ALL_OPTIONS:
        raise ProtocolError("unknown option")
    login = LoginRequest(
        os.fsdecode(fields[USER]),
        service=_item(fields, SERVICE),
        rhost=_item(fields, RHOST),
        ruser=_item(fields, RUSER),
        tty=_item(fields, TTY),
        config_path=_item(fields, CONFIG),
        prompt_text=_item(fields, PROMPT_TEXT),
        nullok=bool(options & OPTION_NULLOK),
        echo=bool(options & OPTION_ECHO),
        decoy=bool(options & OPTION_DECOY),
        quiet=bool(options & OPTION_QUIET),
    )
    return Request(login, fields[NONCE])


def decode_answer(message: bytes) -> Answer:
    """Read the user's answer.

    Raises: ProtocolError.
    """
    fields = _decode(message, ANSWER, _ANSWER_FIELDS)
    if len(fields) != 1:
        raise ProtocolError("an answer has one field")
    if TEXT in fields:
        return Answer(fields[TEXT])
    unusable = _UNUSABLE.get(fields[UNUSABLE][0])
    if unusable is None:
        raise ProtocolError("unknown kind of answer")
    return Answer(unusable=unusable)


def _encode(message_type: int, fields: Iterable[tuple[int, bytes]]) -> bytes:
    parts = [bytes([VERSION, message_type])]
    for tag, value in fields:
        parts += [bytes([tag]), len(value).to_bytes(2, "big"), value]
    return b"".join(parts)


def _decode(message: bytes, wanted: int, allowed: dict[int, tuple[int, int]]) -> dict[int, bytes]:
    if len(message) > MAX_MESSAGE_BYTES or message[:2] != bytes([VERSION, wanted]):
        raise ProtocolError("not the message that is expected here")
    fields: dict[int, bytes] = {}
    at = 2
    while at < len(message):
        header = message[at : at + 3]
        value = message[at + 3 : at + 3 + int.from_bytes(header[1:], "big")]
        if len(header) < 3 or len(value) < int.from_bytes(header[1:], "big"):
            raise ProtocolError("a field passes the end")
        tag = header[0]
        if tag not in allowed or tag in fields:
            raise ProtocolError("a field that does not belong here")
        smallest, largest = allowed[tag]
        is_text = tag not in (NONCE, OPTIONS, UNUSABLE)
        if not smallest <= len(value) <= largest or (is_text and b"\0" in value):
            raise ProtocolError("a field of wrong length or content")
        fields[tag] = value
        at += 3 + len(value)
    return fields


def _item(fields: dict[int, bytes], tag: int) -> str | None:
    return os.fsdecode(fields[tag]) if tag in fields else None


def _text(text: str) -> bytes:
    return os.fsencode(text)[:MAX_TEXT_BYTES]
