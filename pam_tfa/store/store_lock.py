"""Locks that concern the whole store; like an account's, they die with their holder."""

from __future__ import annotations

from pam_tfa.store.locks import release_lock, take_lock
from pam_tfa.store.sentinel import open_proven_directory
from pam_tfa.store.system_calls import close_descriptor

TYPE_CHECKING = False  # typing costs 5 ms at every login; mypy takes this for typing's constant
if TYPE_CHECKING:
    from types import TracebackType


class StoreLock:
    """One of the store's own locks, held while the `with` block runs."""

    def __init__(
        self, users_dir: str, offset: int, *, shared: bool, trusted_uid: int, wait_s: float
    ) -> None:
        """Name the lock; FileStore does.

        Args:
            users_dir: the store's.
            offset: one of those that locks.py names.
            shared: excludes only those who don't share it.
            trusted_uid: who must own the store.
            wait_s: seconds after which to give up.
        """
        self._users_dir = users_dir
        self._offset = offset
        self._shared = shared
        self._trusted_uid = trusted_uid
        self._wait_s = wait_s
        self._lock_fd = -1

    def __enter__(self) -> None:
        """Take the lock.

        Raises: StoreUnavailableError, StoreBusyError.
        """
        directory_fd = open_proven_directory(self._users_dir, self._trusted_uid)
        try:
            self._lock_fd = take_lock(
                directory_fd,
                self._users_dir,
                self._offset,
                shared=self._shared,
                wait_s=self._wait_s,
                trusted_uid=self._trusted_uid,
            )
        finally:
            close_descriptor(directory_fd)

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the lock back."""
        release_lock(self._lock_fd)
