"""What a campaign counted, as one table at its end."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = ("name", "rounds", "outcome", "seconds")


@dataclass
class Figure:
    """One row: what was done how often, and what came of it."""

    name: str
    rounds: int = 0
    outcome: str = "FAILED"
    seconds: float = 0.0


@dataclass
class Figures:
    """All rows of a run, in the order of the tests."""

    rows: list[Figure] = field(default_factory=list)

    @contextmanager
    def measured(self, name: str) -> Iterator[Figure]:
        """Time a block; its outcome stays "FAILED" unless the block gets to setting it."""
        figure = Figure(name)
        self.rows.append(figure)
        start_s = time.monotonic()
        try:
            yield figure
        except BaseException:
            figure.outcome = "FAILED"
            raise
        finally:
            figure.seconds = time.monotonic() - start_s

    def table(self) -> list[str]:
        """Return the table's lines."""
        cells = [HEADER] + [
            (row.name, f"{row.rounds:,}", row.outcome, f"{row.seconds:.0f}") for row in self.rows
        ]
        widths = [max(len(row[column]) for row in cells) for column in range(len(HEADER))]
        return [_line(row, widths) for row in cells]


def _line(row: tuple[str, str, str, str], widths: list[int]) -> str:
    name, rounds, outcome, seconds = row
    return (
        f"{name:<{widths[0]}}  {rounds:>{widths[1]}}  "
        f"{outcome:<{widths[2]}}  {seconds:>{widths[3]}}"
    )
