"""What mends a login that was refused because something is broken, for the log.

Whoever reads the line has a locked-out user on the phone: it names the command to type.
"""

from __future__ import annotations

from pam_tfa.core.errors import (
    PamTfaError,
    RecordDamagedError,
    SealError,
    StoreBusyError,
    StoreUnavailableError,
)
from pam_tfa.events import Sentence

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")
_BY_FIELD = {
    "uid": "pam-tfa rename {user} {user} (the same person) or pam-tfa reset {user} (another one)",
    "account_name": "pam-tfa rename OLD {user} where one was cut off, else pam-tfa reset {user}",
}
_BY_ERROR = (
    (RecordDamagedError, "restore the file from a backup, or pam-tfa reset {user} and enroll anew"),
    (SealError, "restore the copy of the key file, or pam-tfa reset {user} and enroll anew"),
    (StoreBusyError, ""),
    (StoreUnavailableError, "pam-tfa init where it was never made, else its mount, owner, mode"),
)


def mend_of(error: PamTfaError, user: str) -> Sentence | None:
    """Name what mends an error.

    Args:
        error: what ended the login.
        user: the account; a name that a shell could misread becomes the word USER.

    Returns: None where the error says all there is.
    """
    if not user or not _PLAIN.issuperset(user) or user.startswith("-"):
        user = "USER"
    text = _BY_FIELD.get(error.field, "") if isinstance(error, RecordDamagedError) else ""
    if not text:
        text = next((each for kind, each in _BY_ERROR if isinstance(error, kind)), "")
    return Sentence(text.format(user=user)) if text else None
