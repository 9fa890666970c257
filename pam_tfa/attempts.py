"""One answer tried against an account's record, outside a login; durable before it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pam_tfa.core.answers import Answer, BackupAnswer, parse_answer
from pam_tfa.core.attempt import Decision, decide_attempt
from pam_tfa.core.backup_codes import hash_backup_code
from pam_tfa.core.records import Record, associated_data
from pam_tfa.core.recovery import state_after_damage

if TYPE_CHECKING:
    from pam_tfa.store.files import FileStore
    from pam_tfa.store.sealing import SealKeyring


class NotEnrolledError(Exception):
    """The account has no record (any more)."""


def try_answer(
    store: FileStore, keyring: SealKeyring, account_name: str, answer: bytes, now_s: int
) -> Decision:
    """Decide on an answer and save what it leaves behind.

    Args:
        store: where the account's record is.
        keyring: opens its secrets.
        account_name: as NSS has it.
        answer: as typed.
        now_s: Unix seconds.

    Returns: the decision, whose state is durable.
    Raises: NotEnrolledError, and PamTfaError as FileStore and SealKeyring do.
    """
    stored = store.load(account_name)
    if stored is None:
        raise NotEnrolledError
    parsed = parse_answer(answer, _digits(stored.record))
    # 10 ms of scrypt stay outside the lock; a set that was renewed meanwhile has another salt.
    digest = _digest(parsed, stored.record)
    with store.transaction(account_name) as transaction:
        current = transaction.load()
        if current is None:
            raise NotEnrolledError
        record, state = current.record, current.state
        if current.damaged:
            state = state_after_damage(state, record, now_s)
        if record.backup_codes.salt != stored.record.backup_codes.salt:
            digest = _digest(parsed, record)
        secrets = unseal_secrets(record, keyring)
        decision = decide_attempt(record, secrets, state, parsed, digest, now_s)
        left_behind = getattr(decision, "state", None)
        if left_behind is not None:
            transaction.save_state(left_behind)
    return decision


def unseal_secrets(record: Record, keyring: SealKeyring) -> tuple[bytes, ...]:
    """Open the secrets of all authenticators.

    Raises: WrongSealKeyError.
    """
    return tuple(
        keyring.unseal(
            each.sealed_secret,
            associated_data(record.account_name, record.uid, each.authenticator_id),
        )
        for each in record.authenticators
    )


def _digits(record: Record) -> set[int]:
    return {each.otp.digits for each in record.authenticators}


def _digest(answer: Answer, record: Record) -> bytes | None:
    if isinstance(answer, BackupAnswer):
        return hash_backup_code(answer.normalized, record.backup_codes.salt)
    return None
