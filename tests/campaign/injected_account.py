"""Accounts of a store of one's own, put into any state before each injection in 0.1 ms."""

from __future__ import annotations

import contextlib
import os
import pwd
import time
from typing import TYPE_CHECKING

from pam_tfa.core.backup_codes import hash_backup_code, normalize_backup_code
from pam_tfa.core.otp_parameters import OtpParameters
from pam_tfa.core.records import Authenticator, Record, associated_data
from pam_tfa.core.state import AuthenticatorState, initial_state
from pam_tfa.dialogue import Answer, LoginRequest, Prompt
from pam_tfa.login import login
from pam_tfa.service.machine import Machine
from pam_tfa.store.files import FileStore
from pam_tfa.store.sealing import SealKeyring
from pam_tfa.store.stored import encode_file
from tests.harness.codes import code_outside, hotp
from tests.harness.installation import USERS_DIR

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pam_tfa.core.backup_codes import BackupCodeSet
    from pam_tfa.core.otp_parameters import OtpType
    from pam_tfa.core.state import State
    from pam_tfa.store.stored import Stored

PERIOD_S = 30
SLOT_BYTES = 4096
REACH = 130  # further than any window or resynchronisation looks


class LaterMachine(Machine):
    """The real machine with a clock that is ahead, and without a log."""

    def __init__(self, later_s: int) -> None:
        super().__init__("campaign")
        self._later_s = later_s

    def now_s(self) -> int:
        """Return Unix seconds, so much later."""
        return super().now_s() + self._later_s

    def log(self, priority: int, line: str) -> None:
        """Drop the line."""


class InjectedAccount:
    """An enrolled account; its file is written past the product, whole and at once."""

    def __init__(
        self,
        name: str,
        backup: tuple[BackupCodeSet, Sequence[str]],
        *,
        otp_type: OtpType = "totp",
        uid: int | None = None,
        users_dir: Path = USERS_DIR,
    ) -> None:
        """Make a secret and a record for an account; put() writes it.

        Args:
            name: of the account.
            backup: its backup codes, as stored and as typed.
            otp_type: what its codes are.
            uid: what the record says; default: the account's.
            users_dir: the store.
        """
        self.name = name
        self.uid = uid if uid is not None else pwd.getpwnam(name).pw_uid
        self.path = users_dir / f"{name}.json"
        self.otp = OtpParameters(otp_type, period_s=PERIOD_S if otp_type == "totp" else 0)
        self.secret = os.urandom(20)
        backup_set, self.backup_codes = backup
        self._store = FileStore(str(users_dir))
        self._wrong_codes: dict[int, str] = {}
        sealed = SealKeyring.load().seal(self.secret, associated_data(name, self.uid, "a1"))
        device = Authenticator("a1", "phone", self.otp, sealed, int(time.time()))
        self.record = Record(name, self.uid, 1, int(time.time()), (device,), backup_set)

    @property
    def fresh(self) -> State:
        """The state of a new enrolment."""
        return initial_state((AuthenticatorState(),))

    def put(self, state: State, *, torn: bool = False) -> None:
        """Let the file be this; torn: the newer slot's last write was cut short."""
        content = encode_file(self.record, state)
        if torn:
            content = content[:-SLOT_BYTES] + bytes(SLOT_BYTES)
        with contextlib.suppress(FileNotFoundError):
            (self.path.parent / f".{self.path.name}.new").unlink()
        opened = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.write(opened, content)
        os.close(opened)

    def take_away(self) -> None:
        """Let there be no file."""
        self.path.unlink(missing_ok=True)

    def stored(self) -> Stored:
        """Return what is stored now; a file that isn't whole raises."""
        stored = self._store.load(self.name, self.uid)
        assert stored is not None, "the record is lost"
        return stored

    def code_at(self, factor: int) -> str:
        """Return the code of a step or counter."""
        return hotp(self.secret, factor)

    def wrong_code(self) -> str:
        """Return a code in form that is none of those anywhere near."""
        middle = step_now() if self.otp.type == "totp" else REACH
        if middle not in self._wrong_codes:  # 2 ms
            near = range(middle - REACH, middle + REACH)
            self._wrong_codes[middle] = code_outside({self.code_at(each) for each in near})
        return self._wrong_codes[middle]

    def log_in(self, answer: str, later_s: int = 0) -> str:
        """Run the login flow in this process, undisturbed; return its verdict."""
        flow = login(LoginRequest(self.name, service="campaign"), LaterMachine(later_s))
        reply = None
        try:
            while True:
                step = flow.send(reply)
                reply = Answer(answer.encode()) if isinstance(step, Prompt) else None
        except StopIteration as end:
            return str(end.value)

    def leftovers(self) -> set[str]:
        """Return the names of what lies in the store beside records, lock and sentinel."""
        names = {each.name for each in self.path.parent.iterdir()}
        return {each for each in names - {".lock", ".store"} if each.startswith(".")}


def step_now() -> int:
    """Return the TOTP step of this moment."""
    return int(time.time()) // PERIOD_S


def hashed_codes(codes: Sequence[str], salt: bytes) -> tuple[bytes, ...]:
    """Return what is stored of backup codes."""
    normalized = (normalize_backup_code(code.encode()) for code in codes)
    return tuple(hash_backup_code(each, salt) for each in normalized if each is not None)
