"""The figures as tables: cells first, then text for a terminal or Markdown for the page."""

from __future__ import annotations

from typing import NamedTuple

from tests.bench.accounts import MODULES, PERMIT, TFA
from tests.bench.contestants import HELPER, PYTHON, SLOW_HELPER
from tests.bench.results import Run, Spread

NONE = "-"


class Table(NamedTuple):
    """A title and rows of text; the first row is the header, the first column is names."""

    title: str
    rows: list[list[str]]


class _Phase(NamedTuple):
    """A stretch of time of the helper's."""

    name: str
    contestant: str
    wall: str
    processor: str | None


PHASES = (
    _Phase(f"`{PYTHON} -c pass`", PYTHON, "end_ms", "cpu_ms"),
    _Phase("helper: start to prompt", HELPER, "prompt_ms", "prompt_cpu_ms"),
    _Phase("helper: start to verdict, answered at once", HELPER, "verdict_ms", "verdict_cpu_ms"),
    _Phase("helper: answer to verdict, answered at once", HELPER, "after_answer_ms", None),
    _Phase("helper: answer to verdict, 1 s after the prompt", SLOW_HELPER, "after_answer_ms", None),
    _Phase("whole login through PAM, answered at once", TFA, "login_ms", "cpu_ms"),
)


def all_tables(run: Run) -> list[Table]:
    """Return the tables of a run."""
    return [_goals(run), _logins(run), _memory(run), _phases(run)]


def as_text(table: Table) -> str:
    """Lay a table out for a terminal."""
    rows = [[cell.replace("`", "") for cell in row] for row in table.rows]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(_aligned(cell, width, column) for column, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(row, widths, strict=True)) for row in rows)
    ]
    return "\n".join([table.title, "-" * len(table.title), *(line.rstrip() for line in lines)])


def as_markdown(table: Table) -> str:
    """Write a table as Markdown, with its title as a heading."""
    header, *rows = (f"| {' | '.join(row)} |" for row in table.rows)
    rule = "| --- |" + " ---: |" * (len(table.rows[0]) - 1)
    return "\n".join([f"### {table.title}", "", header, rule, *rows])


def _goals(run: Run) -> Table:
    rows = [["promise", "at most", "this run", "kept", "by processor time"]]
    for goal in run.goals():
        processor = goal.by_processor_time
        rows.append(
            [
                goal.name,
                f"{goal.limit:g} {goal.unit}",
                f"{goal.measured:.{0 if goal.unit == 'KB' else 2}f}",
                "yes" if goal.is_met else "NO",
                NONE if processor is None else f"{processor:.2f}",
            ]
        )
    return Table("What is promised", rows)


def _logins(run: Run) -> Table:
    header = ["module", "logins", "whole login, ms", "to the prompt, ms", "processor time, ms"]
    rows = [header]
    for name in MODULES:
        times = [run.spread(name, each) for each in ("login_ms", "prompt_ms", "cpu_ms")]
        rows.append([f"`{name}`", str(run.count(name)), *map(_spread, times)])
    return Table("A login in a fresh process", rows)


def _memory(run: Run) -> Table:
    header = [
        "module",
        "private, KB",
        "over `pam_permit`",
        "of it written, KB",
        "over `pam_permit`",
    ]
    rows = [header]
    for name in MODULES:
        row = [f"`{name}`"]
        for measure in ("private_kb", "dirty_kb"):
            row.append(_spread(run.spread(name, measure), digits=0))
            row.append(NONE if name == PERMIT else f"{run.over_floor(name, measure):+.0f}")
        rows.append(row)
    return Table("What the login's process holds after it", rows)


def _phases(run: Run) -> Table:
    header = ["", "samples", "ms", "x Python", "processor ms", "x Python", "peak memory, KB"]
    rows = [header]
    for phase in PHASES:
        wall = run.spread(phase.contestant, phase.wall)
        processor = phase.processor and run.spread(phase.contestant, phase.processor)
        peak = run.spread(phase.contestant, "peak_kb") if phase.processor else None
        rows.append(
            [
                phase.name,
                str(run.count(phase.contestant)),
                _spread(wall),
                f"{run.bare_starts(wall.median):.2f}" if wall else NONE,
                _spread(processor or None),
                f"{run.bare_starts(processor.median, processor_time=True):.2f}"
                if processor
                else NONE,
                f"{peak.median:.0f}" if peak else NONE,
            ]
        )
    return Table("The helper beside a bare interpreter", rows)


def _spread(spread: Spread | None, digits: int = 2) -> str:
    """Write a median and, in brackets, the quartiles."""
    if spread is None:
        return NONE
    low, median, high = (f"{value:.{digits}f}" for value in spread)
    return f"{median} ({low}-{high})"


def _aligned(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column == 0 else cell.rjust(width)
