"""What a verb works with: who calls, the configuration, the store, the key, the clock, the log."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import syslog
import time
from typing import TYPE_CHECKING, Final

from pam_tfa.cli.failures import NO_PERMISSION, REFUSED, UNAVAILABLE, CommandError
from pam_tfa.cli.language import _
from pam_tfa.cli.printable import printable
from pam_tfa.config import load_config
from pam_tfa.dialogue import Account
from pam_tfa.events import format_event, write_event
from pam_tfa.renaming import refuse_renamed

if TYPE_CHECKING:
    from collections.abc import Callable

    from pam_tfa.cli.terminal import Terminal
    from pam_tfa.config import Config
    from pam_tfa.store.files import FileStore
    from pam_tfa.store.sealing import SealKeyring

LOGIN_UID: Final = "/proc/self/loginuid"
ACCOUNTS_FILE: Final = "/etc/passwd"
NO_LOGIN_UID: Final = 2**32 - 1


class Context:
    """One run of the command; files are opened when a verb first needs them."""

    def __init__(self, verb: str, config_path: str | None, terminal: Terminal) -> None:
        """Say which verb runs, with which configuration, where."""
        self.verb = verb
        self.terminal = terminal
        self._config_path = config_path
        self._config: Config | None = None

    def config(self) -> Config:
        """Read the configuration. Raises: ConfigError."""
        if self._config is None:
            self._config = load_config(self._config_path)
        return self._config

    def store(self) -> FileStore:
        """Return the store that the configuration names. Raises: ConfigError."""
        from pam_tfa.store.files import FileStore

        return FileStore(self.config().store_dir)

    def keyring(self) -> SealKeyring:
        """Read the sealing key. Raises: ConfigError, SealError."""
        from pam_tfa.store.sealing import SealKeyring

        return SealKeyring.load(self.config().seal_key_path)

    def issuer(self) -> str:
        """Return what an authenticator app calls this host. Raises: ConfigError."""
        return self.config().issuer or os.uname().nodename.partition(".")[0] or "localhost"

    def now_s(self) -> int:
        """Return Unix seconds."""
        return int(time.time())

    def require_root(self, arguments: str = "") -> None:
        """Refuse anybody else. Raises: CommandError."""
        if os.geteuid() != 0:
            command = " ".join(filter(None, ("sudo pam-tfa", self.verb, arguments)))
            raise CommandError(
                NO_PERMISSION,
                _("Only root may do that."),
                _("Run `{command}`.").format(command=command),
            )

    def choose_account_name(self, user: str | None) -> str:
        """Return whose account the verb is about.

        Raises: CommandError for somebody who isn't root: with a name he has no permission, without
            one it takes the daemon.
        """
        if user is not None:
            self.require_root(printable(user))
            return user
        if os.geteuid() == 0:
            name = own_name()
            self.terminal.note(_("No account was named: this acts on {user}.").format(user=name))
            return name
        raise CommandError(
            UNAVAILABLE,
            _("The daemon that lets you manage your own account does not run."),
            _(
                "Ask an administrator for `sudo systemctl start pam-tfad.socket`, or for "
                "`sudo pam-tfa {verb} {user}`."
            ).format(verb=self.verb, user=printable(own_name())),
        )

    def choose_record_name(self, user: str | None) -> str:
        """Return whose record the verb is about: the name service's spelling of an account.

        Records outlive accounts and their names: it is the name as given where the name service
        knows none, or where only that one has a record.

        Raises: CommandError, as choose_account_name; PamTfaError for a store that is not there.
        """
        name = self.choose_account_name(user)
        account = find_account(name)
        if account is None or account.name == name:
            return name
        store = self.store()
        return name if store.holds(name) and not store.holds(account.name) else account.name

    def require_account(self, name: str) -> Account:
        """Return the account of that name as the name service knows it. Raises: CommandError."""
        account = find_account(name)
        if account is None:
            raise no_such_account(name)
        return account

    def not_enrolled(self, name: str) -> CommandError:
        """Make the failure for an account without a record. Raises: PamTfaError."""
        account = find_account(name)
        if account is None:
            return no_such_account(name)
        refuse_renamed(account, self.store(), find_account)
        shown = printable(name)
        return CommandError(
            REFUSED,
            _("{user} is not enrolled, so there is nothing to change.").format(user=shown),
            _("`sudo pam-tfa enroll {user}` enrols the account.").format(user=shown),
        )

    def log(self, event: str, account_name: str | None, *fields: tuple[str, object]) -> None:
        """Write one line about a change to the host's log of authentication."""
        who = (("user", account_name), ("by", own_name()), ("login_user", login_name()))
        write_event("pam-tfa", syslog.LOG_NOTICE, format_event(event, (*who, *fields)))

    def answer_json(self, content: dict[str, object]) -> None:
        """Answer a program: one line of JSON with the verb's schema. Raises: OutputError."""
        self.terminal.show(json.dumps({"schema": f"pam-tfa/{self.verb}/1", **content}))


def find_account(name: str) -> Account | None:
    """Ask the name service; None where it does not know the name.

    Raises: CommandError where the name service does not work.
    """
    return ask_name_service(lambda: pwd.getpwnam(name))


def ask_name_service(look_up: Callable[[], pwd.struct_passwd]) -> Account | None:
    """Look an account up; None where there is none.

    pwd says so too where it could not look: it drops the system's error. What follows - a record
    is up for removal, a name is free to take another one's record - must not follow from a read
    that failed, so it has to be said twice, and by a name service that works.

    Raises: CommandError where the name service does not work.
    """
    for _attempt in range(2):
        try:
            entry = look_up()
        except (KeyError, ValueError, OverflowError):  # ValueError: NUL in the name
            _require_name_service()
        else:
            return Account(entry.pw_name, entry.pw_uid)
    return None


def _require_name_service() -> None:
    """Find out whether accounts can be looked up; root alone may be known without (nss-systemd)."""
    reason = None
    try:
        with (
            contextlib.suppress(FileNotFoundError),  # this host has its accounts elsewhere
            open(ACCOUNTS_FILE, "rb", buffering=0) as stream,
        ):
            stream.read()
            stream.seek(0)  # the third call that libnss_files makes and whose failure it keeps
        pwd.getpwuid(0)
    except OSError as error:
        reason = f"{ACCOUNTS_FILE}: {error.strerror}"
    except KeyError:
        reason = _("it does not know root")
    if reason is not None:
        raise CommandError(
            UNAVAILABLE,
            _("The name service does not work: {reason}.").format(reason=reason),
            _("Look at `getent passwd`, and at what it reads (/etc/nsswitch.conf)."),
        )


def no_such_account(name: str) -> CommandError:
    """Make the failure for a name that nobody knows."""
    return CommandError(
        REFUSED,
        _("There is no account '{user}' on this host.").format(user=printable(name)),
        _("`getent passwd` lists the accounts; is the name spelled right?"),
    )


def own_name() -> str:
    """Return the name of who runs this command, or the number where it has none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def login_name() -> str | None:
    """Return who logged in before becoming root, as the kernel's audit keeps it.

    SUDO_USER says the same, but is whatever its owner wants it to be.
    """
    try:
        with open(LOGIN_UID, encoding="ascii") as stream:
            uid = int(stream.read())
        return None if uid == NO_LOGIN_UID else pwd.getpwuid(uid).pw_name
    except (OSError, ValueError, KeyError):
        return None
