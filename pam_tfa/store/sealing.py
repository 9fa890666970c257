"""Sealing of secrets, so that a copy of the records alone is worth nothing.

The key lies outside the store. What a secret belongs to is authenticated with it, so that a
record's ciphertext can't be moved to another account.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from pam_tfa.core.errors import WrongSealKeyError
from pam_tfa.core.records import SealedSecret
from pam_tfa.store.key_file import SEAL_KEY_PATH, create_seal_key, read_keys

__all__ = ["SEAL_KEY_PATH", "SealKeyring", "create_seal_key"]

NONCE_BYTES = 12  # random: 2^32 secrets under one key are far from a repetition (RFC 8439, 4)


class SealKeyring:
    """The keys of a key file: the first one seals, each opens what it sealed."""

    __slots__ = ("_keys", "_trusted_uid", "active_key_id", "path")

    def __init__(self, keys: dict[str, bytes], path: str, trusted_uid: int = 0) -> None:
        """Take keys of KEY_BYTES by their id, the active one first; `load` reads them."""
        self._keys = {key_id: ChaCha20Poly1305(key) for key_id, key in keys.items()}
        self._trusted_uid = trusted_uid
        self.active_key_id = next(iter(keys))
        self.path = path

    @classmethod
    def load(cls, path: str = SEAL_KEY_PATH, trusted_uid: int = 0) -> SealKeyring:
        """Read a key file.

        Raises: SealKeyMissingError, SealKeyDamagedError, SealError for a failing disk.
        """
        return cls(read_keys(path, trusted_uid), path, trusted_uid)

    def reloaded(self) -> SealKeyring:
        """Read the same file again, which a rotation may have changed meanwhile.

        Raises: as `load`.
        """
        return SealKeyring.load(self.path, self._trusted_uid)

    def __repr__(self) -> str:
        """Show the ids alone."""
        return f"SealKeyring({', '.join(self._keys)})"

    @property
    def key_ids(self) -> tuple[str, ...]:
        """All keys' ids, the active one first."""
        return tuple(self._keys)

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
            raise WrongSealKeyError(self.path, f"holds no key {sealed.key_id}")
        try:
            return key.decrypt(sealed.nonce, sealed.ciphertext, associated_data)
        except (InvalidTag, ValueError):  # ValueError: a nonce of another length
            pass  # raised below, so that no chained exception carries the arguments along
        raise WrongSealKeyError(self.path, "its key of that id does not open the secret")
