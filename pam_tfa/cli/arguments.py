"""argparse with errors of one sentence, and the parser of a verb's arguments."""

from __future__ import annotations

import argparse
import difflib
from typing import TYPE_CHECKING, Any, NoReturn

from pam_tfa.cli.language import _
from pam_tfa.cli.printable import printable
from pam_tfa.cli.values import parse_user

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


class UsageError(Exception):
    """What was typed is not what the command takes; one sentence says what would be."""


class NeedsValue(argparse.Action):
    """Store a value; `needs` completes the sentence "--option needs ..."."""

    def __init__(
        self, option_strings: Sequence[str], dest: str, needs: str = "", **keywords: Any
    ) -> None:
        super().__init__(option_strings, dest, **keywords)
        self.needs = needs

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002 - argparse passes it by position
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Store the value; a second one would silently win over the first."""
        if getattr(namespace, self.dest) != self.default:
            raise UsageError(
                _("{option} is given twice; once is enough.").format(option=option_string)
            )
        setattr(namespace, self.dest, values)


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the layout of the texts, and has its headings in the language of the run."""

    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[Any],
        prefix: str | None = None,
    ) -> None:
        """Add the usage line, "Usage: " translated."""
        super().add_usage(usage, actions, groups, _("Usage: ") if prefix is None else prefix)


class Parser(argparse.ArgumentParser):
    """The parser of one verb: it raises UsageError and never prints a usage text on an error."""

    def __init__(self, verb: str, usage: str, description: str, epilog: str) -> None:
        super().__init__(
            prog=f"pam-tfa {verb}".rstrip(),
            usage=usage,
            description=description,
            epilog=epilog,
            formatter_class=HelpFormatter,
            add_help=False,
            allow_abbrev=False,
            exit_on_error=False,
        )
        self.verb = verb
        self.options = self.add_argument_group(_("Options"))
        self.options.add_argument("-h", "--help", action="store_true", help=_("show this text"))
        self.add_value(
            "--config",
            metavar="PATH",
            needs=_("the path of a configuration file"),
            explanation=_("use this configuration file"),
        )
        self.add_flag("--json", _("answer in JSON, for programs"))
        self.operands = self.add_argument_group(_("Arguments"))

    def add_value(
        self,
        option: str,
        *,
        metavar: str,
        needs: str,
        explanation: str,
        parse: Callable[[str], object] = str,
        default: object = None,
    ) -> None:
        """Add an option with a value. parse raises ArgumentTypeError with the whole sentence."""
        self.options.add_argument(
            option,
            action=NeedsValue,
            metavar=metavar,
            needs=needs,
            help=explanation,
            type=parse,
            default=default,
        )

    def add_flag(self, option: str, explanation: str) -> None:
        """Add an option that is there or not."""
        self.options.add_argument(option, action="store_true", help=explanation)

    def add_user(self, explanation: str) -> None:
        """Add the operand USER; whether it must be there is the verb's own matter."""
        self.add_operand("user", metavar="USER", explanation=explanation, parse=parse_user)

    def add_operand(
        self,
        name: str,
        *,
        metavar: str,
        explanation: str,
        parse: Callable[[str], object] = str,
    ) -> None:
        """Add an operand; whether it must be there is the verb's own matter."""
        self.operands.add_argument(name, metavar=metavar, nargs="?", type=parse, help=explanation)

    def read(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Parse a verb's arguments.

        Raises: UsageError with one sentence.
        """
        try:
            namespace, extra = self.parse_known_args(arguments)
        except argparse.ArgumentError as error:
            raise UsageError(self._sentence(error)) from None
        extra = [argument for argument in extra if argument != "--"]  # the mark is no operand
        if extra and not namespace.help:
            raise UsageError(self._unexpected(extra[0]))
        return namespace

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print; only errors that carry no ArgumentError come here."""
        raise UsageError(printable(message))

    def _sentence(self, error: argparse.ArgumentError) -> str:
        action = self._option_string_actions.get(error.argument_name or "")
        if error.message.startswith("ignored explicit argument"):
            return _("{option} takes no value; write {option} alone.").format(
                option=error.argument_name
            )
        if isinstance(action, NeedsValue) and error.message.startswith("expected"):
            return _("{option} needs {needs}.").format(
                option=error.argument_name, needs=action.needs
            )
        return printable(error.message)

    def _unexpected(self, argument: str) -> str:
        shown = printable(argument)
        if not argument.startswith("-"):
            return _("'{argument}' is one argument too many; see `pam-tfa {verb} --help`.").format(
                argument=shown, verb=self.verb
            )
        known = list(self._option_string_actions)
        near = suggestion(argument.partition("=")[0], known)
        if near:
            return _("{verb} has no option '{argument}'; did you mean {near}?").format(
                verb=self.verb, argument=shown, near=near
            )
        return _(
            "{verb} has no option '{argument}'; `pam-tfa {verb} --help` lists the options."
        ).format(verb=self.verb, argument=shown)


def suggestion(typed: str, known: Iterable[str]) -> str:
    """Find the known word nearest to what was typed; empty when none is near."""
    return next(iter(difflib.get_close_matches(typed, list(known), n=1, cutoff=0.6)), "")


def split_verb(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Separate the verb from the rest, so that --config may stand before it as well as after.

    Returns: the verb, None where there is none, and all other arguments.
    """
    position = 0
    while position < len(arguments):
        argument = arguments[position]
        if not argument.startswith("-") or argument == "-":
            return argument, [*arguments[:position], *arguments[position + 1 :]]
        position += 2 if argument == "--config" else 1
    return None, list(arguments)
