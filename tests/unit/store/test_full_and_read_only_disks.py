"""On a full disk logins go on; on a read-only one nobody who is enrolled gets past the factor."""

import shutil
from pathlib import Path

import pytest

from .builders import a_state, an_enrolled_store, python_command, run_in_private_mounts

FILL_AND_USE = """
import os
from pam_tfa.core.errors import NotDurableError
from pam_tfa.core.state import AuthenticatorState, initial_state
from pam_tfa.store.files import FileStore, NotEnrolled
sys.path.insert(0, sys.argv[2])
from store.builders import a_record, a_state, an_enrolled_store, last_step_of, leftovers
from store.builders import save_last_step
from pathlib import Path

store = an_enrolled_store(Path(sys.argv[1]))

def fill(path):
    with open(path, "wb", buffering=0) as file:
        for size in (65536, 4096, 512, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                os.sync()

fill(sys.argv[1] + "/fill")
fill(sys.argv[1] + "/fill2")

for last_step in range(100):
    save_last_step(store, last_step)
    assert last_step_of(store) == last_step
assert not isinstance(store.suspension_of("alice"), NotEnrolled)

def refused(operation):
    try:
        operation()
    except NotDurableError as error:
        return error.reason
    raise AssertionError("a file was written to a full disk")

def replace():
    with store.transaction("alice") as transaction:
        transaction.load()
        transaction.replace(a_record(revision=2), a_state(1000))

def enroll_bob():
    with store.transaction("bob") as transaction:
        transaction.replace(a_record("bob"), a_state())

print(refused(replace))
print(refused(enroll_bob))
assert last_step_of(store) == 99
assert store.load("bob") is None
assert leftovers(store) == []
save_last_step(store, 200)

os.unlink(sys.argv[1] + "/fill")
os.unlink(sys.argv[1] + "/fill2")
replace()
assert last_step_of(store) == 1000
"""

SMALL_FILE_SYSTEMS = {
    "tmpfs": 'mount -t tmpfs -o size=256k none "$1"',
    "ext4": 'truncate -s 4M "$1.img"; mkfs.ext4 -q "$1.img"; mount -o loop "$1.img" "$1"',
}

USE_READ_ONLY = """
from pam_tfa.core.errors import PamTfaError
from pam_tfa.core.state import AuthenticatorState, initial_state
from pam_tfa.store.files import FileStore
store = FileStore(sys.argv[1])

def save():
    with store.transaction("alice", 1000) as transaction:
        transaction.load()
        transaction.save_state(initial_state((AuthenticatorState(last_step=2),)))

def outcome(operation):
    try:
        return type(operation()).__name__
    except PamTfaError as error:
        return f"{type(error).__name__}: {error.reason}"

for operation in (
    lambda: store.suspension_of("alice", 1000),
    lambda: store.suspension_of("bob", 1001),
    lambda: store.load("alice", 1000),
    save,
    store.initialize,
):
    print(outcome(operation))
"""


@pytest.mark.parametrize("kind", SMALL_FILE_SYSTEMS)
def test_full_disk_keeps_nobody_out(tmp_path: Path, kind: str) -> None:
    """States are saved in place; what needs room is refused, and leaves all as it was."""
    mounted = tmp_path / "small"
    mounted.mkdir()
    tests = str(Path(__file__).parents[1])
    finished = run_in_private_mounts(
        SMALL_FILE_SYSTEMS[kind] + '; shift; exec "$@"',
        str(mounted),
        *python_command(FILL_AND_USE, str(mounted), tests),
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines() == ["No space left on device"] * 2


def test_read_only_store_is_read_and_never_written(tmp_path: Path) -> None:
    """Who is enrolled is known; a code that could be used again is not accepted."""
    store = an_enrolled_store(tmp_path, state=a_state(1))
    Path(store.users_dir, ".alice.json.new").write_text("left by a killed writer")
    finished = run_in_private_mounts(
        'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; shift; exec "$@"',
        store.users_dir,
        *python_command(USE_READ_ONLY, store.users_dir),
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines() == [
        "Enrolled",
        "NotEnrolled",
        "Stored",
        "StoreUnavailableError: Read-only file system",
        "str",
    ]


def test_tools_for_small_file_systems_are_there() -> None:
    """Name the package to install, instead of leaving tests out."""
    needed = {"unshare": "util-linux", "mount": "mount", "mkfs.ext4": "e2fsprogs"}
    missing = [package for tool, package in needed.items() if shutil.which(tool) is None]
    assert missing == [], f"apt-get install {' '.join(missing)}"
