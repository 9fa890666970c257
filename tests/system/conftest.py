"""What these tests share: the machine's log, accounts with and without a second factor."""

from __future__ import annotations

import pytest

from tests.harness.enrolled import EnrolledUser, an_enrolled_user
from tests.harness.fixtures import log, no_helper_left_behind, system_log

__all__ = ["log", "no_helper_left_behind", "system_log"]

PASSWORD = "Correct-Horse-7"


@pytest.fixture
def someone() -> EnrolledUser:
    """Return a user with password, home and HOTP: any number of good codes without waiting."""
    return an_enrolled_user(otp_type="hotp", password=PASSWORD, home=True)


@pytest.fixture
def someone_with_totp() -> EnrolledUser:
    """Return a user with password, home and TOTP."""
    return an_enrolled_user(password=PASSWORD, home=True)
