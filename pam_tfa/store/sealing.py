"""Sealing of secrets, so that a copy of the records alone is worth nothing.

The key lies outside the store. What a secret belongs to is authenticated with it, so that a
record's ciphertext can't be moved to another account.
"""

from __future__ import annotations

import base64
import binascii
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from pam_tfa.core.errors import (
    SealError,
    SealKeyDamagedError,
    SealKeyMissingError,
    StoreError,
    StoreUnavailableError,
    WrongSealKeyError,
)
from pam_tfa.core.records import SealedSecret
from pam_tfa.store.creation import create_file
from pam_tfa.store.directory import NotThereError, open_trusted_directory, open_trusted_file
from pam_tfa.store.locks import take_directory_lock
from pam_tfa.store.system_calls import close_descriptor, read_at, reason_of

SEAL_KEY_PATH = "/etc/pam-tfa/seal.key"
FORMAT_LINE = b"pam-tfa-seal-key/1"
KEY_BYTES = 32
NONCE_BYTES = 12  # random: 2^32 secrets under one key are far from a repetition (RFC 8439, 4)
KEY_ID_RANDOM_BYTES = 4
KEY_ID_BYTES_AT_MOST = 64  # core.records holds it to the same
KEY_FILE_BYTES_AT_MOST = 65536
LOCK_WAIT_S = 3.0
_KEY_ID_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


class SealKeyring:
    """The keys of a key file: the first one seals, each opens what it sealed."""

    __slots__ = ("_keys", "active_key_id", "path")

    def __init__(self, keys: dict[str, bytes], path: str) -> None:
        """Take keys of KEY_BYTES by their id, the active one first; `load` reads them."""
        self._keys = {key_id: ChaCha20Poly1305(key) for key_id, key in keys.items()}
        self.active_key_id = next(iter(keys))
        self.path = path

    @classmethod
    def load(cls, path: str = SEAL_KEY_PATH, trusted_uid: int = 0) -> SealKeyring:
        """Read a key file.

        Raises: SealKeyMissingError, SealKeyDamagedError, SealError for a failing disk.
        """
        return cls(_parse_keys(_read_key_file(path, trusted_uid), path), path)

    def __repr__(self) -> str:
        """Show the ids alone."""
        return f"SealKeyring({', '.join(self._keys)})"

    def seal(self, secret: bytes, associated_data: bytes) -> SealedSecret:
        """Seal a secret with the active key.

        Args:
            secret: the shared secret of an authenticator.
            associated_data: what it belongs to, core.records.associated_data.
        """
        nonce = os.urandom(NONCE_BYTES)
        ciphertext = self._keys[self.active_key_id].encrypt(nonce, secret, associated_data)
        return SealedSecret(self.active_key_id, nonce, ciphertext)

    def unseal(self, sealed: SealedSecret, associated_data: bytes) -> bytes:
        """Return the secret.

        Raises: WrongSealKeyError when no key here made it, or it belongs to something else.
        """
        key = self._keys.get(sealed.key_id)
        if key is None:
            raise WrongSealKeyError(self.path, "holds no key of the id that the secret names")
        try:
            return key.decrypt(sealed.nonce, sealed.ciphertext, associated_data)
        except (InvalidTag, ValueError):  # ValueError: a nonce of another length
            pass  # raised below, so that no chained exception carries the arguments along
        raise WrongSealKeyError(self.path, "its key of that id does not open the secret")


def create_seal_key(path: str = SEAL_KEY_PATH, trusted_uid: int = 0) -> bool:
    """Create a key file with one random key, whole and durable, unless there is one.

    Returns: False when the path exists; what is there is never changed.
    Raises: StoreUnavailableError, NotDurableError, StoreBusyError.
    """
    directory, _, name = path.rpartition("/")
    if not name:
        raise StoreUnavailableError(path, "names no file")
    key_id = os.urandom(KEY_ID_RANDOM_BYTES).hex()
    key = base64.b64encode(os.urandom(KEY_BYTES))
    content = b"%s\n%s %s\n" % (FORMAT_LINE, key_id.encode("ascii"), key)
    directory_fd = open_trusted_directory(directory or "/", trusted_uid)
    try:
        take_directory_lock(directory_fd, directory, LOCK_WAIT_S)
        return create_file(directory_fd, name, path, content)
    finally:
        close_descriptor(directory_fd)


def _read_key_file(path: str, trusted_uid: int) -> bytes:
    try:
        key_fd = open_trusted_file(path, trusted_uid, private=True)
    except NotThereError as error:
        raise SealKeyMissingError(path, error.reason) from error
    except StoreError as error:
        raise SealKeyDamagedError(error.path, error.reason) from error
    try:
        return read_at(key_fd, KEY_FILE_BYTES_AT_MOST + 1, 0)
    except OSError as error:
        raise SealError(path, reason_of(error)) from error
    finally:
        close_descriptor(key_fd)


def _parse_keys(content: bytes, path: str) -> dict[str, bytes]:
    """Read the lines; an error tells the line's number, never what is in it."""
    lines = content.split(b"\n")
    if len(content) > KEY_FILE_BYTES_AT_MOST or lines[0] != FORMAT_LINE or lines[-1] != b"":
        raise SealKeyDamagedError(path, "is no sealing key file of format 1, or is cut short")
    keys: dict[str, bytes] = {}
    for number, line in enumerate(lines[1:-1], start=2):
        parsed = _parse_key_line(line)
        if parsed is None or parsed[0] in keys:
            raise SealKeyDamagedError(path, f"line {number} is no key, or repeats a key's id")
        keys[parsed[0]] = parsed[1]
    if not keys:
        raise SealKeyDamagedError(path, "holds no key")
    return keys


def _parse_key_line(line: bytes) -> tuple[str, bytes] | None:
    key_id, _, encoded = line.partition(b" ")
    if not 0 < len(key_id) <= KEY_ID_BYTES_AT_MOST or not _KEY_ID_BYTES.issuperset(key_id):
        return None
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return None
    return (key_id.decode("ascii"), key) if len(key) == KEY_BYTES else None
