"""Real su by an unprivileged caller, who may limit, stop and kill what he started."""

from __future__ import annotations

import re
import resource
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pam_tfa.core.state import AuthenticatorState, initial_state
from tests.harness.installation import require_tool
from tests.harness.processes import helpers, wait_until
from tests.harness.users import User, a_user
from tests.system.conftest import PASSWORD
from tests.system.pam_edits import asking_for_a_code
from tests.system.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.harness.enrolled import EnrolledUser

PROMPT = "Verification code: "
REFUSED = "Verification failed."
UNAVAILABLE = "Two-factor login is unavailable."
MARK = "6*7=42"
SOON_S = 5.0
# Under these the helper works even where root can't raise a hard limit (a container without
# CAP_SYS_RESOURCE).
FLOORS = {
    "no byte in a file": {resource.RLIMIT_FSIZE: 0},
    "few descriptors": {resource.RLIMIT_NOFILE: 9},
    "little memory": {resource.RLIMIT_AS: 64 << 20},
    "little data": {resource.RLIMIT_DATA: 16 << 20},
    "one process": {resource.RLIMIT_NPROC: 1},
    "small stack": {resource.RLIMIT_STACK: 1 << 20},
    "one second of CPU": {resource.RLIMIT_CPU: 1},
}
# Near the least with which su itself still works; the helper needs more, and has to raise them.
LOWER_FLOORS = {
    "fewer descriptors": {resource.RLIMIT_NOFILE: 7},
    "less memory": {resource.RLIMIT_AS: 24 << 20},
    "less data": {resource.RLIMIT_DATA: 4 << 20},
}
CAP_SYS_RESOURCE = 24


@pytest.fixture
def caller() -> User:
    """Return an account without any privilege."""
    return a_user()


@pytest.fixture(autouse=True)
def su_asks_for_a_code() -> Iterator[None]:
    """Put our line into /etc/pam.d/su."""
    with asking_for_a_code("su"):
        yield


def start_su(
    target: EnrolledUser, caller: User, limits: Mapping[int, int] | None = None
) -> Terminal:
    """Start su to an account, with a command."""
    command = [require_tool("su", "util-linux"), target.name, "-c", "echo 6*7=$((6*7))"]
    return Terminal(command, caller=caller, limits=limits)


def be_asked(terminal: Terminal) -> None:
    """Give the password and wait for the second prompt."""
    terminal.answer("Password: ", PASSWORD)
    terminal.expect(PROMPT)


def assert_gets_in(
    target: EnrolledUser, caller: User, limits: Mapping[int, int] | None = None
) -> None:
    """Get in with a good code."""
    with start_su(target, caller, limits) as terminal:
        be_asked(terminal)
        terminal.type_line(target.code())
        terminal.expect(MARK)
        assert terminal.wait_for_end() == 0


def test_password_and_code_let_in(someone: EnrolledUser, caller: User) -> None:
    """The usual case."""
    assert_gets_in(someone, caller)


def test_backup_code_tells_how_many_are_left(someone: EnrolledUser, caller: User) -> None:
    """On a terminal the text comes at once."""
    with start_su(someone, caller) as terminal:
        be_asked(terminal)
        terminal.type_line(someone.backup_codes[0])
        terminal.expect("Backup code accepted, 9 left.")
        terminal.expect(MARK)
        assert terminal.wait_for_end() == 0


def test_wrong_code_is_refused(someone: EnrolledUser, caller: User) -> None:
    """The password alone does not let in."""
    with start_su(someone, caller) as terminal:
        be_asked(terminal)
        terminal.type_line(someone.wrong_code())
        terminal.expect(REFUSED)
        assert terminal.wait_for_end() != 0
        assert MARK not in terminal.transcript
    assert someone.state().codes.failures == 1


@pytest.mark.parametrize("limits", FLOORS.values(), ids=FLOORS)
def test_limits_of_the_caller_neither_stop_a_good_code_nor_let_a_used_one_in(
    someone: EnrolledUser, caller: User, limits: Mapping[int, int]
) -> None:
    """What the caller's shell takes from su, the helper gets back or does without."""
    assert accepted_under(limits, someone, caller, someone.code())
    assert someone.state().authenticators[0].counter == 1
    assert not accepted_under(limits, someone, caller, someone.code_at(0))
    assert someone.state().codes.failures == 1


@pytest.mark.parametrize("limits", LOWER_FLOORS.values(), ids=LOWER_FLOORS)
def test_limits_below_what_the_helper_needs_are_raised_or_deny(
    someone: EnrolledUser, caller: User, limits: Mapping[int, int]
) -> None:
    """Where root may not raise them the good code is refused; a used one is, everywhere."""
    assert accepted_under(limits, someone, caller, someone.code()) == may_raise_limits()
    someone.save_state(initial_state((AuthenticatorState(counter=1),)))
    assert not accepted_under(limits, someone, caller, someone.code_at(0))


def accepted_under(limits: Mapping[int, int], user: EnrolledUser, caller: User, code: str) -> bool:
    """Tell whether su let a code in; su itself may then fail under its limits."""
    with start_su(user, caller, limits) as terminal:
        terminal.answer("Password: ", PASSWORD)
        if terminal.expect(PROMPT, UNAVAILABLE) == PROMPT:
            terminal.type_line(code)
        terminal.wait_for_end()
        refused = REFUSED in terminal.transcript or UNAVAILABLE in terminal.transcript
        assert refused != (MARK in terminal.transcript), terminal.transcript
        return not refused


def may_raise_limits() -> bool:
    """Tell whether root may do here what root usually may."""
    status = Path("/proc/self/status").read_text()
    (effective,) = re.findall(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return bool(int(effective, 16) >> CAP_SYS_RESOURCE & 1)


def test_su_that_its_caller_kills_at_the_prompt_leaves_no_helper(
    someone: EnrolledUser, caller: User
) -> None:
    """kill -9 by the caller's own uid, which set-uid su keeps as its real one."""
    with start_su(someone, caller) as terminal:
        be_asked(terminal)
        kill_as(caller, terminal.pid, signal.SIGKILL)
        wait_until(lambda: not helpers(), SOON_S, "the helper has gone")
    assert someone.state().codes.failures == 0
    assert_gets_in(someone, caller)


def test_caller_can_neither_kill_nor_stop_the_helper(someone: EnrolledUser, caller: User) -> None:
    """It has root's ids, all of them."""
    with start_su(someone, caller) as terminal:
        be_asked(terminal)
        (helper,) = helpers()
        for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGXCPU):
            assert not kill_as(caller, helper, number)
        terminal.type_line(someone.code())
        terminal.expect(MARK)
        assert terminal.wait_for_end() == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_killing_su_right_after_a_guess_gives_no_free_guess(
    someone: EnrolledUser, caller: User, number: signal.Signals
) -> None:
    """The guess is with the helper, which counts it whatever becomes of su."""
    for guesses in range(1, 4):
        with start_su(someone, caller) as terminal:
            be_asked(terminal)
            terminal.type_line(someone.wrong_code())
            wait_until(terminal.has_new_line, SOON_S, "su has taken the guess")
            kill_as(caller, terminal.pid, number)
            wait_for_failures(someone, guesses)
            kill_as(caller, terminal.pid, signal.SIGKILL)
            wait_until(lambda: not helpers(), SOON_S, "the helper has gone")


def test_su_that_was_stopped_at_the_prompt_goes_on(someone: EnrolledUser, caller: User) -> None:
    """There is no limit of time while a person types."""
    with start_su(someone, caller) as terminal:
        be_asked(terminal)
        kill_as(caller, terminal.pid, signal.SIGSTOP)
        time.sleep(1)
        kill_as(caller, terminal.pid, signal.SIGCONT)
        terminal.type_line(someone.code())
        terminal.expect(MARK)
        assert terminal.wait_for_end() == 0


@pytest.mark.parametrize("key", ["\x03", "\x1a", "\x1c"], ids=["^C", "^Z", "^backslash"])
def test_keys_that_signal_the_terminals_processes_do_not_save_a_guess(
    someone: EnrolledUser, caller: User, key: str
) -> None:
    """The helper has no terminal: what hits su right after the guess does not hit it."""
    with start_su(someone, caller) as terminal:
        be_asked(terminal)
        terminal.type_line(someone.wrong_code())
        # Not before su has read the line: the key would make the terminal forget it.
        wait_until(terminal.has_new_line, SOON_S, "su has taken the guess")
        terminal.type_keys(key)
        wait_for_failures(someone, 1)
        kill_as(caller, terminal.pid, signal.SIGKILL)
        wait_until(lambda: not helpers(), SOON_S, "the helper has gone")
    assert_gets_in(someone, caller)


def wait_for_failures(user: EnrolledUser, count: int) -> None:
    """Wait until so many wrong codes are counted."""
    wait_until(lambda: user.state().codes.failures == count, SOON_S, "the guess is counted")


def kill_as(caller: User, pid: int, number: signal.Signals) -> bool:
    """Send a signal with the caller's ids; False where the kernel forbids it."""
    kill = require_tool("setpriv", "util-linux")
    ids = [f"--reuid={caller.uid}", f"--regid={caller.gid}", "--clear-groups"]
    with Terminal([kill, *ids, "kill", f"-{number.value}", str(pid)]) as terminal:
        return terminal.wait_for_end() == 0
