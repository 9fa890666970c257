"""sshd answers our prompt by itself: with the password, or with a dummy. Neither is a code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness.enrolled import an_enrolled_user
from tests.system.conftest import PASSWORD
from tests.system.sshd import an_sshd
from tests.system.test_sshd_codes import COMMAND, DENIED, MARK, PROMPT, assert_gets_in

if TYPE_CHECKING:
    from tests.harness.enrolled import EnrolledUser
    from tests.harness.fixtures import LogSinceStart

SIX_DIGITS = "470815"
CODE_ALONE = ("auth required pam_tfa.so nodelay",)


def reasons_logged(log: LogSinceStart, user: EnrolledUser) -> list[str]:
    """Return what was logged as the reasons of the user's refusals."""
    log.wait_for(f"outcome=refused reason=.* user={user.name}")
    fields = [text.partition("event=login ")[2].split() for text in log.texts()]
    wanted = f"user={user.name}"
    return [each[1].removeprefix("reason=") for each in fields if wanted in each]


@pytest.mark.parametrize("password", [PASSWORD, SIX_DIGITS])
def test_password_method_is_logged_as_the_password_and_counts_nothing(
    log: LogSinceStart, password: str
) -> None:
    """Also where the password has the form of a code."""
    user = an_enrolled_user(otp_type="hotp", password=password, home=True)
    options = ["PreferredAuthentications=password", "NumberOfPasswordPrompts=1"]
    with an_sshd("PasswordAuthentication yes") as sshd:
        with sshd.log_in(user.name, *COMMAND, options=options) as terminal:
            terminal.answer("password: ", password)
            terminal.expect(DENIED)
            assert terminal.wait_for_end() != 0
            assert MARK not in terminal.transcript
        assert reasons_logged(log, user) == ["not_a_code:equals_password"]
        assert user.state().codes.failures == 0
        assert_gets_in(sshd, user, user.code())


@pytest.mark.parametrize("is_code", [True, False])
def test_dummy_for_a_user_whom_sshd_refuses_counts_nothing_and_uses_no_code_up(
    someone: EnrolledUser, log: LogSinceStart, is_code: bool
) -> None:
    """It is as long as what was typed, which sshd keeps to itself."""
    code = someone.code()
    with (
        an_sshd(f"DenyUsers {someone.name}", auth=CODE_ALONE) as sshd,
        sshd.log_in(someone.name, *COMMAND) as terminal,
    ):
        terminal.answer(PROMPT, code if is_code else someone.backup_codes[0])
        terminal.expect(DENIED)
        assert terminal.wait_for_end() != 0
    assert reasons_logged(log, someone) == ["not_a_code:control_byte"]
    state = someone.state()
    assert (state.codes.failures, state.backup.failures, state.backup_used) == (0, 0, 0)
    with an_sshd() as sshd:
        assert_gets_in(sshd, someone, code)
