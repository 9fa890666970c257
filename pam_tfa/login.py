"""The login flow: one generator for the helper, the daemon, `pam-tfa try` and the tests.

It yields what to ask and what to show and returns the verdict; whoever drives it relays that to
a person. Everything up to the prompt is here and imports little, because the helper makes the
user wait for it; what comes after the answer is in verification.py, imported while they type.
"""

from __future__ import annotations

import syslog
from collections import namedtuple

from pam_tfa.core.errors import PamTfaError
from pam_tfa.core.suspension import is_suspended
from pam_tfa.events import format_event
from pam_tfa.locale import login as text
from pam_tfa.store.files import FileStore, NotEnrolled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Literal, NamedTuple, Protocol

    from pam_tfa.config import Config, Unenrolled
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

    class Account(NamedTuple):
        """An account as the name service gives it."""

        name: str
        uid: int

    class Prompt(NamedTuple):
        """Ask for one line; send() an Answer."""

        text: str
        echo: bool

    class Show(NamedTuple):
        """Show a line; send() None."""

        text: str
        is_error: bool

    class Outcome(NamedTuple):
        """How a login ends: the verdict, the log's reason, what the user is told (or "")."""

        verdict: Verdict
        reason: str
        shown: str
        priority: int

    class System(Protocol):
        """What a login needs of the machine; tests bring their own."""

        def load_config(self, path: str | None) -> Config:
            """Raise ConfigError where the configuration can't be used."""

        def find_account(self, name: str) -> Account | None:
            """Ask the name service; None where it does not know the name."""

        def open_store(self, config: Config) -> FileStore: ...

        def load_keyring(self, config: Config) -> SealKeyring: ...

        def now_s(self) -> int: ...

        def log(self, priority: int, line: str) -> None: ...

        def caller_uid(self) -> int:
            """Return who asks: 0 for a PAM host with root's rights."""

    Dialogue = Generator["Prompt | Show", "Answer | None", Outcome]
else:
    Account = namedtuple("Account", ("name", "uid"))
    Prompt = namedtuple("Prompt", ("text", "echo"))
    Show = namedtuple("Show", ("text", "is_error"))
    Outcome = namedtuple("Outcome", ("verdict", "reason", "shown", "priority"))


class Answer:
    """What the user typed, or why it isn't here; never in a repr."""

    __slots__ = ("text", "unusable")

    def __init__(self, answer_text: bytes = b"", unusable: str | None = None) -> None:
        """Take the bytes as typed, or `unusable`: "too_long" or "equals_password"."""
        self.text = answer_text
        self.unusable = unusable


class LoginRequest:
    """Who logs in where, as the PAM items say it; bytes of the items decoded as file names are."""

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


class _Asking:
    """Asks for the code, once."""

    __slots__ = ("_prompt", "asked")

    def __init__(self, request: LoginRequest) -> None:
        self._prompt = Prompt(request.prompt_text or text.PROMPT, request.echo)
        self.asked = False

    def __call__(self) -> Generator[Prompt, Answer | None, Answer]:
        self.asked = True
        answer = yield self._prompt
        return answer or Answer()


def refused(reason: str) -> Outcome:
    """Refuse: the user is told the same whatever the reason, which only the log knows."""
    return Outcome("refused", reason, text.REFUSED, syslog.LOG_NOTICE)


def login(
    request: LoginRequest, system: System
) -> Generator[Prompt | Show, Answer | None, Verdict]:
    """Run one login.

    Yields: Prompt, to which an Answer is sent, and Show.
    Returns: the verdict. What led to it is durable and logged before anything of it is shown.
    """
    ask = _Asking(request)
    try:
        outcome = yield from _decide(request, system, ask)
    except PamTfaError as error:
        reason = f"{type(error).__name__}: {error}"
        outcome = Outcome("unavailable", reason, text.UNAVAILABLE, syslog.LOG_ERR)
    if request.quiet:
        outcome = yield from _silence(outcome, ask)
    system.log(outcome.priority, _log_line(request, outcome))
    if outcome.shown:
        yield Show(outcome.shown, is_error=outcome.verdict != "success")
    return outcome.verdict


def _decide(request: LoginRequest, system: System, ask: _Asking) -> Dialogue:
    caller_uid = system.caller_uid()
    account = system.find_account(request.user)
    if caller_uid != 0 and (account is None or account.uid != caller_uid):
        return Outcome("refused", "caller_is_not_root", "", syslog.LOG_NOTICE)
    if request.decoy:
        yield from ask()
        return refused("decoy")
    if account is None:
        yield from ask()
        return refused("unknown_user")
    config = system.load_config(request.config_path)
    enrolled = system.open_store(config).suspension_of(account.name, account.uid)
    if isinstance(enrolled, NotEnrolled):
        return (yield from _not_enrolled(request, config, ask))
    suspension = enrolled.suspension
    if is_suspended(suspension.from_s, suspension.until_s, system.now_s()):
        return Outcome("ignore", "suspended", "", syslog.LOG_NOTICE)
    answer = yield from ask()
    from pam_tfa.verification import verify

    return verify(account, answer, config, system)


def _not_enrolled(request: LoginRequest, config: Config, ask: _Asking) -> Dialogue:
    """Decide about an account of which the store proves that it has no record."""
    rule: Unenrolled = config.unenrolled or ("skip" if request.nullok else "deny")
    if rule == "skip":
        return Outcome("ignore", "not_enrolled", "", syslog.LOG_INFO)
    yield from ask()
    return refused("not_enrolled")


def _silence(outcome: Outcome, ask: _Asking) -> Dialogue:
    """Make every refusal look like a wrong code and say nothing (the option `quiet`)."""
    if outcome.verdict in ("success", "ignore"):
        return outcome
    if not ask.asked:
        yield from ask()
    return outcome._replace(verdict="refused", shown="")


def _log_line(request: LoginRequest, outcome: Outcome) -> str:
    fields = (
        ("outcome", outcome.verdict),
        ("reason", outcome.reason),
        ("user", request.user),
        ("rhost", request.rhost),
        ("ruser", request.ruser),
        ("tty", request.tty),
    )
    return format_event("login", fields)
