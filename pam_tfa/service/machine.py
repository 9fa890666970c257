"""The machine that a login runs on: its clock, accounts, log, configuration and store."""

from __future__ import annotations

import os
import pwd
import time

from pam_tfa.config import load_config
from pam_tfa.config_cache import CACHE_PATH
from pam_tfa.dialogue import Account
from pam_tfa.events import write_event
from pam_tfa.store.files import FileStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pam_tfa.config import Config
    from pam_tfa.store.sealing import SealKeyring

IDENT = "pam-tfa-helper"


class Machine:
    """pam_tfa.dialogue.System for the real host, for one login."""

    def __init__(self, service: str | None) -> None:
        """Take PAM_SERVICE, which the host's log lines begin with."""
        self._prefix = f"pam_tfa({_printable(service or 'unknown')}:auth): "

    def load_config(self, path: str | None) -> Config:
        """Read the configuration. Raises ConfigError."""
        return load_config(path, cache_path=CACHE_PATH)

    def find_account(self, name: str) -> Account | None:
        """Ask the name service, which says "unknown" also where it is down: both refuse."""
        try:
            entry = pwd.getpwnam(name)
        except (KeyError, ValueError):  # ValueError: NUL in the name
            return None
        return Account(entry.pw_name, entry.pw_uid)

    def open_store(self, config: Config) -> FileStore:
        """Return the store that the configuration names."""
        return FileStore(config.store_dir)

    def load_keyring(self, config: Config) -> SealKeyring:
        """Read the sealing key that the configuration names. Raises SealError."""
        from pam_tfa.store.sealing import SealKeyring

        return SealKeyring.load(config.seal_key_path)

    def now_s(self) -> int:
        """Return the clock's Unix time, in seconds."""
        return int(time.time())

    def log(self, priority: int, line: str) -> None:
        """Write a line to the log, beginning as PAM modules' lines do."""
        write_event(IDENT, priority, self._prefix + line)

    def caller_uid(self) -> int:
        """Return the helper's own uid: the module gives it root's only where the host has them."""
        return os.getuid()


def _printable(service: str) -> str:
    kept = "".join(c for c in service[:64] if c.isascii() and (c.isalnum() or c in "-_.@+"))
    return kept or "unknown"
