"""One account's file: blocks of text that are replaced whole, then two state slots.

Nothing here knows what a record says; docs/RECORDS.md shows where its bytes are.
"""

from __future__ import annotations

import errno
import os

from pam_tfa.core.errors import NotDurableError, RecordDamagedError, StoreUnavailableError
from pam_tfa.store.directory import file_defect, kind_of, open_without_following
from pam_tfa.store.slots import (
    SLOT_BYTES,
    CurrentSlot,
    Slot,
    current_slot,
    encode_slot,
    next_slot,
)
from pam_tfa.store.system_calls import (
    close_descriptor,
    overwrite_at,
    read_at,
    reason_of,
    retry_interrupted,
    status_of,
)

BLOCK_BYTES = SLOT_BYTES
SLOT_COUNT = 2
BLOCKS_AT_LEAST = 1 + SLOT_COUNT
BLOCKS_AT_MOST = 64
_TEXT_LINES = 2  # the JSON and its checksum; spaces after them
# What open says when there is something of that name that is no regular file.
_NOT_REGULAR = (errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.ENOTDIR)


class RecordFile:
    """An account's file, open and found to be what the store wrote in kind, owner and size."""

    def __init__(self, record_fd: int, path: str, size: int) -> None:
        """Take over a checked descriptor; open_record_file makes one."""
        self.path = path
        self._fd = record_fd
        self._slots_offset = size - SLOT_COUNT * SLOT_BYTES

    def close(self) -> None:
        """Close the file."""
        close_descriptor(self._fd)

    def read_text(self) -> bytes:
        """Return the record's two lines, without the padding.

        Raises: RecordDamagedError, StoreUnavailableError.
        """
        blocks = self._read(self._slots_offset, 0)
        text = b"".join(line + b"\n" for line in blocks.split(b"\n")[:_TEXT_LINES])
        if blocks != pad_text(text):
            raise RecordDamagedError(self.path, "padding", "not spaces and a newline")
        return text

    def read_current_slot(self, revision: int | None = None) -> CurrentSlot:
        """Return the slot that counts, see slots.current_slot.

        Raises: RecordDamagedError when there is none, StoreUnavailableError.
        """
        blocks = self._read(SLOT_COUNT * SLOT_BYTES, self._slots_offset)
        current = current_slot(blocks, revision)
        if current is None:
            raise RecordDamagedError(self.path, "state", "neither slot is valid")
        return current

    def write_next_slot(self, current: Slot, payload: bytes) -> Slot:
        """Write a state over the older slot and make it durable.

        Nothing is allocated and no other block touched, so a full disk is no obstacle.

        Returns: the slot that counts from now on.
        Raises: NotDurableError; `current` is still there then.
        """
        following = next_slot(current, payload)
        offset = self._slots_offset + following.place * SLOT_BYTES
        try:
            overwrite_at(self._fd, encode_slot(following), offset)
            os.fdatasync(self._fd)
        except OSError as error:
            raise NotDurableError(self.path, reason_of(error)) from error
        return following

    def _read(self, size: int, offset: int) -> bytes:
        try:
            content = read_at(self._fd, size, offset)
        except OSError as error:
            raise StoreUnavailableError(self.path, reason_of(error)) from error
        if len(content) != size:
            raise RecordDamagedError(self.path, "size", "cut short while it was read")
        return content


def pad_text(text: bytes) -> bytes:
    """Fill text up to whole blocks: spaces, and a newline for readers of the file."""
    missing = -len(text) % BLOCK_BYTES
    return text + b" " * (missing - 1) + b"\n" if missing else text


def open_record_file(
    directory_fd: int, file_name: str, path: str, *, trusted_uid: int, writable: bool
) -> RecordFile | None:
    """Open an account's file.

    Args:
        directory_fd: the users directory, proven by its sentinel.
        file_name: relative to it.
        path: for errors.
        trusted_uid: who must own it.
        writable: for a state to be saved.

    Returns: None only when the directory has no such entry (ENOENT).
    Raises: RecordDamagedError, StoreUnavailableError.
    """
    record_fd = _open(directory_fd, file_name, path, os.O_RDWR if writable else os.O_RDONLY)
    if record_fd is None:
        return None
    try:
        status = status_of(record_fd)
        _refuse_defects(status, path, trusted_uid)
    except OSError as error:
        close_descriptor(record_fd)
        raise StoreUnavailableError(path, reason_of(error)) from error
    except RecordDamagedError:
        close_descriptor(record_fd)
        raise
    return RecordFile(record_fd, path, status.st_size)


def _open(directory_fd: int, file_name: str, path: str, access: int) -> int | None:
    try:
        return open_without_following(directory_fd, file_name, access)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return None
        if error.errno in _NOT_REGULAR:
            kind = _kind_of_entry(directory_fd, file_name)
            raise RecordDamagedError(path, "type", f"{kind}, not a regular file") from error
        raise StoreUnavailableError(path, reason_of(error)) from error


def _kind_of_entry(directory_fd: int, file_name: str) -> str:
    try:
        status = retry_interrupted(os.stat, file_name, dir_fd=directory_fd, follow_symlinks=False)
    except OSError:
        return "is something else"
    return f"is {kind_of(status.st_mode)}"


def _refuse_defects(status: os.stat_result, path: str, trusted_uid: int) -> None:
    defect = file_defect(status, trusted_uid)
    if defect is not None:
        raise RecordDamagedError(path, defect.field, defect.reason)
    if status.st_nlink != 1:
        raise RecordDamagedError(path, "links", f"has {status.st_nlink} names, not 1")
    blocks, rest = divmod(status.st_size, BLOCK_BYTES)
    if rest or not BLOCKS_AT_LEAST <= blocks <= BLOCKS_AT_MOST:
        raise RecordDamagedError(path, "size", f"{status.st_size} bytes are no whole record")
