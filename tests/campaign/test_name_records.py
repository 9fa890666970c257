"""A million names: each a file of its own in the store, each one line of the log."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from pam_tfa.core.state import AuthenticatorState, initial_state
from pam_tfa.store.files import Enrolled, FileStore, NotEnrolled
from tests.campaign.hostile_names import LONGEST_NAME, generated_names
from tests.campaign.name_checks import check_file_name
from tests.harness.faults import mounted
from tests.unit.core.builders import a_record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.campaign.figures import Figures

FULL, SHORT = 1_000_000, 10_000
# Real records, so many at once in one store, so often.
FULL_RECORDS, SHORT_RECORDS = (2000, 20), (150, 1)
STORE_FILES = {".lock", ".store"}
FIRST_UID = 100_000


@pytest.mark.timeout(1200)
def test_generated_names_have_files_and_lines_of_their_own(
    figures: Figures, campaign: bool
) -> None:
    """One plain entry of the store, from which the name can be read back; one line of the log."""
    workers = os.cpu_count() or 1
    count = (FULL if campaign else SHORT) // workers
    with figures.measured("names: generated, file name and log line") as figure:
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.campaign.name_checks", str(seed), str(count)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for seed in range(workers)
        ]
        ended = [process.communicate() for process in processes]
        for process, (_, complaint) in zip(processes, ended, strict=True):
            assert process.returncode == 0, complaint
        figure.rounds = sum(int(output) for output, _ in ended)
        assert figure.rounds == count * workers
        figure.outcome = "no path, no two alike, one line each"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FileStore]:
    """Return an empty store in memory."""
    with mounted("-t", "tmpfs", "-o", "mode=0755", "x", str(tmp_path)):
        store = FileStore(f"{tmp_path}/users")
        store.initialize()
        yield store


def different_names(random_numbers: random.Random) -> Iterator[str]:
    """Make names that a record can have, each once."""
    seen: set[bytes] = set()
    for name in generated_names(random_numbers):
        if name not in seen and len(name) <= LONGEST_NAME:
            seen.add(name)
            yield name.decode("utf-8", "surrogateescape")


@pytest.mark.timeout(1200)
def test_generated_names_have_records_of_their_own(
    store: FileStore, figures: Figures, campaign: bool
) -> None:
    """Enrolled side by side; accounts with names like theirs are not enrolled."""
    batch, batches = FULL_RECORDS if campaign else SHORT_RECORDS
    names = different_names(random.Random(255))
    with figures.measured("names: generated, records in a store in memory") as figure:
        for _ in range(batches):
            uids = {name: FIRST_UID + n for n, name in enumerate(islice(names, batch))}
            files = {check_file_name(name.encode("utf-8", "surrogateescape")) for name in uids}
            assert len(files) == batch
            for name, uid in uids.items():
                enroll(store, name, uid)
            assert set(os.listdir(store.users_dir)) == files | STORE_FILES
            assert set(store.names()) == set(uids)
            for name, uid in uids.items():
                check_record(store, name, uid)
                assert isinstance(store.suspension_of(next(names), uid), NotEnrolled)
            figure.rounds += batch
            for name, uid in uids.items():
                with store.transaction(name, uid) as transaction:
                    transaction.remove()
            assert set(os.listdir(store.users_dir)) == STORE_FILES
        figure.outcome = "each its own"


def enroll(store: FileStore, name: str, uid: int) -> None:
    """Give an account a record that knows its name and uid."""
    record = a_record(account_name=name, uid=uid)
    with store.transaction(name, uid) as transaction:
        assert transaction.load() is None, name
        transaction.replace(record, initial_state((AuthenticatorState(last_step=uid),)))


def check_record(store: FileStore, name: str, uid: int) -> None:
    """Hold an account to having its own record and state."""
    assert isinstance(store.suspension_of(name, uid), Enrolled), name
    stored = store.load(name, uid)
    assert stored is not None, name
    assert (stored.record.account_name, stored.record.uid) == (name, uid)
    assert stored.state.authenticators[0].last_step == uid, name
