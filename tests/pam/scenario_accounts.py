"""The accounts and answers that scenario files name."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from tests.harness.enrolled import EnrolledUser, an_enrolled_user
from tests.harness.installation import record_path
from tests.harness.pam_client import transact
from tests.harness.users import User, a_user

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.harness.pam_client import Reply

PASSWORD = "correct horse"
SSHD_DUMMY = "\b\n\r\177INCORRECT"
WITHOUT_END_S = (1 << 64) - 1


class Account:
    """An account of a scenario, enrolled or not."""

    def __init__(self, name: str, enrolled: EnrolledUser | None = None) -> None:
        self.name = name
        self.enrolled = enrolled

    def answer(self, wanted: str | dict[str, Any]) -> Reply:
        """Return the reply that a scenario file means."""
        if isinstance(wanted, dict):
            ((kind, value),) = wanted.items()
            replies: dict[str, Reply] = {
                "text": str(value).encode("utf-8", "surrogateescape"),
                "null": None,
            }
            return int(value) if kind == "fails" else replies[kind]
        return self._named_answer(wanted).encode()

    def _named_answer(self, wanted: str) -> str:
        if wanted == "password":
            return PASSWORD
        if wanted == "sshd's dummy":
            return SSHD_DUMMY
        if self.enrolled is None:
            return "123456"
        codes: dict[str, Callable[[], str]] = {
            "good code": self.enrolled.code,
            "wrong code": self.enrolled.wrong_code,
            "backup code": lambda: self._enrolled().backup_codes[0],
            "backup code in capitals without dashes": lambda: (
                self._enrolled().backup_codes[1].upper().replace("-", "")
            ),
            "wrong backup code": lambda: self._enrolled().backup_codes[0][::-1],
            "used code": self._used_code,
            "used backup code": self._used_backup_code,
            "code of two steps ago": lambda: self._enrolled().code_at(
                self._enrolled().step_now() - 2
            ),
        }
        return codes[wanted]()

    def _enrolled(self) -> EnrolledUser:
        assert self.enrolled is not None
        return self.enrolled

    def _used_code(self) -> str:
        return self._use(self._enrolled().code())

    def _used_backup_code(self) -> str:
        return self._use(self._enrolled().backup_codes[0])

    def _use(self, code: str) -> str:
        from tests.harness.pam_services import a_module_service, remove_service

        service = a_module_service()
        assert transact(service, self.name, [code.encode()]).result == 0
        remove_service(service)
        return code


def make_account(kind: str, *, password: bool) -> Account:
    """Make the account of a kind."""
    makers: dict[str, Callable[[EnrolledUser], None]] = {
        "enrolled": lambda _: None,
        "five failures": lambda user: user.fail_before(5),
        "locked for a while": lambda user: user.fail_before(9),
        "locked for an hour": lambda user: user.fail_before(50),
        "wait is over": lambda user: user.fail_before(6, ago_s=31),
        "locked until unlocked": lambda user: user.fail_before(100, ago_s=10**6),
        "suspended without end": lambda user: user.suspend(WITHOUT_END_S),
        "suspended until later": lambda user: user.suspend(int(time.time()) + 3600),
        "suspended until now": lambda user: user.suspend(int(time.time())),
        "record truncated": lambda user: os.truncate(record_path(user.name), 5000),
        "record readable by others": lambda user: os.chmod(record_path(user.name), 0o644),
        "record of its own user": lambda user: os.chown(record_path(user.name), user.user.uid, -1),
    }
    if kind == "unknown":
        return Account("nobody-of-this-name")
    user = a_user(password=PASSWORD if password else "")
    if kind == "not enrolled":
        return Account(user.name)
    enrolled = _enroll(kind, user)
    if kind not in VARIANTS:
        makers[kind](enrolled)
    return Account(user.name, enrolled)


VARIANTS: dict[str, dict[str, Any]] = {
    "enrolled for HOTP": {"otp_type": "hotp"},
    "enrolled for HOTP, 8 digits": {"otp_type": "hotp", "digits": 8},
    "enrolled for SHA-256, 8 digits": {"algorithm": "sha256", "digits": 8},
    "enrolled for SHA-512, 60 s": {"algorithm": "sha512", "period_s": 60},
    "record of another uid": {"uid": 54321},
}


def _enroll(kind: str, user: User) -> EnrolledUser:
    return an_enrolled_user(user, **VARIANTS.get(kind, {}))
