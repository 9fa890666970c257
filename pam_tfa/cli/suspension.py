"""`pam-tfa disable` and `enable`: no code is asked for, for a while."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from pam_tfa.cli.failures import DONE
from pam_tfa.cli.language import N_, _
from pam_tfa.cli.printable import printable
from pam_tfa.cli.times import duration, local_time
from pam_tfa.cli.values import parse_reason, parse_until
from pam_tfa.cli.verb import Verb, no_options
from pam_tfa.core.suspension import WITHOUT_END_S

if TYPE_CHECKING:
    from argparse import Namespace

    from pam_tfa.cli.arguments import Parser
    from pam_tfa.cli.context import Context


def _add_disable_options(parser: Parser) -> None:
    parser.add_value(
        "--until",
        metavar="DATE|DURATION",
        needs=_("a date such as 2027-01-31 or a duration such as 12h"),
        explanation=_("when codes are asked for again; without it: when `enable` is run"),
        parse=lambda text: parse_until(text, int(time.time())),
    )
    parser.add_value(
        "--reason",
        metavar="TEXT",
        needs=_("a few words"),
        explanation=_("a note for status and log"),
        parse=parse_reason,
    )


def _disable(context: Context, arguments: Namespace) -> int:
    from pam_tfa.administration import suspend

    name = context.choose_record_name(arguments.user)
    now_s, reason = context.now_s(), arguments.reason or ""
    suspension = suspend(context.store(), name, arguments.until, reason, now_s)
    if suspension is None:
        raise context.not_enrolled(name)
    until_s = suspension.until_s if suspension.until_s != WITHOUT_END_S else None
    context.log("disable", name, ("until_s", until_s), ("reason", reason or None))
    if arguments.json:
        context.answer_json(
            {
                "user": name,
                "suspended_from_s": suspension.from_s,
                "suspended_until_s": until_s,
                "reason": suspension.reason,
            }
        )
        return DONE
    user = printable(name)
    if until_s is None:
        text = _("{user} is not asked for a code until `sudo pam-tfa enable {user}`.")
        context.terminal.show(text.format(user=user))
    else:
        text = _("{user} is not asked for a code until {time} ({span} from now).")
        context.terminal.show(
            text.format(user=user, time=local_time(until_s), span=duration(until_s - now_s))
        )
    context.terminal.show(_("Secret and backup codes stay."))
    return DONE


def _enable(context: Context, arguments: Namespace) -> int:
    from pam_tfa.administration import end_suspension

    name = context.choose_record_name(arguments.user)
    ended = end_suspension(context.store(), name, context.now_s())
    if ended is None:
        raise context.not_enrolled(name)
    context.log("enable", name, ("was_suspended", "yes" if ended == "ended" else "no"))
    if arguments.json:
        context.answer_json({"user": name, "was_suspended": ended == "ended"})
    elif ended == "ended":
        context.terminal.show(_("{user} is asked for a code again.").format(user=printable(name)))
    else:
        context.terminal.show(
            _("{user} was not suspended; codes are asked for.").format(user=printable(name))
        )
    return DONE


DISABLE: Final = Verb(
    name="disable",
    usage="USER [--until DATE|DURATION] [--reason TEXT]",
    description=N_(
        "Suspend the second factor of an account: its logins ask for no code until then,\n"
        "or until `enable`. The secret stays, so that the phone works again afterwards.\n"
        "A date is local time and means its beginning; a duration is made of m, h, d, w."
    ),
    examples=N_(
        "Examples:\n"
        "  sudo pam-tfa disable alice --until 12h --reason 'phone left at home'\n"
        "  sudo pam-tfa disable alice --until '2027-01-31 18:00'\n"
        "  sudo pam-tfa disable alice\n"
        "\n"
        "What next: `sudo pam-tfa enable alice` ends it. If the phone is gone for good,\n"
        "`sudo pam-tfa enroll alice --replace` makes a new secret, which ends it too."
    ),
    user="optional",
    add_options=_add_disable_options,
    run=_disable,
)

ENABLE: Final = Verb(
    name="enable",
    usage="USER",
    description=N_("End a suspension: logins of the account ask for a code again."),
    examples=N_(
        "Examples:\n  sudo pam-tfa enable alice\n\nWhat next: alice's next login asks for a code."
    ),
    user="required",
    add_options=no_options,
    run=_enable,
)
