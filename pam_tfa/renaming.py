"""Accounts that were enrolled under a name that they don't have any more.

Records are found by name. After `usermod -l` there is none under the new one, and whoever is not
enrolled may be asked for nothing: a renamed account would lose its second factor unnoticed. The
uid tells it from one that never was enrolled.
"""

from __future__ import annotations

from pam_tfa.core.errors import FormerNameError, RecordDamagedError, StoreBusyError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pam_tfa.dialogue import Account
    from pam_tfa.store.files import FileStore


def refuse_renamed(
    account: Account, store: FileStore, find_account: Callable[[str], Account | None]
) -> None:
    """Refuse an account that has no record where its uid has one, of an account that is gone.

    "Gone" is also an account that has another uid now. One that still has the record's uid is a
    second name of that uid (root and toor), and each of those has a factor of its own or none.

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
                raise FormerNameError(record.path, "", reason)
            if record.account_name == account.name:
                raise StoreBusyError(store.users_dir, "the account was enrolled meanwhile")
            holder = find_account(record.account_name)
            if holder is None or holder.uid != record.uid:
                former = record.account_name
                reason = f"its uid {account.uid} is enrolled as {former!r}, which is gone"
                raise FormerNameError(store.users_dir, former, reason)
