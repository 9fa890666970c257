"""All records of a store, without their locks: a file of the store is only ever replaced whole."""

from __future__ import annotations

import errno
import os

from pam_tfa.core.errors import RecordDamagedError, StoreUnavailableError
from pam_tfa.store.directory import open_without_following
from pam_tfa.store.names import account_name_of, is_record_file_name, record_file_name
from pam_tfa.store.record_file import BLOCK_BYTES, BLOCKS_AT_MOST, open_record_file
from pam_tfa.store.sentinel import open_proven_directory
from pam_tfa.store.system_calls import close_descriptor, read_at, reason_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pam_tfa.core.records import Record

CHECKSUM_PREFIX = b"sha256:"
# What open or read says of an entry that went away meanwhile, or that is no file of the store's.
_NO_RECORD = frozenset(
    {errno.ENOENT, errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.ENOTDIR, errno.ESPIPE}
)


class DamagedRecord:
    """A file that may be the record of a uid, but can't be read as one.

    account_name: whose it is by its name; None where the name doesn't tell.
    names_the_uid: the uid stands in it.
    """

    __slots__ = ("account_name", "names_the_uid", "path", "reason")

    def __init__(
        self, path: str, reason: str, account_name: str | None, *, names_the_uid: bool
    ) -> None:
        self.path = path
        self.reason = reason
        self.account_name = account_name
        self.names_the_uid = names_the_uid


def list_records(users_dir: str, trusted_uid: int) -> Iterator[Record | RecordDamagedError]:
    """Yield every record, or what is wrong with it, in the order of the file names.

    Raises: StoreUnavailableError.
    """
    directory_fd = open_proven_directory(users_dir, trusted_uid)
    try:
        for file_name in _record_file_names(directory_fd, users_dir):
            entry = _entry(directory_fd, file_name, f"{users_dir}/{file_name}", trusted_uid)
            if entry is not None:
                yield entry
    finally:
        close_descriptor(directory_fd)


def list_records_of_uid(
    users_dir: str, trusted_uid: int, uid: int
) -> Iterator[Record | DamagedRecord]:
    """Yield the records that were made for a uid, and those of which that can't be told.

    Decoding every record would take long; one whose checksum is right and that doesn't hold the
    uid is somebody else's.

    Raises: StoreUnavailableError, also for a file that can't be read.
    """
    wanted = b'"uid":%d,' % uid
    directory_fd = open_proven_directory(users_dir, trusted_uid)
    try:
        for file_name in _record_file_names(directory_fd, users_dir):
            path = f"{users_dir}/{file_name}"
            content = _content(directory_fd, file_name, path)
            if content is None or (_is_intact(content) and wanted not in content):
                continue
            entry = _entry(directory_fd, file_name, path, trusted_uid)
            if isinstance(entry, RecordDamagedError):
                name = account_name_of(file_name)
                yield DamagedRecord(path, entry.reason, name, names_the_uid=wanted in content)
            elif entry is not None and entry.uid == uid:
                yield entry
    finally:
        close_descriptor(directory_fd)


def _record_file_names(directory_fd: int, users_dir: str) -> list[str]:
    try:
        names = os.listdir(directory_fd)
    except OSError as error:
        raise StoreUnavailableError(users_dir, reason_of(error)) from error
    return sorted(filter(is_record_file_name, names))


def _content(directory_fd: int, file_name: str, path: str) -> bytes | None:
    """Return a file's bytes; None for what is gone, or is no file at all."""
    try:
        descriptor = open_without_following(directory_fd, file_name, os.O_RDONLY)
        try:
            return read_at(descriptor, BLOCKS_AT_MOST * BLOCK_BYTES, 0)
        finally:
            close_descriptor(descriptor)
    except OSError as error:
        if error.errno in _NO_RECORD:
            return None
        raise StoreUnavailableError(path, reason_of(error)) from error


def _is_intact(content: bytes) -> bool:
    """Tell whether the checksum of a record's text is right."""
    import hashlib  # only where no record may be found

    line, _, rest = content.partition(b"\n")
    return rest.startswith(CHECKSUM_PREFIX + hashlib.sha256(line).hexdigest().encode())


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
