"""One account, one writer: among threads, among processes, and never longer than a holder lives."""

import fcntl
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pam_tfa.core.errors import StoreBusyError
from pam_tfa.store.files import FileStore
from pam_tfa.store.locks import lock_offset

from .builders import (
    a_state,
    a_store,
    an_enrolled_store,
    enroll,
    last_step_of,
    python_command,
    save_last_step,
)

CONTENDERS = 64

HOLD_THE_LOCK = """
from pam_tfa.store.files import FileStore
with FileStore(sys.argv[1]).transaction("alice"):
    print("locked", flush=True)
    sys.stdin.read()
"""

COUNT_UP = """
from pam_tfa.store.files import FileStore
store = FileStore(sys.argv[1], lock_wait_s=30)
sys.stdin.read()
for _ in range(int(sys.argv[2])):
    with store.transaction("alice") as transaction:
        state = transaction.load().state
        (device,) = state.authenticators
        counted = device._replace(last_step=device.last_step + 1)
        transaction.save_state(state._replace(authenticators=(counted,)))
"""


@contextmanager
def another_process_that_holds_the_lock(store: FileStore) -> Iterator[subprocess.Popen[str]]:
    """Run a process inside a transaction; it ends when its input does."""
    with subprocess.Popen(
        python_command(HOLD_THE_LOCK, store.users_dir),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        try:
            yield process
        finally:
            process.kill()


def count_up(store: FileStore) -> None:
    """Read the last step and write the next one."""
    with store.transaction("alice") as transaction:
        stored = transaction.load()
        assert stored is not None
        transaction.save_state(a_state(stored.state.authenticators[0].last_step + 1))


def test_second_writer_waits_its_time_and_no_longer(tmp_path: Path) -> None:
    """A login behind a stuck one is refused in time, and the refusal says why."""
    store = FileStore(an_enrolled_store(tmp_path).users_dir, lock_wait_s=0.2)
    with another_process_that_holds_the_lock(store):
        started_s = time.monotonic()
        with pytest.raises(StoreBusyError, match=r"still locked after 0\.2 s"):
            save_last_step(store, 1)
        assert 0.2 <= time.monotonic() - started_s < 1


def test_reader_waits_for_a_writer(tmp_path: Path) -> None:
    """Nobody sees a state that is half written."""
    store = FileStore(an_enrolled_store(tmp_path).users_dir, lock_wait_s=0.05)
    with another_process_that_holds_the_lock(store):
        with pytest.raises(StoreBusyError):
            store.load("alice")
        with pytest.raises(StoreBusyError):
            store.suspension_of("alice")


def test_readers_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """A shared lock is enough to read."""
    store = FileStore(an_enrolled_store(tmp_path).users_dir, lock_wait_s=0)
    with store._locked("alice", None):
        assert store.load("alice") is not None
        with pytest.raises(StoreBusyError):
            save_last_step(store, 1)


def test_writer_goes_on_when_the_holder_leaves(tmp_path: Path) -> None:
    """Waiting ends as soon as it can."""
    store = an_enrolled_store(tmp_path)
    with another_process_that_holds_the_lock(store) as holder:
        assert holder.stdin is not None
        threading.Timer(0.1, holder.stdin.close).start()
        started_s = time.monotonic()
        save_last_step(store, 1)
        assert time.monotonic() - started_s < 1
    assert last_step_of(store) == 1


def test_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    """Kernel locks die with the process: a kill -9 locks nobody out."""
    store = FileStore(an_enrolled_store(tmp_path).users_dir, lock_wait_s=0)
    with another_process_that_holds_the_lock(store) as holder:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        save_last_step(store, 1)
    assert last_step_of(store) == 1


def test_lock_ends_with_the_transaction_although_a_child_holds_a_copy(tmp_path: Path) -> None:
    """A daemon that forks inside a transaction does not keep the account locked."""
    store = FileStore(an_enrolled_store(tmp_path).users_dir, lock_wait_s=0)
    with store.transaction("alice"):
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
    try:
        save_last_step(store, 1)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_accounts_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """One stuck login stops one account."""
    store = FileStore(an_enrolled_store(tmp_path).users_dir, lock_wait_s=0)
    enroll(store, "bob")
    with store.transaction("alice"):
        save_last_step(store, 1, "bob")
    assert last_step_of(store, "bob") == 1


def test_lock_ends_with_an_exception(tmp_path: Path) -> None:
    """A bug in a decision locks nobody out of a daemon."""
    store = FileStore(an_enrolled_store(tmp_path).users_dir, lock_wait_s=0)
    with pytest.raises(ZeroDivisionError), store.transaction("alice"):
        raise ZeroDivisionError
    save_last_step(store, 1)


def test_threads_of_one_process_exclude_each_other(tmp_path: Path) -> None:
    """64 threads of a daemon count to 64, and none reads what another is about to write."""
    store = an_enrolled_store(tmp_path)
    ready = threading.Barrier(CONTENDERS)

    def contend() -> None:
        ready.wait()
        count_up(store)

    threads = [threading.Thread(target=contend) for _ in range(CONTENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert last_step_of(store) == CONTENDERS - 1


def test_processes_exclude_each_other(tmp_path: Path, campaign: bool) -> None:
    """Simultaneous logins of one account, each in a process of its own, follow each other."""
    store = an_enrolled_store(tmp_path)
    processes, rounds = (CONTENDERS, 50) if campaign else (8, 8)
    contenders = [
        subprocess.Popen(
            python_command(COUNT_UP, store.users_dir, str(rounds)), stdin=subprocess.PIPE
        )
        for _ in range(processes)
    ]
    for contender in contenders:
        assert contender.stdin is not None
        contender.stdin.close()
    assert [contender.wait(timeout=100) for contender in contenders] == [0] * processes
    assert last_step_of(store) == processes * rounds - 1


def test_lock_file_is_permanent(tmp_path: Path) -> None:
    """A lock file that comes and goes would be two files to two logins."""
    store = a_store(tmp_path)
    inode = Path(store.users_dir, ".lock").stat().st_ino
    enroll(store, "alice")
    store.initialize()
    with store.transaction("alice") as transaction:
        transaction.remove()
    assert Path(store.users_dir, ".lock").stat().st_ino == inode


def test_another_programs_record_lock_is_respected(tmp_path: Path) -> None:
    """OFD locks and POSIX locks of the same byte exclude each other: a backup can use them."""
    store = FileStore(an_enrolled_store(tmp_path).users_dir, lock_wait_s=0)
    with Path(store.users_dir, ".lock").open("r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, lock_offset(b"alice"))
        with pytest.raises(StoreBusyError):
            save_last_step(store, 1)
    save_last_step(store, 1)


def test_lock_bytes_of_accounts_differ() -> None:
    """Names that resemble each other do not wait for each other."""
    offsets = {lock_offset(b"user%d" % number) for number in range(100_000)}
    assert len(offsets) == 100_000
    assert max(offsets) < 2**61
