"""An unprivileged caller lowers every limit of a set-uid host: the good code works all the same."""

from __future__ import annotations

import resource

import pytest

from tests.harness.enrolled import an_enrolled_user
from tests.harness.host import run_host
from tests.harness.pam_client import PAM_AUTH_ERR, PAM_SUCCESS
from tests.harness.pam_services import a_module_service
from tests.harness.users import a_user
from tests.pam.test_hosts import assert_unchanged

pytestmark = pytest.mark.usefixtures("hosts")

MEGABYTE = 1 << 20
# The least with which the host itself, that is libpam, still gets to the module.
AT_START = {
    "NPROC": 0,
    "FSIZE": 0,
    "NOFILE": 8,
    "AS": 12 * MEGABYTE,
    "DATA": MEGABYTE,
    "STACK": 256 * 1024,
    "CORE": 0,
    "MEMLOCK": 0,
    "SIGPENDING": 0,
    "MSGQUEUE": 0,
    "CPU": 1,
    "RTPRIO": 0,
    "NICE": 0,
    "RSS": 0,
    "LOCKS": 0,
}
# With the modules loaded there is no floor any more.
LATE = {"NPROC": 0, "FSIZE": 0, "NOFILE": 0, "AS": 0, "DATA": 0, "STACK": 0, "SIGPENDING": 0}


def _limit(name: str, value: int) -> tuple[str, str]:
    numbers = {"SIGPENDING": 11, "MSGQUEUE": 12, "NICE": 13, "RTPRIO": 14, "LOCKS": 10, "RSS": 5}
    number = getattr(resource, f"RLIMIT_{name}", numbers.get(name))
    return "--limit", f"{number}={value}"


def _hold(*options: str) -> None:
    user = an_enrolled_user(otp_type="hotp")
    replies = [user.wrong_code(), user.code(), user.code()]
    service = a_module_service("nodelay")
    run = run_host(service, [user.name], replies, "--rounds", "3", *options, caller=a_user())
    assert run.results() == [PAM_AUTH_ERR, PAM_SUCCESS, PAM_SUCCESS]
    assert all(each.seconds < 5 for each in run.transactions)
    assert_unchanged(run)


@pytest.mark.parametrize("name", AT_START)
def test_limit_from_the_host_s_start_on(name: str) -> None:
    """Soft and hard limit at their floor before the host has loaded the module."""
    _hold(*_limit(name, AT_START[name]))


@pytest.mark.parametrize("name", LATE)
def test_limit_at_nothing_once_the_module_is_loaded(name: str) -> None:
    """No process, no file, no byte more for the host: the helper has limits of its own."""
    _hold("--late", *_limit(name, LATE[name]))


def test_all_limits_at_once() -> None:
    """Together they are as harmless as one by one."""
    options = [word for name, value in AT_START.items() for word in _limit(name, value)]
    _hold(*options)


def test_all_limits_at_nothing_at_once() -> None:
    """The same with the module loaded."""
    options = [word for name, value in LATE.items() for word in _limit(name, value)]
    _hold("--late", *options)
