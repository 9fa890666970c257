"""The installed command, run to be recorded and killed, and where in it a kill can matter."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.campaign.system_calls import KILLED_STATUS, Call, killing, read_calls, recording, spread
from tests.harness.installation import PREFIX

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = PREFIX / "bin" / "pam-tfa"
# Before a command first opens one of these it has only loaded libraries.
OWN_PLACES = ('"/etc/pam-tfa', '"/var/lib/pam-tfa', '"pam-tfa"', '"/run/pam-tfa')
SAMPLE_OF_LOADING = 20


class Ended(NamedTuple):
    """How a command ended, and what it had printed until then."""

    returncode: int
    output: str

    @property
    def was_killed(self) -> bool:
        """Tell whether the kill came before its end."""
        return self.returncode == KILLED_STATUS

    @property
    def answer(self) -> dict[str, Any] | None:
        """Return its JSON answer; None where it isn't there whole."""
        try:
            found = json.loads(self.output)
        except ValueError:
            return None
        assert isinstance(found, dict)
        return found


class RepeatedCommand:
    """One verb, run again and again."""

    def __init__(self, *arguments: str) -> None:
        self._command = [str(COMMAND), *arguments, "--json"]

    def record(self, strace: str, log: Path) -> list[tuple[Call, str]]:
        """Run it undisturbed; return its calls."""
        ended = self._run(recording(strace, log))
        assert ended.returncode == 0, ended
        return read_calls(log)

    def run_killed(self, killer: str, call: Call) -> Ended:
        """Run it and kill it as it enters a call."""
        return self._run(killing(killer, call))

    def _run(self, under: list[str]) -> Ended:
        done = subprocess.run(
            [*under, *self._command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        )
        return Ended(done.returncode, done.stdout)


def calls_that_matter(recorded: list[tuple[Call, str]]) -> list[Call]:
    """Return every call from the first look at the product's own files on, a sample before."""
    first = next(
        index
        for index, (_, line) in enumerate(recorded)
        if "open" in line.split("(")[0] and any(place in line for place in OWN_PLACES)
    )
    calls = [call for call, _ in recorded]
    return spread(calls[:first], SAMPLE_OF_LOADING) + calls[first:]
