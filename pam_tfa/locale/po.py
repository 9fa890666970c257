"""Read the .po files of this project, without GNU gettext on the machine."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class PoError(Exception):
    """A line of a .po file that can't be read."""

    def __init__(self, line_number: int, reason: str) -> None:
        super().__init__(f"line {line_number}: {reason}")
        self.line_number = line_number
        self.reason = reason


class Entry(NamedTuple):
    """One message; msgid_plural is empty where it has no plural, msgstr has a text a form."""

    msgid: str
    msgid_plural: str
    msgstr: tuple[str, ...]
    fuzzy: bool


def parse_po(text: str) -> list[Entry]:
    """Parse a .po file.

    Returns: its entries in the file's order, the header (msgid "") among them.
    Raises: PoError for a line that is none of comment, keyword, string or blank.
    """
    return [_entry(block) for block in _blocks(text)]


_Block = list[tuple[int, str]]


def _blocks(text: str) -> Iterator[_Block]:
    block: _Block = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if line:
            block.append((number, line))
        elif block:
            yield block
            block = []
    if block:
        yield block


def _entry(block: _Block) -> Entry:
    parts: dict[str, str] = {}
    fuzzy = False
    key = ""
    for number, line in block:
        literal = line
        if line.startswith("#"):
            fuzzy = fuzzy or (line.startswith("#,") and "fuzzy" in line)
            continue
        if not line.startswith('"'):
            key, _, literal = line.partition(" ")
            if key not in ("msgid", "msgid_plural", "msgstr") and not key.startswith("msgstr["):
                raise PoError(number, f"unknown keyword {key!r}")
        parts[key] = parts.get(key, "") + _string(number, literal)
    forms = [parts[name] for name in sorted(parts) if name.startswith("msgstr")]
    return Entry(parts.get("msgid", ""), parts.get("msgid_plural", ""), tuple(forms), fuzzy)


def _string(number: int, literal: str) -> str:
    try:
        # A .po string has C's escapes, and the ones in use (\n, \t, \", \\) are Python's too.
        value = ast.literal_eval(literal.strip())
    except (SyntaxError, ValueError):
        raise PoError(number, "not a string in double quotes") from None
    if not isinstance(value, str):
        raise PoError(number, "not a string in double quotes")
    return value
