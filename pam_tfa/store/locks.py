"""Kernel locks that die with their holder.

An account's lock is one byte of a permanent file, taken as an open-file-description lock: it
excludes the threads of one process too, since each taker opens the file anew, and nothing is
left behind by kill -9. A lock file made with O_EXCL denied every later login (pam_oath, at 13 of
151 points of a kill); POSIX record locks are shared by a process's threads and fall at any close.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import time

from pam_tfa.core.errors import StoreBusyError, StoreUnavailableError
from pam_tfa.store.directory import file_defect, open_without_following
from pam_tfa.store.system_calls import close_descriptor, reason_of, status_of

TYPE_CHECKING = False  # typing costs 5 ms at every login; mypy takes this for typing's constant
if TYPE_CHECKING:
    from collections.abc import Callable

LOCK_FILE_NAME = ".lock"
# Bytes behind those of accounts. Whoever seals a secret holds the first one shared until it is
# stored, whoever makes another key the active one holds it alone; upkeep runs once at a time;
# whoever gives a record another name is alone, whoever looks through all of them shares.
SEALING_OFFSET = 1 << 62
UPKEEP_OFFSET = SEALING_OFFSET + 1
MOVING_OFFSET = SEALING_OFFSET + 2
LOCK_OFFSETS = 2**61 - 1
FIRST_PAUSE_S = 0.0005
LONGEST_PAUSE_S = 0.005  # a transaction takes 1 ms: 64 contenders are through within a second
_FLOCK = struct.Struct("@hhqqi0q")  # struct flock with a 64-bit off_t
_TAKEN = (errno.EAGAIN, errno.EACCES)  # fcntl(2) allows both


def lock_offset(name_bytes: bytes) -> int:
    """Return the byte of the lock file that stands for an account, 0 to 2^61 - 2.

    The name as a number, modulo a prime: names of up to seven bytes each have their own, and no
    digest has to be imported (3 ms). Accounts that share a byte merely wait for each other.
    """
    return int.from_bytes(name_bytes, "big") % LOCK_OFFSETS


def take_lock(
    directory_fd: int,
    directory_path: str,
    offset: int,
    *,
    shared: bool,
    wait_s: float,
    trusted_uid: int,
) -> int:
    """Wait for an account's lock, or one of the store.

    Args:
        directory_fd: the users directory.
        directory_path: its path, for errors.
        offset: lock_offset of the account, or one of the store's own above.
        shared: readers exclude writers, not each other; works on a read-only file system.
        wait_s: seconds after which to give up.
        trusted_uid: who must own the lock file.

    Returns: the lock's descriptor, for release_lock.
    Raises: StoreBusyError, StoreUnavailableError.
    """
    path = f"{directory_path}/{LOCK_FILE_NAME}"
    kind = fcntl.F_RDLCK if shared else fcntl.F_WRLCK
    request = _FLOCK.pack(kind, os.SEEK_SET, offset, 1, 0)
    access = os.O_RDONLY if shared else os.O_RDWR
    lock_fd = _open_lock_file(directory_fd, path, access, trusted_uid)
    try:
        _poll(lambda: fcntl.fcntl(lock_fd, fcntl.F_OFD_SETLK, request), wait_s, path)
    except BaseException:
        close_descriptor(lock_fd)
        raise
    return lock_fd


def release_lock(lock_fd: int) -> None:
    """Give a lock back, also when a child of this process still holds a copy."""
    try:
        everything = _FLOCK.pack(fcntl.F_UNLCK, os.SEEK_SET, 0, 0, 0)
        fcntl.fcntl(lock_fd, fcntl.F_OFD_SETLK, everything)
    except OSError:
        pass  # closing it does the same, as long as nobody forked
    close_descriptor(lock_fd)


def take_directory_lock(directory_fd: int, path: str, wait_s: float) -> None:
    """Wait for the lock on a directory itself, under which what is permanent is made once.

    Closing the descriptor gives it back.

    Raises: StoreBusyError, StoreUnavailableError.
    """
    _poll(lambda: fcntl.flock(directory_fd, fcntl.LOCK_EX | fcntl.LOCK_NB), wait_s, path)


def _open_lock_file(directory_fd: int, path: str, access: int, trusted_uid: int) -> int:
    try:
        lock_fd = open_without_following(directory_fd, LOCK_FILE_NAME, access)
    except OSError as error:
        raise StoreUnavailableError(path, reason_of(error)) from error
    try:
        defect = file_defect(status_of(lock_fd), trusted_uid)
    except OSError as error:
        close_descriptor(lock_fd)
        raise StoreUnavailableError(path, reason_of(error)) from error
    if defect is not None:
        close_descriptor(lock_fd)
        raise StoreUnavailableError(path, defect.reason)
    return lock_fd


def _poll(take: Callable[[], object], wait_s: float, path: str) -> None:
    """Try until it works: a blocking wait could neither be bounded nor be killed by a thread."""
    give_up_s = time.monotonic() + wait_s
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            take()
            return
        except OSError as error:
            if error.errno not in _TAKEN:
                raise StoreUnavailableError(path, reason_of(error)) from error
        if time.monotonic() >= give_up_s:
            raise StoreBusyError(path, f"still locked after {wait_s:g} s")
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
