"""A writer that is killed at any of its system calls leaves the old state or the new one."""

import signal
from pathlib import Path

import pytest

from .operations import OPERATIONS, Operation, Workshop
from .tracing import WRITING, Call, calls_of, run_with, some_of


def outcome_of_a_kill(operation: Operation, workshop: Workshop, call: Call) -> object:
    """Kill the operation at one call and return what is read afterwards."""
    store = workshop.fresh_store()
    status, output = run_with("signal=KILL", call, operation.script, store.users_dir)
    assert status == -signal.SIGKILL, f"was not killed at {call}: {output}"
    return operation.look(store)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_writer_leaves_the_old_or_the_new_state(
    tmp_path: Path, campaign: bool, name: str
) -> None:
    """Undamaged, unlocked, without a leftover, and the next write works."""
    operation = OPERATIONS[name]
    workshop = Workshop(operation, tmp_path)
    store = workshop.fresh_store()
    calls = calls_of(operation.script, store.users_dir, trace_file=tmp_path / "trace")
    assert operation.look(store) == operation.after
    chosen = some_of(calls, campaign)
    outcomes = [outcome_of_a_kill(operation, workshop, call) for call in chosen]
    turn = outcomes.index(operation.after)
    print(f"{name}: killed at {len(chosen)} of {len(calls)} calls, new state from call {turn + 1}")
    assert turn > 0
    assert outcomes[:turn] == [operation.before] * turn
    assert outcomes[turn:] == [operation.after] * (len(outcomes) - turn)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a login in place", ["pwrite64", "fdatasync"]),
        ("a replacement by rename", ["fchmod", "pwrite64", "fsync", "renameat", "fsync"]),
        ("a reset", ["unlinkat", "fsync"]),
    ],
)
def test_writes_are_synced_in_their_order(tmp_path: Path, name: str, written: list[str]) -> None:
    """Content before name, name before the answer; and a login writes one slot and no more."""
    operation = OPERATIONS[name]
    store = Workshop(operation, tmp_path).fresh_store()
    calls = calls_of(operation.script, store.users_dir, trace_file=tmp_path / "trace")
    writing = [call for call in calls if call.name in WRITING and "ENOENT" not in call.trace]
    assert [call.name.removesuffix("2") for call in writing] == written
