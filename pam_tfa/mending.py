"""What mends a login that was refused although its user did nothing wrong, for the log.

Whoever reads the line has a locked-out user on the phone: it names the command to type.
"""

from __future__ import annotations

from pam_tfa.core.errors import (
    FormerNameError,
    PamTfaError,
    RecordDamagedError,
    SealError,
    StoreBusyError,
    StoreUnavailableError,
)
from pam_tfa.events import Sentence

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-@")
_BY_FIELD = {
    "uid": "pam-tfa rename {user} {user} (the same person) or pam-tfa reset {user} (another one)",
    "account_name": "pam-tfa rename OLD {user} where one was cut off, else pam-tfa reset {user}",
}
_BY_ERROR = (
    (FormerNameError, "restore the file from a backup, or pam-tfa reset the account in its name"),
    (RecordDamagedError, "restore the file from a backup, or pam-tfa reset {user} and enroll anew"),
    (SealError, "restore the copy of the key file, or pam-tfa reset {user} and enroll anew"),
    (StoreBusyError, ""),
    (StoreUnavailableError, "pam-tfa init where it was never made, else its mount, owner, mode"),
)
_RENAMED = (
    "pam-tfa rename {former} {user} (the same person) or pam-tfa reset {former} (another one)"
)
_BY_REASON = {
    "clock_behind_last_step": "set the clock right, then pam-tfa unlock {user} --reset-clock",
    "backup_codes_refused": "pam-tfa backup-codes {user}",
}


def mend_of(error: PamTfaError, user: str) -> Sentence | None:
    """Name what mends an error.

    Args:
        error: what ended the login.
        user: the account, unless the error names it; a name that a shell could misread becomes
            the word USER.

    Returns: None where the error says all there is.
    """
    text = next((each for kind, each in _BY_ERROR if isinstance(error, kind)), "")
    if isinstance(error, RecordDamagedError):
        text = _BY_FIELD.get(error.field, text)
    if isinstance(error, FormerNameError):
        user = error.account_name
        if error.former_name:
            text = _RENAMED.replace("{former}", _plain(error.former_name, "OLD"))
    return _for_user(text, user)


def mend_of_refusal(reason: str, user: str) -> Sentence | None:
    """Name what mends a refusal that will be repeated whatever the user types.

    Args:
        reason: of pam_tfa.core.attempt.Refused.
        user: as for mend_of.

    Returns: None for every other refusal.
    """
    return _for_user(_BY_REASON.get(reason, ""), user)


def _for_user(text: str, user: str) -> Sentence | None:
    return Sentence(text.format(user=_plain(user, "USER"))) if text else None


def _plain(name: str, placeholder: str) -> str:
    is_plain = name and _PLAIN.issuperset(name) and not name.startswith("-")
    return name if is_plain else placeholder
