"""The machine's log, as a listener at /dev/log that keeps every line."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from typing import NamedTuple

from tests.harness.installation import require_namespace

LOG_SOCKET = "/dev/log"
_LINE = re.compile(r"<(\d+)>\w{3} [ \d]\d \d\d:\d\d:\d\d (.*?)(?:\[\d+\])?: (.*)", re.DOTALL)


class LogLine(NamedTuple):
    """One line: facility and priority as syslog.h numbers them; and the bytes that came."""

    facility: int
    priority: int
    ident: str
    text: str
    datagram: bytes = b""


class SystemLog:
    """Listens at /dev/log in a thread. A mark is a place in what came so far."""

    def __init__(self) -> None:
        require_namespace()
        self._lines: list[LogLine] = []
        self._arrived = threading.Condition()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        if os.path.lexists(LOG_SOCKET):
            os.unlink(LOG_SOCKET)
        self._socket.bind(LOG_SOCKET)
        os.chmod(LOG_SOCKET, 0o666)
        self._thread = threading.Thread(target=self._listen, name="system log", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening; a later listener may have taken the place already."""
        if os.path.lexists(LOG_SOCKET):
            os.unlink(LOG_SOCKET)
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._socket.close()

    def mark(self) -> int:
        """Return where the log is now."""
        return len(self._lines)

    def lines(self, since: int = 0) -> list[LogLine]:
        """Return what came since a mark."""
        return self._lines[since:]

    def texts(self, since: int = 0) -> list[str]:
        """Return the texts since a mark."""
        return [line.text for line in self.lines(since)]

    def wait_for(self, pattern: str, since: int = 0, timeout_s: float = 3.0) -> LogLine:
        """Return the first line since a mark that a regular expression finds, or fail."""
        deadline = time.monotonic() + timeout_s
        with self._arrived:
            while True:
                for line in self._lines[since:]:
                    if re.search(pattern, line.text):
                        return line
                left = deadline - time.monotonic()
                if left <= 0 or not self._arrived.wait(left):
                    break
        raise AssertionError(f"no log line matches {pattern!r}; there are {self.texts(since)}")

    def _listen(self) -> None:
        while datagram := self._socket.recv(65536):
            with self._arrived:
                self._lines.append(parse_line(datagram))
                self._arrived.notify_all()


def parse_line(datagram: bytes) -> LogLine:
    """Read what glibc's syslog() sends."""
    content = datagram.decode("utf-8", "backslashreplace").rstrip("\n\0")
    matched = _LINE.fullmatch(content)
    if matched is None:
        return LogLine(-1, -1, "", content, datagram)
    number = int(matched[1])
    return LogLine(number & ~7, number & 7, matched[2], matched[3], datagram)
