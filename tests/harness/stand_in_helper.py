"""Programs in the helper's place: each does one thing that a helper must not do.

The program is a script of /usr/bin/python3, whose standard library it uses and nothing else; what
it says it says over file descriptor 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.harness import wire
from tests.harness.faults import replaced
from tests.harness.installation import helper_path

if TYPE_CHECKING:
    import contextlib
    from pathlib import Path

_PRELUDE = """#!/usr/bin/python3 -IS
import os, socket, time
connection = socket.socket(fileno=3)
def say(message):
    connection.send(message)
def request():
    return connection.recv(65536)
def nonce(received):
    at = received.index(b"\\x01\\x00\\x10", 2)
    return received[at + 3 : at + 19]
"""


def stand_in(body: str) -> contextlib.AbstractContextManager[None]:
    """Put a program in the helper's place; `body` may use say(), request(), nonce(), time, os."""
    content = (_PRELUDE + body).encode()
    return replaced(helper_path(), content, mode=0o755)


def recorder(started: Path) -> contextlib.AbstractContextManager[None]:
    """Put a wrapper in the helper's place that notes each start, then is the real helper."""
    real = helper_path().with_name(helper_path().name + ".taken-away")
    content = f"#!/bin/sh\\necho started >>{started}\\nexec {real}\\n".replace("\\n", "\n")
    return replaced(helper_path(), content.encode(), mode=0o755)


# Bodies, by what is wrong with them. Each ends by itself or is ended by the module.
_HELLO = f"say({wire.hello()!r})\n"
_PROMPT = f"received = request(); say({wire.prompt()!r}); answer = connection.recv(65536)\n"


def _say(message: bytes) -> str:
    return f"say({message!r})\n"


def _verdict(code: int, nonce: str = "nonce(received)") -> str:
    head = wire.message(wire.VERDICT, (wire.CODE, bytes([code]))) + bytes([wire.NONCE, 0, 16])
    return f"say({head!r} + {nonce})\n"


_WRONG_NONCE = "bytes(16)"
_WAIT = "time.sleep(60)\n"

BAD_BEFORE_HELLO = {
    "exits 0 at once": "",
    "exits 1 at once": "raise SystemExit(1)\n",
    "closes the socket and stays": "connection.close()\n" + _WAIT,
    "says nothing": _WAIT,
    "says random bytes": "say(os.urandom(100))\n" + _WAIT,
    "says an empty packet": "say(b'')\n" + _WAIT,
    "says a packet of 60,000 bytes": "say(bytes(60000))\n" + _WAIT,
    "says a hello and a byte more": _say(wire.hello() + b"\0") + _WAIT,
    "says a hello of another version": _say(wire.message(wire.HELLO, version=2)) + _WAIT,
    "begins with a prompt": _say(wire.prompt()) + _WAIT,
    "begins with success": _say(wire.verdict(wire.SUCCESS, bytes(16))) + _WAIT,
}
BAD_BEFORE_PROMPT = {
    "ends after the hello": _HELLO,
    "hangs after the hello": _HELLO + _WAIT,
    "says hello twice": _HELLO + _HELLO + _WAIT,
    "says success before it has read": _HELLO + _say(wire.verdict(wire.SUCCESS, bytes(16))) + _WAIT,
    "says ignore before it has read": _HELLO + _say(wire.verdict(wire.IGNORED, bytes(16))) + _WAIT,
    "says success with a wrong nonce": _HELLO
    + "received = request()\n"
    + _verdict(wire.SUCCESS, _WRONG_NONCE),
    "says ignore with a wrong nonce": _HELLO
    + "received = request()\n"
    + _verdict(wire.IGNORED, _WRONG_NONCE),
    "says success with a short nonce": _HELLO
    + "received = request()\n"
    + _say(wire.message(wire.VERDICT, (wire.CODE, b"\1"), (wire.NONCE, bytes(15)))),
    "says success without a nonce": _HELLO
    + "received = request()\n"
    + _say(wire.message(wire.VERDICT, (wire.CODE, b"\1"))),
    "says verdict 0": _HELLO + "received = request()\n" + _verdict(0),
    "says verdict 8": _HELLO + "received = request()\n" + _verdict(8),
    "says verdict 255": _HELLO + "received = request()\n" + _verdict(255),
    "says a verdict of two bytes": _HELLO
    + "received = request()\n"
    + "say(b'\\x01\\x06\\x0d\\x00\\x02\\x01\\x01\\x01\\x00\\x10' + nonce(received))\n",
    "says an answer": _HELLO + _say(wire.message(wire.ANSWER, (wire.TEXT, b"1"))) + _WAIT,
    "repeats the request": _HELLO + "say(request())\n" + _WAIT,
    "says a prompt with NUL": _HELLO
    + _say(wire.message(wire.PROMPT, (wire.TEXT, b"a\0b"), (wire.STYLE, b"\0")))
    + _WAIT,
    "says a prompt of style 2": _HELLO + _say(wire.prompt(style=2)) + _WAIT,
    "says a prompt without a style": _HELLO
    + _say(wire.message(wire.PROMPT, (wire.TEXT, b"Code: ")))
    + _WAIT,
    "says a prompt of 4,097 bytes": _HELLO + _say(wire.prompt("x" * 4097)) + _WAIT,
    "says a field twice": _HELLO
    + _say(wire.message(wire.PROMPT, (wire.TEXT, b"a"), (wire.TEXT, b"a"), (wire.STYLE, b"\0")))
    + _WAIT,
    "says a field that passes the end": _HELLO + _say(b"\x01\x03\x0a\xff\xff\x00") + _WAIT,
}
BAD_AFTER_ANSWER = {
    "ends after the answer": _HELLO + _PROMPT,
    "hangs after the answer": _HELLO + _PROMPT + _WAIT,
    "says random bytes after the answer": _HELLO + _PROMPT + "say(os.urandom(64))\n" + _WAIT,
    "says success with a wrong nonce after the answer": _HELLO
    + _PROMPT
    + _verdict(wire.SUCCESS, _WRONG_NONCE),
    "says ignore with a wrong nonce after the answer": _HELLO
    + _PROMPT
    + _verdict(wire.IGNORED, _WRONG_NONCE),
    "says verdict 255 after the answer": _HELLO + _PROMPT + _verdict(255),
    "says messages without end after the answer": _HELLO
    + _PROMPT
    + "while True:\n    say("
    + repr(wire.note("still here"))
    + ")\n    time.sleep(0.05)\n",
}
