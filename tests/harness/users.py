"""Throw-away accounts of the test namespace."""

from __future__ import annotations

import itertools
import pwd
import subprocess
from typing import NamedTuple

from tests.harness.installation import require_namespace, require_tool

_numbers = itertools.count(1)


class User(NamedTuple):
    """An account of the machine."""

    name: str
    uid: int
    gid: int
    home: str
    password: str


def a_user(name: str | None = None, *, password: str = "", home: bool = False) -> User:
    """Add an account.

    Args:
        name: default: one that no other test has.
        password: default: none is set, so that no password lets it in.
        home: whether to make its home directory.
    """
    require_namespace()
    name = name or f"tfa{next(_numbers)}"
    _run("useradd", "passwd", "--shell", "/bin/bash", "-m" if home else "-M", name)
    if password:
        set_password(name, password)
    entry = pwd.getpwnam(name)
    return User(name, entry.pw_uid, entry.pw_gid, entry.pw_dir, password)


def set_password(name: str, password: str) -> None:
    """Set an account's password (SHA-512 with few rounds: yescrypt's cost is not the subject)."""
    arguments = ("--crypt-method", "SHA512", "--sha-rounds", "1000")
    _run("chpasswd", "passwd", *arguments, standard_input=f"{name}:{password}\n")


def remove_user(name: str) -> None:
    """Remove an account and its home; its record stays."""
    require_namespace()
    _run("userdel", "passwd", "--remove", "--force", name, check=False)


def _run(
    tool: str, package: str, *arguments: str, standard_input: str = "", check: bool = True
) -> None:
    finished = subprocess.run(
        [require_tool(tool, package), *arguments],
        input=standard_input,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0 or not check, finished.stderr
