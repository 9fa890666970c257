"""One run: its samples, what it ran on, and the figures that tables and plots show."""

from __future__ import annotations

import json
import statistics
from typing import TYPE_CHECKING, NamedTuple

from tests.bench.accounts import PERMIT, TFA
from tests.bench.contestants import HELPER, PYTHON

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bench.rounds import Samples

SCHEMA = "pam-tfa/bench/1"
MAX_PROMPT_RATIO, MAX_LOGIN_RATIO, MAX_MEMORY_KB = 3.0, 6.0, 100.0


class Spread(NamedTuple):
    """Median and quartiles."""

    low: float
    median: float
    high: float


class Goal(NamedTuple):
    """A promise about costs and what this run says to it.

    Time that passes is what is promised; processor time stands beside it, because a busy machine
    changes it less.
    """

    name: str
    limit: float
    unit: str
    measured: float
    by_processor_time: float | None = None

    @property
    def is_met(self) -> bool:
        """Tell whether the run keeps the promise."""
        return self.measured <= self.limit


class Run(NamedTuple):
    """Everything of a run that is kept."""

    samples: Samples
    machine: dict[str, str]
    load: dict[str, float]

    def spread(self, name: str, measure: str) -> Spread | None:
        """Return a contestant's figures, None where this is not measured for it."""
        values = self.samples[name].get(measure)
        if not values:
            return None
        if len(values) == 1:
            return Spread(values[0], values[0], values[0])
        return Spread(*statistics.quantiles(values, n=4, method="inclusive"))

    def median(self, name: str, measure: str) -> float:
        """Return the median of what is measured for a contestant."""
        return statistics.median(self.samples[name][measure])

    def over_floor(self, name: str, measure: str) -> float:
        """Return the median of what a module has more than pam_permit in the same round.

        Round by round, because what libraries count as private changes with who else runs.
        """
        pairs = zip(self.samples[name][measure], self.samples[PERMIT][measure], strict=True)
        return statistics.median(value - floor for value, floor in pairs)

    def count(self, name: str) -> int:
        """Return how many samples of a contestant there are."""
        return max(len(values) for values in self.samples[name].values())

    def bare_starts(self, value_ms: float, *, processor_time: bool = False) -> float:
        """Return a time as a multiple of a bare start of Python in the same run."""
        return value_ms / self.median(PYTHON, "cpu_ms" if processor_time else "end_ms")

    def goals(self) -> list[Goal]:
        """Return what is promised, by the medians."""
        memory_kb = self.over_floor(TFA, "private_kb")
        return [
            self._start_goal(
                "helper, start to prompt", MAX_PROMPT_RATIO, HELPER, "prompt_ms", "prompt_cpu_ms"
            ),
            self._start_goal(
                "whole login, answered at once", MAX_LOGIN_RATIO, TFA, "login_ms", "cpu_ms"
            ),
            Goal("host's memory over pam_permit", MAX_MEMORY_KB, "KB", memory_kb),
        ]

    def _start_goal(
        self, title: str, limit: float, name: str, measure: str, processor_measure: str
    ) -> Goal:
        passed = self.bare_starts(self.median(name, measure))
        processor = self.bare_starts(self.median(name, processor_measure), processor_time=True)
        return Goal(title, limit, "x a bare start", passed, processor)


def save_run(run: Run, path: Path) -> None:
    """Write a run with all its samples."""
    content = {"schema": SCHEMA, **run._asdict()}
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def load_run(path: Path) -> Run:
    """Read what save_run() wrote.

    Raises: ValueError where it is something else.
    """
    content = json.loads(path.read_text())
    if content.pop("schema", None) != SCHEMA:
        raise ValueError(f"{path} does not hold a run of this version ({SCHEMA})")
    return Run(**content)
