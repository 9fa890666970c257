"""Python modules of the installed product, broken for the length of a with block."""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING

from tests.harness.faults import replaced
from tests.harness.installation import PREFIX, site_packages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LIST_MODULES = """
import os, sys
import {name}
own = sys.argv[1] + "/"
for module in list(sys.modules.values()):
    file = os.path.realpath(getattr(module, "__file__", None) or "")
    if file.startswith(own):
        print(file[len(own):])
"""
GATE, LATE = "pam_tfa.service.helper", "pam_tfa.verification"


def files_imported_by(name: str) -> list[str]:
    """Return the files below site-packages that importing a module reads, relative to it."""
    own = str(site_packages())
    finished = subprocess.run(
        [PREFIX / "bin" / "python3", "-I", "-c", _LIST_MODULES.format(name=name), own],
        capture_output=True,
        text=True,
        check=True,
    )
    return finished.stdout.split()


@contextlib.contextmanager
def with_added_code(file_name: str, code: str) -> Iterator[None]:
    """Let a module of the installed package run more code at its end.

    Args:
        file_name: relative to site-packages.
        code: Python.
    """
    path = site_packages() / file_name
    with replaced(path, path.read_bytes() + b"\n" + code.encode() + b"\n", mode=0o644):
        yield


@contextlib.contextmanager
def with_code(file_name: str, code: str) -> Iterator[None]:
    """Put code, and nothing else, in a module's place."""
    with replaced(site_packages() / file_name, code.encode(), mode=0o644):
        yield


def module_file(name: str) -> Path:
    """Return the file of a module of the installed package."""
    return site_packages() / (name.replace(".", "/") + ".py")
