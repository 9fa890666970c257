"""Accounts with a second factor, enrolled through the store itself: fast, every field chosen."""

from __future__ import annotations

import functools
import os
import time
from typing import TYPE_CHECKING, NamedTuple

from pam_tfa.core.backup_codes import (
    BackupCodeSet,
    format_backup_code,
    hash_backup_code,
    normalize_backup_code,
)
from pam_tfa.core.otp_parameters import OtpParameters
from pam_tfa.core.records import Authenticator, Record, associated_data
from pam_tfa.core.state import AuthenticatorState, State, initial_state
from pam_tfa.core.suspension import Suspension
from pam_tfa.store.files import FileStore
from pam_tfa.store.sealing import SealKeyring
from tests.harness.codes import code_outside, hotp
from tests.harness.installation import SEAL_KEY, USERS_DIR
from tests.harness.users import User, a_user

if TYPE_CHECKING:
    from pam_tfa.core.otp_parameters import OtpAlgorithm, OtpType

AUTHENTICATOR_ID = "a1"
LONGEST_REACH = 110  # further than any window or resynchronisation looks


class EnrolledUser:
    """An account, its secret and its backup codes; makes good, used and wrong codes."""

    def __init__(
        self, user: User, secret: bytes, otp: OtpParameters, backup_codes: list[str]
    ) -> None:
        self.user = user
        self.name = user.name
        self.password = user.password
        self.secret = secret
        self.otp = otp
        self.backup_codes = backup_codes
        self._next_factor = 0

    def code(self) -> str:
        """Return a good code that was never returned before.

        A TOTP user has two without waiting (this step's and the next one's), then one each 30 s;
        an HOTP user has as many as are wanted.
        """
        if self.otp.type == "hotp":
            factor = self._next_factor
        else:
            factor = max(self._next_factor, self.step_now())
            self._wait_for(factor - 1)
        self._next_factor = factor + 1
        return self.code_at(factor)

    def code_at(self, factor: int) -> str:
        """Return the code of a step or counter."""
        return hotp(self.secret, factor, self.otp.digits, self.otp.algorithm)

    def step_now(self) -> int:
        """Return the TOTP step of this moment."""
        return int(time.time()) // self.otp.period_s

    def wrong_code(self) -> str:
        """Return a code in form that is none of those anywhere near."""
        middle = self.step_now() if self.otp.type == "totp" else LONGEST_REACH
        near = range(max(0, middle - LONGEST_REACH), middle + 2 * LONGEST_REACH)
        return code_outside({self.code_at(factor) for factor in near}, self.otp.digits)

    def state(self) -> State:
        """Return the state as the store has it."""
        stored = a_store().load(self.name)
        assert stored is not None
        return stored.state

    def save_state(self, state: State) -> None:
        """Put a state in place, as if logins had led to it."""
        with a_store().transaction(self.name) as transaction:
            assert transaction.load() is not None
            transaction.save_state(state)

    def fail_before(self, failures: int, *, ago_s: int = 0) -> None:
        """Make it look as if so many wrong codes had been given in a row."""
        state = self.state()
        count = state.codes._replace(failures=failures, last_failure_s=int(time.time()) - ago_s)
        self.save_state(state._replace(codes=count))

    def suspend(self, until_s: int, reason: str = "") -> None:
        """Suspend the account from now on."""
        suspension = Suspension(int(time.time()) - 1, until_s, reason)
        self.save_state(self.state()._replace(suspension=suspension))

    def _wait_for(self, step: int) -> None:
        begins_s = step * self.otp.period_s
        if begins_s > time.time():
            time.sleep(begins_s - time.time() + 0.05)


def a_store() -> FileStore:
    """Return the machine's store."""
    return FileStore(str(USERS_DIR))


def an_enrolled_user(
    user: User | None = None,
    *,
    otp_type: OtpType = "totp",
    algorithm: OtpAlgorithm = "sha1",
    digits: int = 6,
    period_s: int = 30,
    password: str = "",
    home: bool = False,
    uid: int | None = None,
) -> EnrolledUser:
    """Enrol an account.

    Without a user it is a new one, with `password` and `home` as for a_user(); without a uid the
    record says the account's. An HOTP user has any number of good codes at once.
    """
    user = user or a_user(password=password, home=home)
    otp = OtpParameters(otp_type, algorithm, digits, period_s if otp_type == "totp" else 0)
    secret = os.urandom(20)
    backup = _backup_codes()
    record = _record(user, uid if uid is not None else user.uid, secret, otp, backup.stored)
    with a_store().transaction(user.name) as transaction:
        transaction.replace(record, initial_state((AuthenticatorState(),)))
    return EnrolledUser(user, secret, otp, list(backup.codes))


class _BackupCodes(NamedTuple):
    codes: tuple[str, ...]
    stored: BackupCodeSet


@functools.cache
def _backup_codes() -> _BackupCodes:
    """Make one set for all users: each code takes 10 ms to hash."""
    salt = os.urandom(16)
    codes = tuple(format_backup_code(os.urandom(10)) for _ in range(10))
    normalized = [normalize_backup_code(code.encode()) for code in codes]
    digests = tuple(hash_backup_code(each, salt) for each in normalized if each is not None)
    return _BackupCodes(codes, BackupCodeSet(salt, digests, int(time.time())))


def _record(
    user: User, uid: int, secret: bytes, otp: OtpParameters, backup_codes: BackupCodeSet
) -> Record:
    now_s = int(time.time())
    keyring = SealKeyring.load(str(SEAL_KEY))
    sealed = keyring.seal(secret, associated_data(user.name, uid, AUTHENTICATOR_ID))
    return Record(
        account_name=user.name,
        uid=uid,
        revision=1,
        created_s=now_s,
        authenticators=(Authenticator(AUTHENTICATOR_ID, "phone", otp, sealed, now_s),),
        backup_codes=backup_codes,
    )
