"""An exception at any step of a login ends it without anybody getting in."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pam_tfa.verification
from pam_tfa.core.errors import PamTfaError, StoreBusyError
from pam_tfa.store.files import FileStore
from pam_tfa.store.sealing import SealKeyring
from pam_tfa.store.transactions import Transaction
from tests.unit.login.builders import BACKUP_CODES, NOW_S, FakeMachine, code_at, run

STEPS: list[tuple[object, str]] = [
    (FakeMachine, "load_config"),
    (FakeMachine, "find_account"),
    (FakeMachine, "open_store"),
    (FakeMachine, "load_keyring"),
    (FakeMachine, "now_s"),
    (FakeMachine, "log"),
    (FakeMachine, "caller_uid"),
    (FileStore, "suspension_of"),
    (FileStore, "transaction"),
    (Transaction, "__enter__"),
    (Transaction, "load"),
    (Transaction, "save_state"),
    (SealKeyring, "unseal"),
    (pam_tfa.verification, "verify"),
]
ERRORS: list[Callable[[], BaseException]] = [
    lambda: StoreBusyError("/somewhere", "for a test"),
    lambda: OSError(5, "for a test"),
    MemoryError,
    lambda: RuntimeError("for a test"),
    lambda: KeyError("for a test"),
]


@pytest.mark.parametrize("make_error", ERRORS)
@pytest.mark.parametrize(("owner", "name"), STEPS)
@pytest.mark.parametrize("kind", ["code", "backup"])
def test_exception_at_a_step_lets_nobody_in(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: object,
    name: str,
    make_error: Callable[[], BaseException],
    kind: str,
) -> None:
    """The flow says unavailable or raises; a driver that sees it raise sends no verdict."""
    machine = FakeMachine(tmp_path, unenrolled="skip")
    machine.enroll()
    reached = False

    def fail(*_: Any, **__: Any) -> Any:
        nonlocal reached
        reached = True
        raise make_error()

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fail)
        answer = code_at(NOW_S) if kind == "code" else BACKUP_CODES[0].encode()
        try:
            verdict = run(machine, answer).verdict
        except (OSError, MemoryError, RuntimeError, KeyError, PamTfaError):
            verdict = "none"
    assert reached
    assert verdict in ("unavailable", "none")
