"""Which paths a program and its children hand to the kernel, recorded by strace."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.harness.faults import replaced

if TYPE_CHECKING:
    import contextlib

_LINE = re.compile(r"^(?:\d+ +)?([a-z][a-z0-9_]*)\((.*)$")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_NUMBER = re.compile(rb"^(/proc/|/run/pam-tfa/slots/)\d+")
_CHANGING = re.compile(r"O_CREAT|O_TRUNC|O_WRONLY|O_RDWR|O_APPEND")
_CHANGING_CALLS = ("rename", "link", "unlink", "mkdir", "rmdir", "mknod", "chmod", "chown", "utime")


_NAME_SERVICES = Path("/etc/nsswitch.conf")


class Touched(NamedTuple):
    """A path as it was handed over, relative ones too, and whether the call could change it."""

    path: bytes
    changing: bool


def accounts_from_files_alone() -> contextlib.AbstractContextManager[None]:
    """Take nss-systemd out: it looks for files of the names that it is asked for."""
    return replaced(_NAME_SERVICES, b"passwd: files\ngroup: files\nshadow: files\n", mode=0o644)


def recording_paths(strace: str, log: Path) -> list[str]:
    """Return what to put before a command so that each path it names is written to a file."""
    return [strace, "-f", "-qq", "--seccomp-bpf", "-xx", "-e", "trace=%file", "-o", str(log)]


def read_paths(log: Path) -> set[Touched]:
    """Return what a recording holds; numbers of processes and helper slots become N."""
    found = set()
    for line in log.read_text().splitlines():
        if (matched := _LINE.match(line)) is None or matched[1] == "execve":
            continue
        call, arguments = matched.groups()
        opens = call.startswith("open") and _CHANGING.search(arguments) is not None
        changing = opens or any(each in call for each in _CHANGING_CALLS)
        for text in _TEXT.findall(arguments):
            path = bytes.fromhex(text.replace("\\x", ""))
            found.add(Touched(_NUMBER.sub(rb"\1N", path), changing))
    return found
