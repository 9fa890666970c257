"""A terminal's screen as a picture, and the QR codes that a scanner finds in it."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pyte
import zxingcpp

CELL_WIDTH = 8
CELL_HEIGHT = 16
NAMED = {"black": 0, "white": 229, "red": 90, "green": 120, "blue": 60}

Theme = Literal["dark", "light"]


class RenderedScreen:
    """A pyte screen and the picture that a phone's camera would see of it."""

    def __init__(self, columns: int = 80, rows: int = 24, theme: Theme = "dark") -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        # A terminal's own colours where the program sets none: light on dark, or the reverse.
        self._default = (229, 0) if theme == "dark" else (0, 255)

    def feed(self, output: bytes) -> None:
        """Show what a program wrote to its terminal."""
        self._stream.feed(output)

    def show(self, lines: list[str]) -> None:
        """Show lines as the kernel's terminal driver would pass them on."""
        self.feed("".join(line + "\r\n" for line in lines).encode())

    def text(self) -> str:
        """Return the characters that are to be seen."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    def picture(self) -> np.ndarray:
        """Return the screen as grey levels."""
        rows, columns = self._screen.lines, self._screen.columns
        picture = np.zeros((rows * CELL_HEIGHT, columns * CELL_WIDTH), dtype=np.uint8)
        for row in range(rows):
            for column in range(columns):
                cell = self._screen.buffer[row][column]
                top, left = row * CELL_HEIGHT, column * CELL_WIDTH
                picture[top : top + CELL_HEIGHT, left : left + CELL_WIDTH] = self._draw(cell)
        return picture

    def codes(self) -> list[str]:
        """Return the texts of the QR codes on the screen; inverted ones don't count."""
        picture = np.kron(self.picture(), np.ones((2, 2), dtype=np.uint8))
        found = zxingcpp.read_barcodes(picture, try_invert=False)
        return [each.text for each in found]

    def _draw(self, cell: pyte.screens.Char) -> np.ndarray:
        ink, paper = self._level(cell.fg, 0), self._level(cell.bg, 1)
        if cell.reverse:
            ink, paper = paper, ink
        drawn = np.full((CELL_HEIGHT, CELL_WIDTH), paper, dtype=np.uint8)
        half = CELL_HEIGHT // 2
        match cell.data:
            case "█":
                drawn[:] = ink
            case "▀":
                drawn[:half] = ink
            case "▄":
                drawn[half:] = ink
            case "#":  # a grid of strokes, mostly paper
                drawn[:, 2] = drawn[:, 5] = drawn[5] = drawn[10] = ink
            case " ":
                pass
            case _:
                drawn[4:12, 2:6] = ink
        return drawn

    def _level(self, colour: str, which: int) -> int:
        if colour == "default":
            return self._default[which]
        if colour in NAMED:
            return NAMED[colour]
        return int(colour[:2], 16)  # greys alone are used
