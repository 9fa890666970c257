"""How the command fails: exit status, sentence and hint for every error there is."""

from __future__ import annotations

from typing import Final

from pam_tfa.cli.language import N_, _
from pam_tfa.cli.printable import printable
from pam_tfa.core.errors import (
    ConfigError,
    FormerNameError,
    NotDurableError,
    PamTfaError,
    RecordDamagedError,
    RecordFormatError,
    SealError,
    SealKeyDamagedError,
    SealKeyMissingError,
    StoreBusyError,
    StoreError,
    StoreUnavailableError,
    WrongSealKeyError,
)

DONE: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
NO_PERMISSION: Final = 3
UNAVAILABLE: Final = 4
INTERRUPTED: Final = 130  # 128 + SIGINT, as shells have it


class CommandError(Exception):
    """The run ends here: with this status, this sentence and what to do about it."""

    def __init__(self, exit_status: int, sentence: str, hint: str = "") -> None:
        super().__init__(sentence)
        self.exit_status = exit_status
        self.sentence = sentence
        self.hint = hint


# A subclass stands before its base. The texts take the error's fields.
EXPLANATIONS: Final[tuple[tuple[type[PamTfaError], int, str, str], ...]] = (
    (
        ConfigError,
        UNAVAILABLE,
        N_("The configuration {path} can't be used ({key_or_line}: {reason})."),
        N_("Mend the file; until then every login that passes the module is refused."),
    ),
    (
        RecordDamagedError,
        UNAVAILABLE,
        N_("The record {path} is damaged ({field}: {reason}); its user can't log in."),
        N_("Restore the file from a backup, or run `sudo pam-tfa reset {user}` and enrol anew."),
    ),
    (
        FormerNameError,
        UNAVAILABLE,
        N_("{account_name} has no record of its own, and can't log in: {reason} ({path})."),
        N_(
            "If the account was renamed, run `sudo pam-tfa rename {former_name} {account_name}`; "
            "if its uid was another account's before, `sudo pam-tfa reset {former_name}`."
        ),
    ),
    (
        StoreBusyError,
        UNAVAILABLE,
        N_("The record is in use by another process: {path} ({reason})."),
        N_("Try again in a moment; `fuser {path}` shows who holds it."),
    ),
    (
        NotDurableError,
        UNAVAILABLE,
        N_("The change could not be written to {path}: {reason}."),
        N_("Mend the disk, then look at `sudo pam-tfa status {user}` before you try again."),
    ),
    (
        StoreUnavailableError,
        UNAVAILABLE,
        N_("The store can't be used: {path}: {reason}."),
        N_(
            "If it was never made, run `sudo pam-tfa init`; if it is there, look at its mount, "
            "owner and mode."
        ),
    ),
    (
        SealKeyMissingError,
        UNAVAILABLE,
        N_("The sealing key {path} is missing: {reason}."),
        N_(
            "Restore its copy; if there is none, run `sudo pam-tfa reset USER` for everybody, then "
            "`sudo pam-tfa init`, and enrol anew."
        ),
    ),
    (
        SealKeyDamagedError,
        UNAVAILABLE,
        N_("The sealing key {path} can't be used: {reason}."),
        N_(
            "It must be root's own file of mode 0600; if its content is damaged, restore its copy, "
            "or remove it, run `sudo pam-tfa reset USER` for everybody, then `sudo pam-tfa init`, "
            "and enrol anew."
        ),
    ),
    (
        WrongSealKeyError,
        UNAVAILABLE,
        N_("The sealing key {path} does not open this secret: {reason}."),
        N_(
            "Restore the copy of the key file that the record was made with (its line can stand "
            "below the others), or run `sudo pam-tfa reset {user}` and enrol anew."
        ),
    ),
    (
        SealError,
        UNAVAILABLE,
        N_("The sealing key {path} can't be read: {reason}."),
        N_("Mend the disk or restore the file from a backup."),
    ),
    (
        StoreError,
        UNAVAILABLE,
        N_("The store can't be used: {path}: {reason}."),
        N_("Look at the file's owner and mode, and at the disk."),
    ),
    (
        RecordFormatError,
        UNAVAILABLE,
        N_("The record can't be written: {field} is {reason}."),
        N_("This is a fault of pam-tfa; nothing was changed. Please report it."),
    ),
)

# Damage that is none: an account was renamed, renumbered, or made anew under an old name.
HINTS_BY_FIELD: Final = {
    "uid": N_(
        "If it is the same person, run `sudo pam-tfa rename {user} {user}`; otherwise "
        "`sudo pam-tfa reset {user}`."
    ),
    "account_name": N_(
        "If `sudo pam-tfa rename OLD NEW` was interrupted, run it again; otherwise "
        "`sudo pam-tfa reset {user}` removes the record."
    ),
}


def explain(error: PamTfaError, user: str | None = None) -> CommandError:
    """Turn an error into the sentence for people; one that is not in the table is unavailable.

    Args:
        error: what was raised.
        user: the account that it was about, for the hint.
    """
    fields = {name: printable(str(value)) for name, value in vars(error).items()}
    fields["user"] = printable(user or "USER")
    fields["former_name"] = fields.get("former_name") or "OLD"
    for kind, exit_status, sentence, hint in EXPLANATIONS:
        if isinstance(error, kind):
            text = _(sentence).format(**fields)
            # A field that is empty leaves its punctuation behind.
            text = text.replace("(: ", "(").replace(":  ", ": ")
            by_field = HINTS_BY_FIELD if isinstance(error, RecordDamagedError) else {}
            mend = by_field.get(fields.get("field", ""), hint)
            return CommandError(exit_status, text, _(mend).format(**fields))
    return CommandError(UNAVAILABLE, _("Two-factor authentication is unavailable."))
