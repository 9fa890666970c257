"""sshd's other ways to authenticate, and accounts that are not asked for a code."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.harness.enrolled import an_enrolled_user
from tests.harness.faults import replaced
from tests.harness.installation import CONFIG
from tests.harness.users import User, a_user, set_password
from tests.system.conftest import PASSWORD
from tests.system.sshd import an_sshd, authorize_new_key
from tests.system.test_sshd_codes import COMMAND, DENIED, MARK, PROMPT, enter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.enrolled import EnrolledUser

KEY_AND_CODE = "AuthenticationMethods publickey,keyboard-interactive"
CODE_ALONE = ("auth required pam_tfa.so nodelay",)


@contextlib.contextmanager
def configured(content: str) -> Iterator[None]:
    """Put a configuration in place for the length of a block."""
    with replaced(CONFIG, content.encode(), mode=0o644):
        yield


def options_for_key(user: User) -> list[str]:
    """Return ssh's options for an authorized key, then keyboard-interactive."""
    key = authorize_new_key(user.home, user.uid)
    return [f"IdentityFile={key}", "PreferredAuthentications=publickey,keyboard-interactive"]


def test_key_and_code_let_in(someone: EnrolledUser) -> None:
    """With AuthenticationMethods the code is asked for after the key."""
    options = options_for_key(someone.user)
    with (
        an_sshd(KEY_AND_CODE, auth=CODE_ALONE) as sshd,
        sshd.log_in(someone.name, *COMMAND, options=options) as terminal,
    ):
        terminal.answer(PROMPT, someone.code())
        terminal.expect(MARK)
        assert terminal.wait_for_end() == 0
        assert "Password" not in terminal.transcript


def test_key_with_a_wrong_code_is_refused(someone: EnrolledUser) -> None:
    """The key alone does not let in."""
    options = options_for_key(someone.user)
    with (
        an_sshd(KEY_AND_CODE, auth=CODE_ALONE) as sshd,
        sshd.log_in(someone.name, *COMMAND, options=options) as terminal,
    ):
        terminal.answer(PROMPT, someone.wrong_code())
        terminal.expect(DENIED)
        assert terminal.wait_for_end() != 0


def test_code_without_the_key_is_refused(someone: EnrolledUser) -> None:
    """Nor does the code alone."""
    with (
        an_sshd(KEY_AND_CODE, auth=CODE_ALONE) as sshd,
        sshd.log_in(someone.name, *COMMAND) as terminal,
    ):
        terminal.expect(DENIED)
        assert terminal.wait_for_end() != 0
    assert someone.state().codes.failures == 0


def test_password_method_sends_the_password_as_the_code_which_is_not_counted(
    someone: EnrolledUser,
) -> None:
    """sshd answers every prompt with the password; clients that retry must lock nobody."""
    options = ["PreferredAuthentications=password", "NumberOfPasswordPrompts=3"]
    with (
        an_sshd("PasswordAuthentication yes") as sshd,
        sshd.log_in(someone.name, *COMMAND, options=options) as terminal,
    ):
        for _ in range(3):
            terminal.answer("password: ", PASSWORD)
        terminal.expect(DENIED)
        assert terminal.wait_for_end() != 0
        assert MARK not in terminal.transcript
    assert someone.state().codes.failures == 0


def test_user_without_a_second_factor_gets_in_where_the_configuration_skips() -> None:
    """The shipped configuration: installing it locks nobody out."""
    user = a_user(password=PASSWORD, home=True)
    with (
        configured('unenrolled = "skip"\n'),
        an_sshd() as sshd,
        sshd.log_in(user.name, *COMMAND) as terminal,
    ):
        terminal.answer("Password: ", PASSWORD)
        terminal.expect(MARK)
        assert terminal.wait_for_end() == 0
        assert PROMPT not in terminal.transcript


def test_user_without_a_second_factor_is_refused_where_the_configuration_denies() -> None:
    """The prompt is the same, and no answer is right."""
    user = a_user(password=PASSWORD, home=True)
    with (
        configured('unenrolled = "deny"\n'),
        an_sshd() as sshd,
        sshd.log_in(user.name, *COMMAND) as terminal,
    ):
        enter(terminal, PASSWORD, "123456")
        terminal.expect(DENIED)
        assert terminal.wait_for_end() != 0


@pytest.mark.parametrize("unenrolled", ["skip", "deny"])
def test_suspended_user_gets_in_without_a_code(someone: EnrolledUser, unenrolled: str) -> None:
    """Whatever the configuration says about accounts without a second factor."""
    someone.suspend(2**64 - 1, "lost the phone")
    with (
        configured(f'unenrolled = "{unenrolled}"\n'),
        an_sshd() as sshd,
        sshd.log_in(someone.name, *COMMAND) as terminal,
    ):
        terminal.answer("Password: ", PASSWORD)
        terminal.expect(MARK)
        assert terminal.wait_for_end() == 0
        assert PROMPT not in terminal.transcript


@pytest.fixture
def root_enrolled() -> EnrolledUser:
    """Return root with a password and a second factor."""
    set_password("root", PASSWORD)
    return an_enrolled_user(User("root", 0, 0, "/root", PASSWORD), otp_type="hotp")


def test_root_gets_in_with_a_code_where_sshd_allows_root(root_enrolled: EnrolledUser) -> None:
    """PermitRootLogin yes is what keyboard-interactive needs."""
    with (
        an_sshd("PermitRootLogin yes") as sshd,
        sshd.log_in("root", *COMMAND) as terminal,
    ):
        enter(terminal, PASSWORD, root_enrolled.code())
        terminal.expect(MARK)
        assert terminal.wait_for_end() == 0


def test_root_whom_sshd_refuses_has_no_failures_counted(root_enrolled: EnrolledUser) -> None:
    """For those whom it refuses sshd answers our prompt with a dummy, which is no code."""
    with (
        an_sshd("PermitRootLogin prohibit-password") as sshd,
        sshd.log_in("root", *COMMAND) as terminal,
    ):
        terminal.answer("Password: ", PASSWORD)
        if terminal.expect(PROMPT, DENIED) == PROMPT:
            terminal.type_line(root_enrolled.code())
            terminal.expect(DENIED)
        assert terminal.wait_for_end() != 0
        assert MARK not in terminal.transcript
    assert root_enrolled.state().codes.failures == 0
