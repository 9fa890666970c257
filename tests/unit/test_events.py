"""Log lines: one event is one line, whatever is in it."""

import errno
import socket
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pam_tfa import events
from pam_tfa.events import Sentence, format_event, write_event


def test_event_is_key_value_pairs() -> None:
    """Fields without a value are left out."""
    line = format_event("login", (("user", "alice"), ("rhost", None), ("uid", 0)))
    assert line == "event=login user=alice uid=0"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("", '""'),
        ("a b", "a\\x20b"),
        ("a\nevent=login", "a\\x0aevent\\x3dlogin"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\u202eadmin", "\\xe2\\x80\\xaeadmin"),
        ("\udcff", "\\xff"),
        ('"', "\\x22"),
        ("\\", "\\x5c"),
        ("DOM\\user", "DOM\\x5cuser"),
        ("x" * 256, "x" * 256),
        ("x" * 257, "x" * 256 + "..."),
        ("\u00e4" * 128, "\\xc3\\xa4" * 128),
        ("\U0001f600" * 100, "\\xf0\\x9f\\x98\\x80" * 64 + "..."),
    ],
)
def test_value_of_others_is_one_escaped_word(value: str, written: str) -> None:
    """Nothing in it can begin a field, a line or an escape sequence."""
    assert format_event("e", (("user", value),)) == f"event=e user={written}"


def test_own_words_stay_readable() -> None:
    """A Sentence is quoted, and can't end its quotes."""
    line = format_event("e", (("reason", Sentence('can\'t read "/x y"')),))
    assert line == 'event=e reason="can\'t read \\x22/x y\\x22"'


@given(st.text(alphabet=st.characters(codec=None), max_size=400))
def test_any_value_gives_one_printable_line(value: str) -> None:
    """Surrogates included."""
    line = format_event("e", (("user", value), ("reason", Sentence(value)), ("end", "1")))
    assert line.isascii()
    assert line.isprintable()
    assert line.endswith(" end=1")
    assert line.count("user=") == 1


def test_log_that_takes_nothing_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """syslog(3) would wait for ever, and the login that waits would be ended."""
    path = str(tmp_path / "log")
    monkeypatch.setattr(events, "LOG_SOCKET", path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(path)
        began_s = time.monotonic()
        for _ in range(12):  # more than a queue holds (net.unix.max_dgram_qlen)
            write_event("test", 6, "x" * 60_000)
        assert time.monotonic() - began_s < 12 * events.SEND_LIMIT_S + 2
        assert log.recv(100).startswith(b"<86>")


def test_missing_log_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host without a log still lets people in."""
    monkeypatch.setattr(events, "LOG_SOCKET", str(tmp_path / "log"))
    write_event("test", 6, "event=login")


def test_log_without_a_descriptor_left_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is let in or out by then must hear it: a line that can't be written is lost."""

    def no_socket(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("pam_tfa.events._socket.socket", no_socket)
    write_event("test", 6, "event=login")
