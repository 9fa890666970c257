"""Log lines: one event, one line of key=value pairs that nothing in a value can break."""

from __future__ import annotations

import _socket  # socket itself costs the helper 5 ms before its prompt
import os
import syslog
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# Four characters each where all are escaped: a line with four values that others chose stays
# below the 8 KB that rsyslog cuts at.
MAX_VALUE_BYTES = 256
LOG_SOCKET = "/dev/log"
SEND_LIMIT_S = 0.2


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
    cut = value[: MAX_VALUE_BYTES + 1]
    raw = cut.encode("utf-8", "surrogateescape" if _encodable(cut) else "backslashreplace")
    more = "..." if len(raw) > MAX_VALUE_BYTES else ""
    plain = frozenset(range(0x21, 0x7F)) - frozenset(signs)
    escaped = "".join(
        chr(byte) if byte in plain else f"\\x{byte:02x}" for byte in raw[:MAX_VALUE_BYTES]
    )
    return escaped + more or '""'


def write_event(ident: str, priority: int, line: str) -> None:
    """Write a line to the log of the host's authentication (LOG_AUTHPRIV), or lose it.

    syslog(3) waits for as long as the log takes nothing, and a login that waits is ended with
    its code used up: with journald stopped, everybody would be refused.

    Args:
        ident: who writes.
        priority: syslog's.
        line: ASCII, without a line's end.
    """
    stamp = time.strftime("%b %e %H:%M:%S")
    message = f"<{syslog.LOG_AUTHPRIV | priority}>{stamp} {ident}[{os.getpid()}]: {line}"
    try:
        log = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
        try:
            log.settimeout(SEND_LIMIT_S)
            log.sendto(message.encode(), LOG_SOCKET)
        finally:
            log.close()
    except OSError:
        pass  # nobody listens, or there is no descriptor left to say it through


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
