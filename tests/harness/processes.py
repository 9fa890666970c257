"""Processes of the test namespace: which there are, what they hold, and how to stop them."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HELPER_NAME = "pam-tfa-helper"[:15]  # as the kernel cuts it


def processes_named(name: str) -> list[int]:
    """Return the pids of live processes of this name (comm), zombies left out."""
    return [pid for pid in _all_pids() if _comm(pid) == name and _state(pid) not in ("Z", "X", "")]


def helpers() -> list[int]:
    """Return the pids of helpers."""
    return processes_named(HELPER_NAME)


def zombies_of(parent_pid: int) -> list[int]:
    """Return the dead children that a process has not collected."""
    return [pid for pid in children_of(parent_pid) if _state(pid) == "Z"]


def children_of(parent_pid: int) -> list[int]:
    """Return a process's children."""
    return [pid for pid in _all_pids() if _stat_field(pid, 1) == str(parent_pid)]


def descriptors_of(pid: int | str = "self") -> dict[int, str]:
    """Return a process's open descriptors and what they lead to."""
    found = {}
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/{pid}/fd/{name}")
        except FileNotFoundError:  # the listing's own
            continue
    return found


def wait_until(condition: Callable[[], object], timeout_s: float = 5.0, what: str = "") -> None:
    """Wait for a condition, or fail."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"did not happen in {timeout_s} s: {what or condition}"
        time.sleep(0.005)


def signal_helpers(number: int) -> int:
    """Send a signal to every helper; returns how many there were."""
    pids = helpers()
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
    return len(pids)


def signal_next_helper(number: int, after_s: float = 0.0) -> threading.Thread:
    """Send a signal to the next helper that starts, so long after it is seen."""

    def watch() -> None:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and not helpers():
            time.sleep(0.0005)
        time.sleep(after_s)
        signal_helpers(number)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def end(pid: int) -> None:
    """Kill one process, if it is still there."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _all_pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _comm(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().rstrip("\n")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _state(pid: int) -> str:
    return _stat_field(pid, 0)


def _stat_field(pid: int, number: int) -> str:
    """Return a field of /proc/PID/stat, counted behind the name; empty where it is gone."""
    try:
        content = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return content.rpartition(")")[2].split()[number]
