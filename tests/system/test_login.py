"""Real login on a console of 80 x 24."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pyte
import pytest

from tests.harness.installation import require_tool
from tests.harness.processes import helpers, wait_until
from tests.system.conftest import PASSWORD
from tests.system.pam_edits import CODE, asking_for_a_code
from tests.system.terminal import ROWS_AND_COLUMNS, Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.enrolled import EnrolledUser

PROMPT = "Verification code: "
MARK = "6*7=42"


@pytest.fixture(autouse=True)
def login_asks_for_a_code() -> Iterator[None]:
    """Put our line into /etc/pam.d/login, which has a delay of its own."""
    with asking_for_a_code("login", CODE):
        yield


def start_login() -> Terminal:
    """Start login as a getty does: as root, on a terminal of its own, without a name."""
    return Terminal([require_tool("login", "login")])


def screen_of(terminal: Terminal) -> list[str]:
    """Return the rows that a person sees on the console."""
    rows, columns = ROWS_AND_COLUMNS
    screen = pyte.Screen(columns, rows)
    pyte.Stream(screen).feed(terminal.transcript)
    return [row.rstrip() for row in screen.display]


def be_asked(terminal: Terminal, user: EnrolledUser, password: str = PASSWORD) -> None:
    """Give name and password."""
    terminal.answer(" login: ", user.name)
    terminal.answer("Password: ", password)


def test_password_and_code_let_in(someone: EnrolledUser) -> None:
    """The console's main job."""
    with start_login() as terminal:
        be_asked(terminal, someone)
        terminal.answer(PROMPT, someone.code())
        terminal.expect("$ ")
        terminal.type_line("echo 6*7=$((6*7)); exit")
        terminal.expect(MARK)
        assert terminal.wait_for_end() == 0


def test_each_prompt_stands_on_a_row_of_its_own(someone: EnrolledUser) -> None:
    """What was typed is not on the screen, and nothing is displaced."""
    code = someone.wrong_code()
    with start_login() as terminal:
        be_asked(terminal, someone)
        terminal.answer(PROMPT, code)
        terminal.expect(" login: ")
        rows = [row for row in screen_of(terminal) if row]
        host = socket.gethostname()
        assert rows == [
            f"{host} login: {someone.name}",
            "Password:",
            PROMPT.rstrip(),
            "Verification failed.",
            "Login incorrect",
            f"{host} login:",
        ]


def test_backup_code_tells_how_many_are_left(someone: EnrolledUser) -> None:
    """On a row of its own, before the shell."""
    with start_login() as terminal:
        be_asked(terminal, someone)
        terminal.answer(PROMPT, someone.backup_codes[0])
        terminal.expect("Backup code accepted, 9 left.\r\n")
        terminal.expect("$ ")
        assert "Backup code accepted, 9 left." in screen_of(terminal)
        terminal.type_line("exit")
        assert terminal.wait_for_end() == 0


def test_locked_account_is_told_for_how_long(someone: EnrolledUser) -> None:
    """The sentence fits the console's width."""
    someone.fail_before(6)
    with start_login() as terminal:
        be_asked(terminal, someone)
        terminal.answer(PROMPT, someone.code())
        terminal.expect("Too many wrong codes. Try again in ")
        terminal.expect(" s.\r\n")
        assert any(row.startswith("Too many wrong codes.") for row in screen_of(terminal))


def test_wrong_password_never_reaches_the_code(someone: EnrolledUser) -> None:
    """Debian's common-auth ends there."""
    with start_login() as terminal:
        be_asked(terminal, someone, "wrong")
        terminal.expect(" login: ")
        assert PROMPT not in terminal.transcript
    assert someone.state().codes.failures == 0


def test_hanging_up_at_the_prompt_leaves_no_helper(someone: EnrolledUser) -> None:
    """Somebody pulls the serial line."""
    with start_login() as terminal:
        be_asked(terminal, someone)
        terminal.expect(PROMPT)
        assert len(helpers()) == 1
    wait_until(lambda: not helpers(), 5, "the helper has gone")
