"""The enrolment flow: one generator for the command, the login and the web page.

It yields what to show and what to ask and returns how it ended; whoever drives it turns that into
text. Nothing is stored until the first code is confirmed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pam_tfa.attempts import NotEnrolledError, try_answer
from pam_tfa.core.answers import CodeAnswer, parse_answer
from pam_tfa.core.attempt import Accepted, BackupAccepted, Decision
from pam_tfa.core.backup_codes import (
    BACKUP_CODE_COUNT,
    RANDOM_BYTES_PER_CODE,
    SALT_BYTES,
    BackupCodeSet,
    format_backup_code,
    hash_backup_code,
    normalize_backup_code,
)
from pam_tfa.core.matching import TOTP_RESYNC_STEPS, match_code
from pam_tfa.core.otp import matching_factors
from pam_tfa.core.otp_parameters import DEFAULT_SECRET_BYTES
from pam_tfa.core.records import Authenticator, Record, SealedSecret, associated_data
from pam_tfa.core.state import AuthenticatorState, initial_state
from pam_tfa.core.suspension import is_suspended
from pam_tfa.enrollment_steps import (
    AlreadyEnrolled,
    AskCurrentCode,
    AskFirstCode,
    ChangedMeanwhile,
    Enrolled,
    NotConfirmed,
    NotProven,
    Saved,
    ShowBackupCodes,
    ShowKey,
)
from pam_tfa.otpauth import provisioning_uri, secret_text

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pam_tfa.core.otp_parameters import OtpParameters
    from pam_tfa.dialogue import Account
    from pam_tfa.enrollment_steps import FirstCodeProblem, Flow, Proof, Step
    from pam_tfa.store.files import FileStore
    from pam_tfa.store.sealing import SealKeyring
    from pam_tfa.store.stored import Stored

TRIES: Final = 3
AUTHENTICATOR_ID_BYTES: Final = 8
AUTHENTICATOR_NAME: Final = "default"


class Surroundings(NamedTuple):
    """What an enrolment needs of the world.

    Attributes:
        store: where the record goes.
        keyring: seals the secret.
        now: returns Unix seconds.
        random_bytes: returns so many bytes that nobody can guess.
    """

    store: FileStore
    keyring: SealKeyring
    now: Callable[[], int]
    random_bytes: Callable[[int], bytes]


class _NewEnrollment(NamedTuple):
    """A secret and backup codes that nobody has stored yet."""

    record: Record
    secret: bytes
    codes: tuple[str, ...]

    def __repr__(self) -> str:
        return "_NewEnrollment(...)"


def enroll(
    surroundings: Surroundings, account: Account, otp: OtpParameters, issuer: str, proof: Proof
) -> Flow:
    """Enrol an account, with a first code as the proof that the app has the secret.

    Args:
        surroundings: store, keyring, clock, randomness.
        account: whose second factor this becomes.
        otp: what codes the app will make.
        issuer: what the app calls this host.
        proof: "current_code" to ask for a code of the enrolment that is replaced.

    Yields: AskCurrentCode, ShowKey, AskFirstCode up to TRIES times, Saved, ShowBackupCodes.
    Returns: how it ended.
    Raises: PamTfaError as FileStore and SealKeyring do.
    """
    # A record of another uid has no owner who could be asked for a code: damaged, unless replaced.
    uid = account.uid if proof == "current_code" else None
    before = surroundings.store.load(account.name, uid)
    if before is not None and proof == "current_code":
        decision = yield from _prove(surroundings, account)
        if not isinstance(decision, Accepted | BackupAccepted):
            return NotProven(decision)
    new = _make_enrollment(surroundings, account, otp, before)
    yield _show_key(new, issuer)
    first = yield from _confirm(surroundings, new)
    if isinstance(first, NotConfirmed):
        return first
    outcome = _commit(surroundings, new, before, first)
    if isinstance(outcome, Enrolled):
        yield Saved(outcome)
        yield ShowBackupCodes(new.codes)
    return outcome


def enroll_unconfirmed(
    surroundings: Surroundings,
    account: Account,
    otp: OtpParameters,
    issuer: str,
    *,
    replace: bool,
) -> Flow:
    """Enrol an account for a script: everything is shown first, then stored.

    In this order a full disk or a closed pipe behind the output leaves nobody with a secret that
    he was never told.

    Args: as for enroll.
    Yields: ShowKey, ShowBackupCodes, Saved.
    Returns: how it ended; only Enrolled makes what was shown valid.
    """
    before = surroundings.store.load(account.name, None if replace else account.uid)
    if before is not None and not replace:
        return AlreadyEnrolled()
    new = _make_enrollment(surroundings, account, otp, before)
    yield _show_key(new, issuer)
    yield ShowBackupCodes(new.codes)
    outcome = _commit(surroundings, new, before, AuthenticatorState())
    if isinstance(outcome, Enrolled):
        yield Saved(outcome)
    return outcome


def make_backup_codes(
    random_bytes: Callable[[int], bytes], now_s: int
) -> tuple[BackupCodeSet, tuple[str, ...]]:
    """Make a set of backup codes: what is stored, and what is shown once."""
    salt = random_bytes(SALT_BYTES)
    codes = tuple(
        format_backup_code(random_bytes(RANDOM_BYTES_PER_CODE)) for _ in range(BACKUP_CODE_COUNT)
    )
    normalized = [normalize_backup_code(code.encode()) for code in codes]
    digests = tuple(hash_backup_code(each, salt) for each in normalized if each is not None)
    return BackupCodeSet(salt, digests, now_s), codes


def _prove(
    surroundings: Surroundings, account: Account
) -> Generator[Step, bytes | None, Decision | None]:
    answer = yield AskCurrentCode()
    if answer is None:
        return None
    store, keyring, now, _ = surroundings
    try:
        return try_answer(store, keyring, account.name, answer, now)
    except NotEnrolledError:
        return None


def _make_enrollment(
    surroundings: Surroundings, account: Account, otp: OtpParameters, before: Stored | None
) -> _NewEnrollment:
    now_s, random_bytes = surroundings.now(), surroundings.random_bytes
    secret = random_bytes(DEFAULT_SECRET_BYTES)
    authenticator_id = random_bytes(AUTHENTICATOR_ID_BYTES).hex()
    sealed = surroundings.keyring.seal(
        secret, associated_data(account.name, account.uid, authenticator_id)
    )
    backup_codes, codes = make_backup_codes(random_bytes, now_s)
    record = Record(
        account_name=account.name,
        uid=account.uid,
        revision=before.record.revision + 1 if before is not None else 1,
        created_s=now_s,
        authenticators=(Authenticator(authenticator_id, AUTHENTICATOR_NAME, otp, sealed, now_s),),
        backup_codes=backup_codes,
    )
    return _NewEnrollment(record, secret, codes)


def _sealed_with(keyring: SealKeyring, record: Record, secret: bytes) -> Record:
    (device,) = record.authenticators
    if device.sealed_secret.key_id == keyring.active_key_id:
        return record
    owner = associated_data(record.account_name, record.uid, device.authenticator_id)
    sealed = keyring.seal(secret, owner)
    return record._replace(authenticators=(device._replace(sealed_secret=sealed),))


def _without_seals(stored: Stored | None) -> Record | None:
    """Return what enrolment and administration change of a record, and a rotation doesn't."""
    if stored is None:
        return None
    unsealed = SealedSecret("", b"", b"")
    devices = stored.record.authenticators
    bare = tuple(each._replace(sealed_secret=unsealed) for each in devices)
    return stored.record._replace(revision=0, authenticators=bare)


def _show_key(new: _NewEnrollment, issuer: str) -> ShowKey:
    otp = new.record.authenticators[0].otp
    uri, shortened = provisioning_uri(new.secret, otp, new.record.account_name, issuer)
    return ShowKey(uri, secret_text(new.secret), otp, shortened)


def _confirm(
    surroundings: Surroundings, new: _NewEnrollment
) -> Generator[Step, bytes | None, AuthenticatorState | NotConfirmed]:
    problem: FirstCodeProblem | None = None
    ahead_s = 0
    for tries_left in range(TRIES, 0, -1):
        answer = yield AskFirstCode(tries_left, problem, ahead_s)
        if answer is None:
            return NotConfirmed(None, 0)
        checked = _check_first_code(new, answer, surroundings.now())
        if isinstance(checked, AuthenticatorState):
            return checked
        problem, ahead_s = checked
    return NotConfirmed(problem, ahead_s)


def _check_first_code(
    new: _NewEnrollment, answer: bytes, now_s: int
) -> AuthenticatorState | tuple[FirstCodeProblem, int]:
    otp = new.record.authenticators[0].otp
    parsed = parse_answer(answer, {otp.digits})
    if not isinstance(parsed, CodeAnswer):
        return "not_a_code", 0
    matched = match_code(new.secret, otp, AuthenticatorState(), parsed.code, now_s)
    if matched is not None:
        return matched
    if otp.type == "hotp":
        return "wrong", 0
    # The commonest reason is a phone whose clock is off: the code itself tells by how much.
    step = now_s // otp.period_s
    near = range(max(0, step - TOTP_RESYNC_STEPS), step + TOTP_RESYNC_STEPS + 1)
    steps = matching_factors(new.secret, otp, near, parsed.code)
    return ("clock", (steps[0] - step) * otp.period_s) if steps else ("wrong", 0)


def _commit(
    surroundings: Surroundings,
    new: _NewEnrollment,
    before: Stored | None,
    first: AuthenticatorState,
) -> Enrolled | ChangedMeanwhile:
    store = surroundings.store
    # A rotation may have made another key the active one since the secret was sealed; under this
    # lock it can't, so the key that seals now is kept.
    with store.sealing_lock(shared=True), store.transaction(new.record.account_name) as transaction:
        now = transaction.load()
        if _without_seals(now) != _without_seals(before):
            return ChangedMeanwhile()
        record = new.record._replace(revision=now.record.revision + 1 if now is not None else 1)
        keyring = surroundings.keyring.reloaded()
        transaction.replace(_sealed_with(keyring, record, new.secret), initial_state((first,)))
    if now is None:
        return Enrolled(replaced=False, ended_suspension=False)
    suspension = now.state.suspension
    suspended = is_suspended(suspension.from_s, suspension.until_s, surroundings.now())
    return Enrolled(replaced=True, ended_suspension=suspended)
