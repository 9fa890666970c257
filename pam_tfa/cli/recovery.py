"""`pam-tfa reset`, `unlock` and `backup-codes`: back in after a loss."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from pam_tfa.cli.context import find_account
from pam_tfa.cli.enroll_text import write_codes
from pam_tfa.cli.failures import DONE, UNAVAILABLE, CommandError, explain
from pam_tfa.cli.language import N_, _
from pam_tfa.cli.printable import printable
from pam_tfa.cli.terminal import OutputError
from pam_tfa.cli.verb import Verb, no_options
from pam_tfa.core.errors import FormerNameError
from pam_tfa.renaming import refuse_renamed

if TYPE_CHECKING:
    from argparse import Namespace

    from pam_tfa.cli.arguments import Parser
    from pam_tfa.cli.context import Context


def _reset(context: Context, arguments: Namespace) -> int:
    from pam_tfa.administration import reset

    name = context.choose_record_name(arguments.user)
    next_login = context.config().unenrolled  # a broken configuration ends the run before it acts
    result = reset(context.store(), name)
    if result is None:
        raise context.not_enrolled(name)
    damage = result.damage
    context.log("reset", name, ("record", "good" if damage is None else "damaged"))
    if arguments.json:
        context.answer_json(
            {
                "user": name,
                "was_damaged": damage is not None,
                "unenrolled": next_login,
            }
        )
        return DONE
    user = printable(name)
    if damage is not None:
        context.terminal.show(
            _("The record was damaged: {path}: {reason}.").format(
                path=printable(damage.path), reason=printable(damage.reason)
            )
        )
    context.terminal.show(
        _("{user} is not enrolled any more; secret and backup codes are gone.").format(user=user),
        *_next_login(context, name, next_login),
    )
    return DONE


def _next_login(context: Context, name: str, unenrolled: str | None) -> list[str]:
    """Say what the next login of an account sees whose record was just removed."""
    account = find_account(name)
    if account is not None:
        try:
            refuse_renamed(account, context.store(), find_account)
        except FormerNameError as error:
            failure = explain(error)
            return [failure.sentence, failure.hint]
    return [next_login_text(unenrolled)]


def next_login_text(unenrolled: str | None) -> str:
    """Say what a login of an account that isn't enrolled sees."""
    match unenrolled:
        case "skip":
            return _('The next login asks for no code (unenrolled = "skip").')
        case "deny":
            return _(
                "The next login asks for a code and refuses every one "
                '(unenrolled = "deny"): enrol the account first.'
            )
        case "enroll":
            return _(
                'The next login enrols (unenrolled = "enroll") where the PAM line has the option '
                "enroll, and is refused where it has not."
            )
        case _:
            return _(
                "The next login asks for no code where the PAM line has the option nullok, and "
                "is refused where it has not (unenrolled is not set)."
            )


def _unlock(context: Context, arguments: Namespace) -> int:
    from pam_tfa.administration import unlock

    name = context.choose_record_name(arguments.user)
    if not unlock(context.store(), name, context.now_s(), reset_clock=arguments.reset_clock):
        raise context.not_enrolled(name)
    context.log("unlock", name, ("reset_clock", "yes" if arguments.reset_clock else "no"))
    if arguments.json:
        context.answer_json({"user": name, "clock_was_reset": arguments.reset_clock})
        return DONE
    user = printable(name)
    context.terminal.show(
        _("{user} is unlocked: all counts of wrong codes are back to zero.").format(user=user)
    )
    if arguments.reset_clock:
        context.terminal.show(
            _(
                "Codes from while the clock was ahead are forgotten. An app's third code from now "
                "on is surely good; the present one and the next may count as used."
            )
        )
    return DONE


def _add_unlock_options(parser: Parser) -> None:
    parser.add_flag(
        "--reset-clock",
        _("also forget codes that were used while this host's clock was ahead"),
    )


def _backup_codes(context: Context, arguments: Namespace) -> int:
    from pam_tfa.administration import renew_backup_codes

    name = context.choose_record_name(arguments.user)
    codes = renew_backup_codes(context.store(), name, context.now_s(), os.urandom)
    if codes is None:
        raise context.not_enrolled(name)
    context.log("backup_codes", name)
    try:
        if arguments.json:
            context.answer_json({"user": name, "backup_codes": list(codes)})
        else:
            context.terminal.show(
                _("New backup codes for {user}; the old ones no longer work.").format(
                    user=printable(name)
                )
            )
            write_codes(context.terminal, codes)
    except OutputError as error:
        raise CommandError(
            UNAVAILABLE,
            _("There are new backup codes, but they can't be written: {reason}.").format(
                reason=error.reason
            ),
            _("Run the command again; it makes another set."),
        ) from None
    return DONE


RESET: Final = Verb(
    name="reset",
    usage="USER",
    description=N_(
        "Remove an account's second factor: secret and backup codes. Also removes a\n"
        "record that is damaged. What the next login sees depends on `unenrolled` in the\n"
        "configuration; the command says it."
    ),
    examples=N_(
        "Examples:\n"
        "  sudo pam-tfa reset alice\n"
        "\n"
        "What next: `sudo pam-tfa enroll alice` makes a new secret. To let alice in for\n"
        "a while and keep her secret, use `sudo pam-tfa disable alice --until 1d`."
    ),
    user="required",
    add_options=no_options,
    run=_reset,
)

UNLOCK: Final = Verb(
    name="unlock",
    usage="USER [--reset-clock]",
    description=N_(
        "Clear the counts of wrong codes, so that codes are looked at again at once.\n"
        "After this host's clock ran ahead, codes can be refused as already used until\n"
        "that time has come; --reset-clock mends it."
    ),
    examples=N_(
        "Examples:\n"
        "  sudo pam-tfa unlock alice\n"
        "  sudo pam-tfa unlock alice --reset-clock\n"
        "\n"
        "What next: alice logs in; after --reset-clock with her app's third code from\n"
        "then on. `sudo pam-tfa status alice` shows the counts."
    ),
    user="required",
    add_options=_add_unlock_options,
    run=_unlock,
)

BACKUP_CODES: Final = Verb(
    name="backup-codes",
    usage="[USER]",
    description=N_(
        "Make a new set of ten backup codes and show it once. The old set no longer\n"
        "works; the secret in the app stays."
    ),
    examples=N_(
        "Examples:\n"
        "  sudo pam-tfa backup-codes alice\n"
        "\n"
        "What next: each code lets alice in once, at the same prompt as a code from the\n"
        "app."
    ),
    user="optional",
    add_options=no_options,
    run=_backup_codes,
)
