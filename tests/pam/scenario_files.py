"""Scenario files: what they may say, read strictly.

account     which account logs in, see scenario_accounts.py
options     the module's words
config      text of a configuration; its path is given as config=
password    whether pam_unix asks first; its prompt and answer are not written down
answers     a name of scenario_accounts.py, or { text = "..." }, { null = true }, { fails = CODE }
silent      PAM_SILENT
says        all that the conversation shows: [style, text]; USER stands for the account's name
result      of pam_authenticate, a name of RESULTS
log         a regular expression that finds one line of the log
not_logged  a regular expression that finds none
failures    how many wrong codes the record counts afterwards (default: not looked at)
clients     which of the clients can take part; default: all four
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from tests.harness.pam_drivers import DRIVERS
from tests.harness.pam_services import IGNORED

DIRECTORY = Path(__file__).parent / "scenarios"
RESULTS = {
    "SUCCESS": 0,
    "SERVICE_ERR": 3,
    "AUTH_ERR": 7,
    "AUTHINFO_UNAVAIL": 9,
    "MAXTRIES": 11,
    "CONV_ERR": 19,
    "IGNORE": IGNORED,
}
STYLES = ("hidden", "echoed", "error", "info")


class Scenario(NamedTuple):
    """One row of the table of cases, or one option."""

    name: str
    account: str
    result: int
    options: tuple[str, ...] = ()
    config: str | None = None
    password: bool = False
    answers: tuple[str | dict[str, Any], ...] = ()
    silent: bool = False
    says: tuple[tuple[str, str], ...] = ()
    log: str | None = None
    not_logged: str | None = None
    failures: int | None = None
    clients: tuple[str, ...] = tuple(DRIVERS)


def load_scenario(path: Path) -> Scenario:
    """Read one file; a word that means nothing is an error."""
    values = tomllib.loads(path.read_text())
    says = tuple((style, text) for style, text in values.pop("says", ()))
    assert all(style in STYLES for style, _ in says), path
    for key in ("options", "answers", "clients"):
        if key in values:
            values[key] = tuple(values[key])
    result = RESULTS[values.pop("result")]
    return Scenario(name=path.stem, result=result, says=says, **values)


def all_scenarios() -> list[Scenario]:
    """Return every scenario, sorted by name."""
    return [load_scenario(path) for path in sorted(DIRECTORY.glob("*.toml"))]
