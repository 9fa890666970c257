"""Accounts that usermod, userdel and useradd changed: refused, with the command that mends it."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.harness.enrolled import an_enrolled_user
from tests.harness.installation import PREFIX
from tests.harness.pam_client import PAM_SUCCESS
from tests.harness.pam_services import IGNORED
from tests.harness.users import a_user, remove_user
from tests.pam.denial import assert_denied, log_in

if TYPE_CHECKING:
    from tests.harness.enrolled import EnrolledUser
    from tests.harness.fixtures import LogSinceStart


def change(*command: str) -> None:
    """Run an administrator's command."""
    subprocess.run(command, check=True, capture_output=True, text=True)


def mend(log: LogSinceStart) -> str:
    """Return what the last refusal's log line recommends."""
    found = re.search(r'mend="([^"]*)"', log.wait_for("outcome=unavailable"))
    assert found is not None
    return found[1]


def type_first_command(advice: str) -> None:
    """Do what a log line recommends, up to its first parenthesis."""
    verb, *operands = advice.partition(" (")[0].removeprefix("pam-tfa ").split()
    change(str(PREFIX / "bin" / "pam-tfa"), verb, *operands)


@pytest.fixture
def alicia(log: LogSinceStart) -> EnrolledUser:
    """Return an account that enrolled, and then was renamed."""
    user = an_enrolled_user()
    change("usermod", "-l", f"{user.name}new", user.name)
    log.restart()
    return user


def test_renamed_account_is_refused_until_its_record_follows(
    alicia: EnrolledUser, log: LogSinceStart
) -> None:
    """By the very command that the log names; then its codes are good."""
    new_name = f"{alicia.name}new"
    for answer in (alicia.code(), alicia.wrong_code(), ""):
        assert_denied(log_in(new_name, answer))
    advice = mend(log)
    assert advice.startswith(f"pam-tfa rename {alicia.name} {new_name} (the same person)")
    type_first_command(advice)
    assert log_in(new_name, alicia.code()).result == PAM_SUCCESS


def test_uid_of_a_deleted_account_is_free_again_after_a_reset(log: LogSinceStart) -> None:
    """Nothing tells its new holder from a renamed one but the administrator."""
    gone = an_enrolled_user()
    remove_user(gone.name)
    change("useradd", "-M", "-u", str(gone.user.uid), "tfaheir")
    log.restart()
    assert_denied(log_in("tfaheir", ""))
    assert f"pam-tfa reset {gone.name} (another one)" in mend(log)
    change(str(PREFIX / "bin" / "pam-tfa"), "reset", gone.name)
    assert log_in("tfaheir", "").result == IGNORED
    remove_user("tfaheir")


def test_changed_uid_is_refused_until_its_record_follows(log: LogSinceStart) -> None:
    """`usermod -u`."""
    user = an_enrolled_user()
    change("usermod", "-u", "61234", user.name)
    log.restart()
    assert_denied(log_in(user.name, user.code()))
    advice = mend(log)
    assert advice.startswith(f"pam-tfa rename {user.name} {user.name} (the same person)")
    change(str(PREFIX / "bin" / "pam-tfa"), "rename", user.name, user.name, "--yes")
    assert log_in(user.name, user.code()).result == PAM_SUCCESS


def test_account_made_anew_is_refused_until_it_is_reset(log: LogSinceStart) -> None:
    """The factor of whoever had the name before is not the new holder's."""
    user = an_enrolled_user()
    remove_user(user.name)
    change("useradd", "-M", "-u", "61235", user.name)
    log.restart()
    assert_denied(log_in(user.name, user.code()))
    assert f"pam-tfa reset {user.name} (another one)" in mend(log)
    change(str(PREFIX / "bin" / "pam-tfa"), "reset", user.name)
    assert log_in(user.name, "").result == IGNORED


def test_second_name_of_an_enrolled_uid_is_its_own_account() -> None:
    """root and toor: neither renamed."""
    user = an_enrolled_user()
    second = a_user()
    change("usermod", "-o", "-u", str(user.user.uid), second.name)
    assert log_in(second.name, "").result == IGNORED
    assert log_in(user.name, user.code()).result == PAM_SUCCESS
