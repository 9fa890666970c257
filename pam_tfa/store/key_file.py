"""The file of sealing keys: one line a key, the first one seals.

It is only ever replaced whole. Each change reads it anew under the lock of its directory, so that
a line that an administrator has added meanwhile (an old key, for records from a backup) stays.
"""

from __future__ import annotations

import binascii
import contextlib
import os
from typing import TYPE_CHECKING

from pam_tfa.core.errors import (
    SealError,
    SealKeyDamagedError,
    SealKeyMissingError,
    StoreError,
    StoreUnavailableError,
)
from pam_tfa.store.creation import create_file, replace_file
from pam_tfa.store.directory import NotThereError, open_trusted_directory, open_trusted_file
from pam_tfa.store.locks import take_directory_lock
from pam_tfa.store.system_calls import close_descriptor, read_at, reason_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

SEAL_KEY_PATH = "/etc/pam-tfa/seal.key"
FORMAT_LINE = b"pam-tfa-seal-key/1"
KEY_BYTES = 32
KEY_ID_RANDOM_BYTES = 4
KEY_ID_BYTES_AT_MOST = 64  # core.records holds it to the same
KEY_FILE_BYTES_AT_MOST = 65536
LOCK_WAIT_S = 3.0
_KEY_ID_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


def read_keys(path: str = SEAL_KEY_PATH, trusted_uid: int = 0) -> dict[str, bytes]:
    """Read a key file: keys of KEY_BYTES by their id, the active one first.

    Raises: SealKeyMissingError, SealKeyDamagedError, SealError for a failing disk.
    """
    return _parse_keys(_read_key_file(path, trusted_uid), path)


def create_seal_key(path: str = SEAL_KEY_PATH, trusted_uid: int = 0) -> bool:
    """Create a key file with one random key, whole and durable, unless there is one.

    Returns: False when the path exists; what is there is never changed.
    Raises: StoreUnavailableError, NotDurableError, StoreBusyError.
    """
    content = _encode_keys(_with_new_key({}))
    with _locked_directory(path, trusted_uid) as (directory_fd, name):
        return create_file(directory_fd, name, path, content)


def add_seal_key(path: str = SEAL_KEY_PATH, trusted_uid: int = 0) -> str:
    """Put a new random key in front: it seals from now on, the others still open.

    Returns: its id; by then it is durable.
    Raises: SealError, StoreUnavailableError, NotDurableError, StoreBusyError.
    """
    with _locked_directory(path, trusted_uid) as (directory_fd, name):
        keys = _with_new_key(read_keys(path, trusted_uid))
        replace_file(directory_fd, name, path, _encode_keys(keys))
    return next(iter(keys))


def drop_seal_keys(
    key_ids: Collection[str], path: str = SEAL_KEY_PATH, trusted_uid: int = 0
) -> None:
    """Drop keys, never the active one; without any, write the file again as it is.

    A file that a killed process has put in place may not be durable yet; afterwards it is.

    Raises: SealError, StoreUnavailableError, NotDurableError, StoreBusyError.
    """
    with _locked_directory(path, trusted_uid) as (directory_fd, name):
        keys = read_keys(path, trusted_uid)
        active = next(iter(keys))
        kept = {each: key for each, key in keys.items() if each == active or each not in key_ids}
        replace_file(directory_fd, name, path, _encode_keys(kept))


@contextlib.contextmanager
def _locked_directory(path: str, trusted_uid: int) -> Iterator[tuple[int, str]]:
    directory, _, name = path.rpartition("/")
    if not name:
        raise StoreUnavailableError(path, "names no file")
    directory_fd = open_trusted_directory(directory or "/", trusted_uid)
    try:
        take_directory_lock(directory_fd, directory, LOCK_WAIT_S)
        yield directory_fd, name
    finally:
        close_descriptor(directory_fd)


def _with_new_key(keys: dict[str, bytes]) -> dict[str, bytes]:
    key_id = os.urandom(KEY_ID_RANDOM_BYTES).hex()
    while key_id in keys:
        key_id = os.urandom(KEY_ID_RANDOM_BYTES).hex()
    return {key_id: os.urandom(KEY_BYTES), **keys}


def _encode_keys(keys: dict[str, bytes]) -> bytes:
    lines = [
        b"%s %s\n" % (each.encode(), binascii.b2a_base64(key, newline=False))
        for each, key in keys.items()
    ]
    return FORMAT_LINE + b"\n" + b"".join(lines)


def _read_key_file(path: str, trusted_uid: int) -> bytes:
    try:
        key_fd = open_trusted_file(path, trusted_uid, private=True)
    except NotThereError as error:
        raise SealKeyMissingError(path, error.reason) from error
    except StoreError as error:
        raise SealKeyDamagedError(error.path, error.reason) from error
    try:
        return read_at(key_fd, KEY_FILE_BYTES_AT_MOST + 1, 0)
    except OSError as error:
        raise SealError(path, reason_of(error)) from error
    finally:
        close_descriptor(key_fd)


def _parse_keys(content: bytes, path: str) -> dict[str, bytes]:
    """Read the lines; an error tells the line's number, never what is in it."""
    lines = content.split(b"\n")
    if len(content) > KEY_FILE_BYTES_AT_MOST or lines[0] != FORMAT_LINE or lines[-1] != b"":
        raise SealKeyDamagedError(path, "is no sealing key file of format 1, or is cut short")
    keys: dict[str, bytes] = {}
    for number, line in enumerate(lines[1:-1], start=2):
        parsed = _parse_key_line(line)
        if parsed is None or parsed[0] in keys:
            raise SealKeyDamagedError(path, f"line {number} is no key, or repeats a key's id")
        keys[parsed[0]] = parsed[1]
    if not keys:
        raise SealKeyDamagedError(path, "holds no key")
    return keys


def _parse_key_line(line: bytes) -> tuple[str, bytes] | None:
    key_id, _, encoded = line.partition(b" ")
    if not 0 < len(key_id) <= KEY_ID_BYTES_AT_MOST or not _KEY_ID_BYTES.issuperset(key_id):
        return None
    try:
        key = binascii.a2b_base64(encoded, strict_mode=True)
    except binascii.Error:
        return None
    return (key_id.decode("ascii"), key) if len(key) == KEY_BYTES else None
