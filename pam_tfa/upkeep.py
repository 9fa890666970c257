"""Records and the accounts they belong to: an account was renamed, renumbered or removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pam_tfa.administration import state_now
from pam_tfa.core.errors import RecordDamagedError
from pam_tfa.key_rotation import resealed_for
from pam_tfa.renaming import lives

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from pam_tfa.core.records import Record
    from pam_tfa.core.state import State
    from pam_tfa.dialogue import Account
    from pam_tfa.store.files import FileStore
    from pam_tfa.store.sealing import SealKeyring
    from pam_tfa.store.stored import Stored
    from pam_tfa.store.transactions import Transaction

ROOT_UID: Final = 0


class Renamed(NamedTuple):
    """A record belongs to its account again; the uids that it had and has now."""

    old_uid: int
    new_uid: int


class OtherUid(NamedTuple):
    """Nothing was done: the account has another uid than the one that was enrolled."""

    old_uid: int


RenameOutcome = Renamed | OtherUid | Literal["old_lives", "new_is_enrolled", "fits_already"] | None


class NameService(NamedTuple):
    """What NSS is asked, each with None for what it does not know.

    Attributes:
        find_account: by its name.
        find_uid: by its uid.
        silent_sources: the sources of accounts that none of these names came from, and that may
            therefore be out of order. None that is asked says so: what it knows is missing.
    """

    find_account: Callable[[str], Account | None]
    find_uid: Callable[[int], Account | None]
    silent_sources: Callable[[Collection[str]], tuple[str, ...]]


class Leftover(NamedTuple):
    """A record whose account no longer exists.

    Attributes:
        account_name: as the record has it.
        uid: as the record has it.
        renamed_to: another account that has this uid now; None where none has it.
    """

    account_name: str
    uid: int
    renamed_to: str | None


class Leftovers(NamedTuple):
    """What there is to tidy up.

    Attributes:
        records: how many readable ones there are.
        gone: those whose account is gone.
        renamed: those whose uid an account of another name has.
        damaged: records that can't be read.
        name_service_doubt: most accounts are not found, so that it may be the name service that
            is gone; it says "no such user" in both cases.
        silent_sources: where accounts may come from of which no enrolled one is known.
    """

    records: int
    gone: tuple[Leftover, ...]
    renamed: tuple[Leftover, ...]
    damaged: tuple[RecordDamagedError, ...]
    name_service_doubt: bool
    silent_sources: tuple[str, ...]


def rename_record(
    store: FileStore,
    keyring: SealKeyring,
    old_name: str,
    account: Account,
    now_s: int,
    *,
    any_uid: bool,
    former: Account | None = None,
) -> RenameOutcome:
    """Give a record to an account that has another name or uid now, with its state.

    From the first change on the account is refused rather than let in without a code; killed
    there, running it again finishes it. There is never a second record that takes the same codes.

    Args:
        store: where the record is.
        keyring: opens and seals its secrets, which are bound to name and uid.
        old_name: whose record it is.
        account: whose it becomes; of the same name where only the uid has changed.
        now_s: Unix seconds.
        any_uid: whether the account may have another uid than the record.
        former: whom the name service gives for the old name; one that the record fits keeps it.

    Returns: None where there is no such record.
    Raises: PamTfaError; nothing was changed then, unless it is NotDurableError.
    """
    with (
        store.upkeep_lock(),
        store.moving_lock(shared=False),
        store.transaction(account.name) as new,
    ):
        keyring = keyring.reloaded()  # no rotation runs beside this
        if old_name == account.name:
            stored = new.load()
            if stored is not None and stored.record.uid == account.uid:
                return "fits_already"
            return _hand_over(stored, new.replace, keyring, account, now_s, any_uid=any_uid)
        with store.transaction(old_name) as old:
            stored = old.load()
            if stored is None:
                stored = _left_half_way(new, old_name)
                return _hand_over(stored, new.replace, keyring, account, now_s, any_uid=any_uid)
            if lives(stored.record, former):
                return "old_lives"
            if new.load() is not None:
                return "new_is_enrolled"

            def take_over(record: Record, state: State) -> None:
                new.take_over(old, record, state)

            return _hand_over(stored, take_over, keyring, account, now_s, any_uid=any_uid)


def find_leftovers(
    store: FileStore, names: NameService, progress: Callable[[int], None]
) -> Leftovers:
    """Find the records whose accounts don't exist any more.

    Raises: StoreUnavailableError.
    """
    living: list[str] = []
    gone: list[Leftover] = []
    renamed: list[Leftover] = []
    damaged: list[RecordDamagedError] = []
    for done, record in enumerate(store.records(), start=1):
        progress(done)
        if isinstance(record, RecordDamagedError):
            damaged.append(record)
            continue
        holder = names.find_account(record.account_name)
        if holder is not None and holder.name == record.account_name:
            living.append(record.account_name)
            continue
        owner = holder or names.find_uid(record.uid)
        found = Leftover(record.account_name, record.uid, owner.name if owner else None)
        (gone if owner is None else renamed).append(found)
    records = len(living) + len(gone) + len(renamed)
    doubt = not _answers(names) or 2 * len(gone) > records
    silent = names.silent_sources(living) if gone else ()
    return Leftovers(records, tuple(gone), tuple(renamed), tuple(damaged), doubt, silent)


def remove_leftovers(
    store: FileStore,
    names: NameService,
    leftovers: Iterable[Leftover],
    removed: Callable[[Leftover], None],
) -> None:
    """Remove records, each after asking once more whether its account is still gone.

    Args:
        store: where they are.
        names: the name service.
        leftovers: from find_leftovers.
        removed: is told of each removal, which is durable by then.

    Raises: PamTfaError.
    """
    with store.upkeep_lock():
        for leftover in leftovers:
            with store.transaction(leftover.account_name) as transaction:
                if not _is_gone(names, leftover) or not transaction.remove():
                    continue
            removed(leftover)


def _hand_over(
    stored: Stored | None,
    finish: Callable[[Record, State], None],
    keyring: SealKeyring,
    account: Account,
    now_s: int,
    *,
    any_uid: bool,
) -> Renamed | OtherUid | None:
    if stored is None:
        return None
    old_uid = stored.record.uid
    if old_uid != account.uid and not any_uid:
        return OtherUid(old_uid)
    record = resealed_for(stored.record, keyring, account.name, account.uid)
    finish(record, state_now(stored, now_s))
    return Renamed(old_uid, account.uid)


def _left_half_way(new: Transaction, old_name: str) -> Stored | None:
    """Return the old account's record where a run that was killed left it: under the new name."""
    try:
        return new.load_record_of(old_name, None)
    except RecordDamagedError as error:
        if error.field == "account_name":
            return None  # it is somebody else's, most likely the new account's own
        raise


def _is_gone(names: NameService, leftover: Leftover) -> bool:
    return (
        _answers(names)
        and names.find_account(leftover.account_name) is None
        and names.find_uid(leftover.uid) is None
    )


def _answers(names: NameService) -> bool:
    """Tell whether the name service knows root by uid and name."""
    root = names.find_uid(ROOT_UID)
    if root is None:
        return False
    again = names.find_account(root.name)
    return again is not None and again.uid == ROOT_UID
