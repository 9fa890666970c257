"""The one tree of errors. Imports nothing, because the helper loads it before it prompts.

Every error carries fields that name what is wrong; sentences for people are made in cli/.
No field may ever hold a secret, a code, or bytes that were read from a record.
"""

from __future__ import annotations


class PamTfaError(Exception):
    """Anything this project refuses to go on with; each of them denies a login."""

    def __str__(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in vars(self).items())


class RecordFormatError(PamTfaError):
    """Encoded bytes, or the values to encode, break the format of a record or a state."""

    def __init__(self, field: str, reason: str) -> None:
        """Name the field (dotted path, "" for the whole) and the rule that it breaks."""
        super().__init__(field, reason)
        self.field = field
        self.reason = reason


class ConfigError(PamTfaError):
    """The configuration can't be used."""

    def __init__(self, path: str, key_or_line: str, reason: str) -> None:
        """Name the file, the key or line in it, and the rule that it breaks."""
        super().__init__(path, key_or_line, reason)
        self.path = path
        self.key_or_line = key_or_line
        self.reason = reason


class StoreError(PamTfaError):
    """The store, or one file in it, can't be used."""

    def __init__(self, path: str, reason: str) -> None:
        """Name the file or directory and what is wrong with it."""
        super().__init__(path, reason)
        self.path = path
        self.reason = reason


class StoreUnavailableError(StoreError):
    """The store isn't there, isn't proven to be there, or isn't ours alone to write."""


class StoreBusyError(StoreError):
    """The account's lock wasn't free within its time limit."""


class NotDurableError(StoreError):
    """A change couldn't be made durable, so nothing that rests on it may be granted."""


class RecordDamagedError(StoreError):
    """An account's file is there, but can't be believed."""

    def __init__(self, path: str, field: str, reason: str) -> None:
        """Name the file, the field in it ("" for the whole), and what is wrong."""
        super().__init__(path, reason)
        self.args = (path, field, reason)
        self.field = field


class FormerNameError(StoreError):
    """An account without a record has the uid of a record whose account is gone: a renamed one."""

    def __init__(self, path: str, account_name: str, former_name: str, reason: str) -> None:
        """Name the store or file, the account, that of the record ("" if unreadable), and why."""
        super().__init__(path, reason)
        self.args = (path, account_name, former_name, reason)
        self.account_name = account_name
        self.former_name = former_name


class SealError(PamTfaError):
    """A secret can't be sealed or unsealed."""

    def __init__(self, path: str, reason: str) -> None:
        """Name the key file and what is wrong; never any part of a key."""
        super().__init__(path, reason)
        self.path = path
        self.reason = reason


class SealKeyMissingError(SealError):
    """There is no sealing key at the path."""


class SealKeyDamagedError(SealError):
    """The sealing key file is there, but isn't one, or isn't root's alone."""


class WrongSealKeyError(SealError):
    """No key in the file opens the secret."""
