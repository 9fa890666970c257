"""What every fault has to come to: denied as unavailable, told, in time, over when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.harness.pam_client import PAM_AUTHINFO_UNAVAIL, PAM_SUCCESS, Transaction, transact
from tests.harness.pam_services import a_module_service

if TYPE_CHECKING:
    from tests.harness.enrolled import EnrolledUser

UNAVAILABLE = ("error", "Two-factor login is unavailable.")
LIMIT_S = 5


def log_in(name: str, answer: str) -> Transaction:
    """Try one login."""
    return transact(a_module_service("nodelay"), name, [answer.encode()])


def assert_denied(done: Transaction) -> None:
    """Hold a login to: unavailable, the user was told, within 5 s of the answer."""
    assert done.result == PAM_AUTHINFO_UNAVAIL
    assert tuple(done.transcript[-1]) == UNAVAILABLE
    assert done.seconds_after_last_answer < LIMIT_S


def assert_good_and_wrong_code_denied(user: EnrolledUser) -> None:
    """Hold logins with a good code, a wrong one, a backup code and none to the same denial."""
    for answer in (user.code(), user.wrong_code(), user.backup_codes[-1], ""):
        done = log_in(user.name, answer)
        if answer == "" and done.asked():
            continue  # not evaluated; that may be known before anything is missed
        assert_denied(done)


def assert_works(user: EnrolledUser) -> None:
    """Hold the next good code to being good: no fault locks anybody out."""
    done = log_in(user.name, user.code())
    assert done.result == PAM_SUCCESS, ("after the fault", done.transcript)
