"""Accounts that were enrolled under a name that they don't have any more.

Records are found by name. After `usermod -l` there is none under the new one, and whoever is not
enrolled may be asked for nothing: a renamed account would lose its second factor unnoticed. The
uid tells it from one that never was enrolled.
"""

from __future__ import annotations

from pam_tfa.core.errors import FormerNameError, RecordDamagedError, StoreBusyError
from pam_tfa.events import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pam_tfa.core.records import Record
    from pam_tfa.dialogue import Account
    from pam_tfa.store.files import FileStore


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

    Raises: FormerNameError, also for a record of this uid that is damaged;
        StoreUnavailableError; StoreBusyError, also where the account was enrolled meanwhile.
    """
    with store.moving_lock(shared=True):
        for record in store.records_of_uid(account.uid):
            if isinstance(record, RecordDamagedError):
                reason = f"may be its record of a former name, and is damaged: {record.reason}"
                raise FormerNameError(record.path, account.name, "", reason)
            if record.uid != account.uid:
                continue  # the bytes that were looked for stand elsewhere in it
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


def _former_name(
    users_dir: str, account: Account, record: Record, holder: Account | None
) -> FormerNameError:
    if holder is not None and holder.name == record.account_name:
        fate = f"whose account has uid {holder.uid} now"
    else:
        fate = "whose account is gone"
    reason = f"its uid {record.uid} is enrolled as {escape(record.account_name)}, {fate}"
    return FormerNameError(users_dir, account.name, record.account_name, reason)
