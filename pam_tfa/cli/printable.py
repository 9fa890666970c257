"""Text from outside - names, reasons, file contents - made safe for a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """Escape what could move a cursor, reorder a line or isn't a character at all.

    str.isprintable() is false for control and format characters (U+202E turns a line around) and
    for the surrogates that stand for undecodable bytes.
    """
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # PEP 383: a byte that was no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
