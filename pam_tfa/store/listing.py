"""All records of a store, without their locks: a file of the store is only ever replaced whole."""

from __future__ import annotations

import errno
import os

from pam_tfa.core.errors import RecordDamagedError, StoreUnavailableError
from pam_tfa.store.directory import open_without_following
from pam_tfa.store.names import is_record_file_name, record_file_name
from pam_tfa.store.record_file import BLOCK_BYTES, BLOCKS_AT_MOST, open_record_file
from pam_tfa.store.sentinel import open_proven_directory
from pam_tfa.store.system_calls import close_descriptor, read_at, reason_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pam_tfa.core.records import Record

# What open or read says of an entry that went away meanwhile, or that is no file of the store's.
_NO_RECORD = frozenset(
    {errno.ENOENT, errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.ENOTDIR, errno.ESPIPE}
)


def list_records(users_dir: str, trusted_uid: int) -> Iterator[Record | RecordDamagedError]:
    """Yield every record, or what is wrong with it, in the order of the file names.

    Raises: StoreUnavailableError.
    """
    return _each(users_dir, trusted_uid, b"")


def list_records_of_uid(
    users_dir: str, trusted_uid: int, uid: int
) -> Iterator[Record | RecordDamagedError]:
    """Yield every record that was made for a uid, or what is wrong with it.

    The uid is looked for in a file's bytes, so that damage elsewhere in it does not hide it; a
    file too damaged for that is passed over.

    Raises: StoreUnavailableError, also for a file that can't be read.
    """
    return _each(users_dir, trusted_uid, b'"uid":%d,' % uid)


def _each(users_dir: str, trusted_uid: int, wanted: bytes) -> Iterator[Record | RecordDamagedError]:
    """Yield the records whose file holds some bytes."""
    directory_fd = open_proven_directory(users_dir, trusted_uid)
    try:
        for file_name in sorted(filter(is_record_file_name, _names(directory_fd, users_dir))):
            path = f"{users_dir}/{file_name}"
            if wanted and wanted not in _content(directory_fd, file_name, path):
                continue
            entry = _entry(directory_fd, file_name, path, trusted_uid)
            if entry is not None:
                yield entry
    finally:
        close_descriptor(directory_fd)


def _names(directory_fd: int, users_dir: str) -> list[str]:
    try:
        return os.listdir(directory_fd)
    except OSError as error:
        raise StoreUnavailableError(users_dir, reason_of(error)) from error


def _content(directory_fd: int, file_name: str, path: str) -> bytes:
    try:
        descriptor = open_without_following(directory_fd, file_name, os.O_RDONLY)
        try:
            return read_at(descriptor, BLOCKS_AT_MOST * BLOCK_BYTES, 0)
        finally:
            close_descriptor(descriptor)
    except OSError as error:
        if error.errno in _NO_RECORD:
            return b""
        raise StoreUnavailableError(path, reason_of(error)) from error


def _entry(
    directory_fd: int, file_name: str, path: str, trusted_uid: int
) -> Record | RecordDamagedError | None:
    from pam_tfa.store.stored import read_record  # json, where no record of the uid may be found

    try:
        record_file = open_record_file(
            directory_fd, file_name, path, trusted_uid=trusted_uid, writable=False
        )
        if record_file is None:
            return None  # removed since the directory was read
        try:
            record = read_record(record_file)
        finally:
            record_file.close()
    except RecordDamagedError as error:
        return error
    if not _is_named(file_name, record.account_name):
        return RecordDamagedError(path, "account_name", "is another account's record")
    return record


def _is_named(file_name: str, account_name: str) -> bool:
    try:
        return record_file_name(account_name) == file_name
    except ValueError:
        return False
