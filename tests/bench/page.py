"""docs/BENCHMARKS.md: the prose is written by hand, the figures between two marks by a run."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from tests.bench.contestants import SLOW_HELPER
from tests.bench.rounds import WARM_UP_ROUNDS
from tests.bench.tables import all_tables, as_markdown
from tests.harness.installation import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bench.results import Run

DOCS = CHECKOUT / "docs"
BEGIN, END = "<!-- written by the bench: begin -->", "<!-- written by the bench: end -->"


def write_page(run: Run, plots: Path, docs: Path = DOCS) -> None:
    """Put a run's figures and plots into the documentation.

    Raises: ValueError where the page has lost one of the marks.
    """
    page, images = docs / "BENCHMARKS.md", docs / "benchmarks"
    text = page.read_text(encoding="utf-8")
    if text.find(BEGIN) < 0 or text.find(END) < text.find(BEGIN):
        raise ValueError(f"{page} needs the lines {BEGIN!r} and {END!r}")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n\n{figures(run)}\n\n{END}{after}", encoding="utf-8")
    images.mkdir(exist_ok=True)
    for plot in sorted(plots.glob("*.png")):
        shutil.copyfile(plot, images / plot.name)
    _give_to_owner_of(docs, [page, images, *images.iterdir()])


def figures(run: Run) -> str:
    """Write everything that depends on the run."""
    return "\n\n".join([_circumstances(run), *map(as_markdown, all_tables(run))])


def _circumstances(run: Run) -> str:
    machine = run.machine
    rows = [
        ("when", f"{machine['date']}, commit {machine['commit'] or 'unknown'}"),
        ("machine", f"{machine['kind']}, {machine['processors']}"),
        ("system", f"{machine['system']}, Linux {machine['kernel']}"),
        ("state of all modules on", machine["file_system"]),
        ("Python", machine["python"]),
        ("peers", machine["packages"]),
        ("rounds", _rounds(run)),
        (
            "processor time during the run",
            shares_of_processor_time(run),
        ),
    ]
    return "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows)])


def shares_of_processor_time(run: Run) -> str:
    """Tell who used the processors during a run, in percent of all there was."""
    own, others, stolen = (
        f"{run.load[name]:.1f} %" for name in ("own_percent", "others_percent", "stolen_percent")
    )
    return f"the bench {own}, other programs {others}, taken by the hypervisor {stolen}"


def _rounds(run: Run) -> str:
    rounds = max(run.count(name) for name in run.samples)
    return (
        f"{rounds}, after {WARM_UP_ROUNDS} that are not counted; "
        f"{run.count(SLOW_HELPER)} of them with an answer after 1 s; {run.load['seconds']:.0f} s"
    )


def _give_to_owner_of(directory: Path, paths: list[Path]) -> None:
    """Root writes here; the next commit is the owner's of the checkout."""
    owner = directory.stat()
    for path in paths:
        os.chown(path, owner.st_uid, owner.st_gid)
