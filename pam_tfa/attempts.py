"""One answer tried against an account's record: read, decide, write durably, and only then tell.

Logins come here, and whoever else has to know that somebody holds a current code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pam_tfa.core.answers import BackupAnswer, parse_answer
from pam_tfa.core.attempt import Decision, Malformed, decide_attempt
from pam_tfa.core.backup_codes import hash_backup_code
from pam_tfa.core.errors import StoreBusyError, WrongSealKeyError
from pam_tfa.core.records import Record, associated_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from pam_tfa.core.state import State
    from pam_tfa.store.files import FileStore
    from pam_tfa.store.sealing import SealKeyring

# How often a backup code is hashed again because its set was renewed meanwhile.
MAX_HASHINGS = 3


class NotEnrolledError(Exception):
    """The account has no record (any more)."""


class _HashedAnswer(NamedTuple):
    """A backup code's digest under one set's salt."""

    salt: bytes
    digest: bytes

    def __repr__(self) -> str:
        return "_HashedAnswer(...)"


class _NeedsHash(NamedTuple):
    """The answer is a backup code that must be hashed under this salt, outside the lock."""

    normalized: bytes
    salt: bytes

    def __repr__(self) -> str:
        return "_NeedsHash(...)"


def try_answer(
    store: FileStore,
    keyring: SealKeyring,
    account_name: str,
    answer: bytes,
    now: Callable[[], int],
    uid: int | None = None,
) -> Decision:
    """Decide on an answer and save what it leaves behind.

    Args:
        store: where the account's record is.
        keyring: opens its secrets.
        account_name: as NSS has it.
        answer: as typed.
        now: the clock, Unix seconds. Read under the lock: a reading from before a long wait for
            it would look like a clock that was set back, and end other people's waits.
        uid: the account's, which the record must have; None where it has none any more.

    Returns: the decision, whose state is durable.
    Raises: NotEnrolledError, and PamTfaError as FileStore and SealKeyring do.
    """
    hashed: _HashedAnswer | None = None
    for _ in range(MAX_HASHINGS + 1):
        with store.transaction(account_name, uid) as transaction:
            stored = transaction.load()
            if stored is None:
                raise NotEnrolledError
            record, state, now_s = stored.record, stored.state, now()
            if stored.damaged:
                from pam_tfa.core.recovery import state_after_damage  # no other login needs it

                # Saved whatever the answer is: a repair made anew at each attempt would move
                # the beginning of a wait along with the clock, and it would never end.
                state = state_after_damage(state, record, now_s)
                transaction.save_state(state)
            decision = _decide(record, keyring, state, answer, hashed, now_s)
            if not isinstance(decision, _NeedsHash):
                if not isinstance(decision, Malformed) and decision.state is not None:
                    transaction.save_state(decision.state)
                return decision
        # 10 ms of scrypt, while nobody else waits for the lock.
        hashed = _HashedAnswer(decision.salt, hash_backup_code(decision.normalized, decision.salt))
    raise StoreBusyError(store.users_dir, "the backup codes kept changing")


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


def _unseal_in_transaction(record: Record, keyring: SealKeyring) -> tuple[bytes, ...]:
    """Open the secrets of a record that can't change now.

    It may have been sealed anew since the keyring was read, with a key that is newer; while the
    account is locked the key file holds the key that its record needs.
    """
    try:
        return unseal_secrets(record, keyring)
    except WrongSealKeyError:
        return unseal_secrets(record, keyring.reloaded())


def _decide(
    record: Record,
    keyring: SealKeyring,
    state: State,
    answer: bytes,
    hashed: _HashedAnswer | None,
    now_s: int,
) -> Decision | _NeedsHash:
    """Decide, unless a hash is missing that takes too long to be made under the lock."""
    secrets = _unseal_in_transaction(record, keyring)
    parsed = parse_answer(answer, {each.otp.digits for each in record.authenticators})
    salt = record.backup_codes.salt
    if isinstance(parsed, BackupAnswer) and (hashed is None or hashed.salt != salt):
        return _NeedsHash(parsed.normalized, salt)
    digest = hashed.digest if hashed is not None else None
    return decide_attempt(record, secrets, state, parsed, digest, now_s)
