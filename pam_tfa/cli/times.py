"""Times and durations as people read them."""

from __future__ import annotations

import time
from typing import Final

from pam_tfa.cli.language import _, ngettext

# The end of a suspension or lock that has none; later than any date that strftime can show.
LAST_SHOWN_S: Final = 253402300799


def local_time(when_s: int) -> str:
    """Format Unix seconds as local time with its zone."""
    if when_s > LAST_SHOWN_S:
        return _("for ever")
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(when_s))


def duration(span_s: int) -> str:
    """Format a span of seconds with its two largest units."""
    days, rest = divmod(max(span_s, 0), 86400)
    hours, rest = divmod(rest, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [
        (days, ngettext("{n} day", "{n} days", days)),
        (hours, ngettext("{n} hour", "{n} hours", hours)),
        (minutes, ngettext("{n} minute", "{n} minutes", minutes)),
        (seconds, ngettext("{n} second", "{n} seconds", seconds)),
    ]
    first = next((index for index, (count, _text) in enumerate(parts) if count), len(parts) - 1)
    second = [part for part in parts[first + 1 : first + 2] if part[0]]
    return " ".join(text.format(n=count) for count, text in [parts[first], *second])
