"""Fixtures of these tests."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.harness.fixtures import log, no_helper_left_behind, system_log
from tests.harness.host import build_hosts

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["log", "no_helper_left_behind", "system_log"]

_numbers = itertools.count(1)


@pytest.fixture
def root_directory() -> Iterator[Path]:
    """Return an empty directory with nothing but root's directories above it (unlike /tmp)."""
    directory = Path(f"/var/lib/pam-tfa-test{next(_numbers)}")
    directory.mkdir(mode=0o700)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def hosts() -> None:
    """Build the C hosts, see tests.harness.host."""
    build_hosts()
