"""A QR code as rows of characters.

Half blocks without colours are light on dark on most terminals, and some scanners read only dark
on light: on a terminal that knows colours both are set explicitly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

QrForm = Literal["utf8", "ascii"]
# The narrowest border that phones still read; the standard's four would not fit 24 rows.
BORDER: Final = 2
RESET: Final = "\x1b[0m"

Modules = Sequence[Sequence[int]]


class Ink:
    """How dark and light are set on a terminal; empty strings where there are no colours."""

    def __init__(self, *, colour: bool, cube: bool = False) -> None:
        """Choose the colours.

        Args:
            colour: whether the output knows SGR colours at all.
            cube: whether it knows the 256 colours, whose 16 and 231 are black and white in
                every theme; the first sixteen are whatever the theme says.
        """
        black, white = ("8;5;16", "8;5;231") if cube else ("0", "7")
        self.black_on_white = f"\x1b[3{black};4{white}m" if colour else ""
        self.black_on_black = f"\x1b[3{black};4{black}m" if colour else ""
        self.reset = RESET if colour else ""


def make_modules(content: str) -> Modules:
    """Encode text as the modules of a QR code with its border, true for dark."""
    import segno  # 54 ms, and only an enrolment that shows a code needs it

    symbol = segno.make(content, error="l", boost_error=False, micro=False)
    return [list(row) for row in symbol.matrix_iter(scale=1, border=BORDER)]


def draw_half_blocks(modules: Modules, ink: Ink) -> list[str]:
    """Draw two modules a character, upper and lower half."""
    blank = [0] * len(modules[0])
    rows = [*modules, blank] if len(modules) % 2 else list(modules)
    return [
        ink.black_on_white + "".join(map(_half_block, upper, lower)) + ink.reset
        for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    ]


def _half_block(upper: int, lower: int) -> str:
    return " ▄▀█"[2 * bool(upper) + bool(lower)]


def draw_ascii(modules: Modules, ink: Ink) -> list[str]:
    """Draw a module as two characters, ## for dark; with colours a dark one is all black."""
    return [_ascii_row(row, ink) for row in modules]


def _ascii_row(row: Sequence[int], ink: Ink) -> str:
    drawn, dark = ink.black_on_white, False
    for module in row:
        if bool(module) != dark:
            dark = not dark
            drawn += ink.black_on_black if dark else ink.black_on_white
        drawn += "##" if dark else "  "
    return drawn + ink.reset


def size_of(modules: Modules, form: QrForm) -> tuple[int, int]:
    """Return columns and rows that a drawing takes."""
    if form == "utf8":
        return len(modules[0]), (len(modules) + 1) // 2
    return 2 * len(modules[0]), len(modules)
