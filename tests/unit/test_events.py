"""Log lines: one event is one line, whatever is in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pam_tfa.events import Sentence, format_event


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
        ("x" * 300, "x" * 256 + "..."),
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
