"""Hosts that do as they like: the login works, and the host is afterwards as it was before."""

from __future__ import annotations

import resource

import pytest

from tests.harness.enrolled import an_enrolled_user
from tests.harness.host import HostRun, run_host
from tests.harness.pam_client import PAM_AUTH_ERR, PAM_SUCCESS, Said
from tests.harness.pam_services import a_module_service
from tests.harness.users import a_user

pytestmark = pytest.mark.usefixtures("hosts")

SERVICE_SAYS = [Said("hidden", "Verification code: ")]
HOSTILE = {
    "plain": (),
    "ignores SIGCHLD": ("--ignore-sigchld",),
    "collects its children": ("--steal-children",),
    "collects every process": ("--steal-all-children",),
    "ignores every signal": ("--ignore-signals",),
    "handles every signal": ("--handle-signals",),
    "blocks every signal": ("--block-signals",),
    "is interrupted 1000 times a second": ("--signal-storm",),
    "has no standard descriptors": ("--close-standard",),
    "is elsewhere": ("--chdir", "/usr/share"),
    "has an open umask": ("--umask", "000"),
    "has a closed umask": ("--umask", "777"),
    "speaks another language": ("--locale", "C.UTF-8"),
}


def assert_unchanged(run: HostRun) -> None:
    """Hold every snapshot after a call to the one before it."""
    assert len(run.before) == len(run.after) > 0
    for before, after in zip(run.before, run.after, strict=True):
        assert after == before


@pytest.mark.parametrize("habit", HOSTILE)
def test_good_and_wrong_codes_get_their_answers(habit: str) -> None:
    """A wrong code is refused, good ones let in, whatever the host does to its processes."""
    user = an_enrolled_user(otp_type="hotp")
    replies = [user.wrong_code(), user.code(), user.code()]
    options = HOSTILE[habit]
    service = a_module_service("nodelay")
    run = run_host(service, [user.name], replies, "--rounds", "3", *options)
    assert run.results() == [PAM_AUTH_ERR, PAM_SUCCESS, PAM_SUCCESS]
    assert [each.setcred for each in run.transactions] == [-1, 0, 0]
    assert run.transactions[1].transcript == SERVICE_SAYS
    assert all(each.seconds < 5 for each in run.transactions)
    assert_unchanged(run)


@pytest.mark.parametrize("habit", HOSTILE)
def test_set_uid_host_of_an_unprivileged_caller(habit: str) -> None:
    """The same where the host is set-uid root, as su and sudo are."""
    user = an_enrolled_user(otp_type="hotp")
    replies = [user.wrong_code(), user.code()]
    options = HOSTILE[habit]
    service = a_module_service("nodelay")
    run = run_host(service, [user.name], replies, "--rounds", "2", *options, caller=a_user())
    assert run.results() == [PAM_AUTH_ERR, PAM_SUCCESS]
    assert_unchanged(run)


@pytest.mark.parametrize("standard", [(), ("--close-standard",)])
def test_host_without_a_free_descriptor(standard: tuple[str, ...]) -> None:
    """Every number below the soft limit is in use; the limit is afterwards as it was."""
    user = an_enrolled_user(otp_type="hotp")
    service = a_module_service("nodelay")
    for reply, wanted in ((user.wrong_code(), PAM_AUTH_ERR), (user.code(), PAM_SUCCESS)):
        # libpam's own audit needs one.
        limit = ("--soft-limit", f"{resource.RLIMIT_NOFILE}=64")
        options = [*standard, *limit, "--late", "--free-descriptors", "1"]
        run = run_host(service, [user.name], [reply], *options, caller=a_user())
        assert run.results() == [wanted]
        assert_unchanged(run)


def test_host_that_forks_after_the_first_login() -> None:
    """The child of a host that has used the module uses it too."""
    user = an_enrolled_user(otp_type="hotp")
    replies = [user.code(), user.code(), user.code()]
    service = a_module_service("nodelay")
    run = run_host(service, [user.name], replies, "--rounds", "3", "--fork")
    assert run.results() == [PAM_SUCCESS] * 3
    assert_unchanged(run)


def test_eight_threads_log_in_at_once() -> None:
    """Each thread gets its own answer; in the end there is no descriptor and no child more."""
    users = [an_enrolled_user(otp_type="hotp") for _ in range(8)]
    replies = [reply for user in users for reply in (user.code(), user.wrong_code(), user.code())]
    names = [user.name for user in users]
    service = a_module_service("nodelay")
    run = run_host(service, names, replies, "--threads", "8", "--rounds", "3")
    wanted = [PAM_SUCCESS, PAM_AUTH_ERR, PAM_SUCCESS]
    for thread in range(8):
        own = sorted(
            (each for each in run.transactions if each.thread == thread), key=lambda t: t.round
        )
        assert [each.result for each in own] == wanted
    assert run.at_end is not None
    assert run.at_end["children"] == 0


def test_threads_of_a_host_that_collects_every_process() -> None:
    """Somebody else's waitpid(-1, __WALL) takes the helper's end away; nobody waits for ever."""
    users = [an_enrolled_user(otp_type="hotp") for _ in range(4)]
    replies = [user.code() for user in users]
    names = [user.name for user in users]
    service = a_module_service("nodelay")
    run = run_host(service, names, replies, "--threads", "4", "--steal-all-children")
    assert run.results() == [PAM_SUCCESS] * 4


def test_many_logins_in_one_host_leave_nothing_behind() -> None:
    """A host that lives for months and serves many: descriptors and children stay as they were."""
    user = an_enrolled_user(otp_type="hotp")
    rounds = 20
    replies = [user.code() for _ in range(rounds)]
    service = a_module_service("nodelay")
    run = run_host(service, [user.name], replies, "--rounds", str(rounds))
    assert run.results() == [PAM_SUCCESS] * rounds
    assert_unchanged(run)
    assert run.after[-1] == run.before[0]
