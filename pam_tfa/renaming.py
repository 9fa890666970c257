"""Accounts that were enrolled under a name that they don't have any more.

Records are found by name. After `usermod -l` there is none under the new one, and whoever is not
enrolled may be asked for nothing: a renamed account would lose its second factor unnoticed. The
uid tells it from one that never was enrolled.
"""

from __future__ import annotations

from pam_tfa.core.errors import FormerNameError, StoreBusyError
from pam_tfa.events import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pam_tfa.core.records import Record
    from pam_tfa.dialogue import Account
    from pam_tfa.store.files import FileStore
    from pam_tfa.store.listing import DamagedRecord


def refuse_renamed(
    account: Account, store: FileStore, find_account: Callable[[str], Account | None]
) -> None:
    """Refuse an account that has no record where its uid has one, of an account that is gone.

    An account that still has the record's name and uid makes this one a second name of that uid
    (root and toor); each of those has a factor of its own or none.

    Args:
        account: without a record of its own.
        store: where it has none.
        find_account: asks the name service; None for a name that it does not know.

    Raises: FormerNameError, also for a damaged record that may be this account's;
        StoreUnavailableError; StoreBusyError, also where the account was enrolled meanwhile.
    """
    from pam_tfa.store.listing import DamagedRecord

    with store.moving_lock(shared=True):
        for record in store.records_of_uid(account.uid):
            if isinstance(record, DamagedRecord):
                _refuse_damaged(account, record, find_account)
                continue
            if record.account_name == account.name:
                raise StoreBusyError(store.users_dir, "the account was enrolled meanwhile")
            holder = find_account(record.account_name)
            if not lives(record, holder):
                raise _former_name(store.users_dir, account, record, holder)


def lives(record: Record, holder: Account | None) -> bool:
    """Tell whether the account that a record was made for is still there.

    Args:
        record: of one account.
        holder: whom the name service gives for the record's name. It may answer with another
            name: that of an account which it renamed to its full one (alice@example.com).
    """
    return holder is not None and holder.name == record.account_name and holder.uid == record.uid


def _refuse_damaged(
    account: Account, record: DamagedRecord, find_account: Callable[[str], Account | None]
) -> None:
    """Refuse unless the record is by its name another account's that is there."""
    name = record.account_name
    holder = find_account(name) if name is not None and name != account.name else None
    if (
        holder is not None
        and holder.name == name
        and (holder.uid == account.uid or not record.names_the_uid)
    ):
        return
    reason = f"may be its record of a former name, and is damaged: {record.reason}"
    raise FormerNameError(record.path, account.name, "", reason)


def _former_name(
    users_dir: str, account: Account, record: Record, holder: Account | None
) -> FormerNameError:
    if holder is not None and holder.name == record.account_name:
        fate = f"whose account has uid {holder.uid} now"
    else:
        fate = "whose account is gone"
    reason = f"its uid {record.uid} is enrolled as {escape(record.account_name)}, {fate}"
    return FormerNameError(users_dir, account.name, record.account_name, reason)
