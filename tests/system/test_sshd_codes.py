"""Logins over a real sshd: password, then a code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.system.conftest import PASSWORD
from tests.system.sshd import an_sshd

if TYPE_CHECKING:
    from tests.harness.enrolled import EnrolledUser
    from tests.system.sshd import Sshd
    from tests.system.terminal import Terminal

PROMPT = "Verification code: "
REFUSED = "Verification failed."
DENIED = "Permission denied"
MARK = "6*7=42"
COMMAND = ("echo", "6*7=$((6*7))")


def enter(terminal: Terminal, password: str, code: str) -> None:
    """Answer both prompts."""
    terminal.answer("Password: ", password)
    terminal.answer(PROMPT, code)


def assert_gets_in(sshd: Sshd, user: EnrolledUser, code: str) -> None:
    """Log in and run a command."""
    with sshd.log_in(user.name, *COMMAND) as terminal:
        enter(terminal, user.password, code)
        terminal.expect(MARK)
        assert terminal.wait_for_end() == 0


def assert_refused(sshd: Sshd, user: EnrolledUser, code: str) -> str:
    """Try to log in with a code; return all that was shown."""
    with sshd.log_in(user.name, *COMMAND) as terminal:
        enter(terminal, user.password, code)
        terminal.expect(DENIED)
        assert terminal.wait_for_end() != 0
        assert MARK not in terminal.transcript
        return terminal.transcript


def test_password_and_totp_code_let_in(someone_with_totp: EnrolledUser) -> None:
    """The main job."""
    with an_sshd() as sshd:
        assert_gets_in(sshd, someone_with_totp, someone_with_totp.code())


def test_password_is_asked_for_before_the_code_and_each_once(someone: EnrolledUser) -> None:
    """The transcript in its order, with nothing of what was typed."""
    code = someone.code()
    with an_sshd() as sshd, sshd.log_in(someone.name, *COMMAND) as terminal:
        enter(terminal, PASSWORD, code)
        terminal.expect(MARK)
        terminal.wait_for_end()
        lines = terminal.transcript.split()
        assert terminal.transcript.index("Password: ") < terminal.transcript.index(PROMPT)
        assert terminal.transcript.count(PROMPT) == 1
        assert code not in terminal.transcript
        assert lines[-1] == MARK


def test_backup_code_lets_in_and_tells_how_many_are_left(someone: EnrolledUser) -> None:
    """An interactive shell shows the text that sshd keeps until after the login."""
    with an_sshd() as sshd:
        with sshd.log_in(someone.name) as terminal:
            enter(terminal, PASSWORD, someone.backup_codes[3].lower())
            terminal.expect("Backup code accepted, 9 left.")
            terminal.type_line(" ".join(COMMAND))
            terminal.expect(MARK)
            terminal.type_line("exit")
            assert terminal.wait_for_end() == 0
        assert REFUSED in assert_refused(sshd, someone, someone.backup_codes[3])


def test_wrong_code_is_refused_and_counted(someone: EnrolledUser) -> None:
    """The password alone does not let in."""
    with an_sshd() as sshd:
        assert REFUSED in assert_refused(sshd, someone, someone.wrong_code())
        assert someone.state().codes.failures == 1
        assert_gets_in(sshd, someone, someone.code())


def test_replayed_code_is_refused(someone_with_totp: EnrolledUser) -> None:
    """Whoever read a code over somebody's shoulder can't use it."""
    code = someone_with_totp.code()
    with an_sshd() as sshd:
        assert_gets_in(sshd, someone_with_totp, code)
        assert REFUSED in assert_refused(sshd, someone_with_totp, code)


def test_wrong_password_never_reaches_the_code(someone: EnrolledUser) -> None:
    """Nobody without the password can use up tries or lock the codes."""
    with an_sshd() as sshd, sshd.log_in(someone.name, *COMMAND) as terminal:
        terminal.answer("Password: ", "wrong")
        terminal.expect(DENIED)
        terminal.wait_for_end()
        assert PROMPT not in terminal.transcript
    assert someone.state().codes.failures == 0


def test_second_try_on_the_same_connection_works(someone: EnrolledUser) -> None:
    """After a slip sshd asks again, from the password on."""
    with (
        an_sshd() as sshd,
        sshd.log_in(someone.name, *COMMAND, options=["NumberOfPasswordPrompts=3"]) as terminal,
    ):
        enter(terminal, PASSWORD, someone.wrong_code())
        terminal.expect(REFUSED)
        enter(terminal, PASSWORD, someone.code())
        terminal.expect(MARK)
        assert terminal.wait_for_end() == 0


def test_max_auth_tries_ends_the_connection(someone: EnrolledUser) -> None:
    """sshd's own limit holds for wrong codes too."""
    with (
        an_sshd("MaxAuthTries 2") as sshd,
        sshd.log_in(someone.name, *COMMAND, options=["NumberOfPasswordPrompts=6"]) as terminal,
    ):
        enter(terminal, PASSWORD, someone.wrong_code())
        terminal.expect(REFUSED)
        enter(terminal, PASSWORD, someone.wrong_code())
        terminal.expect("Too many authentication failures")
        assert terminal.wait_for_end() != 0
    assert someone.state().codes.failures == 2


def test_locked_account_is_told_for_how_long(someone: EnrolledUser) -> None:
    """Not even a good code gets in, nothing is evaluated, and sshd asks no second time."""
    someone.fail_before(6)
    before = someone.state()
    with (
        an_sshd() as sshd,
        sshd.log_in(someone.name, *COMMAND, options=["NumberOfPasswordPrompts=3"]) as terminal,
    ):
        enter(terminal, PASSWORD, someone.code())
        terminal.expect("Too many wrong codes. Try again in ")
        terminal.expect(DENIED)
        assert terminal.wait_for_end() != 0
        assert terminal.transcript.count(PROMPT) == 1
    assert someone.state() == before


def test_text_of_the_refusal_stands_on_a_line_of_its_own(someone: EnrolledUser) -> None:
    """What sshd glues to the next prompt starts with a new line, and holds no escape sequence."""
    with an_sshd() as sshd:
        shown = assert_refused(sshd, someone, someone.wrong_code())
    assert REFUSED in [line.strip() for line in shown.splitlines()]
    assert "\x1b" not in shown
