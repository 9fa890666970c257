"""The file store: one file per account in a directory of root's, proven by a sentinel.

Every access opens the directory anew and checks it, takes the account's lock, and leaves nothing
open: a daemon sees an unmounted store, and a killed process holds nobody up.
"""

from __future__ import annotations

import os

from pam_tfa.core.errors import (
    NotDurableError,
    RecordDamagedError,
    RecordFormatError,
    StoreUnavailableError,
)
from pam_tfa.core.suspension import NOT_SUSPENDED, Suspension, decode_suspension
from pam_tfa.store.creation import create_file, sync_directory
from pam_tfa.store.directory import (
    PRIVATE_DIRECTORY_MODE,
    NotThereError,
    open_trusted_directory,
)
from pam_tfa.store.locks import (
    LOCK_FILE_NAME,
    SEALING_OFFSET,
    UPKEEP_OFFSET,
    take_directory_lock,
)
from pam_tfa.store.names import is_record_file_name, record_file_name
from pam_tfa.store.record_file import RecordFile, open_record_file
from pam_tfa.store.sentinel import (
    SENTINEL_FILE_NAME,
    STORE_ID_HEX_DIGITS,
    encode_sentinel,
    open_private_directory,
    open_proven_directory,
    read_store_id,
)
from pam_tfa.store.system_calls import close_descriptor, reason_of, retry_interrupted
from pam_tfa.store.transactions import LockedAccount, Transaction

TYPE_CHECKING = False  # typing costs 5 ms at every login; mypy takes this for typing's constant
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pam_tfa.core.records import Record
    from pam_tfa.store.store_lock import StoreLock
    from pam_tfa.store.stored import Stored

USERS_DIR = "/var/lib/pam-tfa/users"
LOCK_WAIT_S = 3.0  # within the 5 s in which a login has to end


class NotEnrolled:
    """The store is there and proves that the account has no record."""

    __slots__ = ()


class Enrolled:
    """The account has a record; its suspension, as NOT_SUSPENDED where there is none."""

    __slots__ = ("suspension",)
    __match_args__ = ("suspension",)

    def __init__(self, suspension: Suspension) -> None:
        """Take what the state's head says."""
        self.suspension = suspension


class FileStore:
    """All accounts' records and states, in files."""

    def __init__(
        self, users_dir: str = USERS_DIR, *, trusted_uid: int = 0, lock_wait_s: float = LOCK_WAIT_S
    ) -> None:
        """Name the store; nothing is opened yet.

        Args:
            users_dir: absolute.
            trusted_uid: owns the files, beside root.
            lock_wait_s: how long to wait for an account's lock, in seconds.
        """
        self.users_dir = users_dir.rstrip("/")
        self._trusted_uid = trusted_uid
        self._lock_wait_s = lock_wait_s

    def initialize(self) -> str:
        """Make the store's directories, lock file and sentinel, as far as they are missing.

        Returns: the store's id.
        Raises: StoreUnavailableError, NotDurableError, StoreBusyError.
        """
        self._make_directories()
        directory_fd = open_private_directory(self.users_dir, self._trusted_uid)
        try:
            take_directory_lock(directory_fd, self.users_dir, self._lock_wait_s)
            self._create(directory_fd, LOCK_FILE_NAME, b"")
            store_id = os.urandom(STORE_ID_HEX_DIGITS // 2).hex()
            self._create(directory_fd, SENTINEL_FILE_NAME, encode_sentinel(store_id))
            return read_store_id(directory_fd, self.users_dir, self._trusted_uid)
        finally:
            close_descriptor(directory_fd)

    def suspension_of(self, account_name: str, uid: int | None = None) -> NotEnrolled | Enrolled:
        """Say whether an account is enrolled and suspended, at the least cost before a prompt.

        Only a suspension, which lets its holder in without a code, is worth reading the whole
        record for; where a newer state may have been lost there is none.

        Args:
            account_name: as NSS has it.
            uid: the account's; None where it has none.

        Raises: RecordDamagedError, StoreUnavailableError, StoreBusyError.
        """
        with self._locked(account_name, uid) as account:
            record_file = account.open_record_file()
            if record_file is None:
                return NotEnrolled()
            try:
                return Enrolled(_proven_suspension(record_file, account_name, uid))
            finally:
                record_file.close()

    def load(self, account_name: str, uid: int | None = None) -> Stored | None:
        """Read an account's record and state; None when it isn't enrolled.

        Works on a read-only file system. To decide on a login, load in a transaction.

        Raises: RecordDamagedError, StoreUnavailableError, StoreBusyError.
        """
        from pam_tfa.store.stored import read_stored  # not before the prompt: it needs json

        with self._locked(account_name, uid) as account:
            record_file = account.open_record_file()
            if record_file is None:
                return None
            try:
                return read_stored(record_file, account_name, uid).stored
            finally:
                record_file.close()

    def transaction(self, account_name: str, uid: int | None = None) -> Transaction:
        """Return a context manager in which one account is read and changed.

        Args:
            account_name: as NSS has it.
            uid: the account's; None where it has none. A record of another uid is damaged.

        Raises: ValueError for an impossible name; on entering StoreUnavailableError,
            StoreBusyError, NotDurableError.
        """
        return Transaction(
            self.users_dir,
            account_name,
            uid,
            shared=False,
            trusted_uid=self._trusted_uid,
            wait_s=self._lock_wait_s,
        )

    def sealing_lock(self, *, shared: bool) -> StoreLock:
        """Return a context manager under which a secret is sealed and stored, or a key changes.

        Args:
            shared: for whoever reads the key file, seals and stores; a rotation is alone.

        Raises: on entering StoreUnavailableError, StoreBusyError.
        """
        return self._store_lock(SEALING_OFFSET, shared=shared)

    def upkeep_lock(self) -> StoreLock:
        """Return a context manager that keeps other work on the whole store out.

        Raises: on entering StoreUnavailableError, StoreBusyError.
        """
        return self._store_lock(UPKEEP_OFFSET, shared=False)

    def names(self) -> Iterator[str]:
        """Yield the account names of all readable records, sorted by file name.

        Raises: StoreUnavailableError.
        """
        return (entry for entry in self.entries() if isinstance(entry, str))

    def entries(self) -> Iterator[str | RecordDamagedError]:
        """Yield the account name of every record, or what is wrong with it.

        Raises: StoreUnavailableError.
        """
        for each in self.records():
            yield each if isinstance(each, RecordDamagedError) else each.account_name

    def records(self) -> Iterator[Record | RecordDamagedError]:
        """Yield every record, or what is wrong with it.

        Raises: StoreUnavailableError.
        """
        directory_fd = open_proven_directory(self.users_dir, self._trusted_uid)
        try:
            for file_name in sorted(filter(is_record_file_name, self._listing(directory_fd))):
                entry = self._entry(directory_fd, file_name)
                if entry is not None:
                    yield entry
        finally:
            close_descriptor(directory_fd)

    def _locked(self, account_name: str, uid: int | None) -> LockedAccount:
        return LockedAccount(
            self.users_dir,
            account_name,
            uid,
            shared=True,
            trusted_uid=self._trusted_uid,
            wait_s=self._lock_wait_s,
        )

    def _store_lock(self, offset: int, *, shared: bool) -> StoreLock:
        from pam_tfa.store.store_lock import StoreLock  # no login needs it

        return StoreLock(
            self.users_dir,
            offset,
            shared=shared,
            trusted_uid=self._trusted_uid,
            wait_s=self._lock_wait_s,
        )

    def _make_directories(self) -> None:
        """Make what is missing of the path, each in a directory that is trusted."""
        while True:
            try:
                close_descriptor(open_trusted_directory(self.users_dir, self._trusted_uid))
                return
            except NotThereError as missing:
                self._make_directory(missing.path)

    def _make_directory(self, path: str) -> None:
        parent, _, name = path.rpartition("/")
        parent_fd = open_trusted_directory(parent or "/", self._trusted_uid)
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

    def _create(self, directory_fd: int, file_name: str, content: bytes) -> None:
        create_file(directory_fd, file_name, f"{self.users_dir}/{file_name}", content)

    def _listing(self, directory_fd: int) -> list[str]:
        try:
            return os.listdir(directory_fd)
        except OSError as error:
            raise StoreUnavailableError(self.users_dir, reason_of(error)) from error

    def _entry(self, directory_fd: int, file_name: str) -> Record | RecordDamagedError | None:
        """Read one record; unlocked, because its blocks are only ever replaced whole."""
        from pam_tfa.store.stored import read_record

        path = f"{self.users_dir}/{file_name}"
        try:
            record_file = open_record_file(
                directory_fd, file_name, path, trusted_uid=self._trusted_uid, writable=False
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


def _proven_suspension(record_file: RecordFile, account_name: str, uid: int | None) -> Suspension:
    current = record_file.read_current_slot()
    try:
        suspension = decode_suspension(current.slot.payload)
    except RecordFormatError as error:
        raise RecordDamagedError(record_file.path, error.field, error.reason) from error
    if suspension == NOT_SUSPENDED:
        return NOT_SUSPENDED
    from pam_tfa.store.stored import read_stored  # json and core's types: for this one only

    stored = read_stored(record_file, account_name, uid).stored
    return NOT_SUSPENDED if stored.damaged else stored.state.suspension


def _is_named(file_name: str, account_name: str) -> bool:
    try:
        return record_file_name(account_name) == file_name
    except ValueError:
        return False
