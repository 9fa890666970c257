"""The same transaction through clients that others wrote: pamela, python-pam and pamtester."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, NamedTuple

import pam
import pamela

from tests.harness.installation import require_tool
from tests.harness.pam_client import transact

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# pam_strerror's texts, which are all that pamtester tells.
RESULTS_BY_TEXT = {
    "Error in service module": 3,
    "Permission denied": 6,
    "Authentication failure": 7,
    "Authentication service cannot retrieve authentication info": 9,
    "Have exhausted maximum number of retries for service": 11,
    "Conversation error": 19,
    "The return value should be ignored by PAM dispatch": 25,
    "Authentication token expired": 27,
}


class Driven(NamedTuple):
    """What a driver could see of a transaction."""

    result: int
    shown: str | None  # None where the client keeps it to itself
    seconds: float


def with_ctypes(service: str, user: str, replies: Sequence[str]) -> Driven:
    """Run it through this harness's own client."""
    done = transact(service, user, [reply.encode() for reply in replies])
    shown = "\n".join(said.text for said in done.transcript)
    return Driven(done.result, shown, done.seconds)


def with_pamela(service: str, user: str, replies: Sequence[str]) -> Driven:
    """Run it through JupyterHub's client."""
    began = time.monotonic()
    result = 0
    try:
        pamela.authenticate(user, list(replies), service=service, check=False)
    except pamela.PAMError as error:
        result = error.errno
    return Driven(result, None, time.monotonic() - began)


def with_python_pam(service: str, user: str, replies: Sequence[str]) -> Driven:
    """Run it through python-pam, which gives one answer to every prompt."""
    assert len(set(replies)) <= 1, "python-pam has one answer"
    client = pam.PamAuthenticator()
    began = time.monotonic()
    client.authenticate(user, replies[0] if replies else "", service=service)
    return Driven(client.code, "\n".join(client.messages), time.monotonic() - began)


def with_pamtester(service: str, user: str, replies: Sequence[str]) -> Driven:
    """Run it through pamtester, which reads the answers from standard input."""
    command = [require_tool("pamtester", "pamtester"), service, user, "authenticate"]
    began = time.monotonic()
    done = subprocess.run(
        command,
        input="".join(f"{reply}\n" for reply in replies),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    seconds = time.monotonic() - began
    verdict = done.stderr.strip().rpartition("pamtester: ")[2]
    result = 0 if done.returncode == 0 else RESULTS_BY_TEXT[verdict]
    return Driven(result, done.stdout + done.stderr, seconds)


DRIVERS: dict[str, Callable[[str, str, Sequence[str]], Driven]] = {
    "ctypes": with_ctypes,
    "pamela": with_pamela,
    "python-pam": with_python_pam,
    "pamtester": with_pamtester,
}
