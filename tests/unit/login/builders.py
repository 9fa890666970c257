"""A machine for the login flow: a real store in a temporary place, everything else chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pam_tfa.config import Config
from pam_tfa.core.backup_codes import (
    BackupCodeSet,
    format_backup_code,
    hash_backup_code,
    normalize_backup_code,
)
from pam_tfa.core.otp import generate_code
from pam_tfa.core.otp_parameters import OtpParameters
from pam_tfa.core.records import Authenticator, Record, associated_data
from pam_tfa.core.state import AuthenticatorState, State, initial_state
from pam_tfa.dialogue import Account, Answer, LoginRequest, Prompt, Show
from pam_tfa.login import login
from pam_tfa.store.files import FileStore
from pam_tfa.store.sealing import SealKeyring, create_seal_key

if TYPE_CHECKING:
    from pathlib import Path

NOW_S = 1_790_000_010
SECRET = bytes(range(20))
BACKUP_CODES = [format_backup_code(bytes([n]) * 10) for n in (1, 2)]


class FakeMachine:
    """pam_tfa.dialogue.System over a temporary store, with a clock that tests set."""

    def __init__(self, directory: Path, **config: Any) -> None:
        self.config = Config(
            store_dir=str(directory / "users"), seal_key_path=str(directory / "seal.key"), **config
        )
        self.accounts = {"alice": Account("alice", 1000), "bob": Account("bob", 1001)}
        self.clock_s = NOW_S
        self.caller = 0
        self.lines: list[str] = []
        self.store = FileStore(self.config.store_dir, lock_wait_s=0.1)
        self.store.initialize()
        create_seal_key(self.config.seal_key_path)

    def load_config(self, path: str | None) -> Config:
        return self.config

    def find_account(self, name: str) -> Account | None:
        return self.accounts.get(name)

    def open_store(self, config: Config) -> FileStore:
        return self.store

    def load_keyring(self, config: Config) -> SealKeyring:
        return SealKeyring.load(config.seal_key_path)

    def now_s(self) -> int:
        return self.clock_s

    def log(self, priority: int, line: str) -> None:
        self.lines.append(line)

    def caller_uid(self) -> int:
        return self.caller

    def enroll(self, name: str = "alice", **state: Any) -> None:
        """Give an account one TOTP authenticator and two backup codes."""
        uid = self.accounts[name].uid
        sealed = SealKeyring.load(self.config.seal_key_path).seal(
            SECRET, associated_data(name, uid, "a1")
        )
        salt = bytes(16)
        hashes = []
        for code in BACKUP_CODES:
            normalized = normalize_backup_code(code.encode())
            assert normalized is not None
            hashes.append(hash_backup_code(normalized, salt))
        phone = Authenticator("a1", "phone", OtpParameters(), sealed, self.clock_s)
        record = Record(name, uid, 1, NOW_S, (phone,), BackupCodeSet(salt, tuple(hashes), NOW_S))
        with self.store.transaction(name, uid) as transaction:
            transaction.replace(record, initial_state((AuthenticatorState(),))._replace(**state))

    def state(self, name: str = "alice") -> State:
        """Return what the store holds."""
        stored = self.store.load(name)
        assert stored is not None
        return stored.state


class Transcript:
    """What a login asked, showed and came to."""

    def __init__(self) -> None:
        self.prompts: list[Prompt] = []
        self.shown: list[str] = []
        self.verdict = ""


def code_at(clock_s: int) -> bytes:
    """Return the code that the phone shows at a time."""
    return generate_code(SECRET, OtpParameters(), clock_s // 30)


def wrong_code_at(clock_s: int) -> bytes:
    """Return six digits that no code near a time has."""
    near = {code_at(clock_s + 30 * step) for step in range(-30, 31)}
    return next(code for n in range(100) if (code := b"%06d" % n) not in near)


def run(
    machine: FakeMachine, answer: bytes | Answer = b"", user: str = "alice", **options: Any
) -> Transcript:
    """Drive one login to its end, answering every prompt the same way."""
    transcript = Transcript()
    flow = login(LoginRequest(user, **options), machine)
    sent: Answer | None = None
    while True:
        try:
            step = flow.send(sent)
        except StopIteration as end:
            transcript.verdict = end.value
            return transcript
        sent = None
        if isinstance(step, Show):
            transcript.shown.append(step.text)
        else:
            transcript.prompts.append(step)
            sent = answer if isinstance(answer, Answer) else Answer(answer)
