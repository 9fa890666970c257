"""The C host of tests/pam/host: built once, run in every way that is awkward for a module."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.harness.installation import CHECKOUT, require_namespace, require_tool
from tests.harness.pam_client import STYLES, Said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.harness.users import User

SOURCES = CHECKOUT / "tests" / "pam" / "host"
# In a directory of root's that every user may pass, on a file system that honours set-uid.
HOST = Path("/usr/local/libexec/pam-tfa-test-host")
SETUID_HOST = Path("/usr/local/libexec/pam-tfa-test-setuid-host")
FLAGS = ("-std=c11", "-O1", "-g", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-pthread")


class HostTransaction(NamedTuple):
    """One transaction of the host's."""

    thread: int
    round: int
    result: int
    setcred: int
    seconds: float
    transcript: list[Said]


class HostRun(NamedTuple):
    """What the host printed; snapshots are of before and after each pam_authenticate."""

    transactions: list[HostTransaction]
    before: list[dict[str, Any]]
    after: list[dict[str, Any]]
    at_end: dict[str, Any] | None

    def results(self) -> list[int]:
        """Return the transactions' results in the order in which they ended."""
        return [each.result for each in self.transactions]


def build_hosts() -> None:
    """Compile the host; once as it is, once set-uid root."""
    require_namespace()
    HOST.parent.mkdir(mode=0o755, exist_ok=True)
    compiler = require_tool("gcc", "gcc")
    sources = sorted(SOURCES.glob("*.c"))
    subprocess.run([compiler, *FLAGS, *sources, "-o", HOST, "-lpam"], check=True)
    SETUID_HOST.write_bytes(HOST.read_bytes())
    HOST.chmod(0o755)
    SETUID_HOST.chmod(0o4755)


def run_host(
    service: str,
    users: Sequence[str],
    replies: Sequence[str],
    *options: str,
    caller: User | None = None,
    environment: Mapping[str, str] | None = None,
    before_command: Sequence[str] = (),
    directory: str = "/",
    timeout_s: float = 60,
) -> HostRun:
    """Run the host with options of host.c and hostile.c.

    Args:
        service: PAM service.
        users: one, or one for each thread.
        replies: for all transactions, one after the other.
        options: as on its command line; `--late` and what follows it last.
        caller: who runs the set-uid host; default: root runs the plain one.
        environment: default: empty.
        before_command: a program that runs the host, such as strace, and makes it the caller's.
        directory: where.
        timeout_s: a host that takes longer has failed.
    """
    command = host_command(service, users, replies, *options, setuid=caller is not None)
    traced = bool(before_command)
    finished = subprocess.run(
        [*before_command, *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=dict(environment or {}),
        cwd=directory,
        timeout=timeout_s,
        check=False,
        **({} if caller is None or traced else identity_of(caller)),
    )
    assert finished.returncode == 0, (finished.returncode, finished.stderr)
    return _read(finished.stdout.decode("utf-8", "backslashreplace"))


def host_command(
    service: str, users: Sequence[str], replies: Sequence[str], *options: str, setuid: bool
) -> list[str]:
    """Return the host's command line."""
    command = [str(SETUID_HOST if setuid else HOST), service, ",".join(users)]
    for reply in replies:
        command += ["--reply", reply]
    return [*command, *options]


def identity_of(caller: User) -> dict[str, Any]:
    """Return what makes subprocess run something as a user."""
    return {"user": caller.uid, "group": caller.gid, "extra_groups": []}


def _read(output: str) -> HostRun:
    run = HostRun([], [], [], None)
    for line in output.splitlines():
        entry = json.loads(line)
        if "before" in entry:
            run.before.append(entry["before"])
        elif "after" in entry:
            run.after.append(entry["after"])
        elif "end" in entry:
            run = run._replace(at_end=entry["end"])
        else:
            said = [Said(STYLES[style], text) for style, text in entry.pop("transcript")]
            run.transactions.append(HostTransaction(**entry, transcript=said))
    return run
