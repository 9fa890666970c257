"""Decide one attempt: the record, the state and an answer in, the outcome and next state out."""

from typing import Literal, NamedTuple

from pam_tfa.core.answers import Answer, MalformedReason
from pam_tfa.core.records import Record
from pam_tfa.core.state import State

Channel = Literal["login", "verify"]
RefusedReason = Literal[
    "wrong_code",
    "replayed_code",
    "wrong_backup_code",
    "used_backup_code",
    "backup_codes_refused",
]


class Accepted(NamedTuple):
    """A one-time code was good; let in only once the state is durable.

    Attributes:
        authenticator_index: which authenticator of the record made the code.
        state: the state to store.
    """

    authenticator_index: int
    state: State


class BackupAccepted(NamedTuple):
    """A backup code was good; let in only once the state is durable.

    Attributes:
        codes_left: backup codes still good.
        state: the state to store.
    """

    codes_left: int
    state: State


class Refused(NamedTuple):
    """The answer wasn't good; the user is told so only once the state is durable.

    Attributes:
        reason: for the log alone; the user sees one and the same refusal.
        state: the state to store.
    """

    reason: RefusedReason
    state: State


class Locked(NamedTuple):
    """Nothing was evaluated, because of earlier failures.

    Attributes:
        wait_s: seconds until answers are evaluated again; None: until an administrator unlocks.
        state: the state to store, or None where it stays as it was.
    """

    wait_s: int | None
    state: State | None


class Malformed(NamedTuple):
    """The answer can't be a code of this account: not evaluated, not counted, nothing to store."""

    reason: MalformedReason


Decision = Accepted | BackupAccepted | Refused | Locked | Malformed


def decide_attempt(
    record: Record,
    secrets: tuple[bytes, ...],
    state: State,
    answer: Answer,
    backup_digest: bytes | None,
    now_s: int,
    channel: Channel = "login",
) -> Decision:
    """Decide one attempt."""
    raise NotImplementedError
