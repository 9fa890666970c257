"""What an administrator does to one account's record: values in, values out, no text.

Each change is durable when its function returns. An account that has no record makes None.
The account need not exist any more: whoever tidies up after it can still do so.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, NamedTuple

from pam_tfa.core.errors import NotDurableError, RecordDamagedError, StoreUnavailableError
from pam_tfa.core.lockout import (
    FailureCount,
    LockedUntilUnlocked,
    NoWait,
    Wait,
    remaining_wait,
)
from pam_tfa.core.recovery import (
    state_after_clock_reset,
    state_after_damage,
    state_after_new_backup_codes,
    state_after_unlock,
)
from pam_tfa.core.suspension import NOT_SUSPENDED, WITHOUT_END_S, Suspension, is_suspended
from pam_tfa.enrollment import make_backup_codes

if TYPE_CHECKING:
    from collections.abc import Callable

    from pam_tfa.core.records import Authenticator
    from pam_tfa.core.state import State
    from pam_tfa.store.files import FileStore
    from pam_tfa.store.stored import Stored


class FailureStatus(NamedTuple):
    """Wrong answers of one kind in a row.

    Attributes:
        failures: how many.
        last_failure_s: Unix seconds; None without any.
        locked_until_s: Unix seconds, WITHOUT_END_S for until unlocked; None when not locked.
    """

    failures: int
    last_failure_s: int | None
    locked_until_s: int | None


class AccountStatus(NamedTuple):
    """What there is to know about an enrolled account, without any secret.

    Attributes:
        suspension: None when codes are asked for.
        backup_codes_left: 0 also where none is accepted until a new set is made.
        state_is_damaged: the newest state was lost; the next login goes on cautiously.
    """

    account_name: str
    uid: int
    created_s: int
    authenticators: tuple[Authenticator, ...]
    backup_codes_left: int
    backup_codes_created_s: int
    codes: FailureStatus
    backup: FailureStatus
    verify: FailureStatus
    suspension: Suspension | None
    state_is_damaged: bool


class ResetResult(NamedTuple):
    """What a reset took away; damage is what was wrong with it, None for a good record."""

    damage: RecordDamagedError | StoreUnavailableError | None


def read_status(store: FileStore, account_name: str, now_s: int) -> AccountStatus | None:
    """Read an account's status.

    Raises: RecordDamagedError, StoreUnavailableError, StoreBusyError.
    """
    stored = store.load(account_name)
    if stored is None:
        return None
    record, state = stored.record, state_now(stored, now_s)
    suspension = state.suspension
    total = len(record.backup_codes.digests)
    unused = total - state.backup_used.bit_count()
    return AccountStatus(
        account_name=record.account_name,
        uid=record.uid,
        created_s=record.created_s,
        authenticators=record.authenticators,
        backup_codes_left=0 if state.backup_refused else unused,
        backup_codes_created_s=record.backup_codes.created_s,
        codes=_failure_status(state.codes, now_s),
        backup=_failure_status(state.backup, now_s),
        verify=_failure_status(state.verify, now_s),
        suspension=suspension if _is_active(suspension, now_s) else None,
        state_is_damaged=stored.damaged,
    )


def suspend(
    store: FileStore, account_name: str, until_s: int | None, reason: str, now_s: int
) -> Suspension | None:
    """Suspend: no code is asked for until a time.

    Args:
        store: where the record is.
        account_name: as NSS has it.
        until_s: Unix seconds, later than now; None for without end.
        reason: at most 256 bytes, or empty.
        now_s: Unix seconds.
    """
    suspension = Suspension(now_s, WITHOUT_END_S if until_s is None else until_s, reason)
    changed = _change_state(
        store, account_name, now_s, lambda state: state._replace(suspension=suspension)
    )
    return suspension if changed else None


def end_suspension(
    store: FileStore, account_name: str, now_s: int
) -> Literal["ended", "not_suspended"] | None:
    """Ask for codes again."""
    with store.transaction(account_name) as transaction:
        stored = transaction.load()
        if stored is None:
            return None
        state = state_now(stored, now_s)
        if stored.state.suspension == NOT_SUSPENDED:
            return "not_suspended"
        transaction.save_state(state._replace(suspension=NOT_SUSPENDED))
    return "ended" if _is_active(stored.state.suspension, now_s) else "not_suspended"


def unlock(store: FileStore, account_name: str, now_s: int, *, reset_clock: bool) -> bool | None:
    """Clear all counts of failures.

    Args:
        store: where the record is.
        account_name: as NSS has it.
        now_s: Unix seconds.
        reset_clock: also take steps that a wrong clock pushed ahead back to now.

    Returns: True, or None without a record.
    """
    with store.transaction(account_name) as transaction:
        stored = transaction.load()
        if stored is None:
            return None
        state = state_after_unlock(state_now(stored, now_s))
        if reset_clock:
            state = state_after_clock_reset(state, stored.record, now_s)
        transaction.save_state(state)
    return True


def renew_backup_codes(
    store: FileStore, account_name: str, now_s: int, random_bytes: Callable[[int], bytes]
) -> tuple[str, ...] | None:
    """Make a new set of backup codes; the old ones are dead.

    Returns: the codes, to be shown once.
    """
    backup_codes, codes = make_backup_codes(random_bytes, now_s)  # 0.1 s, outside the lock
    with store.transaction(account_name) as transaction:
        stored = transaction.load()
        if stored is None:
            return None
        revision = stored.record.revision + 1
        record = stored.record._replace(revision=revision, backup_codes=backup_codes)
        state = state_after_new_backup_codes(state_now(stored, now_s))
        transaction.replace(record, state)
    return codes


def reset(store: FileStore, account_name: str) -> ResetResult | None:
    """Remove an account's enrolment, whatever is there in its place.

    Raises: NotDurableError, also for a directory that isn't empty.
    """
    with store.transaction(account_name) as transaction:
        damage: RecordDamagedError | StoreUnavailableError | None = None
        try:
            if transaction.load() is None:
                return None
        except (RecordDamagedError, StoreUnavailableError) as error:
            damage = error
            _remove_directory(error.path)
        transaction.remove()
    return ResetResult(damage)


def _remove_directory(path: str) -> None:
    """Remove an empty directory that stands where a record should; unlink can't."""
    try:
        os.rmdir(path)
    except (NotADirectoryError, FileNotFoundError):
        pass
    except OSError as error:
        raise NotDurableError(path, error.strerror or "") from error


def _change_state(
    store: FileStore, account_name: str, now_s: int, change: Callable[[State], State]
) -> bool:
    with store.transaction(account_name) as transaction:
        stored = transaction.load()
        if stored is None:
            return False
        transaction.save_state(change(state_now(stored, now_s)))
    return True


def state_now(stored: Stored, now_s: int) -> State:
    """Return the state to go on with: saving one heals the damage, so its price is paid here."""
    if stored.damaged:
        return state_after_damage(stored.state, stored.record, now_s)
    return stored.state


def _is_active(suspension: Suspension, now_s: int) -> bool:
    return is_suspended(suspension.from_s, suspension.until_s, now_s)


def _failure_status(count: FailureCount, now_s: int) -> FailureStatus:
    last_failure_s = count.last_failure_s if count.failures else None
    verdict = remaining_wait(count, now_s)
    match verdict:
        case NoWait():
            return FailureStatus(count.failures, last_failure_s, None)
        case Wait(wait_s=wait_s):
            return FailureStatus(count.failures, last_failure_s, now_s + wait_s)
        case LockedUntilUnlocked():
            return FailureStatus(count.failures, last_failure_s, WITHOUT_END_S)
