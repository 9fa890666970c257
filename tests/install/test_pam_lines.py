"""Taking pam_tfa.so out of PAM files: what is left asks for the password, and for it alone."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pam_lines
import pytest

from tests.install.machine import CHECKOUT, INSIDE_MARK

SERVICE = Path("/etc/pam.d/tfa-undo-test")
USER = "tfa-undo-test"
PASSWORD = "only the password"


def _undone(content: str, *, included: bool = False) -> str:
    rules = pam_lines.parse_rules(content, with_service=False)
    return pam_lines.rewritten(content, pam_lines.undone(SERVICE, rules, included=included))


@pytest.fixture(scope="module")
def _user() -> Iterator[None]:
    assert INSIDE_MARK.exists(), "this adds a user: sudo make test"
    subprocess.run(["useradd", USER], check=True)
    subprocess.run(["chpasswd"], input=f"{USER}:{PASSWORD}", text=True, check=True)
    yield
    subprocess.run(["userdel", USER], check=True)
    SERVICE.unlink(missing_ok=True)


def _gets_in(password: str) -> bool:
    # In a process of its own: a host of PAM keeps the log's socket open.
    code = "import pamela, sys; pamela.authenticate(*sys.argv[1:3], service=sys.argv[3])"
    command = [sys.executable, "-c", code, USER, password, SERVICE.name]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0 or "pamela.PAMError" in result.stderr, result.stderr
    return result.returncode == 0


@pytest.mark.usefixtures("_user")
@pytest.mark.parametrize("example", ["sshd", "auth-hiding-the-password-result"])
def test_undone_example_takes_the_password_and_nothing_else(example: str) -> None:
    """Deleting the lines of the hiding stack would let a wrong password in."""
    SERVICE.write_text(_undone((CHECKOUT / "etc/pam.d" / example).read_text()))
    assert _gets_in(PASSWORD)
    assert not _gets_in("wrong")


def test_plain_line_is_commented_out() -> None:
    """The ordinary case reads as what it was."""
    before = "@include common-auth\nauth required pam_tfa.so nullok\n"
    after = "@include common-auth\n# pam_tfa was removed; before: auth required pam_tfa.so nullok\n"
    assert _undone(before) == after


def test_included_file_keeps_its_number_of_lines() -> None:
    """A file that includes this one may jump over its lines."""
    assert "auth [default=ignore] pam_permit.so" in _undone(
        "auth required pam_unix.so\nauth required pam_tfa.so\n", included=True
    )


def test_rule_over_several_lines_is_replaced_whole() -> None:
    """A backslash joins lines."""
    before = "auth required pam_unix.so\nauth required \\\n pam_tfa.so \\\n nullok\n# end\n"
    after = _undone(before)
    assert after.count("\n") == 3
    assert after.endswith("nullok\n# end\n")


def test_backslash_in_a_comment_joins_nothing() -> None:
    """libpam reads the next line, so it must not be overlooked."""
    rules = pam_lines.parse_rules("# a comment \\\nauth required pam_tfa.so\n", with_service=False)
    assert [rule.first for rule in pam_lines.rules_of_ours(rules)] == [1]


@pytest.mark.parametrize(
    "line",
    [
        "auth required pam_tfa.so",
        "-auth\t[success=ok default=bad]\t/lib/security/pam_tfa.so config=/etc/x",
        "AUTH sufficient pam_tfa.so # why not",
        "session required pam_tfa.so",
        "nonsense pam_tfa.so",
    ],
)
def test_line_that_names_the_module_is_found(line: str) -> None:
    """In every form that libpam reads, and in forms that it chokes on."""
    assert pam_lines.rules_of_ours(pam_lines.parse_rules(line, with_service=False))


@pytest.mark.parametrize(
    "line", ["# auth required pam_tfa.so", "auth required pam_unix.so # pam_tfa.so"]
)
def test_comment_that_names_the_module_is_not_a_rule(line: str) -> None:
    """Otherwise an undone file would keep the uninstaller from going on."""
    assert not pam_lines.rules_of_ours(pam_lines.parse_rules(line, with_service=False))


@pytest.mark.parametrize(
    "content",
    [
        "auth required pam_tfa.so\nauth required pam_permit.so\n",
        "auth required pam_tfa.so forward_pass\nauth required pam_unix.so use_first_pass\n",
        "auth sufficient pam_tfa.so app_password\nauth required pam_unix.so\n",
        "auth required pam_unix.so\nnonsense pam_tfa.so\n",
    ],
)
def test_file_that_needs_a_person_is_left_to_one(content: str) -> None:
    """Where nothing would ask any more, or the password's way through the stack would change."""
    with pytest.raises(pam_lines.UndoError):
        _undone(content)
