"""What the command believes of the name service, which says "not found" also where it fails."""

import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from pam_tfa.cli import context
from pam_tfa.cli.context import find_account
from pam_tfa.cli.failures import UNAVAILABLE, CommandError
from pam_tfa.cli.prune import find_uid

NOBODY = "no-such-account"
FREE_UID = 59_999


def answers(monkeypatch: pytest.MonkeyPatch, function: str, fails: Callable[[int], bool]) -> None:
    """Let a function of pwd say "not found" at those of its calls, counted from 1."""
    real = getattr(pwd, function)
    calls = 0

    def look_up(key: str | int) -> pwd.struct_passwd:
        nonlocal calls
        calls += 1
        if fails(calls):
            raise KeyError(key)
        found: pwd.struct_passwd = real(key)
        return found

    monkeypatch.setattr(pwd, function, look_up)


def test_read_that_fails_once_makes_no_account_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else `rename` would give a living account's record away, and `prune` remove it."""
    answers(monkeypatch, "getpwnam", lambda call: call == 1)
    found = find_account("root")
    assert found is not None
    assert found.uid == 0


def test_read_that_fails_once_leaves_no_uid_without_its_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else `prune` would remove the record of an account that was renamed."""
    answers(monkeypatch, "getpwuid", lambda call: call == 1)
    found = find_uid(0)
    assert found is not None
    assert found.name == "root"


def test_name_service_that_does_not_know_root_is_not_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where it is down nobody is "not found"."""
    for function in ("getpwnam", "getpwuid"):
        answers(monkeypatch, function, lambda _call: True)
    with pytest.raises(CommandError) as failure:
        find_account("root")
    assert failure.value.exit_status == UNAVAILABLE
    with pytest.raises(CommandError):
        find_uid(FREE_UID)


def test_name_service_that_knows_root_alone_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Libnss_systemd makes root up where /etc/passwd can't be read."""
    monkeypatch.setattr(context, "ACCOUNTS_FILE", str(tmp_path))
    with pytest.raises(CommandError, match="Is a directory"):
        find_account(NOBODY)


def test_account_that_is_not_there_is_not_found() -> None:
    """A name service that works is believed."""
    assert find_account(NOBODY) is None
    assert find_account("with\0nul") is None
    assert find_uid(FREE_UID) is None
    assert find_uid(1 << 70) is None
