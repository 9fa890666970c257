"""Rotation of the sealing key: a new one for all records, while logins go on.

The new key is durable before a record needs it, and an old one is dropped only when no record
needs it: whoever is killed in between leaves old and new key good, and the next run goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pam_tfa.administration import state_now
from pam_tfa.attempts import unseal_secrets
from pam_tfa.core.errors import (
    RecordDamagedError,
    SealError,
    StoreBusyError,
    WrongSealKeyError,
)
from pam_tfa.core.records import Record, associated_data
from pam_tfa.store.key_file import add_seal_key, drop_seal_keys
from pam_tfa.store.sealing import SealKeyring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pam_tfa.store.files import FileStore


class KeyUse(NamedTuple):
    """Which keys the records need.

    Attributes:
        records_by_key_id: of every readable record; one with several devices may count twice.
        behind: records that another key than the active one opens.
        damaged: records that can't be read; nobody knows which key they need.
    """

    records_by_key_id: dict[str, int]
    behind: int
    damaged: tuple[RecordDamagedError, ...]


class NotResealed(NamedTuple):
    """A record that a rotation had to leave as it is; the name is None where it can't be read."""

    account_name: str | None
    error: RecordDamagedError | StoreBusyError | SealError


class Rotation(NamedTuple):
    """What a rotation did.

    Attributes:
        made_key: False where it finished an earlier one that was cut off, with that one's key.
        active_key_id: seals from now on.
        kept_key_ids: older keys that some record needs, or may need.
        dropped_key_ids: keys that are gone.
        resealed: how many records were sealed anew.
        not_resealed: the records that were not.
    """

    made_key: bool
    active_key_id: str
    kept_key_ids: tuple[str, ...]
    dropped_key_ids: tuple[str, ...]
    resealed: int
    not_resealed: tuple[NotResealed, ...]


def rotate_seal_key(
    store: FileStore,
    key_path: str,
    now: Callable[[], int],
    progress: Callable[[int], None],
) -> Rotation:
    """Seal every record with a new key, or finish what an earlier run began.

    Args:
        store: all records that the key file seals.
        key_path: the key file.
        now: returns Unix seconds.
        progress: is told how many records are done.

    Raises: PamTfaError; running it again goes on.
    """
    with store.upkeep_lock():
        keyring = SealKeyring.load(key_path)
        made_key = not _is_unfinished(keyring, store)
        if made_key:
            with store.sealing_lock(shared=False):
                add_seal_key(key_path)
        else:
            drop_seal_keys((), key_path)  # what a killed run put in place may not be durable yet
        keyring = keyring.reloaded()
        resealed, problems = _reseal_all(store, keyring, now, progress)
        dropped = _unneeded(keyring, read_key_use(store, keyring))
        if dropped:
            drop_seal_keys(dropped, key_path)
    kept = tuple(each for each in keyring.key_ids[1:] if each not in dropped)
    return Rotation(made_key, keyring.active_key_id, kept, dropped, resealed, problems)


def read_key_use(store: FileStore, keyring: SealKeyring) -> KeyUse:
    """Find out which keys the records need.

    Raises: StoreUnavailableError.
    """
    counts = dict.fromkeys(keyring.key_ids, 0)
    behind, damaged = 0, []
    for record in store.records():
        if isinstance(record, RecordDamagedError):
            damaged.append(record)
            continue
        needed = _key_ids_of(record)
        for key_id in needed:
            counts[key_id] = counts.get(key_id, 0) + 1
        if needed != {keyring.active_key_id} and _opens(record, keyring):
            behind += 1
    return KeyUse(counts, behind, tuple(damaged))


def resealed_for(record: Record, keyring: SealKeyring, account_name: str, uid: int) -> Record:
    """Return a record's next revision, sealed for an account with the active key.

    Raises: WrongSealKeyError where the record's own secrets don't open.
    """
    secrets = unseal_secrets(record, keyring)
    devices = tuple(
        each._replace(
            sealed_secret=keyring.seal(
                secret, associated_data(account_name, uid, each.authenticator_id)
            )
        )
        for each, secret in zip(record.authenticators, secrets, strict=True)
    )
    return record._replace(
        account_name=account_name, uid=uid, revision=record.revision + 1, authenticators=devices
    )


def _is_unfinished(keyring: SealKeyring, store: FileStore) -> bool:
    """Tell whether there is something left to do without a new key."""
    if len(keyring.key_ids) == 1:
        return False
    use = read_key_use(store, keyring)
    return use.behind > 0 or bool(_unneeded(keyring, use))


def _unneeded(keyring: SealKeyring, use: KeyUse) -> tuple[str, ...]:
    if use.damaged or not use.records_by_key_id.keys() <= set(keyring.key_ids):
        return ()  # a record that can't be read may need any of them
    return tuple(each for each in keyring.key_ids[1:] if not use.records_by_key_id[each])


def _reseal_all(
    store: FileStore,
    keyring: SealKeyring,
    now: Callable[[], int],
    progress: Callable[[int], None],
) -> tuple[int, tuple[NotResealed, ...]]:
    resealed = 0
    problems: list[NotResealed] = []
    entries: Iterable[str | RecordDamagedError] = store.entries()
    for done, entry in enumerate(entries, start=1):
        if isinstance(entry, RecordDamagedError):
            problems.append(NotResealed(None, entry))
        else:
            try:
                resealed += _reseal(store, keyring, entry, now())
            except (RecordDamagedError, StoreBusyError, WrongSealKeyError) as error:
                problems.append(NotResealed(entry, error))
        progress(done)
    return resealed, tuple(problems)


def _reseal(store: FileStore, keyring: SealKeyring, account_name: str, now_s: int) -> bool:
    """Seal one record anew where it needs it; its state carries over."""
    with store.transaction(account_name) as transaction:
        stored = transaction.load()
        if stored is None or _key_ids_of(stored.record) == {keyring.active_key_id}:
            return False
        record = resealed_for(stored.record, keyring, account_name, stored.record.uid)
        transaction.replace(record, state_now(stored, now_s))
    return True


def _key_ids_of(record: Record) -> set[str]:
    return {each.sealed_secret.key_id for each in record.authenticators}


def _opens(record: Record, keyring: SealKeyring) -> bool:
    try:
        unseal_secrets(record, keyring)
    except WrongSealKeyError:
        return False
    return True
