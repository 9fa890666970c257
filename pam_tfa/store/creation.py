"""Making and replacing files so that a crash leaves the old one or the new one, never a part."""

from __future__ import annotations

import errno
import os

from pam_tfa.core.errors import NotDurableError
from pam_tfa.store.directory import PRIVATE_FILE_MODE
from pam_tfa.store.names import unfinished_file_name
from pam_tfa.store.system_calls import (
    close_descriptor,
    reason_of,
    retry_interrupted,
    write_at,
)

_WRITE_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def create_file(directory_fd: int, file_name: str, path: str, content: bytes) -> bool:
    """Create a private file, whole and durable, unless there is something of that name.

    The caller holds a lock under which the store's own writers don't race; a link instead of a
    rename keeps the file of anyone else who does.

    Returns: False when something of that name exists; it stays as it is, and is durable too: a
        writer that was killed may have got no further than its link.
    Raises: NotDurableError.
    """
    unfinished = unfinished_file_name(file_name)
    remove_unfinished(directory_fd, file_name, path)
    try:
        if _exists(directory_fd, file_name):
            os.fsync(directory_fd)
            return False
        _write_new(directory_fd, unfinished, content)
        retry_interrupted(
            os.link, unfinished, file_name, src_dir_fd=directory_fd, dst_dir_fd=directory_fd
        )
        retry_interrupted(os.unlink, unfinished, dir_fd=directory_fd)
    except FileExistsError:
        _remove_best_effort(directory_fd, unfinished)
        return False
    except OSError as error:
        _remove_best_effort(directory_fd, unfinished)
        raise NotDurableError(path, reason_of(error)) from error
    sync_directory(directory_fd, path)
    return True


def replace_file(directory_fd: int, file_name: str, path: str, content: bytes) -> None:
    """Put a private file of this content in place, durably, whatever was there.

    Written under another name, synced, renamed, the directory synced. Until the rename the old
    file counts, after it the new one.

    Raises: NotDurableError; a failure to sync the directory leaves the new file in place.
    """
    unfinished = unfinished_file_name(file_name)
    remove_unfinished(directory_fd, file_name, path)
    try:
        _write_new(directory_fd, unfinished, content)
        retry_interrupted(
            os.rename, unfinished, file_name, src_dir_fd=directory_fd, dst_dir_fd=directory_fd
        )
    except OSError as error:
        _remove_best_effort(directory_fd, unfinished)
        raise NotDurableError(path, reason_of(error)) from error
    sync_directory(directory_fd, path)


def move_and_replace(
    directory_fd: int, old_name: str, new_name: str, path: str, content: bytes
) -> None:
    """Rename a file to a name that is free and then put other content in its place, durably.

    The content is on the disk before anything moves; the move is before it is replaced, also in
    what a power cut leaves: else both names could be there afterwards.

    Raises: NotDurableError.
    """
    unfinished = unfinished_file_name(new_name)
    remove_unfinished(directory_fd, new_name, path)
    try:
        _write_new(directory_fd, unfinished, content)
        for source in (old_name, unfinished):
            retry_interrupted(
                os.rename, source, new_name, src_dir_fd=directory_fd, dst_dir_fd=directory_fd
            )
            os.fsync(directory_fd)
    except OSError as error:
        _remove_best_effort(directory_fd, unfinished)
        raise NotDurableError(path, reason_of(error)) from error


def remove_file(directory_fd: int, file_name: str, path: str) -> bool:
    """Remove a file durably.

    Returns: False when there was none.
    Raises: NotDurableError.
    """
    try:
        retry_interrupted(os.unlink, file_name, dir_fd=directory_fd)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise NotDurableError(path, reason_of(error)) from error
    sync_directory(directory_fd, path)
    return True


def remove_unfinished(directory_fd: int, file_name: str, path: str) -> None:
    """Remove what a killed writer left; whoever holds the lock knows that it is dead.

    A reader on a read-only file system can't, and need not.

    Raises: NotDurableError.
    """
    try:
        retry_interrupted(os.unlink, unfinished_file_name(file_name), dir_fd=directory_fd)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.EROFS):
            raise NotDurableError(path, reason_of(error)) from error


def sync_directory(directory_fd: int, path: str) -> None:
    """Make a directory's entries durable.

    Raises: NotDurableError.
    """
    try:
        os.fsync(directory_fd)
    except OSError as error:
        raise NotDurableError(path, reason_of(error)) from error


def _write_new(directory_fd: int, file_name: str, content: bytes) -> None:
    new_fd = os.open(file_name, _WRITE_NEW, PRIVATE_FILE_MODE, dir_fd=directory_fd)
    try:
        os.fchmod(new_fd, PRIVATE_FILE_MODE)  # the umask is the caller's, and may be anything
        write_at(new_fd, content, 0)
        os.fsync(new_fd)
    finally:
        close_descriptor(new_fd)


def _exists(directory_fd: int, file_name: str) -> bool:
    try:
        retry_interrupted(os.stat, file_name, dir_fd=directory_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _remove_best_effort(directory_fd: int, file_name: str) -> None:
    try:  # noqa: SIM105 - contextlib costs the helper 2 ms before its prompt
        os.unlink(file_name, dir_fd=directory_fd)
    except OSError:
        pass  # the next one to hold the lock removes it
