"""`pam-tfa prune`: records of accounts that no longer exist."""

from __future__ import annotations

import pwd
from typing import TYPE_CHECKING, Final

from pam_tfa.cli.arguments import UsageError
from pam_tfa.cli.context import ask_name_service, find_account
from pam_tfa.cli.failures import DONE, UNAVAILABLE, CommandError
from pam_tfa.cli.language import N_, _, ngettext
from pam_tfa.cli.name_sources import silent_sources
from pam_tfa.cli.printable import printable
from pam_tfa.cli.verb import Verb

if TYPE_CHECKING:
    from argparse import Namespace

    from pam_tfa.cli.arguments import Parser
    from pam_tfa.cli.context import Context
    from pam_tfa.dialogue import Account
    from pam_tfa.upkeep import Leftover, Leftovers, NameService

PROGRESS_EVERY: Final = 500


def find_uid(uid: int) -> Account | None:
    """Ask the name service who has a uid; None where it knows nobody.

    Raises: CommandError where the name service does not work.
    """
    return ask_name_service(lambda: pwd.getpwuid(uid))


def _add_options(parser: Parser) -> None:
    parser.add_flag("--dry-run", _("only list them (the default where nobody is there to ask)"))
    parser.add_flag("--yes", _("remove them without asking"))


def _run(context: Context, arguments: Namespace) -> int:
    from pam_tfa.upkeep import NameService, remove_leftovers

    if arguments.yes and arguments.dry_run:
        raise UsageError(_("--dry-run removes nothing and --yes removes; give one of them."))
    context.require_root()
    names = NameService(find_account, find_uid, silent_sources)
    found = _find_leftovers(context, names)
    _refuse_doubt(found)
    if not arguments.json:
        context.terminal.show(*_leftover_lines(found))
    _note_damaged(context, found)
    removed: list[Leftover] = []

    def note_removal(leftover: Leftover) -> None:
        removed.append(leftover)
        context.log("prune", leftover.account_name, ("uid", leftover.uid))

    if found.gone and not arguments.dry_run and _may_remove(context, found, arguments):
        remove_leftovers(context.store(), names, found.gone, note_removal)
        if not arguments.json:
            text = ngettext("{n} record was removed.", "{n} records were removed.", len(removed))
            context.terminal.show(text.format(n=len(removed)))
    elif found.gone and not arguments.json:
        context.terminal.show(_("Nothing was removed; `sudo pam-tfa prune --yes` removes them."))
    if arguments.json:
        context.answer_json(_leftovers_json(found, removed))
    return DONE


def _find_leftovers(context: Context, names: NameService) -> Leftovers:
    from pam_tfa.upkeep import find_leftovers

    def progress(records: int) -> None:
        if records % PROGRESS_EVERY == 0:
            context.terminal.progress(_("{n} records read ...").format(n=records))

    found = find_leftovers(context.store(), names, progress)
    if found.records + len(found.damaged) >= PROGRESS_EVERY:
        context.terminal.progress("")
    return found


def _refuse_doubt(found: Leftovers) -> None:
    """Refuse where the name service may be down rather than the accounts gone."""
    if found.silent_sources and not found.name_service_doubt:
        raise CommandError(
            UNAVAILABLE,
            _(
                "Accounts are not found ({n}), and no enrolled one is known from {sources}, which "
                "may be down; nothing was removed."
            ).format(n=len(found.gone), sources=", ".join(map(printable, found.silent_sources))),
            _(
                "Look at `getent passwd` for an account from there; if they are really gone, "
                "remove one with `sudo pam-tfa reset USER`: {some}."
            ).format(some=_some(found)),
        )
    if not found.name_service_doubt:
        return
    some = _some(found) or "root"
    raise CommandError(
        UNAVAILABLE,
        _(
            "{n} of {records} enrolled accounts are not found: the name service may be down, and "
            "nothing was removed."
        ).format(n=len(found.gone), records=found.records),
        _(
            "Look at `getent passwd` (for example {some}); if they are really gone, remove one "
            "with `sudo pam-tfa reset USER`."
        ).format(some=some),
    )


def _some(found: Leftovers) -> str:
    return ", ".join(printable(each.account_name) for each in found.gone[:3])


def _leftover_lines(found: Leftovers) -> list[str]:
    lines = [
        _("{user} (uid {uid}): no such account.").format(
            user=printable(each.account_name), uid=each.uid
        )
        for each in found.gone
    ]
    lines += [
        _(
            "{user} (uid {uid}): that uid is {new} now; `sudo pam-tfa rename {user} {new}` if it "
            "was renamed, else `sudo pam-tfa reset {user}`."
        ).format(
            user=printable(each.account_name), uid=each.uid, new=printable(each.renamed_to or "")
        )
        for each in found.renamed
    ]
    return lines or [_("Every record has its account.")]


def _note_damaged(context: Context, found: Leftovers) -> None:
    if found.damaged:
        context.terminal.note(
            ngettext(
                "{n} record is damaged and was not looked at; `sudo pam-tfa list` names it.",
                "{n} records are damaged and were not looked at; `sudo pam-tfa list` names them.",
                len(found.damaged),
            ).format(n=len(found.damaged))
        )


def _may_remove(context: Context, found: Leftovers, arguments: Namespace) -> bool:
    if arguments.yes or arguments.json:
        return bool(arguments.yes)
    question = ngettext(
        "Remove this {n} record for ever [yes/no]? ",
        "Remove these {n} records for ever [yes/no]? ",
        len(found.gone),
    )
    return context.terminal.confirm(question.format(n=len(found.gone)), _("yes"))


def _leftovers_json(found: Leftovers, removed: list[Leftover]) -> dict[str, object]:
    return {
        "records": found.records,
        "gone": [
            {"user": each.account_name, "uid": each.uid, "removed": each in removed}
            for each in found.gone
        ],
        "renamed": [
            {"user": each.account_name, "uid": each.uid, "new_user": each.renamed_to}
            for each in found.renamed
        ],
        "damaged": [{"path": each.path, "reason": each.reason} for each in found.damaged],
    }


VERB: Final = Verb(
    name="prune",
    usage="[--dry-run|--yes]",
    description=N_(
        "List the records whose accounts no longer exist, and remove them after a\n"
        "question or with --yes. Refuses where most accounts are not found: then it is\n"
        "rather the name service that is down."
    ),
    examples=N_(
        "Examples:\n"
        "  sudo pam-tfa prune --dry-run\n"
        "  sudo pam-tfa prune --yes\n"
        "\n"
        "A record whose uid has another name now is listed, but never removed."
    ),
    user="none",
    add_options=_add_options,
    run=_run,
)
