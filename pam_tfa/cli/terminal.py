"""The command's input and output: lines shown, codes asked for without an echo."""

from __future__ import annotations

import codecs
import contextlib
import locale
import os
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING, Final, NamedTuple, TextIO

from pam_tfa.cli.qr import Ink

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LONGEST_ANSWER: Final = 512
USUAL_SIZE: Final = (80, 24)
PLAIN_TERMINALS: Final = ("dumb",)


class OutputError(Exception):
    """Standard output can't be written to; what stood on it was not read."""

    def __init__(self, reason: str, *, reader_left: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.reader_left = reader_left


class Size(NamedTuple):
    """A terminal's size in characters."""

    columns: int
    rows: int


class Terminal:
    """Standard input, output and error of one run, whatever they are connected to."""

    def __init__(
        self,
        stdin: TextIO | None,
        stdout: TextIO | None,
        stderr: TextIO | None,
        environment: Mapping[str, str],
    ) -> None:
        """Take the three streams; each is None where its descriptor was closed by the caller."""
        self._stdin = stdin
        self._stdout = stdout
        self._stderr = stderr
        self._terminal_type = environment.get("TERM", "")
        for stream in (stdout, stderr):
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:  # a locale without umlauts or blocks must not end the run
                with contextlib.suppress(OSError):  # it seeks; what can't be written shows later
                    reconfigure(errors="backslashreplace")

    @property
    def output_is_terminal(self) -> bool:
        """Whether people see standard output at once."""
        return self._stdout is not None and self._stdout.isatty()

    @property
    def input_is_terminal(self) -> bool:
        """Whether a person types the answers."""
        return self._stdin is not None and self._stdin.isatty()

    def show(self, *lines: str) -> None:
        """Write lines to standard output.

        Raises: OutputError.
        """
        self._write_out("".join(line + "\n" for line in lines))

    def note(self, *lines: str) -> None:
        """Write lines to standard error; whether they arrive changes nothing."""
        if self._stderr is None:
            return
        with contextlib.suppress(OSError, ValueError):
            self._stderr.write("".join(line + "\n" for line in lines))
            self._stderr.flush()

    def progress(self, text: str) -> None:
        """Show a line that the next one overwrites, where standard error is a terminal."""
        if self._stderr is not None and self._stderr.isatty():
            with contextlib.suppress(OSError, ValueError):
                self._stderr.write(f"\r\x1b[K{text}")
                self._stderr.flush()

    def size(self) -> Size | None:
        """Return the size of the terminal behind standard output; None where there is none.

        The kernel's answer alone counts: COLUMNS and LINES are the caller's.
        """
        if self._stdout is None or not self._stdout.isatty():
            return None
        columns, rows = os.get_terminal_size(self._stdout.fileno())
        return Size(columns or USUAL_SIZE[0], rows or USUAL_SIZE[1])

    def ink(self) -> Ink:
        """Return the colours that this output can show."""
        colour = self.output_is_terminal and self._terminal_type not in PLAIN_TERMINALS
        return Ink(colour=colour, cube="256color" in self._terminal_type)

    def can_show(self, text: str) -> bool:
        """Tell whether the output's encoding has all characters of a text."""
        encoding = getattr(self._stdout, "encoding", None) or "ascii"
        try:
            text.encode(encoding)
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    def ask(self, prompt: str) -> bytes | None:
        """Ask for one line, not echoed where it is typed.

        Returns: the line without its end, cut after LONGEST_ANSWER bytes; None when the input
            ended before one.
        Raises: OutputError.
        """
        if self._stdin is None:
            return None
        self._write_prompt(prompt)
        try:
            with self._without_echo():
                return _read_line(self._stdin.fileno())
        finally:
            if self.input_is_terminal:
                self._write_prompt("\n")

    def confirm(self, question: str, yes: str) -> bool:
        """Ask a person whether to go on; where nobody is there to answer it is a no.

        Args:
            question: one line; the answer follows it.
            yes: the word that stands for yes, beside its first letter.

        Raises: OutputError.
        """
        if self._stdin is None or not (self.input_is_terminal and self.output_is_terminal):
            return False
        self._write_out(question)
        answer = _read_line(self._stdin.fileno())
        if answer is None:
            self._write_out("\n")  # the cursor still stands behind the question
            return False
        return answer.decode(errors="replace").strip().lower() in (yes, yes[:1])

    def _write_prompt(self, text: str) -> None:
        if self.output_is_terminal:
            self._write_out(text)
        elif self._stderr is not None:
            with contextlib.suppress(OSError, ValueError):
                self._stderr.write(text)
                self._stderr.flush()

    def _write_out(self, text: str) -> None:
        if self._stdout is None:
            raise OutputError("it is closed", reader_left=False)
        try:
            self._stdout.write(text)
            self._stdout.flush()
        except OSError as error:
            self._discard_output()
            reason = error.strerror or type(error).__name__
            reader_left = isinstance(error, BrokenPipeError)
            raise OutputError(reason, reader_left=reader_left) from None

    def _discard_output(self) -> None:
        """Send what is still buffered nowhere, or the interpreter complains of it at its end."""
        if self._stdout is not None:
            nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
            os.dup2(nowhere, self._stdout.fileno())
            os.close(nowhere)

    @contextlib.contextmanager
    def _without_echo(self) -> Iterator[None]:
        if self._stdin is None or not self._stdin.isatty():
            yield
            return
        import termios

        descriptor = self._stdin.fileno()
        before = termios.tcgetattr(descriptor)
        silent = [*before]
        silent[3] = before[3] & ~termios.ECHO
        try:
            # TCSADRAIN: what was typed ahead is an answer, not rubbish.
            termios.tcsetattr(descriptor, termios.TCSADRAIN, silent)
            yield
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def this_terminal(environment: Mapping[str, str]) -> Terminal:
    """Return the terminal of this process, written to as its locale says.

    Python itself runs in UTF-8 mode (scripts/install.sh), which is about names, not terminals.
    """
    encoding = _encoding_of_locale()
    for stream in (sys.stdout, sys.stderr):
        if encoding is not None and isinstance(stream, TextIOWrapper):
            with contextlib.suppress(OSError):  # it seeks
                stream.reconfigure(encoding=encoding)
    return Terminal(sys.stdin, sys.stdout, sys.stderr, environment)


def _encoding_of_locale() -> str | None:
    """Return the locale's encoding; None for UTF-8, for C's ASCII and for one unknown to Python."""
    try:
        name = codecs.lookup(locale.getencoding()).name
    except LookupError:
        return None
    return None if name in ("utf-8", "ascii") else name


def _read_line(descriptor: int) -> bytes | None:
    """Read up to a line's end, one byte at a time: what follows is the next answer's."""
    line = b""
    while True:
        byte = os.read(descriptor, 1)
        if byte == b"\n":
            break
        if not byte:
            return line or None
        if len(line) < LONGEST_ANSWER:
            line += byte
    return line.removesuffix(b"\r")
