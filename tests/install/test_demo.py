"""``sudo make demo``: the first thing that a reader runs."""

import re
import subprocess

import pexpect
import pytest

from tests.install.machine import CHECKOUT, on_a_machine_of_its_own

pytestmark = pytest.mark.timeout(300)


def test_transcript_shows_password_prompt_code_prompt_and_shell() -> None:
    """A real ssh login, and exit status 0 only when all three were seen."""
    result = on_a_machine_of_its_own("scripts/demo.sh")
    assert result.returncode == 0, result.stdout + result.stderr
    password, code, shell = (
        result.stdout.index(text)
        for text in ("Password: ", "Verification code: ", "\nthis shell belongs to: tfa-demo")
    )
    assert password < code < shell


def test_fails_where_no_code_is_asked_for() -> None:
    """A login that only wants a password must not pass for a demonstration."""
    result = on_a_machine_of_its_own(
        r"""
        printf '#!/bin/sh\nprintf "Password: "; read answer; echo welcome\n' > /usr/local/bin/ssh
        chmod +x /usr/local/bin/ssh
        PATH=/usr/local/bin:$PATH scripts/demo.sh
        """
    )
    assert result.returncode == 1
    assert "demo: 'Verification code: ' did not appear" in result.stderr


def test_reader_on_a_terminal_gets_a_turn() -> None:
    """QR code, ssh command and password are shown, they work, and Enter ends it."""
    command = [str(CHECKOUT / "scripts/in-namespace.sh"), "scripts/demo.sh"]
    demo = pexpect.spawn(
        command[0], command[1:], cwd=CHECKOUT, encoding="utf-8", timeout=120, dimensions=(60, 200)
    )
    demo.expect("Your turn")
    demo.expect(r"\b([0-9A-Z]{5}-[0-9A-Z]{5}-[0-9A-Z]{5})\b")
    backup_code = demo.match.group(1)
    demo.expect(r"In another terminal: +(ssh [^\r]*)\r")
    ssh_command = demo.match.group(1)
    demo.expect(r"Password: +([^\r]*)\r")
    password = demo.match.group(1)
    demo.expect("Press Enter")
    reader = pexpect.spawn(ssh_command, encoding="utf-8", timeout=60)
    reader.expect("Password: ")
    reader.sendline(password)
    reader.expect("Verification code: ")
    reader.sendline(backup_code)
    reader.expect(re.escape("$ "))
    demo.sendline()
    demo.expect("Nothing of it stays")
    demo.expect(pexpect.EOF)
    demo.close()
    reader.close(force=True)
    assert demo.exitstatus == 0
    assert subprocess.run(["id", "tfa-demo"], capture_output=True, check=False).returncode == 1
