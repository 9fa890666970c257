"""The helper as a process: what it is, holds and answers to while a person types."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.harness.enrolled import EnrolledUser, an_enrolled_user
from tests.harness.host import SETUID_HOST, host_command, identity_of
from tests.harness.installation import helper_path
from tests.harness.pam_client import PAM_SUCCESS, transact
from tests.harness.pam_services import a_module_service
from tests.harness.processes import descriptors_of, helpers, wait_until
from tests.harness.users import User, a_user
from tests.pam.denial import assert_works, log_in

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("hosts")

READ_NUMBERS = ("0", "63")  # read(2) of x86-64; of aarch64 and riscv64


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


@pytest.fixture
def user() -> EnrolledUser:
    """Return an enrolled user."""
    return an_enrolled_user(otp_type="hotp")


@pytest.fixture
def caller() -> User:
    """Return an unprivileged caller of a set-uid host."""
    return a_user()


@pytest.fixture
def typing_host(user: EnrolledUser, caller: User) -> Iterator[subprocess.Popen[bytes]]:
    """Return a set-uid host of the caller's at whose prompt nobody has typed yet."""
    service = a_module_service("nodelay")
    command = host_command(service, [user.name], ["-"], setuid=True)
    host = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={}, **identity_of(caller)
    )
    wait_until(_helper_waits, what="the helper waits for the answer")
    yield host
    host.kill()
    host.communicate()


def _helper_waits() -> bool:
    """Tell whether the one helper has asked, given its slot back, and reads from its socket."""
    pids = helpers()
    if len(pids) != 1 or set(descriptors_of(pids[0])) != {0, 1, 2, 3}:
        return False
    number, *arguments = Path(f"/proc/{pids[0]}/syscall").read_text().split()
    return number in READ_NUMBERS and arguments[0] == "0x3"


def _answer(host: subprocess.Popen[bytes], code: str) -> bytes:
    output, _ = host.communicate(code.encode() + b"\n", timeout=10)
    return output


def test_helper_holds_nothing_but_its_socket(
    typing_host: subprocess.Popen[bytes], user: EnrolledUser
) -> None:
    """No environment, no terminal, no file of the host's, root's ids, no way to a core file."""
    (pid,) = helpers()
    descriptors = descriptors_of(pid)
    assert {descriptors[number] for number in (0, 1, 2)} == {"/dev/null"}
    assert descriptors[3].startswith("socket:")
    assert Path(f"/proc/{pid}/environ").read_bytes() == b""
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    assert os.readlink(f"/proc/{pid}/exe") == str(helper_path())
    status = _status(pid)
    assert set(status["Uid"].split()) == {"0"}
    assert set(status["Gid"].split()) == {"0"}
    assert status["Groups"] == ""
    assert status["NoNewPrivs"] == "1"
    assert status["Umask"] == "0077"
    assert int(status["SigBlk"], 16) == 0
    assert os.getsid(pid) == pid
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert [line.split()[4:6] for line in limits.splitlines() if "core" in line] == [["0", "0"]]
    assert b'"result":0' in _answer(typing_host, user.code())


def test_caller_cannot_signal_or_trace_the_helper(
    typing_host: subprocess.Popen[bytes], user: EnrolledUser, caller: User
) -> None:
    """Whoever could kill it after the answer would have free guesses."""
    (pid,) = helpers()
    for command in (f"kill -9 {pid}", f"kill -STOP {pid}", f"cat /proc/{pid}/environ"):
        tried = subprocess.run(
            ["/bin/sh", "-c", command], capture_output=True, check=False, **identity_of(caller)
        )
        assert tried.returncode != 0, command
    assert helpers() == [pid]
    assert b'"result":0' in _answer(typing_host, user.code())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_caller_who_kills_the_host_ends_the_helper(
    number: int, typing_host: subprocess.Popen[bytes], user: EnrolledUser, caller: User
) -> None:
    """The real uid of su is the caller's: he may kill it, and gains nothing."""
    subprocess.run(["/bin/kill", f"-{number}", str(typing_host.pid)], check=True)
    typing_host.wait(5)
    wait_until(lambda: not helpers(), 2, "the helper ends")
    assert user.state().codes.failures == 0
    assert_works(user)
    assert caller.uid != 0


def test_terminal_signals_do_not_reach_the_helper(
    typing_host: subprocess.Popen[bytes], user: EnrolledUser
) -> None:
    """Ctrl-Z and Ctrl-C go to the host's process group, which the helper isn't in."""
    (pid,) = helpers()
    assert os.getpgid(pid) != os.getpgid(typing_host.pid)
    assert _status(pid)["SigIgn"]
    assert Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[4] == "0"
    assert b'"result":0' in _answer(typing_host, user.code())


def test_nine_logins_that_wait_for_a_person_do_not_hold_each_other_up(user: EnrolledUser) -> None:
    """A slot is held while a helper starts, not while somebody types: the tenth gets in."""
    service = a_module_service("nodelay")
    others = [an_enrolled_user(otp_type="hotp") for _ in range(9)]
    waiting = []
    try:
        for each in others:
            command = host_command(service, [each.name], ["-"], setuid=False)
            waiting.append(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={})
            )
        wait_until(lambda: len(helpers()) == 9, 10, "nine helpers wait")
        done = log_in(user.name, user.code())
        assert done.result == PAM_SUCCESS
        assert done.seconds < 3
        for host, each in zip(waiting, others, strict=True):
            assert b'"result":0' in _answer(host, each.code())
    finally:
        for host in waiting:
            host.kill()
            host.communicate()


def test_host_is_set_uid() -> None:
    """The tests above are about what they say."""
    assert SETUID_HOST.stat().st_mode & 0o4000


def test_items_of_the_host_reach_no_command_line(user: EnrolledUser) -> None:
    """What everybody can read with ps: the helper's name and nothing else."""
    seen: list[bytes] = []

    def look() -> bytes:
        (pid,) = helpers()
        seen.append(Path(f"/proc/{pid}/cmdline").read_bytes())
        return user.code().encode()

    assert transact(a_module_service(), user.name, [look]).result == PAM_SUCCESS
    assert seen == [b"pam-tfa-helper\0"]
