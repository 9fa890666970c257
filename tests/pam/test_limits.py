"""An unprivileged caller lowers every limit of a set-uid host: the good code works all the same."""

from __future__ import annotations

import re
import resource
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.harness.enrolled import an_enrolled_user
from tests.harness.host import run_host
from tests.harness.pam_client import (
    PAM_AUTH_ERR,
    PAM_AUTHINFO_UNAVAIL,
    PAM_SUCCESS,
    transact,
)
from tests.harness.pam_services import a_module_service
from tests.harness.users import a_user
from tests.pam.test_hosts import assert_unchanged

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.usefixtures("hosts")

MEGABYTE = 1 << 20
CAP_SYS_RESOURCE = 24
# The least with which the host itself, that is libpam, still gets to the module.
AT_START = {
    "NPROC": 0,
    "FSIZE": 0,
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
LATE = {"NPROC": 0, "FSIZE": 0, "SIGPENDING": 0}
# Memory and descriptors: nothing but CAP_SYS_RESOURCE gives the helper more than its caller left
# it, and root in a container may lack it. What the helper does with is the first number; with the
# second, libpam still works and an interpreter does not.
SCARCE = {
    "AS": (64 * MEGABYTE, 12 * MEGABYTE),
    "DATA": (24 * MEGABYTE, MEGABYTE),
    "STACK": (128 * 1024, 16 * 1024),
    "NOFILE": (8, 5),
}
NUMBERS = {"SIGPENDING": 11, "MSGQUEUE": 12, "NICE": 13, "RTPRIO": 14, "LOCKS": 10, "RSS": 5}


def _limit(name: str, value: int) -> tuple[str, str]:
    number = getattr(resource, f"RLIMIT_{name}", NUMBERS.get(name))
    return "--limit", f"{number}={value}"


def _limits(values: Mapping[str, int]) -> list[str]:
    return [word for name, value in values.items() for word in _limit(name, value)]


def root_may_raise_limits() -> bool:
    """Tell whether root here has CAP_SYS_RESOURCE."""
    (effective,) = re.findall(r"CapEff:\s*(\w+)", Path("/proc/self/status").read_text())
    return bool(int(effective, 16) >> CAP_SYS_RESOURCE & 1)


def _results(*options: str) -> list[int]:
    """Log in with a wrong, a good, the same and another good code, each in a host of its own."""
    user = an_enrolled_user(otp_type="hotp")
    service = a_module_service("nodelay")
    caller = a_user()
    first = user.code()
    results = []
    for reply in (user.wrong_code(), first, first, user.code()):
        run = run_host(service, [user.name], [reply], *options, caller=caller)
        assert run.transactions[0].seconds < 5
        assert_unchanged(run)
        results += run.results()
    # Whatever went wrong on the way, nobody is locked out.
    assert transact(service, user.name, [user.code().encode()]).result == PAM_SUCCESS
    return results


WORKS = [PAM_AUTH_ERR, PAM_SUCCESS, PAM_AUTH_ERR, PAM_SUCCESS]
DENIES = [PAM_AUTHINFO_UNAVAIL] * 4


@pytest.mark.parametrize("name", AT_START)
def test_limit_from_the_start_of_the_host_on(name: str) -> None:
    """Soft and hard limit at their floor before the host has loaded the module."""
    assert _results(*_limit(name, AT_START[name])) == WORKS


@pytest.mark.parametrize("name", LATE)
def test_limit_at_nothing_once_the_module_is_loaded(name: str) -> None:
    """No process, no file, no byte more for the host: the helper has limits of its own."""
    assert _results("--late", *_limit(name, LATE[name])) == WORKS


@pytest.mark.parametrize("name", SCARCE)
def test_little_is_enough(name: str) -> None:
    """What the helper needs is little, also where it can't get more than the caller left."""
    assert _results(*_limit(name, SCARCE[name][0])) == WORKS


@pytest.mark.parametrize(
    ("name", "megabytes"), [("DATA", 12), ("DATA", 16), ("AS", 96), ("AS", 104)]
)
def test_what_is_enough_for_the_interpreter_is_enough(name: str, megabytes: int) -> None:
    """The thread that maps libraries beside it takes next to nothing of its share."""
    for _attempt in range(3):
        assert _results(*_limit(name, megabytes * MEGABYTE)) == WORKS


@pytest.mark.parametrize("name", SCARCE)
def test_memory_and_descriptors_at_the_floor(name: str) -> None:
    """Works where root may raise limits; elsewhere everything is denied, nothing let through."""
    results = _results(*_limit(name, SCARCE[name][1]))
    assert results == (WORKS if root_may_raise_limits() else DENIES)


@pytest.mark.parametrize("name", [*AT_START, *SCARCE])
def test_soft_limit_at_the_floor(name: str) -> None:
    """What a plain ulimit -S does: the helper takes what the hard limit allows."""
    value = AT_START[name] if name in AT_START else SCARCE[name][1]
    option, limit = _limit(name, value)
    assert _results(option.replace("--", "--soft-"), limit) == WORKS


def test_all_limits_at_once() -> None:
    """Together they are as harmless as one by one."""
    values = AT_START | {name: enough for name, (enough, _) in SCARCE.items()}
    assert _results(*_limits(values)) == WORKS


def test_all_limits_at_nothing_at_once() -> None:
    """The same with the module loaded."""
    assert _results("--late", *_limits(LATE)) == WORKS
