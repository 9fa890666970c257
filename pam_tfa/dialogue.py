"""What flows between a login and whoever drives it: who logs in, steps, answers, outcomes.

Plain classes, because the helper loads them before it prompts and typing costs it 14 ms.
"""

from __future__ import annotations

import syslog

from pam_tfa.locale import login as text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Literal, Protocol

    from pam_tfa.config import Config
    from pam_tfa.store.files import FileStore
    from pam_tfa.store.sealing import SealKeyring

    Verdict = Literal[
        "success",
        "ignore",
        "refused",
        "locked",
        "unavailable",
        "conversation_failed",
        "misconfigured",
    ]
    Unusable = Literal["too_long", "equals_password"]

    class System(Protocol):
        """What a login needs of the machine; tests bring their own."""

        def load_config(self, path: str | None) -> Config:
            """Raise ConfigError where the configuration can't be used."""

        def find_account(self, name: str) -> Account | None:
            """Ask the name service; None where it does not know the name."""

        def open_store(self, config: Config) -> FileStore:
            """Return the store that the configuration names."""

        def load_keyring(self, config: Config) -> SealKeyring:
            """Raise SealError where the key can't be used."""

        def now_s(self) -> int:
            """Return the Unix time in seconds."""

        def log(self, priority: int, line: str) -> None:
            """Write a line to the log."""

        def caller_uid(self) -> int:
            """Return who asks: 0 for a PAM host with root's rights."""

    Dialogue = Generator["Prompt | Show", "Answer | None", "Outcome"]


class Account:
    """An account as the name service gives it."""

    __slots__ = ("name", "uid")

    def __init__(self, name: str, uid: int) -> None:
        self.name = name
        self.uid = uid


class LoginRequest:
    """Who logs in where, as PAM's items and the module's options say it.

    Bytes of the items are decoded as file names are (os.fsdecode).
    """

    __slots__ = (
        "config_path",
        "decoy",
        "echo",
        "nullok",
        "prompt_text",
        "quiet",
        "rhost",
        "ruser",
        "service",
        "tty",
        "user",
    )

    def __init__(
        self,
        user: str,
        *,
        service: str | None = None,
        rhost: str | None = None,
        ruser: str | None = None,
        tty: str | None = None,
        config_path: str | None = None,
        prompt_text: str | None = None,
        nullok: bool = False,
        echo: bool = False,
        decoy: bool = False,
        quiet: bool = False,
    ) -> None:
        self.user = user
        self.service = service
        self.rhost = rhost
        self.ruser = ruser
        self.tty = tty
        self.config_path = config_path
        self.prompt_text = prompt_text
        self.nullok = nullok
        self.echo = echo
        self.decoy = decoy
        self.quiet = quiet


class Prompt:
    """A step: ask for one line, and send an Answer."""

    __slots__ = ("echo", "text")

    def __init__(self, prompt_text: str, *, echo: bool) -> None:
        self.text = prompt_text
        self.echo = echo


class Show:
    """A step: show a line, and send None."""

    __slots__ = ("is_error", "text")

    def __init__(self, shown: str, *, is_error: bool) -> None:
        self.text = shown
        self.is_error = is_error


class Answer:
    """What the user typed, or why it isn't here. Has no repr of its own: it may be a code."""

    __slots__ = ("text", "unusable")

    def __init__(self, typed: bytes = b"", unusable: Unusable | None = None) -> None:
        """Take the bytes as typed, without a line's end, or why they were not sent."""
        self.text = typed
        self.unusable = unusable


class Outcome:
    """How a login ends.

    verdict: what PAM is told.
    reason: for the log: one word, or a Sentence.
    shown: what the user is told, or "".
    priority: syslog's.
    mend: for the log: what mends the cause, or None.
    """

    __slots__ = ("mend", "priority", "reason", "shown", "verdict")

    def __init__(
        self, verdict: Verdict, reason: str, shown: str, priority: int, mend: str | None = None
    ) -> None:
        self.verdict = verdict
        self.reason = reason
        self.shown = shown
        self.priority = priority
        self.mend = mend


def refused(reason: str, mend: str | None = None) -> Outcome:
    """Refuse: the user is told the same whatever the reason, which only the log knows."""
    return Outcome("refused", reason, text.REFUSED, syslog.LOG_NOTICE, mend)
