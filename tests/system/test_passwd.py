"""passwd with our line where it does not belong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness.installation import require_tool
from tests.system.conftest import PASSWORD
from tests.system.pam_edits import with_lines_added
from tests.system.sshd import an_sshd
from tests.system.terminal import Terminal
from tests.system.test_sshd_codes import COMMAND, MARK, PROMPT

if TYPE_CHECKING:
    from tests.harness.enrolled import EnrolledUser

NEW_PASSWORD = "Better-Horse-8!x"
LINES = {
    "password": "password required pam_tfa.so",
    "account": "account required pam_tfa.so",
    "session": "session required pam_tfa.so",
}


@pytest.mark.parametrize("lines", [*([line] for line in LINES.values()), list(LINES.values())])
def test_password_can_be_changed_whatever_line_was_added(
    someone: EnrolledUser, lines: list[str]
) -> None:
    """It neither asks for a code nor keeps the password as it was."""
    with with_lines_added("passwd", lines):
        command = [require_tool("passwd", "passwd")]
        with Terminal(command, caller=someone.user) as terminal:
            terminal.answer("urrent password: ", PASSWORD)
            terminal.answer("New password: ", NEW_PASSWORD)
            terminal.answer("Retype new password: ", NEW_PASSWORD)
            terminal.expect("password updated successfully")
            assert terminal.wait_for_end() == 0
            assert PROMPT not in terminal.transcript
    with an_sshd() as sshd, sshd.log_in(someone.name, *COMMAND) as terminal:
        terminal.answer("Password: ", NEW_PASSWORD)
        terminal.answer(PROMPT, someone.code())
        terminal.expect(MARK)
        assert terminal.wait_for_end() == 0
