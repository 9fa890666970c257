"""Entry point of the command: finds the verb, runs it, turns every failure into a sentence."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from pam_tfa.cli.arguments import UsageError, split_verb, suggestion
from pam_tfa.cli.failures import INTERRUPTED, UNAVAILABLE, USAGE, CommandError, explain
from pam_tfa.cli.language import N_, _, settle_environment
from pam_tfa.cli.printable import printable
from pam_tfa.cli.terminal import OutputError, Terminal, this_terminal
from pam_tfa.cli.verb import EXIT_STATUS, make_parser, read_arguments
from pam_tfa.cli.verbs import VERBS, load_verb
from pam_tfa.core.errors import PamTfaError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

OVERVIEW: Final = N_(
    "Usage: pam-tfa VERB [USER] [options]\n"
    "\n"
    "Two-factor authentication for logins: a one-time code after the password."
)
OVERVIEW_END: Final = N_(
    "`pam-tfa VERB --help` explains a verb, with examples.\n"
    "Every verb takes --json, and --config PATH for another configuration."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: the arguments after the program's name; sys.argv's where None.

    Returns: the exit status.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    settle_environment(os.environ)
    terminal = this_terminal(os.environ)
    try:
        return _run(arguments, terminal)
    except UsageError as error:
        terminal.note(f"pam-tfa: {error}")
        return USAGE
    except CommandError as failure:
        terminal.note(f"pam-tfa: {failure.sentence}", *filter(None, [failure.hint]))
        return failure.exit_status
    except OutputError as error:
        if not error.reader_left:
            terminal.note(
                _("pam-tfa: The output can't be written: {reason}.").format(reason=error.reason)
            )
        return UNAVAILABLE
    except Exception as error:  # noqa: BLE001 - a library that could be read in part raises anything
        reason = getattr(error, "strerror", None) or _place_of(error)
        terminal.note(
            _("pam-tfa: Two-factor authentication is unavailable: {reason}.").format(reason=reason)
        )
        return UNAVAILABLE
    except KeyboardInterrupt:
        terminal.note("", _("pam-tfa: Interrupted."))
        return INTERRUPTED


def _place_of(error: Exception) -> str:
    """Return an exception's type and place; its text could hold what nobody may read."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return type(error).__name__
    name = os.path.basename(traceback.tb_frame.f_code.co_filename)
    return f"{type(error).__name__}, {name}:{traceback.tb_lineno}"


def _run(arguments: list[str], terminal: Terminal) -> int:
    verb_name, rest = split_verb(arguments)
    if verb_name is None:
        return _without_verb(rest, terminal)
    if verb_name == "help" and rest and rest[0] in VERBS:
        verb_name, rest = rest[0], ["--help"]
    if verb_name == "help":
        return _without_verb(["--help"], terminal)
    if verb_name not in VERBS:
        raise UsageError(_unknown_verb(verb_name))
    verb = load_verb(verb_name)
    read = read_arguments(verb, rest)
    if read.help:
        terminal.show(make_parser(verb).format_help().rstrip())
        return 0
    _check_config_path(read)
    from pam_tfa.cli.context import Context

    try:
        return verb.run(Context(verb_name, read.config, terminal), read)
    except PamTfaError as error:
        raise explain(error, getattr(read, "user", None)) from None


def _without_verb(rest: list[str], terminal: Terminal) -> int:
    if not rest:
        raise UsageError(
            _("A verb is missing, such as `pam-tfa status`; `pam-tfa --help` lists them.")
        )
    for argument in rest:
        if argument in ("-h", "--help"):
            terminal.show(*_overview())
            return 0
        if argument == "--version":
            return _run(["version"], terminal)
    raise UsageError(
        _("A verb is missing beside '{argument}'; `pam-tfa --help` lists them.").format(
            argument=printable(rest[0])
        )
    )


def _overview() -> list[str]:
    width = max(map(len, VERBS))
    return [
        _(OVERVIEW),
        "",
        _("Verbs:"),
        *(f"  {name:<{width}}  {_(entry.summary)}" for name, entry in VERBS.items()),
        "",
        _(OVERVIEW_END),
        "",
        _(EXIT_STATUS),
    ]


def _unknown_verb(typed: str) -> str:
    near = suggestion(typed, VERBS)
    if near:
        return _("There is no verb '{typed}'; did you mean {near}?").format(
            typed=printable(typed), near=near
        )
    return _("There is no verb '{typed}'; `pam-tfa --help` lists them.").format(
        typed=printable(typed)
    )


def _check_config_path(read: Namespace) -> None:
    """Refuse a configuration that isn't there: a slip in what was typed, not a broken file."""
    if read.config is None:
        return
    if not os.path.isfile(read.config):
        raise UsageError(
            _("--config needs the path of a configuration file, and '{path}' is none.").format(
                path=printable(read.config)
            )
        )
    read.config = os.path.abspath(read.config)


if __name__ == "__main__":
    sys.exit(main())
