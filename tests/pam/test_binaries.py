"""What the linker says about pam_tfa.so and its helper."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.harness.installation import helper_path, module_path, require_tool

if TYPE_CHECKING:
    from pathlib import Path

ENTRY_POINTS = {
    "pam_sm_authenticate",
    "pam_sm_setcred",
    "pam_sm_acct_mgmt",
    "pam_sm_open_session",
    "pam_sm_close_session",
    "pam_sm_chauthtok",
}
BINARIES = {"module": module_path, "helper": helper_path}


def _output(tool: str, *arguments: str | Path) -> str:
    command = [require_tool(tool, "binutils"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _needed(binary: Path) -> set[str]:
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", _output("readelf", "--dynamic", binary)))


def test_module_exports_its_entry_points_alone() -> None:
    """A symbol more could take the place of one of the host's, or be taken by it."""
    listing = _output("nm", "--dynamic", "--defined-only", module_path())
    assert {line.split()[-1].partition("@")[0] for line in listing.splitlines()} == ENTRY_POINTS


def test_module_needs_libc_and_libpam_alone() -> None:
    """No Python, no threads library, nothing that a host would have to carry."""
    assert _needed(module_path()) == {"libc.so.6", "libpam.so.0"}


def test_helper_links_python_and_libc() -> None:
    """Whatever else it is made of is found in the private environment."""
    assert all(
        re.match(r"libc\.so|libpython3|libm\.so|libdl|libpthread|libutil", name)
        for name in _needed(helper_path())
    )


@pytest.mark.parametrize("binary", BINARIES)
def test_binary_is_hardened(binary: str) -> None:
    """Relocations read-only and bound at once, no executable stack, no search path of its own."""
    path = BINARIES[binary]()
    segments = _output("readelf", "--program-headers", "--wide", path)
    dynamic = _output("readelf", "--dynamic", "--wide", path)
    symbols = _output("nm", "--dynamic", "--undefined-only", path)
    assert "GNU_RELRO" in segments
    (stack,) = re.findall(r"GNU_STACK.*", segments)
    assert " RW " in stack
    assert not re.search(r"LOAD.* RWE ", segments)
    assert re.search(r"BIND_NOW|FLAGS.*NOW", dynamic)
    assert not re.search(r"R(UN)?PATH|TEXTREL", dynamic)
    assert "__stack_chk_fail" in symbols


def test_module_and_helper_are_position_independent() -> None:
    """The helper is a PIE, so that its addresses are random too."""
    for path in (module_path(), helper_path()):
        header = _output("readelf", "--file-header", path)
        assert "DYN" in header
    assert re.search(r"FLAGS_1.*PIE", _output("readelf", "--dynamic", "--wide", helper_path()))


def test_fortified_functions_are_used() -> None:
    """_FORTIFY_SOURCE was on: the optimiser put checked variants in."""
    undefined = _output("nm", "--dynamic", "--undefined-only", helper_path())
    assert "_chk" in undefined


@pytest.mark.parametrize("binary", BINARIES)
def test_installed_files_are_roots_alone(binary: str) -> None:
    """Nobody else can write what root executes, nor any directory on the way to it."""
    path = BINARIES[binary]()
    for each in (path, *path.parents):
        status = each.stat()
        assert status.st_uid == 0, each
        assert not status.st_mode & 0o022, each
    assert not path.stat().st_mode & 0o6000
