"""A clock that tests set, for the installed helper and command alike, and an account under it.

The machine's clock stays as it is. Everything but time.time() is real: module, helper, flow, store.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pam_tfa.core.lockout import NO_FAILURES, FailureCount
from pam_tfa.core.otp_parameters import OtpParameters
from pam_tfa.core.records import Authenticator, Record, associated_data
from pam_tfa.core.state import AuthenticatorState, State, initial_state
from pam_tfa.enrollment import make_backup_codes
from pam_tfa.store.sealing import SealKeyring
from tests.campaign.command_process import COMMAND
from tests.harness.codes import hotp
from tests.harness.enrolled import a_store
from tests.harness.installation import SEAL_KEY, record_path
from tests.harness.stand_in_modules import with_added_code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.users import User

Kind = Literal["totp", "hotp", "backup"]
PLACE = Path("/run/pam-tfa-test-clock")
PERIOD_S, DIGITS = 30, 8  # so many digits that no two codes are the same by chance
SLOT_BYTES = 4096
_READ_CLOCK = f"""
import time
def _set_by_the_test():
    with open({str(PLACE)!r}) as file:
        return float(file.read())
time.time = _set_by_the_test
"""


class Clock:
    """The clock; it stands still until it is set."""

    def __init__(self, now_s: int) -> None:
        self.now_s = now_s
        self.set(now_s)

    def set(self, now_s: int) -> None:
        """Let it be another time, for whoever looks from now on."""
        # In one step: a helper may be reading.
        fresh = PLACE.with_suffix(".new")
        fresh.write_text(str(now_s))
        fresh.rename(PLACE)
        self.now_s = now_s

    @property
    def step(self) -> int:
        """Return the TOTP step that it is."""
        return self.now_s // PERIOD_S


@contextlib.contextmanager
def a_clock(now_s: int) -> Iterator[Clock]:
    """Have helper and command read a clock of ours."""
    with with_added_code("pam_tfa/__init__.py", _READ_CLOCK):
        yield Clock(now_s)
    PLACE.unlink()


class ClockedAccount:
    """A real account with a secret that the test knows."""

    def __init__(self, user: User) -> None:
        self.name = user.name
        self.uid = user.uid
        self._store = a_store()
        self._keyring = SealKeyring.load(str(SEAL_KEY))
        self._backup_set, self.backup_codes = make_backup_codes(os.urandom, 0)
        self._secret = b""

    def enroll(self, kind: Kind, seed: str, now_s: int) -> None:
        """Enrol afresh, all backup codes unused; one seed makes one secret."""
        self._secret = sha256(seed.encode()).digest()[:20]
        sealed = self._keyring.seal(self._secret, associated_data(self.name, self.uid, "clock"))
        is_token = kind == "hotp"
        otp = OtpParameters("hotp" if is_token else "totp", "sha1", DIGITS, 0 if is_token else 30)
        authenticator = Authenticator("clock", "phone", otp, sealed, now_s)
        with self._store.transaction(self.name, self.uid) as transaction:
            before = transaction.load()
            revision = before.record.revision + 1 if before is not None else 1
            record = Record(
                self.name, self.uid, revision, now_s, (authenticator,), self._backup_set
            )
            transaction.replace(record, initial_state((AuthenticatorState(),)))

    def code(self, factor: int) -> bytes:
        """Return the code of a step or counter."""
        return hotp(self._secret, factor, DIGITS).encode()

    @property
    def state(self) -> State:
        """Return the state as it is stored."""
        stored = self._store.load(self.name, self.uid)
        assert stored is not None, "the record is lost"
        return stored.state

    @property
    def last_step(self) -> int:
        """Return the last step that was accepted."""
        return self.state.authenticators[0].last_step

    def fail_before(self, failures: int, last_failure_s: int) -> None:
        """Make it as if so many wrong codes had been given in a row."""
        self._save(self.state._replace(codes=FailureCount(failures, last_failure_s)))

    def forgive(self) -> None:
        """Clear the counts, so that waits are no subject of a test."""
        self._save(self.state._replace(codes=NO_FAILURES, backup=NO_FAILURES))

    def lose_last_write(self) -> None:
        """Tear the slot that would be written next, as a write that was cut off does."""
        with self._store.transaction(self.name, self.uid) as transaction:
            stored = transaction.load()
            assert stored is not None
            for _ in range(2):  # both slots hold what is good, so that either may be torn
                transaction.save_state(stored.state)
        with record_path(self.name).open("r+b") as file:
            file.seek(-SLOT_BYTES, os.SEEK_END)
            file.write(bytes(SLOT_BYTES))

    def run(self, verb: str, *options: str) -> str:
        """Run a verb of the installed command about this account; return what it says."""
        done = subprocess.run(
            [COMMAND, verb, self.name, *options],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        )
        assert done.returncode == 0, (verb, options, done.stderr)
        return done.stdout

    def _save(self, state: State) -> None:
        with self._store.transaction(self.name, self.uid) as transaction:
            assert transaction.load() is not None, "the record is lost"
            transaction.save_state(state)
