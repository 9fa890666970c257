"""The helper missing, killed, frozen, or another program in its place: denied, and soon."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

import pytest

from tests.harness.enrolled import EnrolledUser, an_enrolled_user
from tests.harness.faults import absent, replaced, replaced_by_directory, with_mode
from tests.harness.installation import helper_path
from tests.harness.pam_client import (
    PAM_AUTH_ERR,
    PAM_CONV_ERR,
    PAM_SUCCESS,
    Transaction,
    transact,
)
from tests.harness.pam_services import a_module_service
from tests.harness.processes import helpers, signal_helpers, signal_next_helper, wait_until
from tests.harness.stand_in_helper import (
    BAD_AFTER_ANSWER,
    BAD_BEFORE_HELLO,
    BAD_BEFORE_PROMPT,
    stand_in,
)
from tests.pam.denial import assert_denied, assert_works

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.harness.fixtures import LogSinceStart


@pytest.fixture
def user() -> Iterator[EnrolledUser]:
    """Return an enrolled user, whose next good code has to work when the fault is over."""
    user = an_enrolled_user(otp_type="hotp")
    yield user
    assert_works(user)


def _log_in(user: EnrolledUser, reply: str | Callable[[], bytes] | None = None) -> Transaction:
    answer = user.code().encode() if reply is None else reply
    return transact(a_module_service(), user.name, [answer])  # type: ignore[list-item] # str never comes here


FILES: dict[str, Callable[[], contextlib.AbstractContextManager[None]]] = {
    "missing": lambda: absent(helper_path()),
    "directory missing": lambda: absent(helper_path().parent),
    "not executable": lambda: with_mode(helper_path(), 0o644),
    "a directory": lambda: replaced_by_directory(helper_path()),
    "empty": lambda: replaced(helper_path(), b"", mode=0o755),
    "no program": lambda: replaced(helper_path(), b"\x7fELFnonsense", mode=0o755),
    "of another interpreter that is missing": lambda: replaced(
        helper_path(), b"#!/nonexistent\n", mode=0o755
    ),
    "cut short": lambda: replaced(helper_path(), helper_path().read_bytes()[:20_000], mode=0o755),
}


@pytest.mark.parametrize("state", FILES)
def test_helper_file(state: str, user: EnrolledUser, log: LogSinceStart) -> None:
    """Without a helper that can be started the login is denied at once, and the log says why."""
    with FILES[state]():
        done = _log_in(user)
        assert_denied(done)
    assert done.seconds < 1
    assert done.asked() == []
    log.wait_for("pam-tfa-helper")


@pytest.mark.parametrize("fault", BAD_BEFORE_HELLO | BAD_BEFORE_PROMPT)
def test_program_that_misbehaves_before_the_prompt(fault: str, user: EnrolledUser) -> None:
    """No message of its own lets anybody in, and nobody is asked for a code."""
    with stand_in((BAD_BEFORE_HELLO | BAD_BEFORE_PROMPT)[fault]):
        done = _log_in(user)
    assert_denied(done)
    assert done.asked() == []


@pytest.mark.parametrize("fault", BAD_AFTER_ANSWER)
def test_program_that_misbehaves_after_the_answer(fault: str, user: EnrolledUser) -> None:
    """Once it has the code, only a verdict with the request's nonce counts."""
    with stand_in(BAD_AFTER_ANSWER[fault]):
        done = _log_in(user)
    assert_denied(done)
    assert done.asked() == ["Verification code: "]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
@pytest.mark.parametrize("after_s", [0.0, 0.005, 0.015])
def test_helper_killed_while_it_starts(number: int, after_s: float, user: EnrolledUser) -> None:
    """Whether the prompt was out already or not, no code is accepted."""
    thread = signal_next_helper(number, after_s)

    def answer_late() -> bytes:
        thread.join()
        return user.wrong_code().encode()

    done = _log_in(user, answer_late)
    thread.join()
    assert_denied(done)


def test_helper_killed_at_the_prompt(user: EnrolledUser) -> None:
    """The good code finds nobody."""

    def kill_then_answer() -> bytes:
        assert signal_helpers(signal.SIGKILL) == 1
        wait_until(lambda: not helpers())
        return user.code().encode()

    assert_denied(_log_in(user, kill_then_answer))


def test_helper_killed_after_the_answer(user: EnrolledUser) -> None:
    """Frozen at the prompt, sent the code, then killed: the code may count or not, not twice."""

    def freeze_then_answer() -> bytes:
        signal_helpers(signal.SIGSTOP)
        signal_next_helper(signal.SIGKILL, 0.3)
        return code

    code = user.code().encode()
    assert_denied(_log_in(user, freeze_then_answer))


def test_helper_frozen_before_the_prompt(user: EnrolledUser) -> None:
    """Whoever can stop the helper gains a wait of less than 5 s and nothing else."""
    thread = signal_next_helper(signal.SIGSTOP, 0.01)

    def answer_late() -> bytes:
        thread.join()
        return user.wrong_code().encode()

    done = _log_in(user, answer_late)
    thread.join()
    assert_denied(done)


def test_helper_frozen_after_the_prompt(user: EnrolledUser) -> None:
    """The good code is on its way and nobody takes it: denied within 5 s, and the helper ended."""

    def freeze_then_answer() -> bytes:
        assert signal_helpers(signal.SIGSTOP) == 1
        return user.code().encode()

    done = _log_in(user, freeze_then_answer)
    assert_denied(done)
    assert done.seconds_after_last_answer > 4
    assert helpers() == []


def test_helper_that_was_frozen_and_goes_on_works(user: EnrolledUser) -> None:
    """A machine that sleeps while a person types is no reason to refuse them."""

    def freeze_then_go_on() -> bytes:
        signal_helpers(signal.SIGSTOP)
        signal_helpers(signal.SIGCONT)
        return user.code().encode()

    assert _log_in(user, freeze_then_go_on).result == PAM_SUCCESS


def test_client_that_goes_away_ends_the_helper(user: EnrolledUser, log: LogSinceStart) -> None:
    """A closed connection at the prompt leaves no process."""
    done = transact(a_module_service(), user.name, [PAM_CONV_ERR])
    assert done.result == PAM_CONV_ERR
    wait_until(lambda: not helpers(), 1)
    assert user.state().codes.failures == 0
    log.wait_for("the client went away")


def test_quiet_denial_of_a_broken_helper_says_nothing(user: EnrolledUser) -> None:
    """With quiet not even that something is broken is told."""
    with absent(helper_path()):
        done = transact(a_module_service("quiet"), user.name, [user.code().encode()])
    assert done.result == PAM_AUTH_ERR
    assert done.transcript == []
