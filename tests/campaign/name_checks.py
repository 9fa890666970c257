"""Generated names held to what a file name and a log line may be; a program, one a processor.

    python -m tests.campaign.name_checks SEED COUNT

It prints how many different names it held to it, and ends in an AssertionError at the first
that breaks a rule.
"""

from __future__ import annotations

import hashlib
import os
import random
import sys
from urllib.parse import unquote_to_bytes

from pam_tfa.events import format_event
from pam_tfa.store.names import is_record_file_name, record_file_name, unfinished_file_name
from tests.campaign.hostile_names import LOGGED_BYTES, fields_of, generated_names, unescaped

SUFFIX = ".json"
NAME_MAX = 255
STORE_FILES = {".lock", ".store"}
LONGEST_LINE = 8192  # rsyslog cuts what is longer
_PLAIN = set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.")
HASHED_FROM = 201


def check_file_name(name: bytes) -> str:
    """Hold a name's file to a plain entry of the store that can be read back; return it."""
    file_name = record_file_name(os.fsdecode(name))
    assert file_name.isascii(), name
    assert file_name.isprintable(), name
    assert not set(file_name) & set("/\0"), name
    assert file_name not in {".", "..", *STORE_FILES}, name
    assert not file_name.startswith("."), name
    assert is_record_file_name(file_name), name
    unfinished = unfinished_file_name(file_name)
    assert not is_record_file_name(unfinished), name
    assert unfinished not in STORE_FILES, name
    assert len(os.fsencode(unfinished)) <= NAME_MAX, name
    assert _name_behind(file_name, name) == name
    return file_name


def _name_behind(file_name: str, name: bytes) -> bytes:
    """Read a file name back, where it isn't a hash, with somebody else's percent-decoding."""
    stem = file_name.removesuffix(SUFFIX)
    plain_length = sum(
        1 if byte in _PLAIN and (byte != 0x2E or place) else 3 for place, byte in enumerate(name)
    )
    if plain_length < HASHED_FROM:
        assert stem[0] != "~", name
        return unquote_to_bytes(stem)
    assert stem == "~" + hashlib.sha256(name).hexdigest(), name
    return name


def check_line(name: bytes, other: bytes) -> None:
    """Hold a log line that two names are in to one line from which both can be read."""
    user, rhost = os.fsdecode(name), os.fsdecode(other)
    values = {"outcome": "refused", "reason": "unknown_user", "user": user, "rhost": rhost}
    others = {"ruser": user, "tty": rhost}
    line = format_event("login", (values | others).items())
    assert line.isascii(), name
    assert line.isprintable(), name
    assert len(line) < LONGEST_LINE, name
    assert line.count("outcome=") == 1, name
    fields = fields_of(line)
    assert list(fields) == ["event", *values, *others], name
    assert fields["event"] == "login", name
    assert fields["outcome"] == "refused", name
    for key, value in (("user", name), ("rhost", other)):
        if len(value) <= LOGGED_BYTES:
            assert unescaped(fields[key]) == value, value
        else:
            assert unescaped(fields[key].removesuffix("...")) == value[:LOGGED_BYTES], value


def check_names(seed: int, count: int) -> int:
    """Check so many different names; no two may have the same file."""
    names = generated_names(random.Random(seed))
    seen: set[bytes] = set()
    files: set[bytes] = set()
    before = b"first"
    while len(seen) < count:
        name = next(names)
        key = _key(name)
        if key in seen:
            continue
        seen.add(key)
        files.add(_key(check_file_name(name).encode()))
        check_line(name, before)
        before = name
    assert len(files) == count, "two names share a file"
    return count


def _key(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=12).digest()


if __name__ == "__main__":
    print(check_names(int(sys.argv[1]), int(sys.argv[2])))
