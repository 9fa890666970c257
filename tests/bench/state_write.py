"""Time the ways to write what changes at a login: in place, or whole and renamed.

Run as root: python tests/bench/state_write.py [DIRECTORY] [--rounds 500]

Prints a table of medians. The ways take turns, a few rounds each, so that load on the machine
falls on all of them alike and one way's journal traffic not much on the next. DIRECTORY has to
be on the file system of interest; the default is the working directory. The figures of a run are
in docs/adr/0001-how-state-is-written.md.
"""

import argparse
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).parents[2]
sys.path.insert(0, str(PROJECT))

from tests.unit.store.builders import a_record, a_state, an_enrolled_store  # noqa: E402 - after sys.path

SLOT = os.urandom(4096)
ROUNDS_A_TURN = 25
FILE = os.urandom(3 * 4096)
SMALL = os.urandom(600)
Way = Callable[[int], None]


def bare_ways(directory: Path) -> dict[str, Way]:
    """Return the system calls alone, on files that are open or named already."""
    directory_fd = os.open(directory, os.O_RDONLY)

    def write_in_place(sync: Callable[[int], None] | None) -> Way:
        in_place = directory / f"in-place-{sync.__name__ if sync else None}"
        in_place.write_bytes(FILE)
        file_fd = os.open(in_place, os.O_RDWR)
        os.fsync(file_fd)

        def way(number: int) -> None:
            os.pwrite(file_fd, SLOT, 4096 * (1 + number % 2))
            if sync is not None:
                sync(file_fd)

        return way

    def write_and_rename(content: bytes, *, sync_file: bool, sync_directory: bool) -> Way:
        def way(_number: int) -> None:
            new_fd = os.open(
                "new", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=directory_fd
            )
            os.write(new_fd, content)
            if sync_file:
                os.fsync(new_fd)
            os.close(new_fd)
            os.rename("new", "renamed", src_dir_fd=directory_fd, dst_dir_fd=directory_fd)
            if sync_directory:
                os.fsync(directory_fd)

        return way

    return {
        "bare: 4 KB in place, no sync": write_in_place(None),
        "bare: 4 KB in place + fdatasync": write_in_place(os.fdatasync),
        "bare: 4 KB in place + fsync": write_in_place(os.fsync),
        "bare: 600 B + rename, no sync": write_and_rename(
            SMALL, sync_file=False, sync_directory=False
        ),
        "bare: 600 B + fsync + rename": write_and_rename(
            SMALL, sync_file=True, sync_directory=False
        ),
        "bare: 600 B + fsync + rename + fsync of directory": write_and_rename(
            SMALL, sync_file=True, sync_directory=True
        ),
        "bare: 12 KB + fsync + rename + fsync of directory": write_and_rename(
            FILE, sync_file=True, sync_directory=True
        ),
    }


def other_ways(directory: Path) -> dict[str, Way]:
    """Return what else could have been chosen."""
    log_fd = os.open(directory / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def append(_number: int) -> None:
        os.write(log_fd, SMALL[:64])
        os.fdatasync(log_fd)

    def commit_to(journal_mode: str) -> Way:
        database = sqlite3.connect(directory / f"{journal_mode}.db", isolation_level=None)
        database.execute(f"PRAGMA journal_mode={journal_mode}")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE state (account TEXT PRIMARY KEY, payload BLOB)")
        database.execute("INSERT INTO state VALUES ('alice', ?)", (SMALL,))

        def way(number: int) -> None:
            payload = number.to_bytes(8, "big") + SMALL
            database.execute("UPDATE state SET payload = ? WHERE account = 'alice'", (payload,))

        return way

    return {
        "log: 64 B appended + fdatasync": append,
        "SQLite: rollback journal, synchronous=FULL": commit_to("DELETE"),
        "SQLite: write-ahead log, synchronous=FULL": commit_to("WAL"),
    }


def store_ways(directory: Path) -> dict[str, Way]:
    """Return whole transactions of the store: lock, read, decide nothing, write."""
    store = an_enrolled_store(directory)

    def save(number: int) -> None:
        with store.transaction("alice", 1000) as transaction:
            transaction.load()
            transaction.save_state(a_state(number))

    def replace(number: int) -> None:
        with store.transaction("alice", 1000) as transaction:
            transaction.load()
            transaction.replace(a_record(revision=2 + number), a_state(number))

    def load(_number: int) -> None:
        with store.transaction("alice", 1000) as transaction:
            transaction.load()

    def gate(_number: int) -> None:
        store.suspension_of("alice", 1000)

    return {
        "store: suspension_of (before the prompt)": gate,
        "store: transaction that only loads": load,
        "store: transaction that saves in place": save,
        "store: transaction that replaces by rename": replace,
    }


def measure(ways: dict[str, Way], rounds: int) -> dict[str, list[float]]:
    """Return each way's times in milliseconds."""
    times_ms: dict[str, list[float]] = {name: [] for name in ways}
    for first in range(0, rounds, ROUNDS_A_TURN):
        for name, way in ways.items():
            for number in range(first, min(first + ROUNDS_A_TURN, rounds)):
                started = time.perf_counter()
                way(number)
                times_ms[name].append((time.perf_counter() - started) * 1000)
    return times_ms


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Time the ways to write a login's state.")
    parser.add_argument("directory", nargs="?", default=".", help="where to write")
    parser.add_argument("--rounds", type=int, default=500)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        work = Path(directory)
        ways = bare_ways(work) | other_ways(work) | store_ways(work)
        times_ms = measure(ways, arguments.rounds)
    print(f"{'way':<52} {'median ms':>10} {'p95 ms':>10}")
    for name, values in times_ms.items():
        p95 = statistics.quantiles(values, n=20)[-1]
        print(f"{name:<52} {statistics.median(values):>10.3f} {p95:>10.3f}")


if __name__ == "__main__":
    main()
