"""Making a store: its directories, its lock file and the sentinel that proves it."""

from __future__ import annotations

import os

from pam_tfa.core.errors import NotDurableError
from pam_tfa.store.creation import create_file, sync_directory
from pam_tfa.store.directory import (
    PRIVATE_DIRECTORY_MODE,
    NotThereError,
    open_trusted_directory,
)
from pam_tfa.store.locks import LOCK_FILE_NAME, take_directory_lock
from pam_tfa.store.sentinel import (
    SENTINEL_FILE_NAME,
    STORE_ID_HEX_DIGITS,
    encode_sentinel,
    open_private_directory,
    read_store_id,
)
from pam_tfa.store.system_calls import close_descriptor, reason_of, retry_interrupted


def initialize_store(users_dir: str, trusted_uid: int, wait_s: float) -> str:
    """Make the store's directories, lock file and sentinel, as far as they are missing.

    Args:
        users_dir: absolute.
        trusted_uid: owns them, beside root.
        wait_s: how long to wait for another one who makes them, in seconds.

    Returns: the store's id.
    Raises: StoreUnavailableError, NotDurableError, StoreBusyError.
    """
    _make_directories(users_dir, trusted_uid)
    directory_fd = open_private_directory(users_dir, trusted_uid)
    try:
        take_directory_lock(directory_fd, users_dir, wait_s)
        _create(directory_fd, users_dir, LOCK_FILE_NAME, b"")
        store_id = os.urandom(STORE_ID_HEX_DIGITS // 2).hex()
        _create(directory_fd, users_dir, SENTINEL_FILE_NAME, encode_sentinel(store_id))
        return read_store_id(directory_fd, users_dir, trusted_uid)
    finally:
        close_descriptor(directory_fd)


def _make_directories(users_dir: str, trusted_uid: int) -> None:
    """Make what is missing of the path, each in a directory that is trusted."""
    while True:
        try:
            close_descriptor(open_trusted_directory(users_dir, trusted_uid))
            return
        except NotThereError as missing:
            _make_directory(missing.path, trusted_uid)


def _make_directory(path: str, trusted_uid: int) -> None:
    parent, _, name = path.rpartition("/")
    parent_fd = open_trusted_directory(parent or "/", trusted_uid)
    try:
        retry_interrupted(os.mkdir, name, PRIVATE_DIRECTORY_MODE, dir_fd=parent_fd)
        # The umask is the caller's, and may be anything.
        retry_interrupted(os.chmod, name, PRIVATE_DIRECTORY_MODE, dir_fd=parent_fd)
        sync_directory(parent_fd, path)
    except FileExistsError:
        pass  # another installation made it meanwhile
    except OSError as error:
        raise NotDurableError(path, reason_of(error)) from error
    finally:
        close_descriptor(parent_fd)


def _create(directory_fd: int, users_dir: str, file_name: str, content: bytes) -> None:
    create_file(directory_fd, file_name, f"{users_dir}/{file_name}", content)
