"""Answers of enemies and of programs, through the real module: refused, and counted where due."""

from __future__ import annotations

import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.campaign.host_process import build_program
from tests.campaign.hostile_answers import (
    AROUND_A_GOOD_CODE,
    OTHERS,
    Codes,
    Expected,
    dummy_of_length,
    expected,
    generated_answer,
)
from tests.campaign.raw_host import (
    FAILURE,
    GONE,
    NO_RESPONSES,
    NO_TEXT,
    PAM_AUTH_ERR,
    PAM_CONV_ERR,
    PAM_SUCCESS,
    Done,
    RawHost,
    Reply,
)
from tests.harness.enrolled import an_enrolled_user
from tests.harness.installation import record_path
from tests.harness.pam_services import a_module_service, a_service, remove_service, telling_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.campaign.enrolled_account import EnrolledAccount
    from tests.campaign.figures import Figures
    from tests.harness.system_log import LogLine, SystemLog

FULL, SHORT = 4000, 24
SHORT_TAKES_ONE_IN = 4
LONGEST_DUMMY = 80
LEAK_BYTES = 1024
LOG_LIMIT_S = 5.0
FORGIVEN = {"blank behind", "blanks around, dash within", "digits apart", "blanks up to 64"}
PROMPT, REFUSAL = b"Verification code: ", b"Verification failed."
TAKES_THE_PASSWORD = "auth optional pam_exec.so expose_authtok quiet /bin/true"
# An answer that is good, given by a conversation that says that it failed.
FAILURES = (1, 4, 5, 6, 14, 19, 25, 26, 30, 31, 32, 999, -1, -2147483648)


class Run(NamedTuple):
    """An account, the host that logs it in, and the log's view of it."""

    account: EnrolledAccount
    host: RawHost
    log: SystemLog

    def codes(self) -> Codes:
        """Return what is good now."""
        good = frozenset(self.account.code(steps).encode() for steps in (-1, 0, 1))
        return Codes(good, frozenset(each.encode() for each in self.account.backup_codes))

    def lines(self, since: int, wanted: int = 1) -> list[LogLine]:
        """Wait for so many lines of this host's logins; return all there are."""
        deadline_s = time.monotonic() + LOG_LIMIT_S
        mark = f"pam_tfa({self.host.service}:auth): "
        while len(found := [each for each in self.log.lines(since) if mark in each.text]) < wanted:
            assert time.monotonic() < deadline_s, f"only {found}"
            time.sleep(0.0005)
        return found

    def check(self, answer: bytes, wanted: Expected, *before: Reply) -> None:
        """Give an answer, behind others to other modules; hold everything to what is expected."""
        name = self.account.name
        state, record, since = self.account.state(), self.record(), self.log.mark()
        done = self.host.transact(name.encode(), [*before, Reply(answer)])
        assert done.result == (PAM_SUCCESS if wanted.lets_in else PAM_AUTH_ERR), (answer, wanted)
        assert done.asked[-1] == PROMPT
        assert (done.shown == [REFUSAL]) is (not wanted.lets_in), done.shown
        (line,) = self.lines(since)
        outcome = "success" if wanted.lets_in else "refused"
        assert f"outcome={outcome} reason={wanted.reason} user={name}" in line.text, answer
        if len(answer) >= 6:
            assert answer not in line.datagram
        after = self.account.state()
        grown = {
            kind
            for kind in ("codes", "backup", "verify")
            if getattr(after, kind).failures > getattr(state, kind).failures
        }
        assert grown == ({wanted.counted} if wanted.counted else set()), (answer, wanted)
        if not wanted.lets_in and not wanted.counted:
            assert self.record() == record, f"{answer!r} left something in the record"

    def record(self) -> bytes:
        """Return the account's file."""
        return record_path(self.account.name).read_bytes()


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the path of a PAM host that relays answers as bytes."""
    return build_program("raw_host", tmp_path_factory.mktemp("host"), "-lpam")


@pytest.fixture(scope="module")
def services() -> Iterator[list[str]]:
    """Return a PAM service for each processor, by which the log's lines are told apart."""
    count = os.cpu_count() or 1
    names = [a_module_service("nodelay", name=f"tfa-answers{number}") for number in range(count)]
    yield names
    for name in names:
        remove_service(name)


@pytest.fixture
def run(
    program: str, services: list[str], account: EnrolledAccount, system_log: SystemLog
) -> Iterator[Run]:
    """Return an account that was just enrolled, and a host."""
    account.enroll()
    with RawHost(program, services[0]) as host:
        yield Run(account, host, system_log)


@pytest.fixture
def run_with_password(
    program: str, account: EnrolledAccount, system_log: SystemLog
) -> Iterator[Run]:
    """Return the same behind a module that asks for a password, takes any and keeps it."""
    account.enroll()
    service = a_service(
        TAKES_THE_PASSWORD,
        *telling_lines("auth", "nodelay"),
        "account required pam_permit.so",
        name="tfa-answers-password",
    )
    with RawHost(program, service) as host:
        yield Run(account, host, system_log)
    remove_service(service)


def test_answers_made_of_a_good_code_let_in_as_typed_by_a_person_alone(
    run: Run, figures: Figures, campaign: bool
) -> None:
    """Blanks and dashes are a person's; a line's end or any other byte is a program's."""
    chosen = list(AROUND_A_GOOD_CODE.items())[:: 1 if campaign else SHORT_TAKES_ONE_IN]
    with figures.measured("answers: made of a good code") as figure:
        let_in = 0
        for name, made_of in chosen:
            codes = run.codes()
            answer = made_of(run.account.code().encode())
            wanted = expected(answer, codes)
            assert wanted.lets_in is (name in FORGIVEN), name
            run.check(answer, wanted)
            let_in += wanted.lets_in
            run.account.enroll()
            figure.rounds += 1
        figure.outcome = f"{let_in} with blanks or dashes let in, none else, none counted"


def test_answers_of_no_form_are_neither_evaluated_nor_counted(
    run: Run, figures: Figures, campaign: bool
) -> None:
    """Empty, of any length, of any bytes; the record stays as it is, byte for byte."""
    with figures.measured("answers: of no code's form") as figure:
        for answer in list(OTHERS.values())[:: 1 if campaign else 2]:
            wanted = expected(answer, run.codes())
            assert wanted.reason.startswith("not_a_code:")
            run.check(answer, wanted)
            figure.rounds += 1
        figure.outcome = "refused, none counted"


def test_code_of_another_length_is_no_code_of_this_account(run: Run, figures: Figures) -> None:
    """Who has codes of eight digits and types six has typed something else."""
    user = an_enrolled_user(digits=8)
    with figures.measured("answers: codes of another length") as figure:
        for answer in (b"123456", user.code().encode()[2:], user.code().encode()[:7]):
            since = run.log.mark()
            done = run.host.transact(user.name.encode(), [Reply(answer)])
            assert (done.result, done.shown) == (PAM_AUTH_ERR, [REFUSAL])
            (line,) = run.lines(since)
            assert "reason=not_a_code:not_a_code" in line.text
            figure.rounds += 1
        assert user.state().codes.failures == 0
        figure.outcome = "refused, none counted"


def test_conversation_that_fails_or_lies_is_no_answer(
    run: Run, figures: Figures, campaign: bool
) -> None:
    """Whatever text it hands over beside its error, and whatever it leaves out."""
    good = Reply(run.account.code().encode())
    replies = [Reply(kind=NO_TEXT), Reply(kind=NO_RESPONSES)]
    for number in FAILURES[:: 1 if campaign else SHORT_TAKES_ONE_IN]:
        replies += [good._replace(kind=FAILURE, number=number), Reply(kind=GONE, number=number)]
    record = run.record()
    with figures.measured("answers: conversations that fail or lie") as figure:
        for reply in replies:
            since = run.log.mark()
            done = run.host.transact(run.account.name.encode(), [reply])
            assert (done.result, done.shown) == (PAM_CONV_ERR, []), reply
            told = [each.text for each in run.lines(since)]
            assert any("no answer to the prompt: the client went away" in each for each in told)
            assert run.record() == record
            figure.rounds += 1
        figure.outcome = "PAM_CONV_ERR, none counted"
    done = run.host.transact(run.account.name.encode(), [good._replace(number=4711)])
    assert done.result == PAM_SUCCESS, "resp_retcode is not in use; zero is expected, not promised"


def test_dummy_of_sshd_is_no_answer_at_any_length(
    run: Run, figures: Figures, campaign: bool
) -> None:
    """It has the length of what its user typed: of a code, a backup code, a password."""
    lengths = [*range(LONGEST_DUMMY + 1)] if campaign else [0, 1, 6, 17, 64, 65]
    with figures.measured("answers: sshd's dummy, by length") as figure:
        for length in lengths:
            reason = "control_byte" if length <= 64 else "too_long"
            wanted = Expected(False, f"not_a_code:{reason if length else 'empty'}")
            run.check(dummy_of_length(length), wanted)
            figure.rounds += 1
        figure.outcome = "refused, none counted"


def test_password_given_again_is_no_answer(run_with_password: Run, figures: Figures) -> None:
    """Single-field programs and sshd's password method do; be it a code's form or a good code."""
    run, equal = run_with_password, Expected(False, "not_a_code:equals_password")
    wrong, good = run.account.wrong_code().encode(), run.account.code().encode()
    backup = run.account.backup_codes[0].encode()
    with figures.measured("answers: the password again") as figure:
        for password in (b"correct horse", wrong, good, backup, b"x" * 64, "p\u00e4ss".encode()):
            run.check(password, equal, Reply(password))
            figure.rounds += 1
        longest = b"y" * 512
        run.check(longest, equal, Reply(longest))
        # Nearly equal is not equal.
        run.check(wrong, Expected(False, "wrong_code", "codes"), Reply(wrong + b"0"))
        run.check(wrong + b" ", Expected(False, "wrong_code", "codes"), Reply(wrong))
        run.check(b"", Expected(False, "not_a_code:empty"), Reply(b""))
        run.check(dummy_of_length(6), Expected(False, "not_a_code:control_byte"), Reply(b"p"))
        run.check(backup, Expected(True, "backup_code"), Reply(good))
        run.check(good, Expected(True, "code"), Reply(wrong))
        figure.rounds += 7
        figure.outcome = "not evaluated, not counted, and good afterwards"


def knock(run: Run) -> Done:
    """Log in as nobody: what the host holds afterwards is to be the same every time."""
    since = run.log.mark()
    done = run.host.transact(b"nobody-at-all", [Reply(b"1")])
    run.lines(since)
    return done


@pytest.mark.timeout(1200)
def test_generated_answers_come_to_what_their_form_says(
    program: str,
    services: list[str],
    accounts: list[EnrolledAccount],
    system_log: SystemLog,
    figures: Figures,
    campaign: bool,
) -> None:
    """Good only where they are the code, counted only where they have a code's form."""
    count = (FULL if campaign else SHORT) // len(accounts)
    totals = {"let in": 0, "counted": 0, "neither": 0}

    def fuzz(number: int) -> None:
        numbers = random.Random(number)
        with RawHost(program, services[number]) as host:
            run = Run(accounts[number], host, system_log)
            run.account.enroll()
            first = knock(run)
            for _ in range(count):
                answer = generated_answer(numbers, run.codes()).replace(b"\0", b"")
                wanted = expected(answer, run.codes())
                run.check(answer, wanted)
                kind = "let in" if wanted.lets_in else "counted" if wanted.counted else "neither"
                totals[kind] += 1
                if wanted.lets_in or wanted.counted:
                    run.account.enroll()
            last = knock(run)
            assert last.descriptors == first.descriptors
            assert last.heap_bytes - first.heap_bytes < LEAK_BYTES

    with figures.measured("answers: generated") as figure:
        with ThreadPoolExecutor(len(accounts)) as pool:
            list(pool.map(fuzz, range(len(accounts))))
        figure.rounds = sum(totals.values())
        assert all(totals.values()), totals
        figure.outcome = ", ".join(f"{number:,} {kind}" for kind, number in totals.items())
