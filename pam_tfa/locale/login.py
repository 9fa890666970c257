"""What a login shows. ASCII and under 200 bytes a message: sshd cuts and escapes the rest."""

from __future__ import annotations


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for it, which its tools look for
    """Mark a message that is translated where it is used."""
    return message


PROMPT = N_("Verification code: ")
REFUSED = N_("Verification failed.")
UNAVAILABLE = N_("Two-factor login is unavailable.")
BACKUP_ACCEPTED = N_("Backup code accepted, {left} left.")
LOCKED_FOR = N_("Too many wrong codes. Try again in {wait}.")
LOCKED = N_("Too many wrong codes. Ask your administrator to unlock you.")


def format_wait(wait_s: int) -> str:
    """Write a wait of at most an hour for a person.

    Args:
        wait_s: seconds, 1 or more.
    """
    if wait_s < 120:
        return f"{wait_s} s"
    return f"{(wait_s + 59) // 60} min"
