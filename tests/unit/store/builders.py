"""Builders of stores, records and states, and the ways to break them."""

import os
import subprocess
import sys
from pathlib import Path

import cryptography

from pam_tfa.core.backup_codes import BackupCodeSet
from pam_tfa.core.otp_parameters import OtpParameters
from pam_tfa.core.records import Authenticator, Record, SealedSecret
from pam_tfa.core.state import AuthenticatorState, State, initial_state
from pam_tfa.store.files import FileStore

PROJECT = Path(__file__).parents[3]
DEPENDENCIES = Path(cryptography.__file__).parents[1]
CREATED_S = 1_700_000_000


def an_authenticator(authenticator_id: str = "a1", name: str = "phone") -> Authenticator:
    """Return a TOTP authenticator whose sealed secret is made up."""
    return Authenticator(
        authenticator_id=authenticator_id,
        name=name,
        otp=OtpParameters(type="totp", algorithm="sha1", digits=6, period_s=30),
        sealed_secret=SealedSecret("k1", b"n" * 12, b"c" * 36),
        created_s=CREATED_S,
    )


def a_record(account_name: str = "alice", *, uid: int = 1000, revision: int = 1) -> Record:
    """Return a record with one authenticator and ten backup codes."""
    return Record(
        account_name=account_name,
        uid=uid,
        revision=revision,
        created_s=CREATED_S,
        authenticators=(an_authenticator(),),
        backup_codes=BackupCodeSet(
            salt=b"s" * 16,
            digests=tuple(bytes([number]) * 32 for number in range(10)),
            created_s=CREATED_S,
        ),
    )


def a_state(last_step: int = -1) -> State:
    """Return the state of such a record after a code of this step was accepted."""
    return initial_state((AuthenticatorState(last_step=last_step),))


def a_store(parent: Path, *, lock_wait_s: float = 3.0) -> FileStore:
    """Return an initialised, empty store below a directory."""
    store = FileStore(str(parent / "users"), lock_wait_s=lock_wait_s)
    store.initialize()
    return store


def an_enrolled_store(
    parent: Path, account_name: str = "alice", *, state: State | None = None
) -> FileStore:
    """Return a store in which one account is enrolled."""
    store = a_store(parent)
    enroll(store, account_name, state=state)
    return store


def enroll(store: FileStore, account_name: str, *, state: State | None = None) -> None:
    """Write an account's first record."""
    with store.transaction(account_name) as transaction:
        transaction.replace(a_record(account_name), state or a_state())


def save_last_step(store: FileStore, last_step: int, account_name: str = "alice") -> None:
    """Save a state in place, as a login does."""
    with store.transaction(account_name) as transaction:
        assert transaction.load() is not None
        transaction.save_state(a_state(last_step))


def last_step_of(store: FileStore, account_name: str = "alice") -> int:
    """Return the last accepted step that the store knows."""
    stored = store.load(account_name)
    assert stored is not None
    return stored.state.authenticators[0].last_step


def record_path(store: FileStore, account_name: str = "alice") -> Path:
    """Return the file of an account with a plain name."""
    return Path(store.users_dir, f"{account_name}.json")


def leftovers(store: FileStore) -> list[str]:
    """Return what lies in a store beside records, lock file and sentinel."""
    known = {".lock", ".store"}
    return [name for name in os.listdir(store.users_dir) if name[0] == "." and name not in known]


def python_command(script: str, *arguments: str) -> list[str]:
    """Return the command that runs a script with this project's package and its dependencies.

    Without site: what it would read and how often is none of the script's business.
    """
    prelude = f"import sys; sys.path[:0] = {[str(PROJECT), str(DEPENDENCIES)]!r}\n"
    return [sys.executable, "-I", "-S", "-B", "-c", prelude + script, *arguments]


def run_python(script: str, *arguments: str) -> str:
    """Run a script in a process of its own, and return its output."""
    finished = subprocess.run(
        python_command(script, *arguments), capture_output=True, text=True, timeout=60, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def run_in_private_mounts(shell_script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script whose mounts nobody else sees and that end with it."""
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-euc", shell_script, "sh"]
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
