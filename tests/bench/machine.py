"""What ran the measurements, and how much else ran beside them."""

from __future__ import annotations

import datetime as dt
import os
import platform
import resource
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from tests.harness.installation import CHECKOUT

PACKAGES = ("libpam-modules", "libpam-google-authenticator", "libpam-oath")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def describe_machine(disk: Path) -> dict[str, str]:
    """Return words for the page: hardware, kernel, versions."""
    python = _output("/usr/bin/python3", "-I", "-S", "--version")
    return {
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "processors": f"{os.cpu_count()} x {_processor()}",
        "kind": "virtual machine" if "hypervisor" in _cpuinfo("flags").split() else "real machine",
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", "unknown"),
        "kernel": platform.release(),
        "file_system": _output("findmnt", "--noheadings", "--output", "FSTYPE", "--target", disk),
        "python": python.removeprefix("Python "),
        "packages": ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
        "commit": _commit(),
    }


class LoadMeter:
    """Tells after a run how much of the processors others had meanwhile."""

    def __init__(self) -> None:
        self._start = _Moment.now()

    def reading(self) -> dict[str, float]:
        """Return seconds, and the shares of all processor time in percent."""
        now = _Moment.now()
        seconds = now.at_s - self._start.at_s
        available_s = seconds * (os.cpu_count() or 1)
        busy_s, own_s = now.busy_s - self._start.busy_s, now.own_s - self._start.own_s
        stolen_s = now.stolen_s - self._start.stolen_s
        return {
            "seconds": seconds,
            "own_percent": 100 * own_s / available_s,
            "others_percent": max(0.0, 100 * (busy_s - own_s) / available_s),
            "stolen_percent": 100 * stolen_s / available_s,
        }


class _Moment(NamedTuple):
    at_s: float
    busy_s: float
    stolen_s: float
    own_s: float

    @classmethod
    def now(cls) -> _Moment:
        # proc(5): user nice system idle iowait irq softirq steal
        ticks = [int(each) for each in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
        busy = sum(ticks[:3]) + sum(ticks[5:7])
        return cls(time.monotonic(), busy / TICKS_PER_S, ticks[7] / TICKS_PER_S, _own_s())


def _own_s() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def _cpuinfo(field: str) -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == field:
            return value.strip()
    return ""


def _processor() -> str:
    return _cpuinfo("model name") or platform.machine()


def _version(package: str) -> str:
    return _output("dpkg-query", "--show", "--showformat", "${Version}", package)


def _commit() -> str:
    """Name the checkout's state: empty where git isn't there to tell."""
    git = ("git", "--no-optional-locks", "-c", "safe.directory=*", "-C", CHECKOUT)
    commit = _output(*git, "rev-parse", "--short", "HEAD")
    changed = _output(*git, "status", "--porcelain", "--", "pam_tfa", "native")
    return f"{commit} with changes" if commit and changed else commit


def _output(*command: str | Path) -> str:
    try:
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return finished.stdout.strip()
