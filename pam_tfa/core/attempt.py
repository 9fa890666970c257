"""Decide one attempt: the record, the state and an answer in, the outcome and next state out."""

from typing import Literal, NamedTuple, assert_never

from pam_tfa.core.answers import (
    Answer,
    BackupAnswer,
    CodeAnswer,
    MalformedAnswer,
    MalformedReason,
)
from pam_tfa.core.backup_codes import backup_codes_left, match_backup_code
from pam_tfa.core.errors import RecordFormatError
from pam_tfa.core.lockout import (
    NO_FAILURES,
    FailureCount,
    LockedUntilUnlocked,
    NoWait,
    Wait,
    count_failure,
    remaining_wait,
)
from pam_tfa.core.matching import NotMatched, match_code, note_refused_code
from pam_tfa.core.otp_parameters import MAX_SECRET_BYTES, MIN_SECRET_BYTES
from pam_tfa.core.records import Record, clamp_time
from pam_tfa.core.state import State

Channel = Literal["login", "verify"]
_CountKind = Literal["codes", "backup", "verify"]
RefusedReason = Literal[
    "wrong_code",
    "replayed_code",
    "clock_behind_last_step",
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
    """Decide one attempt.

    Args:
        record: the account's.
        secrets: the authenticators' secrets, unsealed, in the record's order.
        state: the account's, as stored last.
        answer: what parse_answer made of what was typed.
        backup_digest: for a BackupAnswer what hash_backup_code made of it with the set's salt;
            without it the answer is refused. Else None.
        now_s: Unix seconds of any size.
        channel: "login", or "verify" for a user's own unprivileged check, which has a count of
            failures of its own so that it can't lock logins.

    Raises:
        RecordFormatError: record, secrets and state don't belong together.
    """
    _check_belonging(record, secrets, state)
    now_s = clamp_time(now_s)
    match answer:
        case MalformedAnswer(reason=reason):
            return Malformed(reason)
        case CodeAnswer(code=code):
            kind: _CountKind = "codes" if channel == "login" else "verify"
            locked = _locked(state, kind, now_s)
            if locked is not None:
                return locked
            return _decide_code(record, secrets, state, code, now_s, kind)
        case BackupAnswer():
            kind = "backup" if channel == "login" else "verify"
            locked = _locked(state, kind, now_s)
            if locked is not None:
                return locked
            return _decide_backup_code(record, state, backup_digest, now_s, kind)
        case _:
            assert_never(answer)


def _check_belonging(record: Record, secrets: tuple[bytes, ...], state: State) -> None:
    if not len(record.authenticators) == len(secrets) == len(state.authenticators):
        raise RecordFormatError("authenticators", "record, secrets and state differ in number")
    if not all(MIN_SECRET_BYTES <= len(each) <= MAX_SECRET_BYTES for each in secrets):
        raise RecordFormatError("secrets", "of a length that isn't allowed")
    if state.backup_used >> len(record.backup_codes.digests):
        raise RecordFormatError("backup_used", "has bits beyond the set")


def _locked(state: State, kind: _CountKind, now_s: int) -> Locked | None:
    count = _failures(state, kind)
    verdict = remaining_wait(count, now_s)
    match verdict:
        case NoWait():
            return None
        case LockedUntilUnlocked():
            return Locked(None, None)
        case Wait(wait_s=wait_s, failures=failures):
            changed = None if failures == count else _with_failures(state, kind, failures)
            return Locked(wait_s, changed)
        case _:
            assert_never(verdict)


def _decide_code(
    record: Record,
    secrets: tuple[bytes, ...],
    state: State,
    code: bytes,
    now_s: int,
    kind: _CountKind,
) -> Accepted | Refused:
    parameters = [authenticator.otp for authenticator in record.authenticators]
    devices = list(zip(secrets, parameters, state.authenticators, strict=True))
    matched = [match_code(*device, code, now_s) for device in devices]
    accepting = [index for index, each in enumerate(matched) if each is not None]
    if accepting:
        # All that match advance: one secret enrolled twice must not make a code good twice.
        advanced = zip(matched, _without_resync(state).authenticators, strict=True)
        accepted = state._replace(authenticators=tuple(new or old for new, old in advanced))
        return Accepted(accepting[0], _with_failures(accepted, kind, NO_FAILURES))
    noted = [note_refused_code(*device, code, now_s) for device in devices]
    refused = state._replace(authenticators=tuple(each.state for each in noted))
    return Refused(_reason_for(noted), _one_failure_more(refused, kind, now_s))


def _reason_for(noted: list[NotMatched]) -> RefusedReason:
    # The clock first: its user's codes are refused, used or not, until an administrator helps.
    if any(each.clock_is_behind for each in noted):
        return "clock_behind_last_step"
    return "replayed_code" if any(each.replayed for each in noted) else "wrong_code"


def _decide_backup_code(
    record: Record, state: State, digest: bytes | None, now_s: int, kind: _CountKind
) -> BackupAccepted | Refused:
    if state.backup_refused:
        return Refused("backup_codes_refused", state)
    state = _without_resync(state)
    index = None if digest is None else match_backup_code(digest, record.backup_codes)
    if index is None:
        return Refused("wrong_backup_code", _one_failure_more(state, kind, now_s))
    if state.backup_used >> index & 1:
        return Refused("used_backup_code", _one_failure_more(state, kind, now_s))
    used = state.backup_used | 1 << index
    accepted = _with_failures(state._replace(backup_used=used), kind, NO_FAILURES)
    if kind == "backup":  # at a login its holder has proven himself for both kinds
        accepted = _with_failures(accepted, "codes", NO_FAILURES)
    return BackupAccepted(backup_codes_left(record.backup_codes, used), accepted)


def _without_resync(state: State) -> State:
    # The two codes of a resynchronisation come in consecutive attempts, so any other ends it.
    cleared = (each._replace(resync_factor=-1) for each in state.authenticators)
    return state._replace(authenticators=tuple(cleared))


def _failures(state: State, kind: _CountKind) -> FailureCount:
    match kind:
        case "codes":
            return state.codes
        case "backup":
            return state.backup
        case "verify":
            return state.verify
        case _:
            assert_never(kind)


def _with_failures(state: State, kind: _CountKind, failures: FailureCount) -> State:
    match kind:
        case "codes":
            return state._replace(codes=failures)
        case "backup":
            return state._replace(backup=failures)
        case "verify":
            return state._replace(verify=failures)
        case _:
            assert_never(kind)


def _one_failure_more(state: State, kind: _CountKind, now_s: int) -> State:
    return _with_failures(state, kind, count_failure(_failures(state, kind), now_s))
