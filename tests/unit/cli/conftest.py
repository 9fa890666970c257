"""A store of its own for each test."""

from pathlib import Path

import pytest

from tests.unit.cli.command import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return an initialised store whose unenrolled accounts skip the code."""
    return Place(tmp_path).initialized()
