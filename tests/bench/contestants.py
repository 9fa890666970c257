"""Who is measured, and how one sample of each is taken."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.bench.accounts import MODULES, PERMIT, TFA, Codes, service_name
from tests.bench.programs import MeasurementError, Programs
from tests.harness.installation import helper_path

if TYPE_CHECKING:
    from collections.abc import Callable

# One sample: milliseconds or KB by name.
Sample = dict[str, float]

PYTHON = "python3 -I -S"
HELPER = "helper"
SLOW_HELPER = "helper, 1 s"
TYPING_MS = 1000
# A quarter of the samples where each costs a second.
SLOW_EVERY = 4
PAM_SUCCESS = 0
VERDICT_SUCCESS = 1
NS_PER_MS = 1e6


class Contestant(NamedTuple):
    """A row of the tables: its name and what takes one sample of it."""

    name: str
    take: Callable[[], Sample]
    every: int = 1


def all_contestants(programs: Programs, codes: Codes) -> list[Contestant]:
    """Return all that one round measures."""
    modules = [Contestant(name, partial(_login, programs, codes, name)) for name in MODULES]
    return [
        *modules,
        Contestant(PYTHON, partial(_python, programs)),
        Contestant(HELPER, partial(_helper, programs, codes, 0)),
        Contestant(SLOW_HELPER, partial(_helper, programs, codes, TYPING_MS), SLOW_EVERY),
    ]


def _login(programs: Programs, codes: Codes, module: str) -> Sample:
    measured = programs.login(service_name(module), codes.user.name, codes.next_code(module))
    if measured["result"] != PAM_SUCCESS:
        raise MeasurementError(f"a login with {module} ended with PAM code {measured['result']}")
    if module != PERMIT and measured["prompt_ns"] < 0:
        raise MeasurementError(f"{module} let somebody in without asking")
    if min(measured["clean_kb"], measured["dirty_kb"]) < 0:
        raise MeasurementError("the host could not read /proc/self/smaps_rollup")
    sample = {
        "login_ms": measured["end_ns"] / NS_PER_MS,
        "cpu_ms": measured["cpu_ns"] / NS_PER_MS,
        "private_kb": measured["clean_kb"] + measured["dirty_kb"],
        "dirty_kb": measured["dirty_kb"],
    }
    if measured["prompt_ns"] >= 0:
        sample["prompt_ms"] = measured["prompt_ns"] / NS_PER_MS
        sample["after_answer_ms"] = (measured["end_ns"] - measured["answered_ns"]) / NS_PER_MS
    return sample


def _python(programs: Programs) -> Sample:
    measured = programs.command("/usr/bin/python3", "-I", "-S", "-c", "pass")
    if measured["status"] != 0:
        raise MeasurementError(f"python3 ended with status {measured['status']}")
    return _process_sample(measured)


def _helper(programs: Programs, codes: Codes, wait_ms: int) -> Sample:
    code = codes.next_code(TFA)
    measured = programs.helper(str(helper_path()), codes.user.name, code, wait_ms)
    if measured["verdict"] != VERDICT_SUCCESS:
        raise MeasurementError(f"the helper's verdict was {measured['verdict']}")
    return _process_sample(measured) | {
        "prompt_ms": measured["prompt_ns"] / NS_PER_MS,
        "prompt_cpu_ms": measured["prompt_cpu_ns"] / NS_PER_MS,
        "verdict_ms": measured["verdict_ns"] / NS_PER_MS,
        "verdict_cpu_ms": measured["verdict_cpu_ns"] / NS_PER_MS,
        "after_answer_ms": (measured["verdict_ns"] - measured["answered_ns"]) / NS_PER_MS,
    }


def _process_sample(measured: dict[str, Any]) -> Sample:
    return {
        "end_ms": measured["end_ns"] / NS_PER_MS,
        "cpu_ms": measured["cpu_ns"] / NS_PER_MS,
        "peak_kb": measured["peak_kb"],
    }
