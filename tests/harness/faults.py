"""Ways to break an installation for the length of a with block."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from tests.harness.installation import require_namespace, require_tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def absent(path: Path) -> Iterator[None]:
    """Take a file or directory away, then put the same one back."""
    require_namespace()
    away = path.with_name(path.name + ".taken-away")
    path.rename(away)
    try:
        yield
    finally:
        _remove(path)
        away.rename(path)


@contextlib.contextmanager
def replaced(path: Path, content: bytes, *, mode: int = 0o600, uid: int = 0) -> Iterator[None]:
    """Put another file in a file's place."""
    with absent(path):
        path.write_bytes(content)
        os.chown(path, uid, -1)
        path.chmod(mode)
        yield


@contextlib.contextmanager
def replaced_by_directory(path: Path) -> Iterator[None]:
    """Put a directory in a file's place."""
    with absent(path):
        path.mkdir()
        yield


@contextlib.contextmanager
def replaced_by_fifo(path: Path) -> Iterator[None]:
    """Put a fifo, at which nobody is, in a file's place."""
    with absent(path):
        os.mkfifo(path, 0o600)
        yield


@contextlib.contextmanager
def replaced_by_symlink(path: Path) -> Iterator[None]:
    """Put a link to the very file in its place."""
    with absent(path):
        path.symlink_to(path.with_name(path.name + ".taken-away"))
        yield


@contextlib.contextmanager
def with_mode(path: Path, mode: int) -> Iterator[None]:
    """Give a file or directory another mode."""
    before = path.stat().st_mode & 0o7777
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)


@contextlib.contextmanager
def owned_by(path: Path, uid: int) -> Iterator[None]:
    """Give a file or directory to somebody else."""
    before = path.stat().st_uid
    os.chown(path, uid, -1)
    try:
        yield
    finally:
        os.chown(path, before, -1)


@contextlib.contextmanager
def read_only(directory: Path) -> Iterator[None]:
    """Make a directory a read-only file system."""
    with mounted("--bind", str(directory), str(directory)):
        mount("-o", "remount,bind,ro", str(directory))
        yield


@contextlib.contextmanager
def mounted(*arguments: str) -> Iterator[None]:
    """Mount something; the last argument is where."""
    mount(*arguments)
    try:
        yield
    finally:
        unmount = require_tool("umount", "mount")
        subprocess.run([unmount, arguments[-1]], check=True)


def mount(*arguments: str) -> None:
    """Mount something, as the command does."""
    require_namespace()
    subprocess.run([require_tool("mount", "mount"), *arguments], check=True)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
