"""What follows the answer at a login. The helper imports this while the user types."""

from __future__ import annotations

import syslog
from typing import TYPE_CHECKING, assert_never

from pam_tfa.attempts import NotEnrolledError, try_answer
from pam_tfa.core.attempt import (
    Accepted,
    BackupAccepted,
    Decision,
    Locked,
    Malformed,
    Refused,
)
from pam_tfa.dialogue import Outcome, refused
from pam_tfa.locale import login as text

if TYPE_CHECKING:
    from pam_tfa.config import Config
    from pam_tfa.dialogue import Account, Answer, System


def verify(account: Account, answer: Answer, config: Config, system: System) -> Outcome:
    """Evaluate an answer to the code prompt of an enrolled account.

    Returns: the outcome; by then it is durable.
    Raises: PamTfaError where it can't be evaluated or made durable; then nobody gets in.
    """
    if answer.unusable is not None:
        return refused(f"not_a_code:{answer.unusable}")
    store, keyring = system.open_store(config), system.load_keyring(config)
    try:
        decision = try_answer(store, keyring, account.name, answer.text, system.now_s, account.uid)
    except NotEnrolledError:
        return refused("not_enrolled_any_more")
    return _outcome(decision, account.name)


def _outcome(decision: Decision, user: str) -> Outcome:
    match decision:
        case Accepted():
            return Outcome("success", "code", "", syslog.LOG_INFO)
        case BackupAccepted(codes_left=left):
            shown = text.BACKUP_ACCEPTED.format(left=left)
            return Outcome("success", "backup_code", shown, syslog.LOG_NOTICE)
        case Refused(reason=reason):
            from pam_tfa.mending import mend_of_refusal  # no good code waits for it

            return refused(reason, mend_of_refusal(reason, user))
        case Locked(wait_s=int(wait_s)):
            shown = text.LOCKED_FOR.format(wait=text.format_wait(wait_s))
            return Outcome("locked", f"for_{wait_s}_s", shown, syslog.LOG_WARNING)
        case Locked():
            return Outcome("locked", "until_unlocked", text.LOCKED, syslog.LOG_WARNING)
        case Malformed(reason=reason):
            return refused(f"not_a_code:{reason}")
        case unreachable:
            assert_never(unreachable)
