"""The helper's Python: packages gone, imports that fail, exceptions at every step of a login."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.harness.enrolled import an_enrolled_user
from tests.harness.faults import absent
from tests.harness.installation import site_packages
from tests.harness.pam_client import PAM_AUTH_ERR, PAM_AUTHINFO_UNAVAIL, PAM_SUCCESS
from tests.harness.stand_in_modules import (
    GATE,
    LATE,
    files_imported_by,
    with_added_code,
    with_code,
)
from tests.pam.denial import assert_denied, assert_good_and_wrong_code_denied, assert_works, log_in

if TYPE_CHECKING:
    from tests.harness.fixtures import LogSinceStart

PACKAGES = ["pam_tfa", "cryptography", "cryptography/hazmat/bindings/_rust.abi3.so"]
# Each line: a file of the package and what in it raises when it is called.
STEPS = [
    ("service/protocol.py", "encode_hello"),
    ("service/protocol.py", "decode_request"),
    ("service/protocol.py", "encode_prompt"),
    ("service/protocol.py", "decode_answer"),
    ("service/protocol.py", "encode_verdict"),
    ("service/machine.py", "Machine.__init__"),
    ("service/machine.py", "Machine.caller_uid"),
    ("service/machine.py", "Machine.find_account"),
    ("service/machine.py", "Machine.load_config"),
    ("service/machine.py", "Machine.open_store"),
    ("service/machine.py", "Machine.load_keyring"),
    ("service/machine.py", "Machine.now_s"),
    ("service/machine.py", "Machine.log"),
    ("config.py", "load_config"),
    ("config_cache.py", "read_cached"),
    ("events.py", "format_event"),
    ("events.py", "write_event"),
    ("login.py", "login"),
    ("store/files.py", "FileStore.suspension_of"),
    ("store/files.py", "FileStore.transaction"),
    ("store/transactions.py", "LockedAccount.__enter__"),
    ("store/transactions.py", "LockedAccount.__exit__"),
    ("store/transactions.py", "Transaction.load"),
    ("store/transactions.py", "Transaction.save_state"),
    ("store/record_file.py", "RecordFile.read_current_slot"),
    ("store/record_file.py", "RecordFile.read_text"),
    ("store/record_file.py", "RecordFile.write_next_slot"),
    ("store/sealing.py", "SealKeyring.load"),
    ("store/sealing.py", "SealKeyring.unseal"),
    ("core/records.py", "decode_record"),
    ("core/records.py", "associated_data"),
    ("core/state.py", "decode_state"),
    ("core/state.py", "encode_state"),
    ("core/answers.py", "parse_answer"),
    ("core/attempt.py", "decide_attempt"),
    ("core/otp.py", "matching_factors"),
    ("verification.py", "verify"),
]
EXCEPTIONS = [
    "RuntimeError('injected')",
    "OSError(5, 'injected')",
    "MemoryError()",
    "RecursionError()",
    "KeyboardInterrupt()",
    "SystemExit(0)",
    "GeneratorExit()",
    "StopIteration('success')",
]
EXCEPTION_STEPS = ["Machine.find_account", "decide_attempt", "Transaction.save_state"]


@pytest.mark.parametrize("name", PACKAGES)
def test_package_gone(name: str) -> None:
    """An upgrade that was cut short leaves nobody in, and nobody locked out for ever."""
    user = an_enrolled_user(otp_type="hotp")
    with absent(site_packages() / name):
        assert_good_and_wrong_code_denied(user)
    assert_works(user)


def test_site_packages_empty() -> None:
    """Nothing of the environment is left but the interpreter's own library."""
    user = an_enrolled_user(otp_type="hotp")
    with absent(site_packages()):
        assert_good_and_wrong_code_denied(user)
    assert_works(user)


def test_each_import_that_fails_denies() -> None:
    """Every module that the helper reads, before the prompt or while a person types, raises."""
    user = an_enrolled_user(otp_type="hotp")
    files = [name for name in files_imported_by(f"{GATE}, {LATE}") if name.endswith(".py")]
    assert len(files) > 30
    code = user.code()  # the same each time, because so many would be too far ahead
    for name in files:
        with with_code(name, "raise RuntimeError('injected')"):
            assert_denied(log_in(user.name, code))
    assert_works(user)


@pytest.mark.parametrize("module", ["login.py", "verification.py", "core/attempt.py"])
@pytest.mark.parametrize("code", ["import sys; sys.exit(0)", "import os; os._exit(0)", "((("])
def test_module_that_ends_the_helper(module: str, code: str) -> None:
    """An exit status of 0 is no success."""
    user = an_enrolled_user(otp_type="hotp")
    with with_code(f"pam_tfa/{module}", code):
        assert_denied(log_in(user.name, user.code()))
    assert_works(user)


def test_module_that_never_comes_to_an_end() -> None:
    """A loop in what is imported while a person types is ended after the answer."""
    user = an_enrolled_user(otp_type="hotp")
    with with_code("pam_tfa/verification.py", "while True: pass"):
        assert_denied(log_in(user.name, user.code()))
    assert_works(user)


@pytest.mark.parametrize(("file_name", "function"), STEPS)
def test_exception_at_a_step(file_name: str, function: str) -> None:
    """Wherever the back end fails, a good code is denied, a wrong one is no better."""
    user = an_enrolled_user(otp_type="hotp")
    with with_added_code(f"pam_tfa/{file_name}", _raising(function, "RuntimeError('injected')")):
        assert_denied(log_in(user.name, user.code()))
        wrong = log_in(user.name, user.wrong_code())
    assert wrong.result in (PAM_AUTHINFO_UNAVAIL, PAM_AUTH_ERR)
    assert_works(user)


@pytest.mark.parametrize("exception", EXCEPTIONS)
@pytest.mark.parametrize("function", EXCEPTION_STEPS)
def test_exception_of_any_kind(function: str, exception: str) -> None:
    """Also those that are no Exception, and one that ends generators with a value of its own."""
    user = an_enrolled_user(otp_type="hotp")
    file_name = next(file_name for file_name, name in STEPS if name == function)
    with with_added_code(f"pam_tfa/{file_name}", _raising(function, exception)):
        assert_denied(log_in(user.name, user.code()))
    assert_works(user)


def test_step_that_hangs_is_ended() -> None:
    """A lookup that never comes back (LDAP) costs less than 5 s."""
    user = an_enrolled_user(otp_type="hotp")
    code = "def _hang(*a, **k):\n    import time\n    time.sleep(60)\nMachine.find_account = _hang"
    with with_added_code("pam_tfa/service/machine.py", code):
        done = log_in(user.name, user.code())
    assert_denied(done)
    assert done.seconds > 4
    assert_works(user)


def test_log_of_a_failure_names_the_place_and_no_code(log: LogSinceStart) -> None:
    """Who reads the log can find the bug, and finds nobody's code."""
    user = an_enrolled_user(otp_type="hotp")
    code = "def decide_attempt(*a):\n    raise RuntimeError(repr(a) + str(bytes(a[3].code)))"
    good = user.code()
    with with_added_code("pam_tfa/core/attempt.py", code):
        assert_denied(log_in(user.name, good))
    line = log.wait_for("internal: RuntimeError at attempt.py")
    assert good not in line
    assert all(good not in text for text in log.texts())


def test_stale_bytecode_is_not_believed() -> None:
    """A module without its source, only a cached one, is not there."""
    user = an_enrolled_user(otp_type="hotp")
    cached = site_packages() / "pam_tfa" / "core" / "__pycache__"
    assert log_in(user.name, user.code()).result == PAM_SUCCESS
    with absent(site_packages() / "pam_tfa" / "core" / "attempt.py"):
        assert_denied(log_in(user.name, user.code()))
    shutil.rmtree(cached)
    assert_works(user)


def _raising(function: str, exception: str) -> str:
    return f"def _raise(*_a, **_k):\n    raise {exception}\n{function} = _raise"
