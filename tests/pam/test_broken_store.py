"""Records, store, sealing key and configuration that are damaged, foreign or gone: no way in."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pam_tfa.store.sealing import create_seal_key
from tests.harness.enrolled import EnrolledUser, a_store, an_enrolled_user
from tests.harness.faults import (
    absent,
    mounted,
    owned_by,
    read_only,
    replaced,
    replaced_by_directory,
    replaced_by_fifo,
    replaced_by_symlink,
    with_mode,
)
from tests.harness.installation import CONFIG, SEAL_KEY, USERS_DIR, record_path
from tests.harness.pam_client import PAM_AUTH_ERR, PAM_AUTHINFO_UNAVAIL, PAM_SUCCESS
from tests.harness.users import a_user
from tests.pam.denial import assert_denied, assert_good_and_wrong_code_denied, assert_works, log_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Fault = Callable[[Path], contextlib.AbstractContextManager[None]]

STRANGER_UID = 4711


def _content(change: Callable[[bytes], bytes]) -> Fault:
    return lambda path: replaced(path, change(path.read_bytes()))


def _flip(position: int) -> Callable[[bytes], bytes]:
    def flip(content: bytes) -> bytes:
        at = position % len(content)
        return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]

    return flip


@contextlib.contextmanager
def _second_name(path: Path) -> Iterator[None]:
    link = path.with_name("second-name")
    os.link(path, link)
    try:
        yield
    finally:
        link.unlink()


@contextlib.contextmanager
def _another_key(path: Path) -> Iterator[None]:
    with absent(path):
        create_seal_key(str(path))
        yield


FILE_FAULTS: dict[str, Fault] = {
    "empty": _content(lambda _: b""),
    "of zeros": _content(lambda content: bytes(len(content))),
    "of random bytes": _content(lambda content: os.urandom(len(content))),
    "without its last byte": _content(lambda content: content[:-1]),
    "a byte longer": _content(lambda content: content + b"\n"),
    "cut in half": _content(lambda content: content[: len(content) // 2]),
    "with its first byte changed": _content(_flip(0)),
    "with a byte changed": _content(_flip(40)),
    "owned by somebody else": lambda path: owned_by(path, STRANGER_UID),
    "writable by its group": lambda path: with_mode(path, 0o660),
    "writable by everybody": lambda path: with_mode(path, 0o666),
    "a symbolic link": replaced_by_symlink,
    "a directory": replaced_by_directory,
    "a fifo": replaced_by_fifo,
}
RECORD_FAULTS: dict[str, Fault] = {
    **FILE_FAULTS,
    "readable by everybody": lambda path: with_mode(path, 0o644),
    "of two names": _second_name,
    "with a changed sum": _content(lambda content: content.replace(b"sha256:", b"sha257:")),
    "without its states": _content(lambda content: content[:-8192] + bytes(8192)),
    "of states alone": _content(lambda content: content[-8192:]),
    "twice as long": _content(lambda content: content * 2),
}
KEY_FAULTS: dict[str, Fault] = {
    **FILE_FAULTS,
    "missing": absent,
    "another one": _another_key,
    "readable by everybody": lambda path: with_mode(path, 0o644),
}
KEY_FAULTS.pop("with a byte changed")  # that is another key, see "another one"
CONFIG_FAULTS: dict[str, Fault] = {
    "of random bytes": _content(lambda _: b"\xff" + os.urandom(100)),
    "not TOML": _content(lambda _: b"unenrolled = \n"),
    "of an unknown key": _content(lambda content: content.replace(b"unenrolled =", b"unenroled =")),
    "of a wrong type": _content(lambda _: b"unenrolled = true\n"),
    "of a wrong value": _content(lambda _: b'unenrolled = "never"\n'),
    "with a relative path": _content(lambda _: b'[paths]\nstore = "users"\n'),
    "longer than a megabyte": _content(lambda content: content + b"#" * (1 << 20)),
    "owned by somebody else": lambda path: owned_by(path, STRANGER_UID),
    "writable by its group": lambda path: with_mode(path, 0o664),
    "a symbolic link": replaced_by_symlink,
    "a directory": replaced_by_directory,
    "a fifo": replaced_by_fifo,
}


@contextlib.contextmanager
def _nothing_mounted(path: Path) -> Iterator[None]:
    with mounted("-t", "tmpfs", "-o", "mode=0700", "tmpfs", str(path)):
        yield


STORE_FAULTS: dict[str, Callable[[], contextlib.AbstractContextManager[None]]] = {
    "missing": lambda: absent(USERS_DIR),
    "missing with what is above": lambda: absent(USERS_DIR.parent),
    "empty: not mounted": lambda: _nothing_mounted(USERS_DIR),
    "empty: all of /var/lib/pam-tfa": lambda: _nothing_mounted(USERS_DIR.parent),
    "a symbolic link": lambda: replaced_by_symlink(USERS_DIR),
    "a file": lambda: replaced(USERS_DIR, b""),
    "readable by its group": lambda: with_mode(USERS_DIR, 0o750),
    "open to everybody": lambda: with_mode(USERS_DIR, 0o777),
    "owned by somebody else": lambda: owned_by(USERS_DIR, STRANGER_UID),
    "below a directory open to everybody": lambda: with_mode(USERS_DIR.parent, 0o777),
    "below somebody else's directory": lambda: owned_by(USERS_DIR.parent, STRANGER_UID),
    "without its sentinel": lambda: absent(USERS_DIR / ".store"),
    "with an empty sentinel": lambda: replaced(USERS_DIR / ".store", b""),
    "with another sentinel": lambda: replaced(USERS_DIR / ".store", b"pam-tfa-store/9 x\n"),
    "with a sentinel for all": lambda: with_mode(USERS_DIR / ".store", 0o644),
    "with a link as sentinel": lambda: replaced_by_symlink(USERS_DIR / ".store"),
    "without its lock file": lambda: absent(USERS_DIR / ".lock"),
    "with a link as lock file": lambda: replaced_by_symlink(USERS_DIR / ".lock"),
    "with a fifo as lock file": lambda: replaced_by_fifo(USERS_DIR / ".lock"),
}


@pytest.fixture
def user() -> Iterator[EnrolledUser]:
    """Return an enrolled user, whose next good code has to work when the fault is over."""
    user = an_enrolled_user(otp_type="hotp")
    yield user
    assert_works(user)


@pytest.mark.parametrize("fault", RECORD_FAULTS)
def test_record(fault: str, user: EnrolledUser) -> None:
    """A record that is not what the store wrote is never taken for "not enrolled"."""
    with RECORD_FAULTS[fault](record_path(user.name)):
        assert_good_and_wrong_code_denied(user)


@pytest.mark.parametrize("from_the_end", [1, 4097])
def test_one_damaged_state_is_survived(from_the_end: int) -> None:
    """A write that was cut short: no used code counts again, two good ones get its owner in."""
    user = an_enrolled_user(otp_type="hotp")
    used = [user.code(), user.code()]
    for code in used:
        assert log_in(user.name, code).result == PAM_SUCCESS
    path = record_path(user.name)
    path.write_bytes(_flip(-from_the_end)(path.read_bytes()))
    for code in used:
        assert log_in(user.name, code).result == PAM_AUTH_ERR
    log_in(user.name, user.code())  # the first of two where the newer state was lost
    assert_works(user)


def test_record_of_another_account(user: EnrolledUser) -> None:
    """A copy of the attacker's own record under the victim's name lets nobody in."""
    attacker = an_enrolled_user(otp_type="hotp")
    with replaced(record_path(user.name), record_path(attacker.name).read_bytes()):
        for code in (attacker.code(), attacker.backup_codes[0], user.code()):
            assert_denied(log_in(user.name, code))


def test_sealed_secret_of_another_account(user: EnrolledUser) -> None:
    """A record rewritten with the attacker's sealed secret in it does not open."""
    attacker = an_enrolled_user(otp_type="hotp")
    theirs = a_store().load(attacker.name)
    with a_store().transaction(user.name) as transaction:
        mine = transaction.load()
        assert mine is not None
        assert theirs is not None
        swapped = mine.record._replace(
            authenticators=theirs.record.authenticators, revision=mine.record.revision + 1
        )
        transaction.replace(swapped, mine.state)
    assert_denied(log_in(user.name, attacker.code()))
    with a_store().transaction(user.name) as transaction:
        transaction.load()
        transaction.replace(mine.record._replace(revision=swapped.revision + 1), mine.state)


@pytest.mark.parametrize("fault", KEY_FAULTS)
def test_sealing_key(fault: str, user: EnrolledUser) -> None:
    """Without the key that sealed the secret nobody gets in, not with a backup code either."""
    with KEY_FAULTS[fault](SEAL_KEY):
        assert_good_and_wrong_code_denied(user)


@pytest.mark.parametrize("fault", CONFIG_FAULTS)
def test_configuration(fault: str, user: EnrolledUser) -> None:
    """A broken configuration denies; it is not taken for a missing one, nor read in part."""
    not_enrolled = a_user()
    with CONFIG_FAULTS[fault](CONFIG):
        assert_good_and_wrong_code_denied(user)
        assert_denied(log_in(not_enrolled.name, ""))


def test_missing_configuration_denies_accounts_without_a_record(user: EnrolledUser) -> None:
    """The defaults are the strict ones: only the shipped file says "skip"."""
    with absent(CONFIG):
        assert log_in(user.name, user.code()).result == PAM_SUCCESS
        assert log_in(a_user().name, "123456").result not in (PAM_SUCCESS, PAM_AUTHINFO_UNAVAIL)


@pytest.mark.parametrize("fault", STORE_FAULTS)
def test_store(fault: str, user: EnrolledUser) -> None:
    """A store that is not proven to be the store denies everybody, enrolled or not."""
    not_enrolled = a_user()
    with STORE_FAULTS[fault]():
        assert_good_and_wrong_code_denied(user)
        done = log_in(not_enrolled.name, "")
        assert_denied(done)
        assert done.asked() == []


def test_read_only_store(user: EnrolledUser) -> None:
    """A code that can't be marked as used is never accepted."""
    code = user.code()
    with read_only(USERS_DIR):
        assert_denied(log_in(user.name, code))
        assert_good_and_wrong_code_denied(user)
    assert log_in(user.name, code).result != PAM_AUTHINFO_UNAVAIL


def test_locked_account_does_not_hold_the_login_up(user: EnrolledUser) -> None:
    """A frozen process that holds the lock costs a login less than 5 s; others log in."""
    other = an_enrolled_user(otp_type="hotp")
    with a_store().transaction(user.name):
        assert_denied(log_in(user.name, user.code()))
        assert log_in(other.name, other.code()).result == PAM_SUCCESS
