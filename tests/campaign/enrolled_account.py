"""An account that is enrolled afresh before each round, which costs 2 ms instead of 150."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from pam_tfa.core.lockout import FailureCount
from pam_tfa.core.otp_parameters import OtpParameters
from pam_tfa.core.records import Authenticator, Record, associated_data
from pam_tfa.core.state import AuthenticatorState, State, initial_state
from pam_tfa.core.suspension import WITHOUT_END_S, Suspension
from pam_tfa.dialogue import Answer, LoginRequest, Prompt
from pam_tfa.enrollment import make_backup_codes
from pam_tfa.login import login
from pam_tfa.service.machine import Machine
from pam_tfa.store.sealing import SealKeyring
from tests.harness.codes import code_outside, hotp
from tests.harness.enrolled import a_store
from tests.harness.installation import SEAL_KEY

if TYPE_CHECKING:
    from tests.harness.users import User

PERIOD_S = 30


class SilentMachine(Machine):
    """The real machine without its log, whose socket would stay open in this process."""

    def log(self, priority: int, line: str) -> None:
        """Drop the line."""


class EnrolledAccount:
    """A real account with a secret that the test knows.

    Rounds share one set of backup codes, because hashing ten of them takes 0.1 s; each round
    starts with all of them unused.
    """

    def __init__(self, user: User) -> None:
        """Take an account of the machine; enroll() comes next."""
        self.name = user.name
        self.uid = user.uid
        self._store = a_store()
        self._keyring = SealKeyring.load(str(SEAL_KEY))
        self._backup_set, self.backup_codes = make_backup_codes(os.urandom, int(time.time()))
        self._secret = b""

    def enroll(self) -> None:
        """Replace whatever there is by a fresh secret and the state of a new enrolment."""
        self._secret = os.urandom(20)
        keyring = self._keyring.reloaded()  # a test before may have rotated it
        sealed = keyring.seal(self._secret, associated_data(self.name, self.uid, "campaign"))
        created_s = int(time.time())
        authenticator = Authenticator("campaign", "default", OtpParameters(), sealed, created_s)
        with self._store.transaction(self.name, self.uid) as transaction:
            before = transaction.load()
            revision = before.record.revision + 1 if before is not None else 1
            record = Record(
                self.name, self.uid, revision, created_s, (authenticator,), self._backup_set
            )
            transaction.replace(record, initial_state((AuthenticatorState(),)))

    def code(self, steps_ahead: int = 0) -> str:
        """Return the code of the current step, or of one beside it.

        The window is one step either side, so that it is good for the next 30 s at least.
        """
        return hotp(self._secret, int(time.time()) // PERIOD_S + steps_ahead)

    def wrong_code(self) -> str:
        """Return six digits that no step around now has."""
        return code_outside({self.code(steps) for steps in range(-30, 31)})

    def log_in(self, answer: str) -> str:
        """Run the login flow in this process, as the helper does, and return its verdict."""
        flow = login(LoginRequest(self.name, service="campaign"), SilentMachine("campaign"))
        reply = None
        try:
            while True:
                step = flow.send(reply)
                reply = Answer(answer.encode()) if isinstance(step, Prompt) else None
        except StopIteration as end:
            return str(end.value)

    def state(self) -> State:
        """Return the account's state as it is stored."""
        stored = self._store.load(self.name, self.uid)
        assert stored is not None, "the record is lost"
        return stored.state

    def failures(self) -> int:
        """Return how many wrong codes in a row are counted."""
        return self.state().codes.failures

    def is_enrolled(self) -> bool:
        """Tell whether there is a record."""
        return self._store.load(self.name, self.uid) is not None

    def reset(self) -> None:
        """Remove the record."""
        with self._store.transaction(self.name, self.uid) as transaction:
            transaction.remove()

    def adopt(self, secret: bytes) -> None:
        """Go on with a secret that somebody else has enrolled."""
        self._secret = secret

    def suspend(self) -> None:
        """Suspend the account without end."""
        suspension = Suspension(int(time.time()) - 1, WITHOUT_END_S, "")
        self._save(self.state()._replace(suspension=suspension))

    def lock(self) -> None:
        """Make it as if a hundred wrong codes had been given in a row."""
        count = FailureCount(100, int(time.time()))
        self._save(self.state()._replace(codes=count))

    def _save(self, state: State) -> None:
        with self._store.transaction(self.name, self.uid) as transaction:
            assert transaction.load() is not None, "the record is lost"
            transaction.save_state(state)
