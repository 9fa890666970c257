"""Runs of an operation in which one system call is killed or made to fail, by strace.

strace counts per name of a call, so a point is a name and a number. The script marks where the
operation begins and ends by asking for two paths that don't exist.
"""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from .builders import python_command

BEGIN, END = "/pam-tfa-operation-begins", "/pam-tfa-operation-ends"
# Memory and randomness: how often Python makes these calls differs from run to run.
UNCOUNTABLE = frozenset(
    {"brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "futex", "getrandom", "getpid"}
)
WRITING = frozenset(
    {"pwrite64", "write", "fdatasync", "fsync", "rename", "renameat", "renameat2", "unlink"}
    | {"unlinkat", "link", "linkat", "mkdir", "mkdirat", "fchmod", "fchmodat", "ftruncate"}
)
_CALL = re.compile(r"(?:\d+ +)?(\w+)\(")

PRELUDE = f"""
import mmap, os, resource
from pam_tfa.core.errors import PamTfaError
from pam_tfa.core.state import AuthenticatorState, initial_state
import pam_tfa.store.initialization, pam_tfa.store.stored
from pam_tfa.store.files import FileStore
store = FileStore(sys.argv[1])

def run(operation):
    os.access({BEGIN!r}, 0)
    try:
        outcome = operation()
    except PamTfaError as error:
        outcome = type(error).__name__
    os.access({END!r}, 0)
    print(outcome)
"""


class Call(NamedTuple):
    """One system call of an operation: the n-th of its name in the process, and its trace."""

    name: str
    number: int
    trace: str


def calls_of(script: str, *arguments: str, trace_file: Path) -> list[Call]:
    """Run a script once and return the system calls of its operation, in order."""
    command = ["strace", "-f", "-qq", "-s", "64", "-e", "signal=none", "-o", str(trace_file)]
    finished = subprocess.run(
        [*command, *python_command(PRELUDE + script, *arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return _between_marks(trace_file.read_text(errors="replace").splitlines())


def run_with(injection: str, call: Call, script: str, *arguments: str) -> tuple[int, str]:
    """Run a script with something done to one call; return exit status and output.

    Args:
        injection: as for strace's inject=, for example "signal=KILL" or "error=EIO".
        call: where.
        script: the operation.
        arguments: the script's.
    """
    inject = f"inject={call.name}:{injection}:when={call.number}"
    command = ["strace", "-f", "-qq", "-o", "/dev/null"]
    finished = subprocess.run(
        [
            *command,
            *("-e", f"trace={call.name}", "-e", inject),
            *python_command(PRELUDE + script, *arguments),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return finished.returncode, finished.stdout.strip() or finished.stderr


def some_of(calls: list[Call], campaign: bool) -> list[Call]:
    """Return all calls in a campaign, else those that write and every tenth of the others."""
    return [
        call
        for position, call in enumerate(calls)
        if campaign or call.name in WRITING or position % 10 == 0
    ]


def _between_marks(lines: list[str]) -> list[Call]:
    counts: dict[str, int] = {}
    calls: list[Call] = []
    inside = False
    for line in lines:
        matched = _CALL.match(line)
        if matched is None:
            continue
        name = matched.group(1)
        counts[name] = counts.get(name, 0) + 1
        if BEGIN in line or END in line:
            inside = BEGIN in line
        elif inside and name not in UNCOUNTABLE:
            calls.append(Call(name, counts[name], line))
    assert calls, "the trace holds no operation"
    return calls
