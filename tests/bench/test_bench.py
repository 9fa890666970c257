"""The bench itself, in a short form: it works and shows every row. No time is judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pam_tfa.core.otp_parameters import OtpParameters
from tests.bench.accounts import MODULES, Codes, HotpCodes
from tests.bench.contestants import HELPER, PYTHON, SLOW_HELPER, all_contestants
from tests.bench.page import BEGIN, DOCS, END, write_page
from tests.bench.programs import MeasurementError, Programs
from tests.bench.results import Run, load_run
from tests.bench.rounds import take_samples
from tests.bench.tables import all_tables, as_markdown
from tests.harness.enrolled import EnrolledUser
from tests.harness.installation import CHECKOUT, require_namespace
from tests.harness.pam_client import PAM_AUTH_ERR
from tests.harness.users import User

BENCH = [sys.executable, "-m", "tests.bench"]
LOGINS = 3
MAX_PLOT_BYTES = 60_000


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the bench once, briefly, and return the directory that it wrote."""
    require_namespace()
    directory = tmp_path_factory.mktemp("bench")
    # Its mounts are its own, so that the other tests keep the store they know.
    alone = ["unshare", "--mount", "--propagation", "private"]
    bench = [*BENCH, "--logins", str(LOGINS), "--output", str(directory)]
    finished = subprocess.run(
        [*alone, *bench], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    (directory / "printed").write_text(finished.stdout)
    return directory


@pytest.fixture(scope="module")
def run(output: Path) -> Run:
    """Return the run as it was saved."""
    return load_run(output / "results.json")


def test_everybody_was_measured_in_every_round(run: Run) -> None:
    """Each sample is of a login that succeeded: another one would have ended the run."""
    counts = {name: run.count(name) for name in run.samples}
    assert counts == dict.fromkeys((*MODULES, PYTHON, HELPER), LOGINS) | {SLOW_HELPER: 1}


def test_figures_are_possible(run: Run) -> None:
    """Nothing is zero, and what comes later took longer."""
    for name, measures in run.samples.items():
        for measure, values in measures.items():
            assert min(values) > 0, (name, measure)
    helper = run.samples[HELPER]
    for prompt_ms, verdict_ms in zip(helper["prompt_ms"], helper["verdict_ms"], strict=True):
        assert prompt_ms < verdict_ms
    assert min(run.samples[SLOW_HELPER]["verdict_ms"]) > 1000


def test_every_row_is_printed(output: Path) -> None:
    """Modules, phases and promises all stand in the tables, on the terminal and in the file."""
    printed = (output / "printed").read_text()
    for text in (printed, (output / "tables.md").read_text()):
        for row in (*MODULES, PYTHON, "helper: start to prompt", "whole login", "over pam_permit"):
            assert row in text.replace("`", ""), row


@pytest.fixture(params=["a run", "the documentation"])
def plots(request: pytest.FixtureRequest, output: Path) -> Path:
    """Return a directory with plots."""
    return output if request.param == "a run" else DOCS / "benchmarks"


def test_plots_are_images_small_enough_to_be_committed(plots: Path) -> None:
    """Three plots, each a small PNG."""
    paths = sorted(plots.glob("*.png"))
    assert [path.stem for path in paths] == ["helper-time", "login-memory", "login-time"]
    for path in paths:
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) < MAX_PLOT_BYTES


def test_page_gets_the_figures_and_keeps_its_prose(run: Run, output: Path, tmp_path: Path) -> None:
    """What is written by hand around the marks stays, however often a run is written."""
    page = tmp_path / "BENCHMARKS.md"
    page.write_text((DOCS / "BENCHMARKS.md").read_text())
    prose = prose_of(page)
    for _ in range(2):
        write_page(run, output, tmp_path)
        assert prose_of(page) == prose
    assert page.read_text().count(as_markdown(all_tables(run)[0])) == 1
    assert len(list((tmp_path / "benchmarks").glob("*.png"))) == 3


def test_page_in_the_documentation_has_every_table(run: Run) -> None:
    """The committed page was written by this version of the bench."""
    committed = (DOCS / "BENCHMARKS.md").read_text()
    for table in all_tables(run):
        heading, header = as_markdown(table).split("\n\n")[0], as_markdown(table).split("\n")[2]
        assert f"{heading}\n\n{header}\n" in committed


def prose_of(page: Path) -> tuple[str, str]:
    """Return what stands before and behind the figures."""
    text = page.read_text()
    return text.partition(BEGIN)[0], text.partition(END)[2]


def test_page_without_marks_is_left_alone(run: Run, tmp_path: Path) -> None:
    """Figures in the wrong place would overwrite prose."""
    (tmp_path / "BENCHMARKS.md").write_text(f"{END}\n{BEGIN}\n")
    with pytest.raises(ValueError, match="needs the lines"):
        write_page(run, tmp_path, tmp_path)
    assert (tmp_path / "BENCHMARKS.md").read_text() == f"{END}\n{BEGIN}\n"


def test_saved_run_shows_the_same_tables_again(output: Path) -> None:
    """--from needs no installation and measures nothing."""
    again = output / "again"
    command = [*BENCH, "--from", str(output / "results.json"), "--output", str(again)]
    subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True)
    assert (again / "tables.md").read_text() == (output / "tables.md").read_text()
    assert not (again / "results.json").exists()


class RefusedLogin(Programs):
    """A host that reports a refusal."""

    def __init__(self) -> None:
        """Compile nothing."""

    def login(self, service: str, user: str, answer: str) -> dict[str, Any]:
        return {"result": PAM_AUTH_ERR, "prompt_ns": 1}


def test_failed_login_is_no_sample() -> None:
    """A refusal is fast: counted, it would look like a good figure."""
    user = User("nobody-there", 1, 1, "/", "")
    secret = HotpCodes(bytes(20), 0)
    tfa = EnrolledUser(user, bytes(20), OtpParameters(type="hotp", period_s=0), [])
    contestants = all_contestants(RefusedLogin(), Codes(user, secret, secret, tfa))
    for module in contestants[: len(MODULES)]:
        with pytest.raises(MeasurementError, match=f"{module.name}: .*ended with PAM code 7"):
            take_samples([module], 1, print)


def test_another_versions_file_is_refused(tmp_path: Path) -> None:
    """A run with other rows would draw nonsense."""
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"schema": "pam-tfa/bench/0"}))
    with pytest.raises(ValueError, match="pam-tfa/bench/1"):
        load_run(path)


def test_markdown_tables_are_rectangular(run: Run) -> None:
    """Each line of a table has as many cells as its header."""
    for table in all_tables(run):
        lines = [line for line in as_markdown(table).splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in lines}) == 1, table.title
