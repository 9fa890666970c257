"""A system call that fails at any point denies, and leaves the old state or the new one."""

import ast
from pathlib import Path

import pytest

from pam_tfa.core import errors

from .builders import run_python
from .operations import OPERATIONS, Workshop
from .tracing import PRELUDE, Call, calls_of, run_with, some_of

ERRORS = ("EIO", "ENOSPC", "EROFS", "EMFILE", "EACCES", "EINTR", "ENOMEM")

GATE = """
def operation():
    result = store.suspension_of("alice", 1000)
    return type(result).__name__
run(operation)
"""

LOAD = """
def operation():
    return "NotEnrolled" if store.load("alice", 1000) is None else "Enrolled"
run(operation)
"""


def is_a_refusal(output: str) -> bool:
    """Tell whether a script's output is the name of an error of the store."""
    error_type = getattr(errors, output, None)
    return isinstance(error_type, type) and issubclass(error_type, errors.StoreError)


def injections(calls: list[Call], campaign: bool) -> list[tuple[Call, str]]:
    """Return every pair of call and error in a campaign, else each call with some error."""
    if campaign:
        return [(call, error) for call in calls for error in ERRORS]
    chosen = some_of(calls, campaign=False)
    return [(call, ERRORS[number % len(ERRORS)]) for number, call in enumerate(chosen)]


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", OPERATIONS)
def test_failing_call_leaves_the_old_or_the_new_state(
    tmp_path: Path, campaign: bool, name: str
) -> None:
    """What was reported as done is there; what was refused is as before or as after."""
    operation = OPERATIONS[name]
    workshop = Workshop(operation, tmp_path)
    store = workshop.fresh_store()
    calls = calls_of(operation.script, store.users_dir, trace_file=tmp_path / "trace")
    pairs = injections(calls, campaign)
    done = 0
    for call, error in pairs:
        store = workshop.fresh_store()
        status, output = run_with(f"error={error}", call, operation.script, store.users_dir)
        assert status == 0, f"{error} at {call}: {output}"
        assert output == "done" or is_a_refusal(output), f"{error} at {call}: {output}"
        assert output == "done" or error != "EINTR", f"not tried again: {call}: {output}"
        done += output == "done"
        seen = operation.look(store)
        allowed = [operation.after] if output == "done" else [operation.before, operation.after]
        assert seen in allowed, f"{error} at {call}: {output}, {seen}"
    print(f"{name}: {len(pairs)} errors, {done} times done all the same, else refused")


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("script", [GATE, LOAD], ids=["gate", "load"])
def test_failing_call_never_means_not_enrolled(tmp_path: Path, campaign: bool, script: str) -> None:
    """Whatever fails, an enrolled account is enrolled or the store is unavailable."""
    workshop = Workshop(OPERATIONS["a login in place"], tmp_path)
    store = workshop.fresh_store()
    calls = calls_of(script, store.users_dir, trace_file=tmp_path / "trace")
    for call, error in injections(calls, campaign):
        status, output = run_with(f"error={error}", call, script, store.users_dir)
        assert status == 0, f"{error} at {call}: {output}"
        assert output == "Enrolled" or is_a_refusal(output), f"{error} at {call}: {output}"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("error", ["EIO", "ENOSPC", "EDQUOT"])
@pytest.mark.parametrize("name", ["pwrite64", "fdatasync"])
def test_state_that_is_not_durable_is_never_reported(tmp_path: Path, name: str, error: str) -> None:
    """A write or sync that fails is NotDurableError, and no retry papers over it."""
    operation = OPERATIONS["a login in place"]
    store = Workshop(operation, tmp_path).fresh_store()
    status, output = run_with(
        f"error={error}", Call(name, 1, ""), operation.script, store.users_dir
    )
    assert (status, output) == (0, "NotDurableError")


@pytest.mark.parametrize("written", [0, 1, 512, 4095])
def test_short_write_is_not_durable(tmp_path: Path, written: int) -> None:
    """Half a slot is never called a state; and what was there is still read."""
    operation = OPERATIONS["a login in place"]
    store = Workshop(operation, tmp_path).fresh_store()
    outcome = run_with(
        f"retval={written}", Call("pwrite64", 1, ""), operation.script, store.users_dir
    )
    assert outcome == (0, "NotDurableError")
    assert operation.look(store) == operation.before


def test_without_descriptors_left_the_account_is_still_enrolled(tmp_path: Path) -> None:
    """However few files a process may open, EMFILE never reads as an empty store."""
    store = Workshop(OPERATIONS["a login in place"], tmp_path).fresh_store()
    script = """
import os, resource
outcomes = []
def attempt(spare):
    def operation():
        highest = os.open("/", os.O_PATH)
        os.close(highest)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + spare, limits[1]))
        try:
            return type(store.suspension_of("alice", 1000)).__name__
        except PamTfaError as error:
            return type(error).__name__
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    return operation
print([attempt(spare)() for spare in range(8)])
"""
    outcomes = ast.literal_eval(run_python(PRELUDE + script, store.users_dir))
    assert set(outcomes) == {"StoreUnavailableError", "Enrolled"}
    assert outcomes == sorted(outcomes, reverse=True)
