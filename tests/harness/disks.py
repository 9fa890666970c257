"""Disks that are full, read-only or failing, under the store for the length of a with block."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from tests.harness.faults import mounted, replaced
from tests.harness.installation import USERS_DIR, helper_path, record_path, require_tool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

FULL_DISK_BYTES = 4 << 20


@contextlib.contextmanager
def on_a_full_disk(kind: str, scratch: Path, account_names: Sequence[str]) -> Iterator[None]:
    """Move a store of some accounts to a file system of its own without a free block, and back.

    Args:
        kind: "tmpfs", or "ext4" in a file.
        scratch: an empty directory for that file and a copy.
        account_names: whose records the disk has room for.
    """
    files = [".store", ".lock", *(record_path(name).name for name in account_names)]
    before = scratch / "before"
    before.mkdir()
    _copy(files, USERS_DIR, before)
    with _mounted_small(kind, scratch):
        USERS_DIR.chmod(0o700)
        _copy(files, before, USERS_DIR)
        fill(USERS_DIR)
        yield
        (USERS_DIR / ".fill").unlink()
        _copy(files, USERS_DIR, before)
    # What happened on the full disk counts afterwards too.
    _copy(files, before, USERS_DIR)


def _copy(files: Sequence[str], source: Path, target: Path) -> None:
    for name in files:
        shutil.copy2(source / name, target / name)


def fill(directory: Path) -> None:
    """Leave neither a free block nor a free inode's worth of space."""
    filler = os.open(directory / ".fill", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        for size in (65536, 4096, 512, 1):
            with contextlib.suppress(OSError):
                while os.write(filler, bytes(size)):
                    pass
    finally:
        with contextlib.suppress(OSError):
            os.fsync(filler)
        os.close(filler)


@contextlib.contextmanager
def failing_calls(calls: str, error: str, when: str = "1+") -> Iterator[None]:
    """Let system calls of the helper fail, as a dying disk does.

    Args:
        calls: names as strace takes them.
        error: the errno's name.
        when: which of them, as strace takes it.
    """
    strace = require_tool("strace", "strace")
    real = helper_path().with_name(helper_path().name + ".taken-away")
    inject = f"-e inject={calls}:error={error}:when={when}"
    script = f"#!/bin/sh\nexec {strace} -o /dev/null {inject} {real}\n"
    with replaced(helper_path(), script.encode(), mode=0o755):
        yield


@contextlib.contextmanager
def _mounted_small(kind: str, scratch: Path) -> Iterator[None]:
    if kind == "tmpfs":
        with mounted("-t", "tmpfs", "-o", f"size={FULL_DISK_BYTES},mode=0700", "x", str(USERS_DIR)):
            yield
        return
    image = scratch / "image"
    with image.open("wb") as file:
        file.truncate(FULL_DISK_BYTES)
    make = [require_tool("mkfs.ext4", "e2fsprogs"), "-q", "-m", "0", str(image)]
    subprocess.run(make, check=True, capture_output=True)
    with mounted("-o", "loop", str(image), str(USERS_DIR)):
        (USERS_DIR / "lost+found").rmdir()
        yield
