"""`pam-tfa status` and `list`: who is enrolled, and how they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pam_tfa.cli.context import find_account, no_such_account
from pam_tfa.cli.failures import DONE, UNAVAILABLE, explain
from pam_tfa.cli.language import N_, _, ngettext
from pam_tfa.cli.printable import printable
from pam_tfa.cli.recovery import next_login_text
from pam_tfa.cli.status_text import status_json, status_lines, summary_line
from pam_tfa.cli.verb import Verb, no_options
from pam_tfa.core.errors import RecordDamagedError, SealError, StoreBusyError
from pam_tfa.renaming import refuse_renamed

if TYPE_CHECKING:
    from argparse import Namespace

    from pam_tfa.administration import AccountStatus
    from pam_tfa.cli.context import Context

PROGRESS_EVERY: Final = 500


def _status(context: Context, arguments: Namespace) -> int:
    from pam_tfa.administration import read_status

    name = context.choose_record_name(arguments.user)
    account = find_account(name)
    status = read_status(context.store(), name, context.now_s())
    if status is None and account is None:
        raise no_such_account(name)
    if account is not None and (status is None or account.name != name):
        refuse_renamed(account, context.store(), find_account)
    sealed = _seal_error(context, name) if status is not None else None
    if arguments.json:
        if status is None:
            context.answer_json({"user": name, "enrolled": False})
        else:
            content = status_json(status, account)
            context.answer_json({**content, "secrets_open": sealed is None})
    elif status is None:
        context.terminal.show(
            _("{user} is not enrolled.").format(user=printable(name)),
            next_login_text(context.config().unenrolled),
        )
    else:
        context.terminal.show(*status_lines(status, account, context.now_s()))
    if sealed is not None:
        raise explain(sealed, name)
    return DONE


def _seal_error(context: Context, name: str) -> SealError | None:
    """Say why the secrets of an account don't open, which refuses every login of it."""
    from pam_tfa.attempts import unseal_secrets

    error: SealError | None = None
    for _attempt in ("first", "again, for a rotation of the key may lie between the two readings"):
        try:
            stored = context.store().load(name)
            if stored is not None:
                unseal_secrets(stored.record, context.keyring())
        except SealError as caught:
            error = caught
        else:
            return None
    return error


def _list(context: Context, arguments: Namespace) -> int:
    context.require_root()
    statuses, damaged = _read_all(context)
    if arguments.json:
        context.answer_json(
            {
                "accounts": [
                    status_json(each, find_account(each.account_name)) for each in statuses
                ],
                "damaged": [
                    {"path": each.path, "field": each.field, "reason": each.reason}
                    for each in damaged
                ],
            }
        )
    elif statuses:
        width = max(len(printable(each.account_name)) for each in statuses)
        context.terminal.show(*(summary_line(each, width) for each in statuses))
    elif not damaged:
        context.terminal.show(
            _("Nobody is enrolled. `sudo pam-tfa enroll USER` enrols an account.")
        )
    for error in damaged:
        context.terminal.note(
            f"pam-tfa: {explain(error).sentence}",
        )
    if damaged:
        context.terminal.note(
            ngettext(
                "{n} record is damaged; `sudo pam-tfa reset USER` removes one.",
                "{n} records are damaged; `sudo pam-tfa reset USER` removes one.",
                len(damaged),
            ).format(n=len(damaged))
        )
    return UNAVAILABLE if damaged else DONE


def _read_all(context: Context) -> tuple[list[AccountStatus], list[RecordDamagedError]]:
    from pam_tfa.administration import read_status

    store, now_s = context.store(), context.now_s()
    statuses: list[AccountStatus] = []
    damaged: list[RecordDamagedError] = []
    for count, entry in enumerate(store.entries(), start=1):
        if count % PROGRESS_EVERY == 0:
            context.terminal.progress(_("{n} records read ...").format(n=count))
        if isinstance(entry, RecordDamagedError):
            damaged.append(entry)
            continue
        try:
            status = read_status(store, entry, now_s)
        except RecordDamagedError as error:
            damaged.append(error)
        except StoreBusyError as error:
            damaged.append(RecordDamagedError(error.path, "", error.reason))
        else:
            statuses += [status] if status is not None else []  # removed since it was listed
    if len(statuses) + len(damaged) >= PROGRESS_EVERY:
        context.terminal.progress("")
    return statuses, damaged


STATUS: Final = Verb(
    name="status",
    usage="[USER]",
    description=N_(
        "Show whether an account is enrolled, its devices, how many backup codes are\n"
        "left, wrong codes, and until when it is locked or suspended. Never shows a\n"
        "secret."
    ),
    examples=N_(
        "Examples:\n"
        "  sudo pam-tfa status alice\n"
        "  sudo pam-tfa status alice --json\n"
        "\n"
        "That an account is not enrolled is an answer too: exit status 0. An account that\n"
        "does not exist is 1, a record that is damaged or that the sealing key does not\n"
        "open 4."
    ),
    user="optional",
    add_options=no_options,
    run=_status,
)

LIST: Final = Verb(
    name="list",
    usage="",
    description=N_(
        "List all enrolled accounts, one a line. A damaged record is reported on standard\n"
        "error and does not end the list."
    ),
    examples=N_(
        "Examples:\n"
        "  sudo pam-tfa list\n"
        "  sudo pam-tfa list --json\n"
        "\n"
        "Exit status 4 says that the list is there, but some records are damaged."
    ),
    user="none",
    add_options=no_options,
    run=_list,
)
