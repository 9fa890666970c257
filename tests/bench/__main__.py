"""Measure what a login costs: sudo make bench, or BENCH='--logins 50' with it for options.

In the namespace of the tests, with the product installed: python -m tests.bench [OPTIONS].
With --from it only draws a run again, which needs neither.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tests.bench.accounts import enrolled_accounts
from tests.bench.contestants import all_contestants
from tests.bench.machine import LoadMeter, describe_machine
from tests.bench.page import shares_of_processor_time, write_page
from tests.bench.plots import draw_plots
from tests.bench.programs import MeasurementError, Programs
from tests.bench.results import Run, load_run, save_run
from tests.bench.rounds import take_samples
from tests.bench.tables import all_tables, as_markdown, as_text
from tests.harness.installation import CHECKOUT, NAMESPACE_MARK

DEFAULT_LOGINS = 200


def main() -> None:
    """Measure, or read a run; then print and draw it."""
    arguments = _arguments()
    arguments.output.mkdir(parents=True, exist_ok=True)
    if arguments.from_run is not None:
        run = load_run(arguments.from_run)
    elif not NAMESPACE_MARK.exists():
        sys.exit("bench: this changes accounts and PAM files: use sudo make bench.")
    else:
        run = _measure(arguments.output, arguments.logins)
        save_run(run, arguments.output / "results.json")
    _report(run, arguments.output)
    if arguments.write_docs:
        write_page(run, arguments.output)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Measure what a login costs.")
    parser.add_argument(
        "--logins", type=int, default=DEFAULT_LOGINS, help="samples of each (default: %(default)s)"
    )
    parser.add_argument(
        "--output", type=Path, default=CHECKOUT / "build" / "bench", help="default: build/bench"
    )
    parser.add_argument(
        "--from",
        dest="from_run",
        metavar="results.json",
        type=Path,
        help="measure nothing, show a run that was saved",
    )
    parser.add_argument(
        "--write-docs", action="store_true", help="put tables and plots into docs/BENCHMARKS.md"
    )
    arguments = parser.parse_args()
    if arguments.logins < 1:
        parser.error("--logins: at least 1")
    return arguments


def _measure(output: Path, logins: int) -> Run:
    with tempfile.TemporaryDirectory() as programs, enrolled_accounts(output) as codes:
        contestants = all_contestants(Programs(Path(programs)), codes)
        machine = describe_machine(output)
        meter = LoadMeter()
        try:
            samples = take_samples(contestants, logins, _say)
        except MeasurementError as error:
            sys.exit(f"bench: {error}")
        return Run(samples, machine, meter.reading())


def _report(run: Run, output: Path) -> None:
    tables = all_tables(run)
    for table in tables:
        print(f"\n{as_text(table)}")
    (output / "tables.md").write_text("\n\n".join(map(as_markdown, tables)) + "\n")
    plots = draw_plots(run, output)
    _say(f"\n{run.load['seconds']:.0f} s; processor time: {shares_of_processor_time(run)}")
    for path in (output / "tables.md", *plots):
        _say(f"written: {os.path.relpath(path)}")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
