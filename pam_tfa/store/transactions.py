"""Access to one account under its lock."""

from __future__ import annotations

from pam_tfa.store.creation import move_and_replace, remove_file, remove_unfinished, replace_file
from pam_tfa.store.locks import lock_offset, release_lock, take_lock
from pam_tfa.store.names import account_name_bytes, record_file_name
from pam_tfa.store.record_file import RecordFile, open_record_file
from pam_tfa.store.sentinel import open_proven_directory
from pam_tfa.store.system_calls import close_descriptor

TYPE_CHECKING = False  # typing costs 5 ms at every login; mypy takes this for typing's constant
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from pam_tfa.core.records import Record
    from pam_tfa.core.state import State
    from pam_tfa.store.stored import Reading, Stored


class LockedAccount:
    """One account of a proven store, locked while the `with` block runs."""

    def __init__(
        self,
        users_dir: str,
        account_name: str,
        uid: int | None,
        *,
        shared: bool,
        trusted_uid: int,
        wait_s: float,
    ) -> None:
        """Name the account; entering the block opens the store and takes the lock."""
        self.account_name = account_name
        self.uid = uid
        self._name_bytes = account_name_bytes(account_name)
        self._file_name = record_file_name(account_name)
        self._path = f"{users_dir}/{self._file_name}"
        self._users_dir = users_dir
        self._shared = shared
        self._trusted_uid = trusted_uid
        self._wait_s = wait_s
        self._directory_fd = -1
        self._lock_fd = -1

    def __enter__(self) -> Self:
        """Open the store and take the lock.

        Raises: StoreUnavailableError, StoreBusyError, NotDurableError.
        """
        self._directory_fd = open_proven_directory(self._users_dir, self._trusted_uid)
        try:
            self._lock_fd = take_lock(
                self._directory_fd,
                self._users_dir,
                lock_offset(self._name_bytes),
                shared=self._shared,
                wait_s=self._wait_s,
                trusted_uid=self._trusted_uid,
            )
            remove_unfinished(self._directory_fd, self._file_name, self._path)
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the lock back."""
        self._leave()

    def open_record_file(self) -> RecordFile | None:
        """Open the account's file, see record_file.open_record_file."""
        return open_record_file(
            self._directory_fd,
            self._file_name,
            self._path,
            trusted_uid=self._trusted_uid,
            writable=not self._shared,
        )

    def _leave(self) -> None:
        lock_fd, self._lock_fd = self._lock_fd, -1
        directory_fd, self._directory_fd = self._directory_fd, -1
        if lock_fd >= 0:
            release_lock(lock_fd)
        if directory_fd >= 0:
            close_descriptor(directory_fd)


class Transaction(LockedAccount):
    """One account, read, decided on and written while nobody else can.

    What a method has written is durable when it returns.
    """

    _record_file: RecordFile | None = None
    _reading: Reading | None = None

    def load(self) -> Stored | None:
        """Read the account's record and state; None when it isn't enrolled.

        Raises: RecordDamagedError, StoreUnavailableError.
        """
        return self.load_record_of(self.account_name, self.uid)

    def load_record_of(self, account_name: str, uid: int | None) -> Stored | None:
        """Read the file as `load` does, but as that of another account.

        A move that was cut off leaves it so, and whoever finishes it begins here.

        Raises: RecordDamagedError, StoreUnavailableError.
        """
        from pam_tfa.store.stored import read_stored  # not before the prompt: it needs json

        self._forget()
        record_file = self.open_record_file()
        if record_file is None:
            return None
        self._record_file = record_file
        self._reading = read_stored(record_file, account_name, uid)
        return self._reading.stored

    def save_state(self, state: State) -> None:
        """Write the state in place, over the slot that `load` did not read.

        Where this fails the state that was loaded still counts, and `load` has to come first
        again.

        Raises: NotDurableError, RecordFormatError for a state that can't be the record's,
            RuntimeError without a record loaded.
        """
        from pam_tfa.store.stored import Reading, Stored, encode_state_of

        record_file, reading = self._record_file, self._reading
        if record_file is None or reading is None:
            raise RuntimeError("save_state needs a record that was loaded")
        record = reading.stored.record
        payload = encode_state_of(record, state)
        self._reading = None
        slot = record_file.write_next_slot(reading.slot, payload)
        self._reading = Reading(Stored(record, state, damaged=False), slot)

    def replace(self, record: Record, state: State) -> None:
        """Put a new record and its state in place of what is there, damaged or not.

        Raises: NotDurableError, RecordFormatError for values that can't be written,
            RuntimeError for another account's record or a revision that isn't newer.
        """
        from pam_tfa.store.stored import encode_file

        self._refuse_wrong_record(record)
        content = encode_file(record, state)
        self._forget()
        replace_file(self._directory_fd, self._file_name, self._path, content)

    def take_over(self, other: Transaction, record: Record, state: State) -> None:
        """Put a record and its state in place, and the other account's file out of it.

        The other file becomes this account's before its content does: there is never a moment
        with two records, and never one in which this account has had a file and has none.

        Raises: as replace; where it fails half-way `load_record_of` finds the other's record.
        """
        from pam_tfa.store.stored import encode_file

        self._refuse_wrong_record(record)
        content = encode_file(record, state)
        self._forget()
        other._forget()
        move_and_replace(self._directory_fd, other._file_name, self._file_name, self._path, content)

    def remove(self) -> bool:
        """Remove the account's file, damaged or not.

        Returns: False when there was none.
        Raises: NotDurableError.
        """
        self._forget()
        return remove_file(self._directory_fd, self._file_name, self._path)

    def _refuse_wrong_record(self, record: Record) -> None:
        if record.account_name != self.account_name or self.uid not in (None, record.uid):
            raise RuntimeError("this record belongs to another account")
        if self._reading and record.revision <= self._reading.stored.record.revision:
            raise RuntimeError("a record that replaces another one needs a greater revision")

    def _forget(self) -> None:
        record_file, self._record_file, self._reading = self._record_file, None, None
        if record_file is not None:
            record_file.close()

    def _leave(self) -> None:
        self._forget()
        super()._leave()
