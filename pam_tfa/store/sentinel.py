"""The proof that a users directory is the store, and not the empty place it is mounted on.

Without it an unmounted /var would look like "nobody is enrolled", and every login would skip
the second factor.
"""

from __future__ import annotations

import os
import stat

from pam_tfa.core.errors import StoreUnavailableError
from pam_tfa.store.directory import (
    PRIVATE_DIRECTORY_MODE,
    file_defect,
    open_trusted_directory,
    open_without_following,
)
from pam_tfa.store.system_calls import close_descriptor, read_at, reason_of, status_of

SENTINEL_FILE_NAME = ".store"
STORE_ID_HEX_DIGITS = 32
_PREFIX = b"pam-tfa-store/1 "
_SENTINEL_BYTES = len(_PREFIX) + STORE_ID_HEX_DIGITS + 1
_HEX_DIGITS = frozenset(b"0123456789abcdef")


def open_proven_directory(path: str, trusted_uid: int) -> int:
    """Open the users directory and prove that it is the store.

    Returns: a descriptor, the caller's to close.
    Raises: StoreUnavailableError.
    """
    directory_fd = open_private_directory(path, trusted_uid)
    try:
        read_store_id(directory_fd, path, trusted_uid)
    except BaseException:
        close_descriptor(directory_fd)
        raise
    return directory_fd


def open_private_directory(path: str, trusted_uid: int) -> int:
    """Open a trusted directory that nobody else can even look into.

    Raises: StoreUnavailableError.
    """
    directory_fd = open_trusted_directory(path, trusted_uid)
    try:
        mode = stat.S_IMODE(status_of(directory_fd).st_mode)
    except OSError as error:
        close_descriptor(directory_fd)
        raise StoreUnavailableError(path, reason_of(error)) from error
    if mode & 0o777 != PRIVATE_DIRECTORY_MODE:
        close_descriptor(directory_fd)
        raise StoreUnavailableError(path, f"mode {mode:04o}, not 0700")
    return directory_fd


def read_store_id(directory_fd: int, directory_path: str, trusted_uid: int) -> str:
    """Return the store's id: 32 hexadecimal digits, made when the store was.

    Raises: StoreUnavailableError when the sentinel is missing or not what the store wrote.
    """
    path = f"{directory_path}/{SENTINEL_FILE_NAME}"
    try:
        content = _read_sentinel(directory_fd, path, trusted_uid)
    except FileNotFoundError as error:
        raise StoreUnavailableError(path, "missing: not mounted, or never made") from error
    except OSError as error:
        raise StoreUnavailableError(path, reason_of(error)) from error
    store_id = content[len(_PREFIX) : -1]
    if len(store_id) != STORE_ID_HEX_DIGITS or not _HEX_DIGITS.issuperset(store_id):
        raise StoreUnavailableError(path, "is not what the store wrote")
    store_id_text = store_id.decode("ascii")
    if content != encode_sentinel(store_id_text):
        raise StoreUnavailableError(path, "is not what the store wrote")
    return store_id_text


def encode_sentinel(store_id: str) -> bytes:
    """Return the sentinel's content for an id of 32 hexadecimal digits."""
    return _PREFIX + store_id.encode("ascii") + b"\n"


def _read_sentinel(directory_fd: int, path: str, trusted_uid: int) -> bytes:
    sentinel_fd = open_without_following(directory_fd, SENTINEL_FILE_NAME, os.O_RDONLY)
    try:
        defect = file_defect(status_of(sentinel_fd), trusted_uid)
        if defect is not None:
            raise StoreUnavailableError(path, defect.reason)
        return read_at(sentinel_fd, _SENTINEL_BYTES + 1, 0)
    finally:
        close_descriptor(sentinel_fd)
