"""Full and failing disks, with the real module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness.disks import failing_calls, on_a_full_disk
from tests.harness.enrolled import an_enrolled_user
from tests.harness.pam_client import PAM_AUTH_ERR, PAM_AUTHINFO_UNAVAIL, PAM_SUCCESS
from tests.pam.denial import assert_denied, assert_works, log_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.fixtures import LogSinceStart


@pytest.mark.parametrize("kind", ["tmpfs", "ext4"])
def test_full_disk(kind: str, root_directory: Path) -> None:
    """Good codes work, because nothing new need be allocated; wrong and used ones do not."""
    user = an_enrolled_user(otp_type="hotp")
    totp_user = an_enrolled_user()
    first, used_backup = user.code(), user.backup_codes[0]
    attempts = [
        (user, user.wrong_code(), PAM_AUTH_ERR),
        (user, first, PAM_SUCCESS),
        (user, first, PAM_AUTH_ERR),
        (user, used_backup, PAM_SUCCESS),
        (user, used_backup, PAM_AUTH_ERR),
        (user, user.code(), PAM_SUCCESS),
        (totp_user, totp_user.code(), PAM_SUCCESS),
        (totp_user, totp_user.wrong_code(), PAM_AUTH_ERR),
    ]
    with on_a_full_disk(kind, root_directory, [user.name, totp_user.name]):
        results = [log_in(each.name, answer).result for each, answer, _ in attempts]
    assert results == [wanted for _, _, wanted in attempts]
    for used in (first, used_backup):
        assert log_in(user.name, used).result == PAM_AUTH_ERR
    assert_works(user)


@pytest.mark.parametrize("error", ["EIO", "ENOSPC", "EDQUOT", "EROFS"])
@pytest.mark.parametrize("calls", ["pwrite64", "fdatasync,fsync"])
def test_state_that_cannot_be_made_durable(calls: str, error: str, log: LogSinceStart) -> None:
    """Neither a good nor a wrong code gets another answer than: unavailable."""
    user = an_enrolled_user(otp_type="hotp")
    with failing_calls(calls, error):
        assert_denied(log_in(user.name, user.code()))
        assert_denied(log_in(user.name, user.wrong_code()))
        assert_denied(log_in(user.name, user.backup_codes[0]))
    log.wait_for("NotDurableError")


# The first two are the dynamic linker's.
@pytest.mark.parametrize("when", ["3+", "4+", "5+", "6+", "7+", "3", "5"])
def test_records_that_cannot_be_read(when: str, log: LogSinceStart) -> None:
    """A bad sector under the record is no reason to skip or to accept."""
    user = an_enrolled_user(otp_type="hotp")
    with failing_calls("pread64", "EIO", when):
        assert log_in(user.name, user.code()).result == PAM_AUTHINFO_UNAVAIL
    log.wait_for("StoreUnavailableError|SealError")
    assert_works(user)


def test_tracer_alone_does_no_harm() -> None:
    """The tests above fail because of the calls that they let fail, and of nothing else."""
    user = an_enrolled_user(otp_type="hotp")
    with failing_calls("getppid", "EIO"):
        assert log_in(user.name, user.code()).result == PAM_SUCCESS


@pytest.mark.parametrize("calls", ["openat", "fcntl", "newfstatat,fstat", "getrandom", "mmap"])
def test_other_calls_that_fail(calls: str) -> None:
    """Whichever call fails from its twentieth time on: no success for a wrong code, no skip."""
    user = an_enrolled_user(otp_type="hotp")
    for when in ("1+", "20+", "100+"):
        with failing_calls(calls, "EIO", when):
            done = log_in(user.name, user.wrong_code())
        assert done.result in (PAM_AUTHINFO_UNAVAIL, PAM_AUTH_ERR)
        assert done.seconds < 5
    assert_works(user)
