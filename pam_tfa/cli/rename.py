"""`pam-tfa rename`: a record follows its account to another name or uid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pam_tfa.cli.arguments import UsageError
from pam_tfa.cli.context import find_account
from pam_tfa.cli.failures import DONE, REFUSED, CommandError
from pam_tfa.cli.language import N_, _
from pam_tfa.cli.printable import printable
from pam_tfa.cli.values import parse_user
from pam_tfa.cli.verb import Verb

if TYPE_CHECKING:
    from argparse import Namespace

    from pam_tfa.cli.arguments import Parser
    from pam_tfa.cli.context import Context
    from pam_tfa.dialogue import Account
    from pam_tfa.upkeep import Renamed, RenameOutcome


def _add_options(parser: Parser) -> None:
    parser.add_operand(
        "old", metavar="OLD", explanation=_("the name that was enrolled"), parse=parse_user
    )
    parser.add_operand(
        "new",
        metavar="NEW",
        explanation=_("the account's present name; the same as OLD where only its uid changed"),
        parse=parse_user,
    )
    parser.add_flag(
        "--yes", _("the account may have another uid than was enrolled: it is the same person")
    )


def _run(context: Context, arguments: Namespace) -> int:
    if arguments.new is None:
        raise UsageError(_("rename needs two names: pam-tfa rename OLD NEW."))
    old, shown_new = arguments.old, printable(arguments.new)
    context.require_root(f"{printable(old)} {shown_new}")
    account = context.require_account(arguments.new)
    renamed = _renamed(context, old, account, any_uid=arguments.yes)
    context.log(
        "rename",
        account.name,
        ("old_user", old),
        ("old_uid", renamed.old_uid),
        ("uid", renamed.new_uid),
    )
    if arguments.json:
        context.answer_json(
            {
                "user": account.name,
                "old_user": old,
                "uid": renamed.new_uid,
                "old_uid": renamed.old_uid,
            }
        )
        return DONE
    context.terminal.show(
        _("{user} (uid {uid}) has the second factor of {old} (uid {old_uid}) now.").format(
            user=printable(account.name),
            uid=renamed.new_uid,
            old=printable(old),
            old_uid=renamed.old_uid,
        ),
        _("Secret and backup codes stay, and used codes stay used."),
    )
    return DONE


def _renamed(context: Context, old: str, account: Account, *, any_uid: bool) -> Renamed:
    """Rename, after asking where the uid differs. Raises: CommandError."""
    from pam_tfa.upkeep import OtherUid, Renamed, rename_record

    def attempt(*, any_uid: bool) -> RenameOutcome:
        store, keyring = context.store(), context.keyring()
        former = find_account(old)
        return rename_record(
            store, keyring, old, account, context.now_s(), any_uid=any_uid, former=former
        )

    outcome = attempt(any_uid=any_uid)
    if isinstance(outcome, OtherUid):
        _confirm_other_uid(context, old, account, outcome.old_uid)
        outcome = attempt(any_uid=True)
    if isinstance(outcome, Renamed):
        return outcome
    raise _not_renamed(old, account, outcome)


def _confirm_other_uid(context: Context, old: str, account: Account, old_uid: int) -> None:
    fields = {
        "user": printable(account.name),
        "uid": account.uid,
        "old": printable(old),
        "old_uid": old_uid,
    }
    question = _(
        "{old} was enrolled as uid {old_uid}, and {user} has uid {uid}. Is it the same person "
        "[yes/no]? "
    )
    if not context.terminal.confirm(question.format(**fields), _("yes")):
        raise CommandError(
            REFUSED,
            _(
                "{old} was enrolled as uid {old_uid}, and {user} has uid {uid}; "
                "nothing was changed."
            ).format(**fields),
            _(
                "If it is the same person, run `sudo pam-tfa rename {old} {user} --yes`; "
                "if not, `sudo pam-tfa reset {old}`."
            ).format(**fields),
        )


def _not_renamed(old: str, account: Account, outcome: object) -> CommandError:
    fields = {"old": printable(old), "new": printable(account.name), "uid": account.uid}
    if outcome == "fits_already":
        return CommandError(
            REFUSED,
            _("The record of {new} has its name and uid {uid} already.").format(**fields),
            _("`sudo pam-tfa status {new}` shows it.").format(**fields),
        )
    if outcome == "old_lives":
        return CommandError(
            REFUSED,
            _("The account {old} still exists, and keeps its second factor.").format(**fields),
            _(
                "Rename the account first (`usermod -l {new} {old}`), or enrol the other one: "
                "`sudo pam-tfa enroll {new}`."
            ).format(**fields),
        )
    if outcome == "new_is_enrolled":
        return CommandError(
            REFUSED,
            _("{new} is enrolled already, with a second factor of its own.").format(**fields),
            _(
                "Keep it and run `sudo pam-tfa reset {old}`, or remove it first: "
                "`sudo pam-tfa reset {new}`."
            ).format(**fields),
        )
    return CommandError(
        REFUSED,
        _("There is no record of {old}.").format(**fields),
        _(
            "`sudo pam-tfa list` shows who is enrolled; `sudo pam-tfa status {new}` shows {new}."
        ).format(**fields),
    )


VERB: Final = Verb(
    name="rename",
    usage="OLD NEW [--yes]",
    description=N_(
        "Give the second factor of an account that was renamed to its new name, or of one\n"
        "whose uid was changed to the new uid (then OLD and NEW are the same). Secret and\n"
        "backup codes stay, used codes stay used. Where the uid differs it asks whether\n"
        "it is the same person."
    ),
    examples=N_(
        "Examples:\n"
        "  sudo usermod -l alicia alice && sudo pam-tfa rename alice alicia\n"
        "  sudo usermod -u 2001 alice && sudo pam-tfa rename alice alice --yes\n"
        "\n"
        "What next: `sudo pam-tfa status alicia`. Until rename has run to its end, alicia's\n"
        "logins are refused."
    ),
    user="none",
    add_options=_add_options,
    run=_run,
)
