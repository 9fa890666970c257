"""Pipes, closed descriptors, full disks: nobody is left with a secret that he was never told."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pyotp
import pytest

from tests.unit.cli.command import ACCOUNT, Place, run

CHECKOUT = Path(__file__).resolve().parents[3]


def start(place: Place, *arguments: str, **streams: object) -> "subprocess.Popen[bytes]":
    """Start the command as a process."""
    return subprocess.Popen(  # type: ignore[call-overload,no-any-return]  # streams of any kind
        [sys.executable, "-m", "pam_tfa.cli", "--config", str(place.config), *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT)},
        **streams,
    )


def test_code_may_be_piped(place: Place) -> None:
    """A program reads the URI from standard output and answers on standard input."""
    pipe = subprocess.PIPE
    with start(place, "enroll", ACCOUNT, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        line = next(each for each in process.stdout if each.startswith(b"otpauth://"))
        app = pyotp.parse_uri(line.decode().strip())
        assert isinstance(app, pyotp.TOTP)
        code = app.now()
        out, _ = process.communicate(code.encode() + b"\n")
    assert process.returncode == 0
    assert len(re.findall(rb"(?:[0-9A-Z]{5}-){2}[0-9A-Z]{5}", out)) == 10
    assert b"\x1b" not in out
    assert code.encode() not in out
    assert place.record().exists()


@pytest.mark.parametrize("stdin", [b"", None, b"000000\n000000\n", b"x" * 100000])
def test_input_without_a_good_code_stores_nothing(place: Place, stdin: bytes | None) -> None:
    """An end of input, a closed descriptor, too few lines, one very long line."""
    if stdin is not None and len(stdin) > 60000:
        stdin = stdin[:60000]  # what fits a pipe that nobody reads yet
    before = place.snapshot()
    result = place.run("enroll", ACCOUNT, "--qr=none", stdin=stdin)
    assert result.exit_status == 1
    assert "nothing was stored" in result.stderr
    assert place.snapshot() == before
    assert result.log == []


def test_full_disk_behind_the_output_enrolls_nobody(place: Place) -> None:
    """--no-confirm shows first and stores then."""
    with open("/dev/full", "wb") as full:
        pipe = subprocess.PIPE
        with start(
            place, "enroll", ACCOUNT, "--no-confirm", "--json", stdout=full, stderr=pipe
        ) as process:
            _, err = process.communicate()
    assert process.returncode == 4
    assert b"nothing was stored" in err
    assert err.count(b"\n") == 1
    assert not place.record().exists()


def test_closed_output_enrolls_nobody(place: Place) -> None:
    """Not even when the descriptor was never open."""
    with start(
        place,
        "enroll",
        ACCOUNT,
        "--no-confirm",
        stderr=subprocess.PIPE,
        preexec_fn=lambda: os.close(1),
    ) as process:
        _, err = process.communicate()
    assert process.returncode == 4
    assert b"nothing was stored" in err
    assert not place.record().exists()


def test_reader_that_left_is_no_news(place: Place) -> None:
    """`pam-tfa list | head -1` says nothing."""
    reader, writer = os.pipe()
    os.close(reader)
    with start(place, "list", stdout=writer, stderr=subprocess.PIPE) as process:
        os.close(writer)
        _, err = process.communicate()
    assert process.returncode == 4
    assert err == b""


def test_locale_without_blocks_gets_the_ascii_form(place: Place) -> None:
    """And no exception for an umlaut."""
    result = subprocess.run(
        [
            *(sys.executable, "-m", "pam_tfa.cli", "--config", str(place.config)),
            *("enroll", ACCOUNT, "--no-confirm"),
        ],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(CHECKOUT),
            "PYTHONIOENCODING": "latin-1:strict",
            "LANG": "de_DE.ISO-8859-1",
        },
        capture_output=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert b"##" in result.stdout


def test_names_from_records_are_escaped(place: Place) -> None:
    """What stands in a file moves no cursor."""
    shown = run("status", "x\udcff", "--config", str(place.config))
    assert "x\\xff" in shown.stderr


def test_no_confirm_json_has_the_documented_fields(place: Place) -> None:
    """The contract with scripts."""
    result = place.run("enroll", ACCOUNT, "--no-confirm", "--json")
    answer = json.loads(result.stdout)
    assert list(answer) == [
        "schema",
        "user",
        "otpauth_uri",
        "secret",
        "type",
        "algorithm",
        "digits",
        "period_s",
        "backup_codes",
    ]
    assert answer["schema"] == "pam-tfa/enroll/1"
    assert f"secret={answer['secret']}" in answer["otpauth_uri"]
    assert result.stdout.count("\n") == 1


def test_no_confirm_refuses_a_live_enrolment(place: Place) -> None:
    """--replace says that it is meant."""
    place.run("enroll", ACCOUNT, "--no-confirm", "--qr=none")
    before = place.snapshot()
    result = place.run("enroll", ACCOUNT, "--no-confirm")
    assert result.exit_status == 1
    assert "--replace" in result.stderr
    assert result.stdout == ""
    assert place.snapshot() == before
    assert place.run("enroll", ACCOUNT, "--no-confirm", "--replace").exit_status == 0


def test_wrong_current_code_is_counted_and_logged(place: Place) -> None:
    """The old enrolment stays."""
    place.run("enroll", ACCOUNT, "--no-confirm", "--qr=none")
    result = place.run("enroll", ACCOUNT, stdin=b"000000\n")
    assert result.exit_status == 1
    assert "stays as it is" in result.stderr
    assert "otpauth" not in result.stdout
    assert result.log == [f"event=enroll user={ACCOUNT} by=root outcome=refused reason=wrong_code"]
    status = json.loads(place.run("status", ACCOUNT, "--json").stdout)
    assert status["failures"]["codes"]["count"] == 1


def test_locked_account_says_for_how_long(place: Place) -> None:
    """Enrolment is no way round the lock."""
    place.run("enroll", ACCOUNT, "--no-confirm", "--qr=none")
    for _ in range(6):
        place.run("enroll", ACCOUNT, stdin=b"000000\n")
    result = place.run("enroll", ACCOUNT, stdin=b"000000\n")
    assert result.exit_status == 1
    assert "locked for" in result.stderr
    assert "; locked until" in place.run("status", ACCOUNT).stdout
    assert "locked" in place.run("list").stdout
    place.run("unlock", ACCOUNT)
    assert "locked" not in place.run("status", ACCOUNT).stdout
