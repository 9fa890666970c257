"""The login flow: one generator for the helper, the daemon, `pam-tfa try` and the tests.

It yields what to ask and what to show and returns the verdict; whoever drives it relays that to
a person. Everything up to the prompt is here and imports little, because the helper makes the
user wait for it; what comes after the answer is in verification.py, imported while they type.
"""

from __future__ import annotations

import syslog

from pam_tfa.core.errors import PamTfaError
from pam_tfa.core.suspension import is_suspended
from pam_tfa.dialogue import Answer, Outcome, Prompt, Show, refused
from pam_tfa.events import Sentence, format_event
from pam_tfa.locale import login as text
from pam_tfa.store.files import NotEnrolled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator

    from pam_tfa.config import Config, Unenrolled
    from pam_tfa.dialogue import Account, Dialogue, LoginRequest, System, Verdict


class _Asking:
    """Asks for the code, and remembers that it did."""

    __slots__ = ("_prompt", "asked")

    def __init__(self, request: LoginRequest) -> None:
        self._prompt = Prompt(request.prompt_text or text.PROMPT, echo=request.echo)
        self.asked = False

    def __call__(self) -> Generator[Prompt, Answer | None, Answer]:
        self.asked = True
        answer = yield self._prompt
        return answer or Answer()


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
        outcome = _unavailable(error, request.user)
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
        return (yield from _not_enrolled(request, account, config, system, ask))
    suspension = enrolled.suspension
    if is_suspended(suspension.from_s, suspension.until_s, system.now_s()):
        return Outcome("ignore", "suspended", "", syslog.LOG_NOTICE)
    answer = yield from ask()
    from pam_tfa.verification import verify

    return verify(account, answer, config, system)


def _unavailable(error: PamTfaError, user: str) -> Outcome:
    from pam_tfa.mending import mend_of

    fields = (getattr(error, name, "") for name in ("path", "key_or_line", "field", "reason"))
    reason = Sentence(": ".join(filter(None, (type(error).__name__, *fields))))
    mend = mend_of(error, user)
    return Outcome("unavailable", reason, text.UNAVAILABLE, syslog.LOG_ERR, mend)


def _not_enrolled(
    request: LoginRequest, account: Account, config: Config, system: System, ask: _Asking
) -> Dialogue:
    """Decide about an account of which the store proves that it has no record."""
    from pam_tfa.renaming import refuse_renamed

    rule: Unenrolled = config.unenrolled or ("skip" if request.nullok else "deny")
    if rule == "skip":
        refuse_renamed(account, system.open_store(config), system.find_account)
        return Outcome("ignore", "not_enrolled", "", syslog.LOG_INFO)
    yield from ask()
    refuse_renamed(account, system.open_store(config), system.find_account)
    return refused("not_enrolled")


def _silence(outcome: Outcome, ask: _Asking) -> Dialogue:
    """Make every refusal look like a wrong code and say nothing (the option `quiet`)."""
    if outcome.verdict in ("success", "ignore"):
        return outcome
    if not ask.asked:
        yield from ask()
    return Outcome("refused", outcome.reason, "", outcome.priority, outcome.mend)


def _log_line(request: LoginRequest, outcome: Outcome) -> str:
    fields = (
        ("outcome", outcome.verdict),
        ("reason", outcome.reason),
        ("user", request.user),
        ("rhost", request.rhost),
        ("ruser", request.ruser),
        ("tty", request.tty),
        ("mend", outcome.mend),
    )
    return format_event("login", fields)
