"""A PAM host that serves many transactions in one process, and the plan of what they answer."""

from __future__ import annotations

import enum
import json
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from tests.campaign.host_process import build_program
from tests.harness.codes import code_outside
from tests.harness.enrolled import EnrolledUser, an_enrolled_user
from tests.harness.pam_services import a_service, remove_service, telling_lines

if TYPE_CHECKING:
    from pathlib import Path

PAM_SUCCESS, PAM_AUTH_ERR, PAM_CONV_ERR = 0, 7, 19
LOOK_AHEAD = 10
FURTHEST_REACH = 110  # a resynchronisation looks further ahead than a login


class NoAnswer(enum.Enum):
    """What a conversation may do instead of answering, as the plan has it."""

    NULL = "-"
    FAILURE = "!"


# Each with the result that PAM has for it; none of them is counted.
MALFORMED: list[tuple[bytes | NoAnswer, int]] = [
    (b"", PAM_AUTH_ERR),
    (b"correct horse battery staple", PAM_AUTH_ERR),
    (NoAnswer.NULL, PAM_CONV_ERR),
    (b"9" * 512, PAM_AUTH_ERR),
    (b"9" * 513, PAM_AUTH_ERR),
    (NoAnswer.FAILURE, PAM_CONV_ERR),
    ("١٢٣٤٥٦".encode(), PAM_AUTH_ERR),
    (b"\xff\xfe\x31\x32\x33\x34", PAM_AUTH_ERR),
    (b"123\n456", PAM_AUTH_ERR),
]
PATIENCE_S = 60
PATIENCE_PER_LINE_S = 0.3
# What lies in malloc's caches of threads would count as allocated.
_EXACT_HEAP = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}


class Line(NamedTuple):
    """A transaction: who, what is answered, and PAM's result for it."""

    user: str
    answer: bytes | NoAnswer
    wanted: int


class Snapshot(NamedTuple):
    """What the host holds, see enduring_host.c."""

    private_kb: int
    heap_bytes: int
    descriptors: int
    threads: int
    children: int
    child_handler_is_default: int
    blocked_signals: int

    def held(self) -> tuple[int, ...]:
        """Return everything but memory: what may not differ at all."""
        return self[2:]


class Result(NamedTuple):
    """What pam_authenticate(), pam_setcred() and pam_acct_mgmt() returned."""

    authenticated: int
    credentials: int
    account: int
    disturbed: int


class Endured(NamedTuple):
    """A run: what the host held after the warm-up and in the end, and each line's result."""

    before: Snapshot
    after: Snapshot
    results: list[Result]

    def growth_kb(self) -> int:
        """Return by how much the private memory grew."""
        return self.after.private_kb - self.before.private_kb

    def heap_growth_bytes(self) -> int:
        """Return how much more was allocated and not freed."""
        return self.after.heap_bytes - self.before.heap_bytes


class EnduringHost:
    """The program, and a service in which the module stands for `auth` and `account`."""

    def __init__(self, directory: Path) -> None:
        """Compile it, and write the service."""
        self._program = build_program("enduring_host", directory, "-lpam", "-pthread")
        self._plan = directory / "plan"
        self._service = a_service(
            *telling_lines("auth", "nodelay"),
            "account required pam_tfa.so",
            "account required pam_permit.so",
            name="tfa-enduring",
        )

    def close(self) -> None:
        """Remove the service."""
        remove_service(self._service)

    def run(self, lines: list[Line], *mode: str, warm_up: int) -> Endured:
        """Run a plan; the mode is the program's. Returns: what it printed."""
        self._plan.write_text("".join(f"{line.user} {_encoded(line.answer)}\n" for line in lines))
        command = [self._program, self._service, str(self._plan), str(warm_up), *mode]
        finished = subprocess.run(
            command,
            capture_output=True,
            check=False,
            text=True,
            env=_EXACT_HEAP,
            timeout=PATIENCE_S + len(lines) * PATIENCE_PER_LINE_S,
        )
        assert finished.returncode == 0, (finished.returncode, finished.stderr)
        printed = json.loads(finished.stdout)
        return Endured(
            Snapshot(**printed["before"]),
            Snapshot(**printed["after"]),
            [Result(*each) for each in printed["results"]],
        )


def a_plan(count: int, accounts: int) -> list[Line]:
    """Return so many lines over newly enrolled accounts in turn.

    Each account's are a good HOTP code, a wrong one, and one of MALFORMED, again and again: never
    enough wrong ones in a row to be locked.
    """
    each = -(-count // accounts)
    columns = [_lines_of_account(each) for _ in range(accounts)]
    return [columns[number % accounts][number // accounts] for number in range(count)]


def check_results(lines: list[Line], endured: Endured) -> None:
    """Hold each transaction to its own result, and to have changed nothing of the process."""
    assert len(endured.results) == len(lines)
    for number, (line, result) in enumerate(zip(lines, endured.results, strict=True)):
        assert result.authenticated == line.wanted, (number, line, result)
        assert result.credentials == PAM_SUCCESS or line.wanted != PAM_SUCCESS, (number, result)
        assert result.account == PAM_SUCCESS, (number, line, result)
        assert not result.disturbed, (number, line, result)


def _lines_of_account(count: int) -> list[Line]:
    goods = -(-count // 3)
    user, codes, wrong = _an_account_with_codes(goods)
    lines = []
    for number in range(goods):
        answer, result = MALFORMED[number % len(MALFORMED)]
        lines += [
            Line(user.name, codes[number].encode(), PAM_SUCCESS),
            Line(user.name, wrong.encode(), PAM_AUTH_ERR),
            Line(user.name, answer, result),
        ]
    return lines[:count]


def _an_account_with_codes(count: int) -> tuple[EnrolledUser, list[str], str]:
    """Enrol an account; return its first codes, and one that is wrong at all their counters.

    A secret that makes one code twice within the look-ahead would let the counter jump, so
    another one is taken then.
    """
    user = None
    while True:
        enrolled = an_enrolled_user(user, otp_type="hotp")
        user = enrolled.user
        codes = [enrolled.code_at(counter) for counter in range(count + FURTHEST_REACH)]
        windows = [codes[first : first + LOOK_AHEAD + 1] for first in range(count)]
        if all(len(set(window)) == len(window) for window in windows):
            return enrolled, codes[:count], code_outside(set(codes))


def _encoded(answer: bytes | NoAnswer) -> str:
    return answer.value if isinstance(answer, NoAnswer) else "=" + answer.hex()
