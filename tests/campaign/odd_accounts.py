"""Accounts of the machine whose names are legal to the kernel and odd to everything else."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tests.harness.faults import replaced
from tests.harness.installation import require_namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWD = Path("/etc/passwd")
FIRST_UID = 40001
ODD_NAMES = [
    b"Alice",
    b"alice",
    b"ALICE",
    b"DOM\\user",
    b"user@realm",
    b"1234",
    "m\u00e4uschen".encode(),
    b"caf\xe9",
    b"..",
    b"../alice",
    b"a/b",
    b".lock",
    b".alice.json.new",
    b"alice.json",
    b"%2E.",
    b"~root",
    b"d -",
    b"o'neil $(x)",
    b'a="b',
    "\u0416\u65e5\u0661".encode(),
    "a\u0308".encode(),
    "\u00e4".encode(),
    b"x" * 200,
    b"x" * 201,
    b"y" * 1024,
]


@contextlib.contextmanager
def odd_accounts() -> Iterator[dict[bytes, int]]:
    """Have accounts with those names, each with a uid of its own; yields the uids by name."""
    require_namespace()
    uids = {name: FIRST_UID + number for number, name in enumerate(ODD_NAMES)}
    lines = b"".join(b"%s:x:%d:%d::/:/bin/sh\n" % (name, uid, uid) for name, uid in uids.items())
    with replaced(PASSWD, PASSWD.read_bytes() + lines, mode=0o644):
        yield uids


def text_of(name: bytes) -> str:
    """Return a name as the product's Python has it."""
    return name.decode("utf-8", "surrogateescape")


def as_argument(name: bytes) -> str:
    """Return a name as a program of this process has to be given it."""
    return os.fsdecode(name)
