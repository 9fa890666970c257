"""Log lines: one event, one line of key=value pairs that nothing in a value can break."""

from __future__ import annotations

import syslog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_VALUE_CHARACTERS = 256


def format_event(event: str, fields: Iterable[tuple[str, object]]) -> str:
    """Format an event as `event=NAME key=value ...`.

    Args:
        event: what happened, one word.
        fields: key and value; values that are None are left out, a Sentence is quoted, every
            other value becomes one word.
    """
    pairs = [f"event={event}"]
    pairs += [f"{key}={_formatted(value)}" for key, value in fields if value is not None]
    return " ".join(pairs)


class Sentence(str):
    """Words of the product's own, quoted, whose spaces and signs stay readable in a log line.

    Not for what others chose: a reader that looks for `user=` without minding quotes would find
    it in there.
    """

    __slots__ = ()


def escape(value: str, signs: bytes = b"\"'\\=") -> str:
    """Write a value so that it is one ASCII word: no space, quote, equals sign or control byte.

    User names and host names are chosen by whoever knocks; a line break in one would forge a
    second line, an escape sequence would reach the terminal of who reads the log.

    Args:
        value: any text.
        signs: the printable characters that are escaped too.
    """
    cut = value[:MAX_VALUE_CHARACTERS]
    raw = cut.encode("utf-8", "surrogateescape" if _encodable(cut) else "backslashreplace")
    plain = frozenset(range(0x21, 0x7F)) - frozenset(signs)
    escaped = "".join(chr(byte) if byte in plain else f"\\x{byte:02x}" for byte in raw)
    return escaped + ("..." if len(value) > MAX_VALUE_CHARACTERS else "") or '""'


def write_event(ident: str, priority: int, line: str) -> None:
    """Write a line to the log of the host's authentication (LOG_AUTHPRIV)."""
    syslog.openlog(ident, syslog.LOG_PID, syslog.LOG_AUTHPRIV)
    syslog.syslog(priority, line)


def _formatted(value: object) -> str:
    if isinstance(value, Sentence):
        return '"' + " ".join(escape(word, b'"\\') for word in value.split()) + '"'
    return escape(str(value))


def _encodable(value: str) -> bool:
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True
