"""Whole PAM stacks over a real sshd: Debian's own, and the one that hides the password's result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness.installation import CHECKOUT
from tests.harness.users import User, a_user
from tests.system.conftest import PASSWORD
from tests.system.sshd import an_sshd
from tests.system.test_sshd_codes import COMMAND, DENIED, MARK, PROMPT, enter

if TYPE_CHECKING:
    from tests.harness.enrolled import EnrolledUser
    from tests.system.sshd import Sshd


def hiding_stack() -> list[str]:
    """Return the auth lines of etc/pam.d/auth-hiding-the-password-result."""
    example = CHECKOUT / "etc" / "pam.d" / "auth-hiding-the-password-result"
    return [line for line in example.read_text().splitlines() if line.startswith("auth")]


# Debian's common-auth written out: our line counts only after the right password.
WRITTEN_OUT = (
    "auth [success=1 default=ignore] pam_unix.so nullok",
    "auth requisite pam_deny.so",
    "auth required pam_permit.so",
    "auth required pam_tfa.so nodelay",
)


def transcript_of_refusal(sshd: Sshd, user: User, password: str, code: str) -> str:
    """Log in in vain; return what was shown, the account's name left out."""
    with sshd.log_in(user.name, *COMMAND) as terminal:
        enter(terminal, password, code)
        terminal.expect(DENIED)
        assert terminal.wait_for_end() != 0
        assert MARK not in terminal.transcript
        return terminal.transcript.replace(user.name, "NAME").replace(str(sshd.port), "PORT")


@pytest.mark.parametrize("auth", [WRITTEN_OUT, hiding_stack()], ids=["Debian's", "hiding"])
def test_password_and_code_let_in(someone: EnrolledUser, auth: list[str]) -> None:
    """Both right: in."""
    with an_sshd(auth=auth) as sshd, sshd.log_in(someone.name, *COMMAND) as terminal:
        enter(terminal, PASSWORD, someone.code())
        terminal.expect(MARK)
        assert terminal.wait_for_end() == 0


@pytest.mark.parametrize("auth", [WRITTEN_OUT, hiding_stack()], ids=["Debian's", "hiding"])
def test_account_without_a_second_factor_gets_in_with_its_password(auth: list[str]) -> None:
    """The configuration as shipped skips them; a stack must not turn that into a denial."""
    user = a_user(password=PASSWORD, home=True)
    with an_sshd(auth=auth) as sshd, sshd.log_in(user.name, *COMMAND) as terminal:
        terminal.answer("Password: ", PASSWORD)
        terminal.expect(MARK)
        assert terminal.wait_for_end() == 0


def test_hiding_stack_shows_the_same_for_a_wrong_password_and_a_wrong_code(
    someone: EnrolledUser,
) -> None:
    """Nobody learns from what is shown whether the password was right."""
    with an_sshd(auth=hiding_stack()) as sshd:
        wrong_code = transcript_of_refusal(sshd, someone.user, PASSWORD, someone.wrong_code())
        assert someone.state().codes.failures == 1
        wrong_password = transcript_of_refusal(sshd, someone.user, "wrong", someone.wrong_code())
    assert wrong_password == wrong_code
    assert someone.state().codes.failures == 1


def test_hiding_stack_refuses_a_good_code_after_a_wrong_password_and_does_not_use_it_up(
    someone: EnrolledUser,
) -> None:
    """The decoy evaluates nothing."""
    code = someone.code()
    with an_sshd(auth=hiding_stack()) as sshd:
        transcript_of_refusal(sshd, someone.user, "wrong", code)
        assert someone.state().authenticators[0].counter == 0
        with sshd.log_in(someone.name, *COMMAND) as terminal:
            enter(terminal, PASSWORD, code)
            terminal.expect(MARK)
            assert terminal.wait_for_end() == 0


def test_hiding_stack_asks_an_account_without_a_second_factor_after_a_wrong_password() -> None:
    """A wrong password never gets in, whatever follows."""
    user = a_user(password=PASSWORD, home=True)
    with an_sshd(auth=hiding_stack()) as sshd:
        assert PROMPT in transcript_of_refusal(sshd, user, "wrong", "123456")
