"""What every verb of the command is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from pam_tfa.cli.arguments import Parser, UsageError
from pam_tfa.cli.language import N_, _

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Sequence

    from pam_tfa.cli.context import Context

EXIT_STATUS = N_(
    "Exit status:\n  0 done; 1 refused or not found; 2 usage; 3 no permission; 4 unavailable"
)


class Verb(NamedTuple):
    """One verb; the texts are translated when its help is shown.

    Attributes:
        name: as typed.
        usage: what follows the name.
        description: what it does and what happens next.
        examples: for its help.
        user: whether it takes the name of an account.
        add_options: adds its options to a parser.
        run: does it and returns the exit status.
    """

    name: str
    usage: str
    description: str
    examples: str
    user: Literal["none", "optional", "required"]
    add_options: Callable[[Parser], None]
    run: Callable[[Context, Namespace], int]


def make_parser(verb: Verb) -> Parser:
    """Make the parser of a verb's arguments."""
    parser = Parser(
        verb.name,
        f"pam-tfa {verb.name} {verb.usage}".rstrip(),
        _(verb.description),
        _(verb.examples) + "\n\n" + _(EXIT_STATUS),
    )
    if verb.user != "none":
        parser.add_user(
            _("the account (needs root)")
            if verb.user == "required"
            else _("the account (needs root); without it your own")
        )
    verb.add_options(parser)
    return parser


def read_arguments(verb: Verb, arguments: Sequence[str]) -> Namespace:
    """Parse a verb's arguments.

    Raises: UsageError.
    """
    parser = make_parser(verb)
    read = parser.read(arguments)
    if verb.user == "required" and read.user is None and not read.help:
        raise UsageError(
            _("{verb} needs the name of an account: pam-tfa {verb} USER.").format(verb=verb.name)
        )
    return read


def no_options(_parser: Parser) -> None:
    """Add nothing: the verb takes what every verb takes."""
