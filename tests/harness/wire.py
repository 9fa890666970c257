"""The protocol as docs/PROTOCOL.md says it, written a second time: for stand-ins of a back end."""

from __future__ import annotations

HELLO, REQUEST, PROMPT, MESSAGE, ANSWER, VERDICT = range(1, 7)
NONCE, TEXT, STYLE, UNUSABLE, CODE = 1, 10, 11, 12, 13
SUCCESS, IGNORED, REFUSED, LOCKED, UNAVAILABLE, CONVERSATION_FAILED, MISCONFIGURED = range(1, 8)
MAX_MESSAGE_BYTES = 8192


def message(kind: int, *fields: tuple[int, bytes], version: int = 1) -> bytes:
    """Return a message."""
    encoded = b"".join(
        bytes([tag]) + len(value).to_bytes(2, "big") + value for tag, value in fields
    )
    return bytes([version, kind]) + encoded


def hello() -> bytes:
    """Return a HELLO."""
    return message(HELLO)


def prompt(text: str = "Verification code: ", style: int = 0) -> bytes:
    """Return a PROMPT."""
    return message(PROMPT, (TEXT, text.encode()), (STYLE, bytes([style])))


def note(text: str, style: int = 0) -> bytes:
    """Return a MESSAGE."""
    return message(MESSAGE, (TEXT, text.encode()), (STYLE, bytes([style])))


def verdict(code: int, nonce: bytes) -> bytes:
    """Return a VERDICT."""
    return message(VERDICT, (CODE, bytes([code])), (NONCE, nonce))


def fields_of(received: bytes) -> dict[int, bytes]:
    """Return a message's fields by tag."""
    fields, at = {}, 2
    while at < len(received):
        length = int.from_bytes(received[at + 1 : at + 3], "big")
        fields[received[at]] = received[at + 3 : at + 3 + length]
        at += 3 + length
    return fields


def nonce_of(request: bytes) -> bytes:
    """Return a request's nonce."""
    return fields_of(request)[NONCE]
