"""A machine with enrolled accounts, and logins on it."""

from pathlib import Path

from pam_tfa.key_rotation import Rotation, rotate_seal_key
from pam_tfa.store.key_file import read_keys
from tests.unit.login.builders import NOW_S, FakeMachine, code_at, run

USED_S = NOW_S  # the time of the code that alice has used


def a_machine(directory: Path, *names: str, unenrolled: str = "skip") -> FakeMachine:
    """Return a machine on which these accounts are enrolled and have used a code."""
    machine = FakeMachine(directory, unenrolled=unenrolled)
    for name in names:
        machine.enroll(name)
        assert log_in(machine, name, USED_S) == "success"
    return machine


def log_in(machine: FakeMachine, name: str, clock_s: int) -> str:
    """Log in with the code of a time, at that time, and return the verdict."""
    machine.clock_s = clock_s
    return run(machine, code_at(clock_s), name).verdict


def rotate(machine: FakeMachine) -> Rotation:
    """Rotate the machine's key."""
    path = machine.config.seal_key_path
    return rotate_seal_key(machine.store, path, machine.now_s, lambda _records: None)


def key_ids(machine: FakeMachine) -> list[str]:
    """Return the keys in the file, the active one first."""
    return list(read_keys(machine.config.seal_key_path))


def sealed_with(machine: FakeMachine, name: str) -> str:
    """Return the id of the key that an account's secret needs."""
    stored = machine.store.load(name)
    assert stored is not None
    return stored.record.authenticators[0].sealed_secret.key_id


def files(machine: FakeMachine) -> list[str]:
    """Return what lies in the store and beside it."""
    users = Path(machine.store.users_dir)
    return sorted(each.name for each in [*users.iterdir(), *users.parent.iterdir()])
