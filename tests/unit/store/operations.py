"""The store's operations as scripts, for runs that are killed or meet errors at a system call."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pam_tfa.store.files import FileStore
from pam_tfa.store.sealing import SealKeyring, create_seal_key

from .builders import a_record, a_state, a_store, enroll, last_step_of, leftovers, save_last_step

SAVE = """
def operation():
    with store.transaction("alice", 1000) as transaction:
        transaction.load()
        transaction.save_state(initial_state((AuthenticatorState(last_step=2),)))
    return "done"
run(operation)
"""

# The record of builders.py, one revision later; the state is the one after a code was used.
REPLACE = """
stored = store.load("alice") or store.load("bob")
new = stored.record._replace(account_name="alice", revision=2)
def operation():
    with store.transaction("alice", 1000) as transaction:
        transaction.replace(new, initial_state((AuthenticatorState(last_step=2),)))
    return "done"
run(operation)
"""

REMOVE = """
def operation():
    with store.transaction("alice", 1000) as transaction:
        return "done" if transaction.remove() else "nothing there"
run(operation)
"""

INITIALIZE = """
def operation():
    store.initialize()
    return "done"
run(operation)
"""

SEAL_KEY = """
from pam_tfa.store import sealing
def operation():
    path = os.path.dirname(sys.argv[1]) + "/seal.key"
    return "done" if sealing.create_seal_key(path) else "there was one"
run(operation)
"""

OLD, NEW = (1, 1), (2, 2)  # revision and last step
IN_PLACE = (1, 2)
NOT_ENROLLED = None


class Operation(NamedTuple):
    """One operation: how to prepare a store for it, what to run, and what may be read after."""

    prepare: Callable[[Path], FileStore]
    script: str
    before: object
    after: object
    look: Callable[[FileStore], object]


def alice_as_read(store: FileStore) -> object:
    """Return revision and last step of what is stored; that it is undamaged; that it goes on."""
    stored = store.load("alice", 1000)
    if stored is None:
        assert leftovers(store) == []
        enroll(store, "alice")
        return NOT_ENROLLED
    assert not stored.damaged
    seen = (stored.record.revision, stored.state.authenticators[0].last_step)
    save_last_step(store, 9)
    assert last_step_of(store) == 9
    assert leftovers(store) == []
    return seen


def store_as_initialised(store: FileStore) -> object:
    """Return whether the store can be used; after initialising it again it can in any case."""
    usable = (Path(store.users_dir) / ".store").exists()
    if usable:
        assert store.load("alice") is None
    assert store.initialize() == store.initialize()
    assert store.load("alice") is None
    assert leftovers(store) == []
    return usable


def seal_key_as_read(store: FileStore) -> object:
    """Return whether there is a key; when there is, it is whole and stays."""
    path = Path(store.users_dir).parent / "seal.key"
    existed = path.exists()
    before = path.read_bytes() if existed else b""
    create_seal_key(str(path))
    SealKeyring.load(str(path)).seal(b"x" * 20, b"")
    assert not existed or path.read_bytes() == before
    assert not path.with_name(".seal.key.new").exists()
    return existed


def with_alice(parent: Path) -> FileStore:
    """Make a store in which alice is enrolled and has used a code."""
    store = a_store(parent, lock_wait_s=0.5)
    with store.transaction("alice") as transaction:
        transaction.replace(a_record(), a_state(0))
        transaction.load()
        transaction.save_state(a_state(1))
    return store


def with_bob(parent: Path) -> FileStore:
    """Make a store in which alice is not enrolled."""
    store = a_store(parent, lock_wait_s=0.5)
    enroll(store, "bob")
    return store


def without_store(parent: Path) -> FileStore:
    """Name a store that was not made yet."""
    return FileStore(str(parent / "users"), lock_wait_s=0.5)


OPERATIONS = {
    "a login in place": Operation(with_alice, SAVE, OLD, IN_PLACE, alice_as_read),
    "a replacement by rename": Operation(with_alice, REPLACE, OLD, NEW, alice_as_read),
    "a first enrolment": Operation(with_bob, REPLACE, NOT_ENROLLED, NEW, alice_as_read),
    "a reset": Operation(with_alice, REMOVE, OLD, NOT_ENROLLED, alice_as_read),
    "an installation": Operation(without_store, INITIALIZE, False, True, store_as_initialised),
    "a new sealing key": Operation(with_bob, SEAL_KEY, False, True, seal_key_as_read),
}


class Workshop:
    """Fresh copies of a prepared store, one for each run, always at the same path."""

    def __init__(self, operation: Operation, parent: Path) -> None:
        """Prepare the store once."""
        self._template = parent / "template"
        self._template.mkdir()
        operation.prepare(self._template)
        self.directory = parent / "run"

    def fresh_store(self) -> FileStore:
        """Return an untouched store."""
        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.copytree(self._template, self.directory, symlinks=True)
        return FileStore(str(self.directory / "users"), lock_wait_s=0.5)
