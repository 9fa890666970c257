"""What follows the answer: read, decide, write durably, and only then say how it came out.

The helper imports this while the user types; nothing here runs before there is an answer.
"""

from __future__ import annotations

import syslog
from typing import TYPE_CHECKING, NamedTuple, assert_never

from pam_tfa.core.answers import BackupAnswer, parse_answer
from pam_tfa.core.attempt import (
    Accepted,
    BackupAccepted,
    Decision,
    Locked,
    Malformed,
    Refused,
    decide_attempt,
)
from pam_tfa.core.backup_codes import hash_backup_code
from pam_tfa.core.records import Record, associated_data
from pam_tfa.core.recovery import state_after_damage
from pam_tfa.dialogue import Outcome, refused
from pam_tfa.locale import login as text

if TYPE_CHECKING:
    from pam_tfa.config import Config
    from pam_tfa.dialogue import Account, Answer, System
    from pam_tfa.store.files import FileStore
    from pam_tfa.store.sealing import SealKeyring

# How often a backup code is hashed again because its set was renewed meanwhile.
MAX_HASHINGS = 3


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


def verify(account: Account, answer: Answer, config: Config, system: System) -> Outcome:
    """Evaluate an answer to the code prompt of an enrolled account.

    Returns: the outcome; by then it is durable.
    Raises: PamTfaError where it can't be evaluated or made durable; then nobody gets in.
    """
    if answer.unusable is not None:
        return refused(f"not_a_code:{answer.unusable}")
    store = system.open_store(config)
    keyring = system.load_keyring(config)
    hashed: _HashedAnswer | None = None
    for _ in range(MAX_HASHINGS + 1):
        step = _attempt(account, answer.text, hashed, store, keyring, system.now_s())
        if not isinstance(step, _NeedsHash):
            return step
        hashed = _HashedAnswer(step.salt, hash_backup_code(step.normalized, step.salt))
    return refused("backup_codes_kept_changing")


def _attempt(
    account: Account,
    answer: bytes,
    hashed: _HashedAnswer | None,
    store: FileStore,
    keyring: SealKeyring,
    now_s: int,
) -> Outcome | _NeedsHash:
    """Evaluate under the account's lock, unless a hash is missing that takes too long for it."""
    with store.transaction(account.name, account.uid) as transaction:
        stored = transaction.load()
        if stored is None:
            return refused("not_enrolled_any_more")
        record = stored.record
        secrets = _unseal(record, keyring)
        parsed = parse_answer(answer, {each.otp.digits for each in record.authenticators})
        salt = record.backup_codes.salt
        if isinstance(parsed, BackupAnswer) and (hashed is None or hashed.salt != salt):
            return _NeedsHash(parsed.normalized, salt)
        state = stored.state
        if stored.damaged:
            state = state_after_damage(state, record, now_s)
        digest = hashed.digest if hashed is not None else None
        decision = decide_attempt(record, secrets, state, parsed, digest, now_s)
        if not isinstance(decision, Malformed) and decision.state is not None:
            transaction.save_state(decision.state)
    return _outcome(decision)


def _unseal(record: Record, keyring: SealKeyring) -> tuple[bytes, ...]:
    return tuple(
        keyring.unseal(
            each.sealed_secret,
            associated_data(record.account_name, record.uid, each.authenticator_id),
        )
        for each in record.authenticators
    )


def _outcome(decision: Decision) -> Outcome:
    match decision:
        case Accepted():
            return Outcome("success", "code", "", syslog.LOG_INFO)
        case BackupAccepted(codes_left=left):
            shown = text.BACKUP_ACCEPTED.format(left=left)
            return Outcome("success", "backup_code", shown, syslog.LOG_NOTICE)
        case Refused(reason=reason):
            return refused(reason)
        case Locked(wait_s=int(wait_s)):
            shown = text.LOCKED_FOR.format(wait=text.format_wait(wait_s))
            return Outcome("locked", f"for_{wait_s}_s", shown, syslog.LOG_WARNING)
        case Locked():
            return Outcome("locked", "until_unlocked", text.LOCKED, syslog.LOG_WARNING)
        case Malformed(reason=reason):
            return refused(f"not_a_code:{reason}")
        case unreachable:
            assert_never(unreachable)
