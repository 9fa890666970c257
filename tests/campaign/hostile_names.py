"""Account names that an enemy would choose, and what the log has to make of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

LONGEST_NAME = 1024  # that the module sends on; a longer one is nobody's
LOGGED_BYTES = 256
NAMED = {
    "up": b"../x",
    "up and down": b"a/../root",
    "absolute": b"/etc/passwd",
    "dot": b".",
    "dots": b"..",
    "the store's lock": b".lock",
    "the store's sentinel": b".store",
    "a record's file": b"alice.json",
    "an unfinished file": b".alice.json.new",
    "empty": b"",
    "blank": b" ",
    "64 KB": b"a" * 65536,
    "64 KB of ways up": b"../" * 21846,
    "longest": b"b" * LONGEST_NAME,
    "longest, all escaped": "\U0001f600".encode() * (LONGEST_NAME // 4),
    "longer than that": b"b" * (LONGEST_NAME + 1),
    "newline": b"root\nevent=login outcome=success user=root",
    "newline at the end": b"nobody-of-that-name\n",
    "carriage return": b"x\rpam_tfa(sshd:auth): event=login outcome=success",
    "a second line for syslog": b"x\n<86>Nov 23 03:00:00 pam-tfa-helper[1]: event=login",
    "escape sequences": b"\x1b[2J\x1b]0;title\x07\x1b[31mroot\x9b1m",
    "backspaces": b"toor\b\b\b\broot",
    "U+202E": "\u202etoor\u2066".encode(),
    "other line ends": "a\u2028b\u2029c\x85d".encode(),
    "no UTF-8": b"caf\xe9\xff\xfe\xc0\xaf",
    "overlong slash": b"..\xc0\xafx",
    "surrogate": b"\xed\xa0\x80",
    "domain": b"NODOM\\user",
    "realm": b"user@realm.example",
    "digits": b"123456789",
    "a uid": b"0",
    "root in capitals": b"ROOT",
    "root and a blank": b"root ",
    "fields": b'x" outcome=success user="root',
    "more fields": b"x outcome=success reason=code user=root",
    "escapes": b"x\\x20outcome\\x3dsuccess",
    "percent": b"%2E%2E%2Fx",
    "formats": b"%s%n%08x",
    "hashed form": b"~" + b"0" * 64,
    "option": b"--config=/tmp/x",
    "shell": b"$(reboot);`reboot`|x",
    "colon": b"root:x:0:0",
    "NIS": b"+",
}
_PIECES = (
    *(
        b".",
        b"..",
        b"/",
        b"../",
        b"./",
        b"~",
        b"%",
        b"%2E",
        b"%2F",
        b"%00",
        b"\\",
        b"@",
        b"=",
        b'"',
    ),
    *(
        b"'",
        b" ",
        b"\t",
        b"\n",
        b"\r",
        b"\x1b[31m",
        b"\x7f",
        b"\x9b",
        b"\xff",
        b"\xc3",
        b"\xe2\x80",
    ),
    *("\u202e".encode(), "\u2028".encode(), "é".encode(), "e\u0301".encode(), "ß".encode()),
    *(b"A", b"a", b"Z", b"z", b"0", b"9", b"_", b"-", b"+", b":", b",", b"$", b"{", b"}", b"%s"),
    *(b".json", b".new", b".lock", b".store", b"root", b"ROOT", b"DOM\\", b"outcome=success "),
    *("\U0001f600".encode(), b"\xed\xa0\x80", b"\\x20", b"...", b"\x01"),
)
# Where a name begins to be hashed, cut or sent as nobody's.
_EDGES = (63, 64, 66, 67, 100, 198, 199, 200, 201, 202, 250, 255, 256, 257, 400, 1023, 1024, 1025)
_WORD = re.compile(r'(?:[!#-&(-<>-\[\]-~]|\\x[0-9a-f]{2})+|""')
_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


def generated_names(random: Random) -> Iterator[bytes]:
    """Make names without end, none empty or with NUL; not all of them differ."""
    while True:
        way = random.random()
        if way < 0.55:
            yield b"".join(random.choices(_PIECES, k=random.randint(1, 12)))
        elif way < 0.7:
            yield random.choice((b"", b"."[:1], b"~")) + _of_length(random)
        elif way < 0.8:
            yield bytes(random.choices(range(1, 256), k=random.randint(1, 80)))
        elif way < 0.9:
            yield b"%06d" % random.randrange(10**6)
        else:
            yield "".join(map(chr, random.choices(range(1, 0xD800), k=8))).encode()


def _of_length(random: Random) -> bytes:
    """Make a name that has a length near an edge, as it is or percent-encoded."""
    length = random.choice(_EDGES) + random.randint(-1, 1)
    escaped = random.randint(0, length // 3) if random.random() < 0.5 else 0
    name = bytearray(random.choices(b"abcXYZ019._-", k=length - 2 * escaped))
    for place in random.sample(range(len(name)), min(escaped, len(name))):
        name[place] = random.choice(b"/%~ \n\xff=")
    return bytes(name)


def escaped(name: bytes) -> str:
    """Write a name as the log has to: one word, bytes that could mean something as \\xXX."""
    plain = set(range(0x21, 0x7F)) - set(b"\"'\\=")
    word = "".join(chr(each) if each in plain else f"\\x{each:02x}" for each in name[:LOGGED_BYTES])
    return (word or '""') + ("..." if len(name) > LOGGED_BYTES else "")


def unescaped(word: str) -> bytes:
    """Read a word of the log that was not cut.

    Raises: AssertionError where it is no word: then it could end a field, or begin one.
    """
    assert _WORD.fullmatch(word), word
    return (
        b"" if word == '""' else _ESCAPED.sub(lambda m: bytes.fromhex(m[1].decode()), word.encode())
    )


def logged_as(name: bytes) -> str:
    """Return what `user=` has to say of a PAM_USER."""
    return escaped(name if len(name) <= LONGEST_NAME else b"")


def fields_of(line: str) -> dict[str, str]:
    """Read a log line as the simplest reader does: words, split at the first equals sign."""
    fields = {}
    for word in line.split(" "):
        key, sign, value = word.partition("=")
        assert sign, line
        assert key not in fields, line
        fields[key] = value
    return fields
