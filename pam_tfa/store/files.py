"""The file store: one file per account in a directory of root's, proven by a sentinel.

Every access opens the directory anew and checks it, takes the account's lock, and leaves nothing
open: a daemon sees an unmounted store, and a killed process holds nobody up.
"""

from __future__ import annotations

from pam_tfa.core.errors import RecordDamagedError, RecordFormatError
from pam_tfa.core.suspension import NOT_SUSPENDED, Suspension, decode_suspension
from pam_tfa.store.locks import MOVING_OFFSET, SEALING_OFFSET, UPKEEP_OFFSET
from pam_tfa.store.transactions import LockedAccount, Transaction

TYPE_CHECKING = False  # typing costs 5 ms at every login; mypy takes this for typing's constant
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pam_tfa.core.records import Record
    from pam_tfa.store.listing import DamagedRecord
    from pam_tfa.store.record_file import RecordFile
    from pam_tfa.store.store_lock import StoreLock
    from pam_tfa.store.stored import Stored

USERS_DIR = "/var/lib/pam-tfa/users"
LOCK_WAIT_S = 3.0  # within the 5 s in which a login has to end
MOVING_WAIT_S = 1.0


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
        from pam_tfa.store.initialization import initialize_store

        return initialize_store(self.users_dir, self._trusted_uid, self._lock_wait_s)

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

    def holds(self, account_name: str) -> bool:
        """Tell whether an account has a file, be it damaged.

        Raises: StoreUnavailableError, StoreBusyError.
        """
        with self._locked(account_name, None) as account:
            try:
                record_file = account.open_record_file()
            except RecordDamagedError:
                return True
            if record_file is not None:
                record_file.close()
            return record_file is not None

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

    def moving_lock(self, *, shared: bool) -> StoreLock:
        """Return a context manager under which no record gets another name.

        Args:
            shared: for whoever looks through all records; who moves one is alone.

        Raises: on entering StoreUnavailableError, StoreBusyError.
        """
        # Beside the wait for an account's lock it has to fit into a login's time.
        return self._store_lock(MOVING_OFFSET, shared=shared, wait_s=MOVING_WAIT_S)

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
        from pam_tfa.store.listing import list_records

        return list_records(self.users_dir, self._trusted_uid)

    def records_of_uid(self, uid: int) -> Iterator[Record | DamagedRecord]:
        """Yield the records that were made for a uid, and those of which that can't be told.

        Each file is read, because nothing but the records themselves says whose they are.

        Raises: StoreUnavailableError.
        """
        from pam_tfa.store.listing import list_records_of_uid

        return list_records_of_uid(self.users_dir, self._trusted_uid, uid)

    def _locked(self, account_name: str, uid: int | None) -> LockedAccount:
        return LockedAccount(
            self.users_dir,
            account_name,
            uid,
            shared=True,
            trusted_uid=self._trusted_uid,
            wait_s=self._lock_wait_s,
        )

    def _store_lock(self, offset: int, *, shared: bool, wait_s: float | None = None) -> StoreLock:
        from pam_tfa.store.store_lock import StoreLock  # only logins of the unenrolled need it

        return StoreLock(
            self.users_dir,
            offset,
            shared=shared,
            trusted_uid=self._trusted_uid,
            wait_s=self._lock_wait_s if wait_s is None else min(wait_s, self._lock_wait_s),
        )


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
