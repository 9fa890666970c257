"""What a line of the module does where it asks nothing, and what it leaves alone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.harness.enrolled import an_enrolled_user
from tests.harness.pam_client import (
    PAM_AUTH_ERR,
    PAM_CONV_ERR,
    PAM_SILENT,
    PAM_SUCCESS,
    Client,
    transact,
)
from tests.harness.pam_services import IGNORED, a_misplaced_service, a_module_service, a_service
from tests.harness.users import a_user

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.fixtures import LogSinceStart

OTHER_CALLS = ("acct_mgmt", "open_session", "close_session", "chauthtok")


@pytest.mark.parametrize("call", OTHER_CALLS)
@pytest.mark.parametrize("options", [(), ("decoy",), ("secret=/x", "no-such-option")])
def test_misplaced_line_is_ignored(call: str, options: tuple[str, ...]) -> None:
    """Accounts, sessions and password changes go on as if the line were not there."""
    user = an_enrolled_user()
    with Client(a_misplaced_service(*options), user.name) as client:
        assert client.call(call) == IGNORED
    assert client.transcript == []


@pytest.mark.parametrize("flag", [0x2, 0x4, 0x8, 0x10, 0x2 | PAM_SILENT])
@pytest.mark.parametrize("options", [(), ("decoy",), ("no-such-option",)])
def test_setcred_succeeds_whatever_the_options(flag: int, options: tuple[str, ...]) -> None:
    """PAM_SUCCESS, because libpam denies a stack whose only answers are PAM_IGNORE."""
    user = an_enrolled_user()
    service = a_service(f"auth required pam_tfa.so {' '.join(options)}")
    with Client(service, user.name) as client:
        assert client.call("setcred", flag) == PAM_SUCCESS
    assert client.transcript == []


def test_setcred_succeeds_after_a_skipped_login() -> None:
    """A user without a second factor gets through the whole of a stack that ends in permit."""
    service = a_service("auth required pam_tfa.so", "auth required pam_permit.so")
    with Client(service, a_user().name) as client:
        assert client.call("authenticate") == PAM_SUCCESS
        assert client.call("setcred", 2) == PAM_SUCCESS


def test_password_change_works_behind_a_misplaced_line() -> None:
    """The passwd service goes on to pam_unix, which asks for the passwords as ever."""
    user = an_enrolled_user(password="the old one")
    service = a_service(
        "password required pam_tfa.so",
        "password required pam_unix.so sha512 rounds=1000",
    )
    replies = [b"much better 4711", b"much better 4711"]
    with Client(service, user.name, replies) as client:
        assert client.call("chauthtok") == PAM_SUCCESS
    assert client.replies == []


def test_decoy_does_not_use_a_code_up() -> None:
    """The code that was typed after a wrong password still works behind the right one."""
    user = an_enrolled_user()
    code = user.code().encode()
    before = user.state()
    assert transact(a_module_service("decoy"), user.name, [code]).result == PAM_AUTH_ERR
    assert user.state() == before
    assert transact(a_module_service(), user.name, [code]).result == PAM_SUCCESS


def test_exactly_one_prompt_is_asked() -> None:
    """One code prompt for each pam_authenticate: no second try, which would be a second guess."""
    user = an_enrolled_user()
    done = transact(a_module_service(), user.name, [user.wrong_code().encode()] * 3)
    assert len(done.asked()) == 1
    assert done.replies_left == 2


def test_one_handle_can_authenticate_again() -> None:
    """Hosts like sshd call pam_authenticate several times on one handle."""
    user = an_enrolled_user(otp_type="hotp")
    replies = [each.encode() for each in (user.wrong_code(), user.code(), user.code())]
    with Client(a_module_service("nodelay"), user.name, replies) as client:
        results = [client.call("authenticate") for _ in range(3)]
    assert results == [PAM_AUTH_ERR, PAM_SUCCESS, PAM_SUCCESS]


def test_a_slow_typist_has_all_the_time_there_is() -> None:
    """No limit of time applies while a person types, not even the module's own 5 s."""
    user = an_enrolled_user(otp_type="hotp")

    def after_a_while() -> bytes:
        time.sleep(6)
        return user.code().encode()

    assert transact(a_module_service(), user.name, [after_a_while]).result == PAM_SUCCESS


def test_service_of_a_private_directory(root_directory: Path) -> None:
    """Programs with PAM files of their own (pam_start_confdir) use the module too."""
    user = an_enrolled_user()
    service = a_service("auth required pam_tfa.so", directory=root_directory)
    done = transact(
        service, user.name, [user.code().encode()], confdir=str(root_directory), follow_up=False
    )
    assert done.result == PAM_SUCCESS


@pytest.mark.parametrize("name", ["", "a" * 1024, "a" * 1025, "a" * 100_000, "../../etc/passwd"])
def test_impossible_user_names_are_asked_and_refused(name: str) -> None:
    """Nobody has such a name; the answer is that for any unknown user."""
    done = transact(a_module_service("nodelay"), name, [b"123456"])
    assert done.result in (PAM_AUTH_ERR, PAM_CONV_ERR)
    assert done.seconds < 5


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2Jb", "\udcff\udcfe", "ünïcode", 'a" user="root'])
def test_a_user_name_cannot_forge_a_log_line(name: str, log: LogSinceStart) -> None:
    """Whoever knocks chooses the name; the log stays one line of plain words for each event."""
    assert transact(a_module_service(), name, [b"123456"]).result == PAM_AUTH_ERR
    line = log.wait_for("reason=unknown_user")
    assert line.isprintable()
    assert line.isascii()
    assert line.count(" user=") == 1


def test_items_of_a_login_are_logged_escaped(log: LogSinceStart) -> None:
    """The remote host's name comes from the network."""
    user = an_enrolled_user()
    items = {"rhost": "evil\nhost", "tty": "pts/7", "ruser": "x y"}
    done = transact(a_module_service(), user.name, [user.code().encode()], items=items)
    assert done.result == PAM_SUCCESS
    line = log.wait_for("outcome=success")
    assert " tty=pts/7" in line
    assert "\n" not in line
    assert "evil" in line


def test_no_code_and_no_secret_reach_the_log(log: LogSinceStart) -> None:
    """Neither a good nor a wrong answer is written down, with debug neither."""
    user = an_enrolled_user(otp_type="hotp")
    answers = [user.code(), user.wrong_code(), user.backup_codes[0], "hunter2-is-no-code"]
    for answer in answers:
        transact(a_module_service("debug", "nodelay"), user.name, [answer.encode()])
    written = "\n".join(log.texts())
    for secret in [*answers, user.secret.hex()]:
        assert secret not in written
