"""Kills at each system call of a program, through strace's fault injection.

strace counts calls per name, so that a point in a program is a pair of name and number.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_CALL = re.compile(r"^(?:\d+ +)?([a-z][a-z0-9_]*)\(")


class Call(NamedTuple):
    """The n-th call of a name, counted from 1."""

    name: str
    number: int

    def __str__(self) -> str:
        return f"{self.name}#{self.number}"


def recording(strace: str, log: Path) -> list[str]:
    """Return what to put before a command so that its calls are written to a file."""
    return [strace, "-qq", "-o", str(log)]


def killing(strace: str, call: Call, *, follow: bool = True) -> list[str]:
    """Return what to put before a command so that it dies of kill -9 as it enters a call.

    Args:
        strace: its path.
        call: is not executed any more.
        follow: lets the kernel skip all other calls (seccomp), which is several times faster but
            follows children too; off where a child of the program has to stay as it is.
    """
    quick = ["-f", "--seccomp-bpf"] if follow else []
    inject = f"inject={call.name}:signal=KILL:when={call.number}"
    trace = f"trace={call.name}"
    return [
        strace,
        "-qq",
        *quick,
        "-o",
        "/dev/null",
        "-e",
        "signal=none",
        "-e",
        trace,
        "-e",
        inject,
    ]


def read_calls(log: Path) -> list[tuple[Call, str]]:
    """Return the calls of a recording in their order, each with its line."""
    counts: Counter[str] = Counter()
    calls = []
    for line in log.read_text(errors="replace").splitlines():
        if (found := _CALL.match(line)) is not None:
            counts[found[1]] += 1
            calls.append((Call(found[1], counts[found[1]]), line))
    return calls


def spread(calls: Sequence[Call], wanted: int) -> list[Call]:
    """Return so many calls, evenly spread from the first to the last."""
    if wanted >= len(calls):
        return list(calls)
    return [calls[round(i * (len(calls) - 1) / (wanted - 1))] for i in range(wanted)]
