"""Option values, times, and what is safe to show."""

import argparse
import os
import time
from collections.abc import Callable
from typing import TypeVar
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pam_tfa.cli.printable import printable
from pam_tfa.cli.times import duration, local_time
from pam_tfa.cli.values import DAY_S, parse_reason, parse_until, parse_user

NOW_S = 1_800_000_000
Value = TypeVar("Value")


@pytest.mark.parametrize(
    ("text", "span_s"),
    [("90m", 5400), ("12h", 43200), ("7d", 7 * DAY_S), ("2w", 14 * DAY_S), ("1d12h", 129600)],
)
def test_durations_add_up(text: str, span_s: int) -> None:
    """Units of m, h, d and w."""
    assert parse_until(text, NOW_S) == NOW_S + span_s


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2027-01-31", "2027-01-31 00:00:00 CET"),
        ("2027-07-31 18:00", "2027-07-31 18:00:00 CEST"),
        ("2027-07-31T18:00:30", "2027-07-31 18:00:30 CEST"),
        ("2027-01-31T17:00:00Z", "2027-01-31 18:00:00 CET"),
        ("2027-01-31T17:00:00+0000", "2027-01-31 18:00:00 CET"),
    ],
)
def test_dates_are_local_unless_they_say_so(text: str, expected: str) -> None:
    """And shown with their zone."""
    with patch.dict(os.environ, {"TZ": "Europe/Berlin"}):
        time.tzset()
        shown = local_time(parse_until(text, NOW_S))
    time.tzset()
    assert shown == expected


@given(st.text(max_size=12))
def test_until_is_later_than_now_or_refused(text: str) -> None:
    """Whatever was typed."""
    until_s, refusal = _parsed(lambda: parse_until(text, NOW_S))
    if until_s is None:
        assert refusal.startswith("--until")
        assert refusal.isprintable()
    else:
        assert NOW_S < until_s <= NOW_S + 3653 * DAY_S


@given(st.text(max_size=300))
def test_reason_fits_its_field_or_is_refused(text: str) -> None:
    """One line of at most 256 bytes."""
    reason, refusal = _parsed(lambda: parse_reason(text))
    if reason is None:
        assert refusal.isprintable()
    else:
        assert reason.isprintable()
        assert 0 < len(reason.encode()) <= 256


def _parsed(parse: Callable[[], Value]) -> tuple[Value | None, str]:
    try:
        return parse(), ""
    except argparse.ArgumentTypeError as error:
        return None, str(error)


@given(st.text(st.characters(), max_size=20))
def test_what_is_shown_moves_no_cursor(text: str) -> None:
    """Every character is printable, and plain text stays."""
    shown = printable(text)
    assert shown.isprintable()
    if text.isprintable():
        assert shown == text


def test_user_with_bytes_that_are_no_utf8_is_a_name() -> None:
    """The record's file name escapes them."""
    assert parse_user(os.fsdecode(b"m\xfcller")) == "m\udcfcller"
    assert printable("m\udcfcller") == "m\\xfcller"


@pytest.mark.parametrize(
    ("span_s", "shown"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (60, "1 minute"),
        (90, "1 minute 30 seconds"),
        (3600, "1 hour"),
        (3601, "1 hour"),
        (90000, "1 day 1 hour"),
        (172800, "2 days"),
    ],
)
def test_durations_are_readable(span_s: int, shown: str) -> None:
    """The two largest units."""
    assert duration(span_s) == shown
