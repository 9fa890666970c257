"""What is stored is read back, by the account it belongs to and by nobody else."""

import os
import stat
from pathlib import Path

import pytest

from pam_tfa.core.errors import RecordDamagedError, RecordFormatError, StoreUnavailableError
from pam_tfa.core.state import State
from pam_tfa.core.suspension import NOT_SUSPENDED, WITHOUT_END_S, Suspension
from pam_tfa.store.files import Enrolled, FileStore, NotEnrolled

from .builders import (
    a_record,
    a_state,
    a_store,
    an_authenticator,
    an_enrolled_store,
    enroll,
    last_step_of,
    leftovers,
    record_path,
    save_last_step,
)

SUSPENDED = Suspension(1_700_000_000, WITHOUT_END_S, "phone lost")


def a_suspended_state() -> State:
    """Return a state that lets its holder in without a code."""
    return a_state()._replace(suspension=SUSPENDED)


def damage_newest_slot(store: FileStore) -> None:
    """Change a byte of the slot of a new file that has the greater sequence."""
    with record_path(store).open("r+b") as file:
        file.seek(-4000, os.SEEK_END)
        file.write(b"\xff")


def test_account_without_a_record_is_not_enrolled(tmp_path: Path) -> None:
    """A store that is there and has no such file proves it."""
    store = a_store(tmp_path)
    assert store.load("alice") is None
    assert isinstance(store.suspension_of("alice"), NotEnrolled)
    with store.transaction("alice") as transaction:
        assert transaction.load() is None


def test_record_and_state_are_read_back(tmp_path: Path) -> None:
    """What was written by an enrolment is what a login finds."""
    store = an_enrolled_store(tmp_path)
    assert store.load("alice", 1000) == (a_record(), a_state(), False)
    with store.transaction("alice", 1000) as transaction:
        assert transaction.load() == (a_record(), a_state(), False)


@pytest.mark.parametrize("saves", [1, 2, 3, 10])
def test_saved_state_is_read_back(tmp_path: Path, saves: int) -> None:
    """Each login finds the state of the one before, and nothing damaged."""
    store = an_enrolled_store(tmp_path)
    for last_step in range(saves):
        save_last_step(store, last_step)
        assert store.load("alice") == (a_record(), a_state(last_step), False)


def test_several_states_are_saved_in_one_transaction(tmp_path: Path) -> None:
    """The transaction goes on from what it has written itself."""
    store = an_enrolled_store(tmp_path)
    with store.transaction("alice") as transaction:
        transaction.load()
        for last_step in (5, 6, 7):
            transaction.save_state(a_state(last_step))
    assert store.load("alice") == (a_record(), a_state(7), False)


def test_a_login_writes_nothing_but_one_slot(tmp_path: Path) -> None:
    """Size, inode and every other block stay, so that a full disk is no obstacle."""
    store = an_enrolled_store(tmp_path)
    path = record_path(store)
    before, inode = path.read_bytes(), path.stat().st_ino
    save_last_step(store, 7)
    after = path.read_bytes()
    assert path.stat().st_ino == inode
    assert len(after) == len(before)
    changed = {offset // 4096 for offset in range(len(after)) if after[offset] != before[offset]}
    assert changed == {len(after) // 4096 - 2}


def test_replaced_record_is_read_back(tmp_path: Path) -> None:
    """A new device, and state, take the place of the old ones at once."""
    store = an_enrolled_store(tmp_path, state=a_state(3))
    devices = (an_authenticator(), an_authenticator("a2", "tablet"))
    record = a_record(revision=2)._replace(authenticators=devices)
    state = a_state(4)._replace(authenticators=a_state(4).authenticators * 2)
    with store.transaction("alice") as transaction:
        transaction.load()
        transaction.replace(record, state)
        assert transaction.load() == (record, state, False)
    assert store.load("alice") == (record, state, False)


def test_record_larger_than_a_block_is_read_back(tmp_path: Path) -> None:
    """Sixteen devices take several blocks."""
    store = a_store(tmp_path)
    devices = tuple(an_authenticator(f"a{n}", f"device {n}") for n in range(16))
    record = a_record()._replace(authenticators=devices)
    state = a_state()._replace(authenticators=a_state(9).authenticators * 16)
    with store.transaction("alice") as transaction:
        transaction.replace(record, state)
    assert record_path(store).stat().st_size > 3 * 4096
    assert store.load("alice") == (record, state, False)


def test_removed_record_is_gone(tmp_path: Path) -> None:
    """After a reset the account is not enrolled, and a second reset finds nothing."""
    store = an_enrolled_store(tmp_path)
    with store.transaction("alice") as transaction:
        assert transaction.remove() is True
        assert transaction.remove() is False
        assert transaction.load() is None
    assert isinstance(store.suspension_of("alice"), NotEnrolled)


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_files_are_roots_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    """The mode of what is made depends on nobody."""
    before = os.umask(umask)
    try:
        store = an_enrolled_store(tmp_path)
    finally:
        os.umask(before)
    users = Path(store.users_dir)
    assert stat.S_IMODE(users.stat().st_mode) == 0o700
    for path in users.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert last_step_of(store) == -1


def test_initialising_again_changes_nothing(tmp_path: Path) -> None:
    """An upgrade keeps the store's id and its records."""
    store = an_enrolled_store(tmp_path, state=a_state(3))
    assert store.initialize() == store.initialize()
    assert last_step_of(store) == 3


def test_missing_directories_above_are_made(tmp_path: Path) -> None:
    """A fresh machine has no /var/lib/pam-tfa."""
    store = FileStore(str(tmp_path / "a" / "b" / "users"))
    store.initialize()
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    assert store.load("alice") is None


def test_store_may_lie_behind_a_link_of_root(tmp_path: Path) -> None:
    """/var on another disk is initialised and used like any other."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "var").symlink_to("disk")
    store = FileStore(str(tmp_path / "var" / "lib" / "users"))
    store.initialize()
    enroll(store, "alice")
    assert (tmp_path / "disk" / "lib" / "users" / "alice.json").exists()


@pytest.mark.parametrize("path", ["users", "../users", "", "/tmp/../users"])
def test_store_at_a_path_that_is_not_plain_is_refused(path: str) -> None:
    """Where a store lies does not depend on where its user stands; nothing is made."""
    with pytest.raises(StoreUnavailableError, match="absolute path"):
        FileStore(path).initialize()
    with pytest.raises(StoreUnavailableError, match="absolute path"):
        FileStore(path).suspension_of("alice")


@pytest.mark.parametrize(
    "name", ["../x", "a/../root", "a\nb", "\x1b[2J", "\u202ex", "DOM\\user", "1000", "caf\udce9"]
)
def test_hostile_name_is_an_account_like_any_other(tmp_path: Path, name: str) -> None:
    """It is enrolled, read, listed and removed, and nothing appears outside the store."""
    store = an_enrolled_store(tmp_path, name)
    save_last_step(store, 5, name)
    assert last_step_of(store, name) == 5
    assert list(store.names()) == [name]
    assert sorted(os.listdir(tmp_path)) == ["users"]
    with store.transaction(name) as transaction:
        assert transaction.remove()


def test_name_of_64_kilobytes_is_not_enrolled(tmp_path: Path) -> None:
    """The store looks for it like for any other."""
    assert isinstance(a_store(tmp_path).suspension_of("a" * 65536), NotEnrolled)


def test_empty_name_is_refused(tmp_path: Path) -> None:
    """It is never taken for an account that is not enrolled."""
    store = a_store(tmp_path)
    with pytest.raises(ValueError, match="empty"):
        store.suspension_of("")
    with pytest.raises(ValueError, match="empty"):
        store.transaction("")


def test_names_are_those_in_the_records(tmp_path: Path) -> None:
    """`list` shows accounts, not file names, and no lock file, sentinel or leftover."""
    store = a_store(tmp_path)
    names = ["Alice", "alice", "DOM\\bob", "x" * 300]
    for name in names:
        enroll(store, name)
    Path(store.users_dir, ".carol.json.new").write_text("unfinished")
    Path(store.users_dir, "README").write_text("someone's note")
    assert sorted(store.names()) == sorted(names)


def test_damaged_record_is_listed_as_such(tmp_path: Path) -> None:
    """One damaged file hides no other, and is not hidden itself."""
    store = an_enrolled_store(tmp_path, "bob")
    record_path(store, "alice").write_text("nonsense")
    damaged, name = store.entries()
    assert isinstance(damaged, RecordDamagedError)
    assert damaged.path == str(record_path(store))
    assert name == "bob"
    assert list(store.names()) == ["bob"]


def test_copied_record_is_listed_as_damaged(tmp_path: Path) -> None:
    """A record under another account's file name enrols nobody."""
    store = an_enrolled_store(tmp_path)
    record_path(store).rename(record_path(store, "bob"))
    (entry,) = store.entries()
    assert isinstance(entry, RecordDamagedError)
    assert entry.field == "account_name"


def test_gate_tells_an_enrolled_account(tmp_path: Path) -> None:
    """Before the prompt it is enough to know that there is a record and no suspension."""
    result = an_enrolled_store(tmp_path).suspension_of("alice", 1000)
    assert isinstance(result, Enrolled)
    assert result.suspension == NOT_SUSPENDED


def test_gate_tells_a_suspension(tmp_path: Path) -> None:
    """An administrator's `disable` is seen before the prompt."""
    store = an_enrolled_store(tmp_path, state=a_suspended_state())
    result = store.suspension_of("alice", 1000)
    assert isinstance(result, Enrolled)
    assert result.suspension == SUSPENDED


def test_gate_believes_no_suspension_after_damage(tmp_path: Path) -> None:
    """The lost state may have ended it: then a code is asked for."""
    store = an_enrolled_store(tmp_path, state=a_suspended_state())
    damage_newest_slot(store)
    result = store.suspension_of("alice", 1000)
    assert isinstance(result, Enrolled)
    assert result.suspension == NOT_SUSPENDED


def test_gate_believes_no_suspension_of_a_damaged_record(tmp_path: Path) -> None:
    """A suspension skips the factor, so the whole record has to be good for it."""
    store = an_enrolled_store(tmp_path, state=a_suspended_state())
    with record_path(store).open("r+b") as file:
        file.write(b"!")
    with pytest.raises(RecordDamagedError):
        store.suspension_of("alice", 1000)


def test_gate_believes_no_suspension_of_another_uid(tmp_path: Path) -> None:
    """An account that was made anew does not inherit it."""
    store = an_enrolled_store(tmp_path, state=a_suspended_state())
    with pytest.raises(RecordDamagedError, match="made anew"):
        store.suspension_of("alice", 1001)


def test_record_of_another_account_is_not_written(tmp_path: Path) -> None:
    """A caller's mistake can't enrol someone else."""
    store = a_store(tmp_path)
    with store.transaction("bob") as transaction, pytest.raises(RuntimeError, match="another"):
        transaction.replace(a_record("alice"), a_state())
    with (
        store.transaction("alice", 1001) as transaction,
        pytest.raises(RuntimeError, match="another"),
    ):
        transaction.replace(a_record("alice", uid=1000), a_state())
    assert list(store.names()) == []


def test_revision_has_to_grow(tmp_path: Path) -> None:
    """A compare-and-swap store, and the slots, tell records apart by it."""
    store = an_enrolled_store(tmp_path)
    with store.transaction("alice") as transaction:
        transaction.load()
        with pytest.raises(RuntimeError, match="revision"):
            transaction.replace(a_record(revision=1), a_state())


def test_state_needs_a_loaded_record(tmp_path: Path) -> None:
    """Nobody overwrites a state without having read it under the same lock."""
    store = an_enrolled_store(tmp_path)
    with store.transaction("alice") as transaction, pytest.raises(RuntimeError, match="loaded"):
        transaction.save_state(a_state(7))


def test_state_of_another_number_of_devices_is_refused(tmp_path: Path) -> None:
    """What could not be read back is not written."""
    store = an_enrolled_store(tmp_path)
    with store.transaction("alice") as transaction:
        transaction.load()
        with pytest.raises(RecordFormatError):
            transaction.save_state(a_state()._replace(authenticators=()))
        transaction.save_state(a_state(7))
    assert last_step_of(store) == 7


@pytest.mark.parametrize("operation", ["gate", "load", "transaction"])
def test_leftover_of_a_killed_writer_is_removed(tmp_path: Path, operation: str) -> None:
    """The next one who asks for the account cleans up, and the record is as it was."""
    store = an_enrolled_store(tmp_path, state=a_state(3))
    Path(store.users_dir, ".alice.json.new").write_text("unfinished")
    if operation == "gate":
        store.suspension_of("alice")
    elif operation == "load":
        store.load("alice")
    else:
        with store.transaction("alice"):
            pass
    assert leftovers(store) == []
    assert last_step_of(store) == 3


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    """A daemon lives through a hundred thousand logins."""
    store = an_enrolled_store(tmp_path)
    before = os.listdir("/proc/self/fd")
    for last_step in range(20):
        store.suspension_of("alice")
        save_last_step(store, last_step)
        list(store.entries())
        store.load("bob")
    assert os.listdir("/proc/self/fd") == before
