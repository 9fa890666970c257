"""Kills at each system call of a program.

A point in a program is a pair: a call's name, and which of its calls of that name it is.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# "[ 257] openat(" with strace's --syscall-number.
_CALL = re.compile(r"^\[ *(\d+)\] ([a-z][a-z0-9_]*)\(")
KILLED_STATUS = 137
# Some calls come or don't with the scheduler (how often an end is waited for); most never vary.
LEAST_SHARE_KILLED = 0.8


class Call(NamedTuple):
    """The n-th call of a name, counted from 1, and the name's number in the kernel."""

    name: str
    nth: int
    number: int

    def __str__(self) -> str:
        return f"{self.name}#{self.nth}"


def recording(strace: str, log: Path) -> list[str]:
    """Return what to put before a command so that its calls are written to a file."""
    return [strace, "-qq", "--syscall-number", "-o", str(log)]


def killing(killer: str, call: Call) -> list[str]:
    """Return what to put before a command so that it dies of kill -9 as it enters a call.

    The status is KILLED_STATUS then. Not for programs with children: see kill_at_call.c.
    """
    return [killer, str(call.number), str(call.nth)]


def killing_alone(strace: str, call: Call) -> list[str]:
    """Do the same to a program whose children have to stay as they are; slower.

    strace dies of the signal that the program died of.
    """
    inject = f"inject={call.name}:signal=KILL:when={call.nth}"
    return [strace, "-qq", "-o", "/dev/null", "-e", f"trace={call.name}", "-e", inject]


def read_calls(log: Path) -> list[tuple[Call, str]]:
    """Return the calls of a recording in their order, each with its line."""
    counts: Counter[str] = Counter()
    calls = []
    for line in log.read_text(errors="replace").splitlines():
        if (found := _CALL.match(line)) is not None:
            counts[found[2]] += 1
            calls.append((Call(found[2], counts[found[2]], int(found[1])), line[found.start(2) :]))
    return calls


def spread(calls: Sequence[Call], wanted: int) -> list[Call]:
    """Return so many calls, evenly spread from the first to the last."""
    if wanted >= len(calls):
        return list(calls)
    return [calls[round(i * (len(calls) - 1) / (wanted - 1))] for i in range(wanted)]


def assert_most_were_killed(killed: Sequence[bool]) -> None:
    """Fail where kills did not happen: then nothing was shown."""
    assert sum(killed) >= LEAST_SHARE_KILLED * len(killed), f"{sum(killed)} of {len(killed)}"
