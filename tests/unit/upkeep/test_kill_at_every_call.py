"""A rotation or a rename that is killed at any of its system calls: nobody is skipped or lost."""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from pam_tfa.dialogue import Account
from pam_tfa.store.files import FileStore
from pam_tfa.store.sealing import SealKeyring
from pam_tfa.upkeep import rename_record
from tests.unit.login.builders import NOW_S, FakeMachine
from tests.unit.store.tracing import WRITING, Call, calls_of, run_with
from tests.unit.upkeep.world import USED_S, a_machine, files, key_ids, log_in, rotate, sealed_with

PREPARE = """
import pam_tfa.store.store_lock
from pam_tfa import key_rotation, upkeep
from pam_tfa.dialogue import Account
from pam_tfa.store.sealing import SealKeyring
key = os.path.dirname(sys.argv[1]) + "/seal.key"
now_s = int(sys.argv[2])
"""
ROTATE = f"""{PREPARE}
def operation():
    key_rotation.rotate_seal_key(store, key, lambda: now_s, lambda records: None)
    return "done"
run(operation)
"""
RENAME = f"""{PREPARE}
def operation():
    keyring = SealKeyring.load(key)
    upkeep.rename_record(store, keyring, "alice", Account("alicia", 1000), now_s, any_uid=False)
    return "done"
run(operation)
"""
FILES = [".lock", ".store", "seal.key", "users"]


class Killed(NamedTuple):
    """An operation, and what has to hold after a kill: it returns what it saw."""

    script: str
    look: Callable[[FakeMachine], str]


def after_a_rotation(machine: FakeMachine) -> str:
    """Return how far it came; everybody logs in before, and after it was run again."""
    came = "old"
    if len(key_ids(machine)) == 2:
        sealed = {sealed_with(machine, name) for name in ("alice", "bob")}
        came = "both"
        assert sealed <= set(key_ids(machine))
    elif key_ids(machine) != [machine.lines[0]]:
        came = "new"
    everybody_logs_in(machine, NOW_S + 60)
    again = rotate(machine)
    assert again.made_key is (came != "both")
    assert again.not_resealed == ()
    assert len(key_ids(machine)) == 1
    assert {sealed_with(machine, name) for name in ("alice", "bob")} == set(key_ids(machine))
    everybody_logs_in(machine, NOW_S + 120)
    assert files(machine) == sorted([*FILES, "alice.json", "bob.json"])
    return came


def everybody_logs_in(machine: FakeMachine, clock_s: int) -> None:
    """With a new code; the used one is refused."""
    for name in ("alice", "bob"):
        assert log_in(machine, name, clock_s) == "success"
        assert log_in(machine, name, USED_S) == "refused"


def after_a_rename(machine: FakeMachine) -> str:
    """Return what the renamed account met; run again, its phone works, and no code twice."""
    alicia = Account("alicia", 1000)
    machine.accounts["alicia"] = alicia
    verdicts = [log_in(machine, name, NOW_S + 60) for name in ("alice", "alicia")]
    assert verdicts.count("success") <= 1
    came = verdicts[1]
    keyring = SealKeyring.load(machine.config.seal_key_path)
    again = rename_record(machine.store, keyring, "alice", alicia, NOW_S, any_uid=False)
    assert (again is None) is (came == "success")
    code_was_used = "success" in verdicts
    assert log_in(machine, "alicia", NOW_S + 60) == ("refused" if code_was_used else "success")
    assert log_in(machine, "alicia", USED_S) == "refused"
    assert log_in(machine, "alicia", NOW_S + 120) == "success"
    assert files(machine) == sorted([*FILES, "alicia.json", "bob.json"])
    return came


KILLED = {
    "a rotation": (Killed(ROTATE, after_a_rotation), ["old", "both", "new"]),
    "a rename": (Killed(RENAME, after_a_rename), ["ignore", "unavailable", "success"]),
}


class Copies:
    """Copies of one prepared machine, each at the same path."""

    def __init__(self, parent: Path) -> None:
        template = parent / "template"
        template.mkdir()
        machine = a_machine(template, "alice", "bob")
        self._old_key_id = key_ids(machine)[0]
        self._template, self._directory = template, parent / "run"

    def fresh(self) -> FakeMachine:
        """Return a machine that nothing was done to; its log begins with the old key's id."""
        shutil.rmtree(self._directory, ignore_errors=True)
        shutil.copytree(self._template, self._directory, symlinks=True)
        machine = FakeMachine(self._directory, unenrolled="skip")
        machine.store = FileStore(machine.config.store_dir, lock_wait_s=0.5)
        machine.lines.append(self._old_key_id)
        return machine


def chosen_of(calls: list[Call], campaign: bool) -> list[Call]:
    """Return all calls in a campaign, else those that change something and a few more."""
    return [
        call
        for position, call in enumerate(calls)
        if campaign or position % 40 == 0 or (call.name in WRITING and "ENOENT" not in call.trace)
    ]


def outcome_of_a_kill(killed: Killed, machine: FakeMachine, call: Call) -> str:
    """Kill the operation at one call and return what is seen afterwards."""
    arguments = (machine.store.users_dir, str(NOW_S))
    status, output = run_with("signal=KILL", call, killed.script, *arguments)
    assert status == -signal.SIGKILL, f"was not killed at {call}: {output}"
    return killed.look(machine)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", KILLED)
def test_killed_upkeep_leaves_every_account_its_factor(
    tmp_path: Path, campaign: bool, name: str
) -> None:
    """Each step is seen in its order and never taken back; the next run finishes."""
    killed, order = KILLED[name]
    copies = Copies(tmp_path)
    machine = copies.fresh()
    arguments = (machine.store.users_dir, str(NOW_S))
    calls = calls_of(killed.script, *arguments, trace_file=tmp_path / "trace")
    assert killed.look(machine) == order[-1]
    chosen = chosen_of(calls, campaign)
    outcomes = [outcome_of_a_kill(killed, copies.fresh(), call) for call in chosen]
    counts = {each: outcomes.count(each) for each in order}
    print(f"{name}: killed at {len(chosen)} of {len(calls)} calls: {counts}")
    assert set(outcomes) == set(order)
    # Imports make none of these calls, so their numbers are the same in every run; the number of
    # another one shifts where somebody compiles a module meanwhile.
    in_order = [
        order.index(outcome)
        for call, outcome in zip(chosen, outcomes, strict=True)
        if call.name in WRITING
    ]
    assert in_order == sorted(in_order)


def test_writes_of_a_rename_are_synced_in_their_order(tmp_path: Path) -> None:
    """Content, move, replacement, each durable before the next, also after a power cut."""
    machine = Copies(tmp_path).fresh()
    arguments = (machine.store.users_dir, str(NOW_S))
    calls = calls_of(RENAME, *arguments, trace_file=tmp_path / "trace")
    writing = [
        call.name
        for call in calls
        if call.name in ("pwrite64", "fsync", "rename", "renameat", "renameat2")
    ]
    assert [each.removesuffix("2") for each in writing] == [
        *("pwrite64", "fsync"),
        *("renameat", "fsync"),
        *("renameat", "fsync"),
    ]
