"""Real sudo by an enrolled user: his own password, his own code."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.harness.installation import require_tool
from tests.harness.processes import helpers, wait_until
from tests.system.conftest import PASSWORD
from tests.system.pam_edits import asking_for_a_code
from tests.system.terminal import Terminal
from tests.system.test_su import FLOORS, PROMPT, SOON_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.harness.enrolled import EnrolledUser

UID_OF_ROOT = "uid=0(root)"
# sudo keeps modules silent (pam_silent); this is its own sentence.
DENIED = "1 incorrect password attempt"


@pytest.fixture(autouse=True)
def sudo_asks_for_a_code() -> Iterator[None]:
    """Put our line into /etc/pam.d/sudo, and let everybody use sudo."""
    rules = Path("/etc/sudoers.d/tfa-test")
    rules.write_text("ALL ALL=(ALL:ALL) ALL\nDefaults passwd_tries=1\nDefaults !lecture\n")
    rules.chmod(0o440)
    with asking_for_a_code("sudo"):
        yield
    rules.unlink()


def start_sudo(user: EnrolledUser, limits: Mapping[int, int] | None = None) -> Terminal:
    """Start sudo without what it remembers of earlier times."""
    command = [require_tool("sudo", "sudo"), "-k", "id"]
    return Terminal(command, caller=user.user, limits=limits)


def be_asked(terminal: Terminal, user: EnrolledUser) -> None:
    """Give the password and wait for the second prompt."""
    terminal.answer(f"password for {user.name}: ", PASSWORD)
    terminal.expect(PROMPT)


def test_password_and_code_let_in(someone: EnrolledUser) -> None:
    """The usual case."""
    with start_sudo(someone) as terminal:
        be_asked(terminal, someone)
        terminal.type_line(someone.code())
        terminal.expect(UID_OF_ROOT)
        assert terminal.wait_for_end() == 0


def test_wrong_code_is_refused(someone: EnrolledUser) -> None:
    """The password alone makes nobody root."""
    with start_sudo(someone) as terminal:
        be_asked(terminal, someone)
        terminal.type_line(someone.wrong_code())
        terminal.expect(DENIED)
        assert terminal.wait_for_end() != 0
        assert UID_OF_ROOT not in terminal.transcript
    assert someone.state().codes.failures == 1


@pytest.mark.parametrize("limits", FLOORS.values(), ids=FLOORS)
def test_limits_of_the_caller_neither_stop_a_good_code_nor_let_a_used_one_in(
    someone: EnrolledUser, limits: Mapping[int, int]
) -> None:
    """The same floors as for su."""
    for failures in (0, 1):
        with start_sudo(someone, limits) as terminal:
            be_asked(terminal, someone)
            terminal.type_line(someone.code_at(0))
            terminal.wait_for_end()
            assert (DENIED in terminal.transcript) == bool(failures), terminal.transcript
        assert someone.state().authenticators[0].counter == 1
        assert someone.state().codes.failures == failures


@pytest.mark.parametrize("key", ["\x03", "\x1a"], ids=["^C", "^Z"])
def test_keys_that_signal_the_terminals_processes_do_not_save_a_guess(
    someone: EnrolledUser, key: str
) -> None:
    """What sudo does about the key is its own affair; the guess is counted."""
    with start_sudo(someone) as terminal:
        be_asked(terminal, someone)
        terminal.type_line(someone.wrong_code())
        wait_until(terminal.has_new_line, SOON_S, "sudo has taken the guess")
        terminal.type_keys(key)
        wait_until(lambda: someone.state().codes.failures == 1, SOON_S, "the guess is counted")


def test_closing_the_window_at_the_prompt_leaves_no_helper(someone: EnrolledUser) -> None:
    """The terminal's hang-up ends sudo, and with it the helper."""
    with start_sudo(someone) as terminal:
        be_asked(terminal, someone)
        terminal.signal(signal.SIGHUP)
    wait_until(lambda: not helpers(), SOON_S, "the helper has gone")
    assert someone.state().codes.failures == 0
