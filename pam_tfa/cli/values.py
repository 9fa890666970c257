"""The values of options, from text to a type; what is wrong with one is a sentence.

Raises everywhere: argparse.ArgumentTypeError with the whole sentence.
"""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from datetime import datetime
from typing import TYPE_CHECKING, Final

from pam_tfa.cli.language import _
from pam_tfa.cli.printable import printable
from pam_tfa.core.otp_parameters import MAX_PERIOD_S, MIN_PERIOD_S
from pam_tfa.core.suspension import MAX_REASON_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE_S: Final = 60
HOUR_S: Final = 60 * MINUTE_S
DAY_S: Final = 24 * HOUR_S
UNITS_S: Final = {"m": MINUTE_S, "h": HOUR_S, "d": DAY_S, "w": 7 * DAY_S}
# re.ASCII: \d would take Arabic digits, which int() reads and no one means.
DURATION: Final = re.compile(r"(?:\d{1,6}[mhdw])+", re.ASCII)
DURATION_PART: Final = re.compile(r"(\d+)([mhdw])", re.ASCII)
DATE: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)
LONGEST_SPAN_S: Final = 3653 * DAY_S


def one_of(option: str, *words: str) -> Callable[[str], str]:
    """Make a parser for an option that takes one of a few words."""

    def parse(text: str) -> str:
        if text in words:
            return text
        raise ArgumentTypeError(
            _("{option} is {words}, not '{text}'.").format(
                option=option, words=_alternatives(words), text=printable(text)
            )
        )

    return parse


def _alternatives(words: tuple[str, ...]) -> str:
    return _("{first} or {last}").format(first=", ".join(words[:-1]), last=words[-1])


def parse_period(text: str) -> int:
    """Parse the lifetime of a TOTP code in seconds."""
    if re.fullmatch(r"[0-9]{1,4}", text) and MIN_PERIOD_S <= int(text) <= MAX_PERIOD_S:
        return int(text)
    raise ArgumentTypeError(
        _("--period is a whole number of seconds from {least} to {most}, not '{text}'.").format(
            least=MIN_PERIOD_S, most=MAX_PERIOD_S, text=printable(text)
        )
    )


def parse_until(text: str, now_s: int) -> int:
    """Parse the end of a suspension: a local date or time, or a duration from now.

    Returns: Unix seconds, later than now and at most ten years away.
    """
    until_s = _until_s(text, now_s)
    if until_s <= now_s:
        raise ArgumentTypeError(
            _("--until must lie in the future, and '{text}' does not.").format(text=printable(text))
        )
    if until_s > now_s + LONGEST_SPAN_S:
        raise ArgumentTypeError(
            _(
                "--until can be at most ten years away, and '{text}' is further; "
                "leave it out to suspend without an end."
            ).format(text=printable(text))
        )
    return until_s


def _until_s(text: str, now_s: int) -> int:
    if DURATION.fullmatch(text):
        return now_s + sum(
            int(number) * UNITS_S[unit] for number, unit in DURATION_PART.findall(text)
        )
    if DATE.fullmatch(text):
        try:
            return int(datetime.fromisoformat(text).timestamp())
        except (ValueError, OverflowError, OSError):
            pass
    raise ArgumentTypeError(
        _(
            "--until is a duration such as 90m, 12h, 7d or 2w, or a date such as 2027-01-31 or "
            "'2027-01-31 18:00', not '{text}'."
        ).format(text=printable(text))
    )


def parse_reason(text: str) -> str:
    """Parse a note of one line that is stored with a suspension and logged."""
    if not text.strip():
        raise ArgumentTypeError(
            _("--reason needs a few words, such as 'phone lost'; leave it out to give none.")
        )
    if not text.isprintable():
        raise ArgumentTypeError(
            _("--reason is one line without control characters, not '{text}'.").format(
                text=printable(text)
            )
        )
    size = len(text.encode())
    if size > MAX_REASON_BYTES:
        raise ArgumentTypeError(
            _("--reason is at most {most} bytes long, and this one has {size}.").format(
                most=MAX_REASON_BYTES, size=size
            )
        )
    return text.strip()


def parse_user(text: str) -> str:
    """Parse the name of an account: any name that NSS could know."""
    if not text:
        raise ArgumentTypeError(_("USER is empty; give the name of an account, such as alice."))
    # A surrogate stands for a byte that isn't UTF-8: NSS can know such names.
    if not all(each.isprintable() or "\udc80" <= each <= "\udcff" for each in text):
        raise ArgumentTypeError(
            _(
                "USER is the name of an account, which has no control characters, not '{text}'."
            ).format(text=printable(text))
        )
    return text
