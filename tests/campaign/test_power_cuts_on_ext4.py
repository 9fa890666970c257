"""Power cuts on a real file system: the device as it is between two calls, mounted anew.

What a disk may hold in theory is enumerated in test_power_cuts.py; this shows that ext4 keeps
what the enumeration takes for granted, journal and all.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

import pytest

from pam_tfa.administration import renew_backup_codes, reset
from pam_tfa.dialogue import Account
from pam_tfa.store.sealing import SealKeyring
from pam_tfa.upkeep import rename_record
from tests.harness.installation import require_namespace, require_tool
from tests.unit.login.builders import BACKUP_CODES, NOW_S, FakeMachine, run
from tests.unit.upkeep.world import USED_S, a_machine, log_in, rotate

if TYPE_CHECKING:
    from tests.campaign.figures import Figures

IMAGE_BYTES = 16 << 20
CALLS = ("open", "pwrite", "fsync", "fdatasync", "rename", "unlink", "link")
LATER_S = NOW_S + 60
MUCH_LATER_S = NOW_S + 300
ALICIA = Account("alicia", 1000)


class Case(NamedTuple):
    """An operation, and what has to hold after a cut: it is told whether it had returned."""

    run: Callable[[FakeMachine], object]
    judge: Callable[[FakeMachine, bool], str]


def let_in(machine: FakeMachine, name: str) -> None:
    """Fail unless a new code is good once, and the used one is not."""
    assert log_in(machine, name, USED_S) == "refused"
    assert log_in(machine, name, MUCH_LATER_S) == "success"
    assert log_in(machine, name, MUCH_LATER_S) == "refused"


def judge_code(machine: FakeMachine, told: bool) -> str:
    """Refuse it where it was accepted."""
    found = log_in(machine, "alice", LATER_S)
    assert found == "refused" or not told
    let_in(machine, "alice")
    return found


def judge_backup_codes(machine: FakeMachine, told: bool) -> str:
    """Refuse the old ones where there are new ones."""
    found = run(machine, BACKUP_CODES[1].encode()).verdict
    assert found == "refused" or not told
    let_in(machine, "alice")
    return found


def judge_reset(machine: FakeMachine, told: bool) -> str:
    """Find a whole record or none."""
    if machine.store.load("alice") is None:
        return "reset"
    assert not told
    let_in(machine, "alice")
    return "enrolled"


def rename(machine: FakeMachine) -> object:
    """Rename alice's record."""
    machine.accounts = {"alicia": ALICIA, "bob": machine.accounts["bob"]}
    keyring = SealKeyring.load(machine.config.seal_key_path)
    return rename_record(machine.store, keyring, "alice", ALICIA, NOW_S, any_uid=False)


def judge_rename(machine: FakeMachine, told: bool) -> str:
    """Refuse the new name until the record has moved."""
    machine.accounts = {"alicia": ALICIA}
    found = run(machine, b"", "alicia").verdict
    assert found in (("refused",) if told else ("refused", "unavailable"))
    rename_again = rename(FakeMachine(Path(machine.store.users_dir).parent, unenrolled="skip"))
    assert (rename_again is None) is (found == "refused")
    let_in(machine, "alicia")
    return found


def judge_rotate(machine: FakeMachine, told: bool) -> str:
    """Have a key for each record."""
    for name in ("alice", "bob"):
        let_in(machine, name)
    made_key = rotate(machine).made_key
    assert made_key or not told, "there was something left to do"
    return "a new key" if made_key else "an unfinished one"


CASES = {
    "a good code": Case(lambda machine: log_in(machine, "alice", LATER_S), judge_code),
    "backup-codes": Case(
        lambda machine: renew_backup_codes(machine.store, "alice", NOW_S, os.urandom),
        judge_backup_codes,
    ),
    "reset": Case(lambda machine: reset(machine.store, "alice"), judge_reset),
    "rename": Case(rename, judge_rename),
    "seal-key rotate": Case(rotate, judge_rotate),
}


@contextmanager
def mounted(image: Path, place: Path) -> Iterator[Path]:
    """Mount an image; ext4 replays its journal, and writes to it only when it is asked to."""
    options = ("-o", "loop,commit=600")
    subprocess.run([require_tool("mount", "mount"), *options, image, place], check=True)
    try:
        yield place
    finally:
        subprocess.run([require_tool("umount", "mount"), place], check=True)


class Camera:
    """Copies the device before and after each call that may change it."""

    def __init__(self, image: Path, directory: Path) -> None:
        self._image, self._directory = image, directory
        self.copies: list[Path] = []

    def shoot(self) -> None:
        """Copy what the device has been given until now."""
        copy = self._directory / f"{len(self.copies)}.img"
        subprocess.run(["cp", "--sparse=always", self._image, copy], check=True)
        self.copies.append(copy)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Shoot around every call."""
        with ExitStack() as stack:
            for name in CALLS:
                stack.enter_context(patch.object(os, name, self._around(getattr(os, name))))
            yield

    def _around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def shot(*arguments: Any, **keywords: Any) -> Any:
            is_writing = call.__name__ != "open" or arguments[1] & os.O_CREAT
            result = call(*arguments, **keywords)
            if is_writing:
                with patch.multiple(os, open=self._open):
                    self.shoot()
            return result

        return shot

    _open = staticmethod(os.open)


@pytest.fixture
def memory() -> Iterator[Path]:
    """Return a directory in memory."""
    require_namespace()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        yield Path(directory)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", CASES)
def test_device_holds_what_was_told(figures: Figures, memory: Path, name: str) -> None:
    """After each call, and each time the account is as before or as it should become."""
    case = CASES[name]
    image, place = memory / "disk.img", memory / "disk"
    place.mkdir()
    camera = Camera(image, memory)
    with image.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    subprocess.run([require_tool("mkfs.ext4", "e2fsprogs"), "-q", image], check=True)
    with figures.measured(f"power cuts on ext4: {name}") as figure:
        with mounted(image, place):
            machine = a_machine(place, "alice", "bob")
            os.sync()
            camera.shoot()
            with camera.watching():
                case.run(machine)
            camera.shoot()
        found = []
        for number, copy in enumerate(camera.copies):
            with mounted(copy, place):
                assert (place / "users" / ".store").exists()
                assert (place / "seal.key").exists()
                machine = FakeMachine(place, unenrolled="skip")
                found.append(case.judge(machine, number == len(camera.copies) - 1))
        assert len(set(found)) > 1, "old and new were not both seen"
        figure.rounds = len(found)
        figure.outcome = ", then ".join(dict.fromkeys(found))
