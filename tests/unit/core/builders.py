"""Accounts, records and states for the tests of the core."""

from functools import cached_property
from hashlib import sha256
from typing import Any

from hypothesis import strategies as st

from pam_tfa.core.answers import BackupAnswer, parse_answer
from pam_tfa.core.attempt import Accepted, BackupAccepted, Channel, Decision, decide_attempt
from pam_tfa.core.backup_codes import MAX_BACKUP_CODES, BackupCodeSet
from pam_tfa.core.lockout import FailureCount
from pam_tfa.core.otp import generate_code
from pam_tfa.core.otp_parameters import OtpParameters
from pam_tfa.core.records import Authenticator, Record, SealedSecret
from pam_tfa.core.state import (
    MAX_MOVING_FACTOR,
    AuthenticatorState,
    State,
    decode_state,
    encode_state,
    initial_state,
)
from pam_tfa.core.suspension import NOT_SUSPENDED, WITHOUT_END_S, Suspension

NOW_S = 1_790_000_010  # the start of a step of 30 s
NOW_STEP = NOW_S // 30
TOTP = OtpParameters()
HOTP = OtpParameters(type="hotp", period_s=0)
# Eight digits where a test counts outcomes, so that it doesn't fail once in a million runs.
LONG_TOTP = OtpParameters(digits=8)
LONG_HOTP = OtpParameters(type="hotp", digits=8, period_s=0)


def a_secret(number: int = 0) -> bytes:
    """Return one of many 160-bit secrets."""
    return sha256(b"secret %d" % number).digest()[:20]


def a_digest(number: int) -> bytes:
    """Return one of many digests of backup codes."""
    return sha256(b"backup code %d" % number).digest()


def an_authenticator(number: int = 0, otp: OtpParameters = TOTP, **fields: Any) -> Authenticator:
    """Build an authenticator; its sealed secret holds no real ciphertext."""
    sealed = SealedSecret(key_id="k1", nonce=bytes(12), ciphertext=bytes([number]) * 36)
    whole = Authenticator(f"a{number}", f"phone {number}", otp, sealed, created_s=NOW_S)
    return whole._replace(**fields)


def a_backup_set(count: int = 10) -> BackupCodeSet:
    """Build a set whose code i has a_digest(i)."""
    return BackupCodeSet(bytes(16), tuple(map(a_digest, range(count))), created_s=NOW_S)


def a_record(*authenticators: Authenticator, **fields: Any) -> Record:
    """Build a record, with one TOTP authenticator where none is given."""
    devices = authenticators or (an_authenticator(),)
    return Record("alice", 1000, 1, NOW_S, devices, a_backup_set())._replace(**fields)


def a_state(*authenticators: AuthenticatorState, **fields: Any) -> State:
    """Build a state, of one fresh authenticator where none is given."""
    return initial_state(authenticators or (AuthenticatorState(),))._replace(**fields)


class Account:
    """An enrolled user, with a store that keeps what decisions say."""

    def __init__(self, *otp: OtpParameters, same_secret: bool = False, **state: Any) -> None:
        """Enrol one authenticator for each of the parameters, one TOTP where none are given."""
        parameters = otp or (LONG_TOTP,)
        devices = [an_authenticator(number, each) for number, each in enumerate(parameters)]
        self.record = a_record(*devices)
        self.secrets = tuple(a_secret(0 if same_secret else n) for n in range(len(parameters)))
        self.state = initial_state(tuple(AuthenticatorState() for _ in devices))._replace(**state)

    def code(self, moving_factor: int, index: int = 0) -> bytes:
        """Return what an authenticator shows at a step or counter."""
        otp = self.record.authenticators[index].otp
        return generate_code(self.secrets[index], otp, moving_factor)

    @cached_property
    def wrong_code(self) -> bytes:
        """Digits that are no code near any step or counter that the tests use."""
        near = {self.code(NOW_STEP + each) for each in range(-200, 201)}
        near |= {self.code(each) for each in range(400)}
        return next(wrong for n in range(1000) if (wrong := b"%08d" % n) not in near)

    def enters(self, typed: bytes, now_s: int = NOW_S, channel: Channel = "login") -> Decision:
        """Type an answer at a time, and store the state that comes of it."""
        digits = {device.otp.digits for device in self.record.authenticators}
        answer = parse_answer(typed, digits)
        return self._store(
            decide_attempt(self.record, self.secrets, self.state, answer, None, now_s, channel)
        )

    def enters_backup(
        self, digest: bytes | None, now_s: int = NOW_S, channel: Channel = "login"
    ) -> Decision:
        """Type a backup code of a digest at a time, and store the state that comes of it."""
        answer = BackupAnswer(b"0" * 15)
        return self._store(
            decide_attempt(self.record, self.secrets, self.state, answer, digest, now_s, channel)
        )

    def _store(self, decision: Decision) -> Decision:
        state = getattr(decision, "state", None)
        if state is not None:
            self.state = decode_state(encode_state(state))
        return decision


def is_success(decision: Decision) -> bool:
    """Tell whether a decision lets the user in."""
    return isinstance(decision, Accepted | BackupAccepted)


times = st.integers(0, 2**62)
identifiers = st.text("abcXYZ019_-", min_size=1, max_size=64)
account_names = (
    st.binary(min_size=1, max_size=64)
    .filter(lambda name: b"\0" not in name)
    .map(lambda name: name.decode("utf-8", "surrogateescape"))
)
otp_parameters = st.builds(
    OtpParameters,
    type=st.just("totp"),
    algorithm=st.sampled_from(("sha1", "sha256", "sha512")),
    digits=st.sampled_from((6, 8)),
    period_s=st.integers(10, 120),
) | st.builds(
    OtpParameters,
    type=st.just("hotp"),
    algorithm=st.sampled_from(("sha1", "sha256", "sha512")),
    digits=st.sampled_from((6, 8)),
    period_s=st.just(0),
)
sealed_secrets = st.builds(
    SealedSecret,
    key_id=identifiers,
    nonce=st.binary(min_size=12, max_size=12),
    ciphertext=st.binary(min_size=30, max_size=144),
)
authenticators = st.builds(
    Authenticator,
    authenticator_id=identifiers,
    name=st.text(min_size=1, max_size=64).filter(str.isprintable),
    otp=otp_parameters,
    sealed_secret=sealed_secrets,
    created_s=times,
)
backup_sets = st.builds(
    BackupCodeSet,
    salt=st.binary(min_size=16, max_size=16),
    digests=st.lists(
        st.binary(min_size=32, max_size=32), max_size=MAX_BACKUP_CODES, unique=True
    ).map(tuple),
    created_s=times,
)
records = st.builds(
    Record,
    account_name=account_names,
    uid=st.integers(0, 2**32 - 2),
    revision=st.integers(1, 2**63 - 1),
    created_s=times,
    authenticators=st.lists(
        authenticators,
        min_size=1,
        max_size=4,
        unique_by=(lambda each: each.authenticator_id, lambda each: each.name),
    ).map(tuple),
    backup_codes=backup_sets,
)

failure_counts = st.builds(
    FailureCount, failures=st.integers(0, 100), last_failure_s=st.integers(0, 2**64 - 1)
)
suspensions = st.just(NOT_SUSPENDED) | st.builds(
    lambda from_s, length_s, reason: Suspension(
        from_s, min(from_s + length_s, WITHOUT_END_S), reason
    ),
    st.integers(0, 2**63),
    st.integers(1, 2**64),
    st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=64),
)
authenticator_states = st.builds(
    AuthenticatorState,
    last_step=st.integers(-1, MAX_MOVING_FACTOR),
    counter=st.integers(0, MAX_MOVING_FACTOR),
    drift_steps=st.integers(-10, 10),
    resync_factor=st.integers(-1, MAX_MOVING_FACTOR),
    needs_two_codes=st.booleans(),
)
states = st.builds(
    State,
    suspension=suspensions,
    codes=failure_counts,
    backup=failure_counts,
    verify=failure_counts,
    backup_used=st.integers(0, 2**64 - 1),
    backup_refused=st.booleans(),
    authenticators=st.lists(authenticator_states, max_size=16).map(tuple),
)
