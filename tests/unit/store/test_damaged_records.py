"""A record that is not exactly what the store wrote is damaged: never believed, never absent."""

import hashlib
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from pam_tfa.core.errors import RecordDamagedError
from pam_tfa.store.files import FileStore

from .builders import (
    a_record,
    a_state,
    an_enrolled_store,
    enroll,
    last_step_of,
    record_path,
    save_last_step,
)

NOBODY = 65534
BLOCK = 4096
Breaking = Callable[[Path], object]


def replace_by(make: Breaking) -> Breaking:
    """Return a way to break a file: remove it, and make something else in its place."""

    def breaking(path: Path) -> None:
        path.rename(path.with_name("away"))
        make(path)

    return breaking


def a_socket(path: Path) -> None:
    """Make a socket's file."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))


def overwrite(path: Path, offset: int, content: bytes) -> None:
    """Change bytes of a file."""
    with path.open("r+b") as file:
        file.seek(offset, os.SEEK_SET if offset >= 0 else os.SEEK_END)
        file.write(content)


def rewrite_record(path: Path, **changed: object) -> None:
    """Change fields of a record and make its checksum fit, as someone with an editor would."""
    content = path.read_bytes()
    fields = json.loads(content.partition(b"\n")[0]) | changed
    line = json.dumps(fields, separators=(",", ":")).encode()
    text = line + b"\nsha256:" + hashlib.sha256(line).hexdigest().encode() + b"\n"
    path.write_bytes(text + b" " * (BLOCK - len(text) - 1) + b"\n" + content[BLOCK:])


def read_in_every_way(store: FileStore) -> list[RecordDamagedError]:
    """Return the errors of all ways to read an account, of which none may succeed."""
    errors = []
    reads: list[Callable[[], object]] = [
        lambda: store.load("alice", 1000),
        lambda: load_in_transaction(store),
    ]
    for read in reads:
        with pytest.raises(RecordDamagedError) as caught:
            read()
        errors.append(caught.value)
    return errors


def load_in_transaction(store: FileStore) -> None:
    """Load as a login does."""
    with store.transaction("alice", 1000) as transaction:
        transaction.load()


FILE_DEFECTS: list[tuple[str, str, str, Breaking]] = [
    ("readable by the group", "mode", "0640", lambda path: path.chmod(0o640)),
    ("readable by all", "mode", "0644", lambda path: path.chmod(0o644)),
    ("writable by all", "mode", "0666", lambda path: path.chmod(0o666)),
    ("not writable", "mode", "0400", lambda path: path.chmod(0o400)),
    ("set-uid", "mode", "4600", lambda path: path.chmod(0o4600)),
    ("of another owner", "owner", "65534", lambda path: os.chown(path, NOBODY, -1)),
    ("a symbolic link", "type", "symbolic link", replace_by(lambda p: p.symlink_to("away"))),
    ("a dangling link", "type", "symbolic link", replace_by(lambda p: p.symlink_to("nowhere"))),
    ("a directory", "type", "directory", replace_by(lambda path: path.mkdir(0o600))),
    ("a fifo", "type", "fifo", replace_by(lambda path: os.mkfifo(path, 0o600))),
    ("a socket", "type", "socket", replace_by(a_socket)),
    ("a device", "type", "device", replace_by(lambda path: os.mknod(path, 0o20600, 0x103))),
    ("linked twice", "links", "2 names", lambda path: os.link(path, path.with_name("other"))),
    ("empty", "size", "0 bytes", lambda path: os.truncate(path, 0)),
    ("two blocks", "size", "8192", lambda path: os.truncate(path, 8192)),
    ("65 blocks", "size", "266240", lambda path: os.truncate(path, 65 * BLOCK)),
]


@pytest.mark.parametrize(
    ("field", "reason", "breaking"),
    [pytest.param(*case[1:], id=case[0]) for case in FILE_DEFECTS],
)
def test_file_of_a_wrong_kind_is_damaged(
    tmp_path: Path, field: str, reason: str, breaking: Breaking
) -> None:
    """Path, field and reason say what an administrator has to mend; the gate refuses too."""
    store = an_enrolled_store(tmp_path)
    breaking(record_path(store))
    errors = read_in_every_way(store)
    with pytest.raises(RecordDamagedError) as caught:
        store.suspension_of("alice", 1000)
    for error in [*errors, caught.value]:
        assert error.path == str(record_path(store))
        assert error.field == field
        assert reason in error.reason


def test_record_truncated_at_any_byte_is_damaged(tmp_path: Path) -> None:
    """Not one length between nothing and the whole file is believed or taken for absent."""
    store = an_enrolled_store(tmp_path)
    path = record_path(store)
    size = path.stat().st_size
    assert size == 3 * BLOCK
    for length in range(size - 1, -1, -1):
        os.truncate(path, length)
        with pytest.raises(RecordDamagedError):
            store.load("alice", 1000)


def test_record_whose_end_reads_as_zeros_is_damaged(tmp_path: Path) -> None:
    """After a power cut a file may have its length, but not its content."""
    store = an_enrolled_store(tmp_path)
    path = record_path(store)
    size = path.stat().st_size
    length = len(path.read_bytes()[:BLOCK].rstrip(b" \n"))
    for kept in [*range(length), *range(length, size - 2 * BLOCK, 97)]:
        os.truncate(path, kept)
        os.truncate(path, size)
        with pytest.raises(RecordDamagedError):
            store.load("alice", 1000)


def test_any_changed_byte_of_the_record_is_damage(tmp_path: Path) -> None:
    """The checksum covers the JSON, and the padding is held to its form."""
    store = an_enrolled_store(tmp_path)
    path = record_path(store)
    whole = path.read_bytes()
    for offset in range(BLOCK):
        overwrite(path, offset, bytes([whole[offset] ^ 0x04]))
        with pytest.raises(RecordDamagedError):
            store.load("alice", 1000)
        overwrite(path, offset, whole[offset : offset + 1])
    assert last_step_of(store) == -1


@pytest.mark.parametrize("content", [b"\0", b" ", b"{}\n", b"\xff" * 7])
def test_garbage_in_every_block_is_damage(tmp_path: Path, content: bytes) -> None:
    """A file of the right size is not a record yet."""
    store = an_enrolled_store(tmp_path)
    path = record_path(store)
    path.write_bytes((content * 3 * BLOCK)[: 3 * BLOCK])
    read_in_every_way(store)
    with pytest.raises(RecordDamagedError):
        store.suspension_of("alice", 1000)


@pytest.mark.parametrize("place", [0, 1])
def test_damage_of_one_slot_is_told(tmp_path: Path, place: int) -> None:
    """The other slot is read, and marked, since the lost one may have been newer."""
    store = an_enrolled_store(tmp_path)
    save_last_step(store, 7)
    overwrite(record_path(store), (place - 2) * BLOCK + 30, b"\xff")
    stored = store.load("alice", 1000)
    assert stored is not None
    assert stored.damaged
    assert stored.state in (a_state(-1), a_state(7))


def test_saving_after_damage_repairs_the_damaged_slot(tmp_path: Path) -> None:
    """The only good slot is never written over, and the next reader finds both good."""
    store = an_enrolled_store(tmp_path)
    save_last_step(store, 7)
    for place in (0, 1):
        overwrite(record_path(store), (place - 2) * BLOCK + 30, b"\xff")
        save_last_step(store, 8)
        assert store.load("alice", 1000) == (a_record(), a_state(8), False)


def test_damage_of_both_slots_is_damage(tmp_path: Path) -> None:
    """There is no state to decide with, and a new one would revive used codes."""
    store = an_enrolled_store(tmp_path)
    for place in (0, 1):
        overwrite(record_path(store), (place - 2) * BLOCK + 30, b"\xff")
    for error in read_in_every_way(store):
        assert error.field == "state"
    with pytest.raises(RecordDamagedError):
        store.suspension_of("alice", 1000)


def test_record_of_another_account_is_damaged(tmp_path: Path) -> None:
    """A copied file does not let its owner in as someone else."""
    store = an_enrolled_store(tmp_path, "bob")
    record_path(store, "bob").rename(record_path(store, "alice"))
    for error in read_in_every_way(store):
        assert error.field == "account_name"


def test_record_of_another_uid_is_damaged(tmp_path: Path) -> None:
    """A changed uid, or an account deleted and made anew, is named as such."""
    store = an_enrolled_store(tmp_path)
    with pytest.raises(RecordDamagedError, match="uid was changed, or it was deleted and made"):
        store.load("alice", 1001)
    assert store.load("alice", None) is not None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", "pam-tfa-record/2"),
        ("account_name", "Alice"),
        ("uid", 1001),
        ("uid", "1000"),
        ("authenticators", []),
        ("another", 1),
    ],
)
def test_record_edited_with_a_fitting_checksum_is_damaged(
    tmp_path: Path, field: str, value: object
) -> None:
    """The checksum finds accidents; the rules find the rest."""
    store = an_enrolled_store(tmp_path)
    rewrite_record(record_path(store), **{field: value})
    read_in_every_way(store)


def test_state_of_another_revision_is_damage(tmp_path: Path) -> None:
    """Slots of one record under the blocks of another are not its state."""
    store = an_enrolled_store(tmp_path)
    rewrite_record(record_path(store), revision=2)
    for error in read_in_every_way(store):
        assert error.field == "state"


def test_damaged_record_can_be_replaced_and_removed(tmp_path: Path) -> None:
    """An administrator gets out of it with `enroll --replace` or `reset`."""
    store = an_enrolled_store(tmp_path)
    record_path(store).write_bytes(b"nonsense")
    enroll(store, "alice", state=a_state(4))
    assert last_step_of(store) == 4
    record_path(store).write_bytes(b"nonsense")
    with store.transaction("alice") as transaction:
        assert transaction.remove()
    assert store.load("alice") is None


def test_error_shows_nothing_of_the_record(tmp_path: Path) -> None:
    """Logs are read by more people than records."""
    store = an_enrolled_store(tmp_path)
    overwrite(record_path(store), 40, b"SECRET")
    for error in read_in_every_way(store):
        chained = [error, error.__cause__, error.__context__]
        assert not any("SECRET" in repr(each) or "SECRET" in str(each) for each in chained)
