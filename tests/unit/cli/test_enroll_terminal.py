"""Enrolment on a terminal of 80 x 24: the scanner reads the screen, the code confirms it."""

import io
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pyotp
import pytest

from tests.unit.cli.command import ACCOUNT, Place
from tests.unit.cli.screen import RenderedScreen

CHECKOUT = Path(__file__).resolve().parents[3]
FIRST_CODE = "First code from the app: "


class OnTerminal:
    """The command on a pseudo-terminal, and its screen."""

    def __init__(
        self, place: Place, *arguments: str, terminal_type: str = "xterm-256color", **sizes: int
    ) -> None:
        columns, rows = sizes.get("columns", 80), sizes.get("rows", 24)
        self.screen = RenderedScreen(columns, rows)
        self.output = io.BytesIO()
        self.child = pexpect.spawn(
            sys.executable,
            ["-m", "pam_tfa.cli", "--config", str(place.config), *arguments],
            env={"TERM": terminal_type, "PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT)},
            dimensions=(rows, columns),
            timeout=20,
        )
        self.child.logfile_read = self.output

    def until(self, text: str) -> None:
        """Wait for a text on the terminal."""
        self.child.expect_exact(text)
        self.screen.feed(self.output.getvalue())
        self.output.seek(0)
        self.output.truncate()

    def scan(self) -> str:
        """Return what a scanner reads off the screen."""
        (found,) = self.screen.codes()
        return found

    def end(self) -> int:
        """Wait for the end and return the exit status."""
        self.child.expect(pexpect.EOF)
        self.child.close()
        self.screen.feed(self.output.getvalue())
        assert self.child.exitstatus is not None
        return int(self.child.exitstatus)


def code_of(uri: str, at: float | None = None) -> str:
    """Make a code as the app behind a URI would."""
    otp = pyotp.parse_uri(uri)
    if isinstance(otp, pyotp.TOTP):
        return otp.at(int(at or time.time()))
    assert isinstance(otp, pyotp.HOTP)
    return otp.at(0)


@pytest.fixture(autouse=True)
def _children_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """End the commands that a failed test started."""
    started: list[pexpect.spawn] = []
    spawn = pexpect.spawn

    def remember(*arguments: object, **keywords: object) -> pexpect.spawn:
        started.append(spawn(*arguments, **keywords))
        return started[-1]

    monkeypatch.setattr(pexpect, "spawn", remember)
    yield
    for child in started:
        child.close(force=True)


@pytest.mark.parametrize("terminal_type", ["xterm-256color", "linux", "vt100"])
@pytest.mark.parametrize("options", [[], ["--type=hotp"], ["--digits=8", "--algorithm=sha256"]])
def test_screen_with_prompt_is_scanned_and_confirmed(
    place: Place, options: list[str], terminal_type: str
) -> None:
    """QR code, key and prompt stand on one screen; the code that it gives enrols."""
    run = OnTerminal(place, "enroll", ACCOUNT, *options, terminal_type=terminal_type)
    run.until(FIRST_CODE)
    uri = run.scan()
    shown = run.screen.text()
    key = "".join(re.findall(r"\b(?![TH]OTP)[A-Z2-7]{4}\b", shown))
    assert f"secret={key}" in uri
    assert shown.rstrip().endswith(FIRST_CODE.strip())
    assert not place.record().exists()
    code = code_of(uri)
    run.child.sendline(code)
    run.until("is enrolled")
    run.until("never shown again")
    assert run.end() == 0
    assert code not in run.screen.text().split()
    assert len(re.findall(r"(?:[0-9A-Z]{5}-){2}[0-9A-Z]{5}", run.screen.text())) == 10
    assert place.record().exists()


def test_printed_uri_is_the_scanned_one(place: Place) -> None:
    """One URI in all forms."""
    run = OnTerminal(place, "enroll", ACCOUNT, rows=40)
    run.until(FIRST_CODE)
    assert run.scan() in run.screen.text()
    run.child.sendeof()
    assert run.end() == 1


def test_small_window_gets_the_key_and_says_why(place: Place) -> None:
    """The code can still be typed; the text says how large the window must be."""
    run = OnTerminal(place, "enroll", ACCOUNT, columns=80, rows=15)
    run.until(FIRST_CODE)
    assert run.screen.codes() == []
    assert "needs a terminal of" in run.screen.text()
    run.child.sendeof()
    assert run.end() == 1


def test_three_wrong_codes_store_nothing(place: Place) -> None:
    """Each says what to look at; after the third the account is as before."""
    run = OnTerminal(place, "enroll", ACCOUNT, "--qr", "none")
    before = place.snapshot()
    for said in ("2 tries left", "1 try left"):
        run.until(FIRST_CODE)
        run.child.sendline("000000")
        run.until(said)
    run.until(FIRST_CODE)
    run.child.sendline("12")
    run.until("nothing was stored")
    assert run.end() == 1
    assert place.snapshot() == before


def test_clock_that_is_off_is_named(place: Place) -> None:
    """The commonest reason for a wrong first code."""
    run = OnTerminal(place, "enroll", ACCOUNT)
    run.until(FIRST_CODE)
    run.child.sendline(code_of(run.scan(), at=time.time() + 300))
    run.until("ahead")
    run.child.sendintr()
    run.end()


def test_interrupt_stores_nothing_and_gives_the_echo_back(place: Place) -> None:
    """Ctrl-C ends with 130."""
    before = place.snapshot()
    run = OnTerminal(place, "enroll", ACCOUNT)
    run.until(FIRST_CODE)
    run.child.sendintr()
    run.until("Interrupted")
    assert run.end() == 130
    assert place.snapshot() == before


def test_live_enrolment_is_replaced_with_a_current_code(place: Place) -> None:
    """The old secret proves who asks; then it is dead."""
    first = OnTerminal(place, "enroll", ACCOUNT)
    first.until(FIRST_CODE)
    uri = first.scan()
    first.child.sendline(code_of(uri))
    first.until("never shown again")
    backup_code = re.findall(r"(?:[0-9A-Z]{5}-){2}[0-9A-Z]{5}", first.screen.text())[0]
    assert first.end() == 0
    second = OnTerminal(place, "enroll", ACCOUNT)
    second.until("Current code, or a backup code: ")
    second.child.sendline(backup_code.lower())
    second.until(FIRST_CODE)
    renewed = second.scan()
    assert renewed != uri
    second.child.sendline(code_of(renewed))
    second.until("no longer work")
    assert second.end() == 0


def test_long_account_name_still_fits_the_screen(place: Place) -> None:
    """32 characters and a long issuer: shortened, said so, scanned."""
    place.config.write_text(
        place.config.read_text().replace("web1", "a-very-long-issuer-name-of-31-c")
    )
    run = OnTerminal(place, "enroll", ACCOUNT, "--digits=8", "--algorithm=sha512", "--period=60")
    run.until("shortened so that the QR code fits")
    run.until(FIRST_CODE)
    assert ACCOUNT in run.scan()
    run.child.sendeof()
    assert run.end() == 1
