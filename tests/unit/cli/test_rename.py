"""`rename`: texts, exit statuses, the question about another uid, the log."""

import json
import os
import pty
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pam_tfa.cli.context import find_account
from pam_tfa.cli.terminal import Terminal
from pam_tfa.dialogue import Account
from tests.unit.cli.command import ACCOUNT, OTHER_ACCOUNT, Place
from tests.unit.cli.test_verbs import enrolled

OLD = "oldname"
Rename = Callable[[str, Account | None], None]


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> Rename:
    """Return what gives a name of the name service another entry, or none."""
    changed: dict[str, Account | None] = {}

    def find(name: str) -> Account | None:
        return changed[name] if name in changed else find_account(name)

    for module in ("context", "rename", "status"):
        monkeypatch.setattr(f"pam_tfa.cli.{module}.find_account", find)
    return changed.__setitem__


def test_renamed_account_keeps_its_enrolment(place: Place, become: Rename) -> None:
    """One line for the administrator, one for the log."""
    become(OLD, Account(OLD, 1))
    enrolled(place, OLD)
    become(OLD, None)
    result = place.run("rename", OLD, ACCOUNT)
    assert result.exit_status == 0, result.stderr
    assert result.stdout.startswith(f"{ACCOUNT} (uid 1) has the second factor of {OLD} (uid 1) now")
    assert result.log == [f"event=rename user={ACCOUNT} by=root old_user={OLD} old_uid=1 uid=1"]
    assert place.record().exists()
    assert not place.record(OLD).exists()
    assert json.loads(place.run("status", ACCOUNT, "--json").stdout)["secrets_open"] is True


def test_status_of_a_renamed_account_names_the_command(place: Place, become: Rename) -> None:
    """Its logins are refused, so "not enrolled" would be half the truth."""
    become(OLD, Account(OLD, 1))
    enrolled(place, OLD)
    become(OLD, None)
    result = place.run("status", ACCOUNT)
    assert result.exit_status == 4
    assert f"{ACCOUNT} has no record of its own, and can't log in" in result.stderr
    assert f"`sudo pam-tfa rename {OLD} {ACCOUNT}`" in result.stderr
    assert f"`sudo pam-tfa reset {OLD}`" in result.stderr
    assert place.run("reset", OLD).exit_status == 0
    assert place.run("status", ACCOUNT).exit_status == 0


def test_rename_answers_in_json(place: Place, become: Rename) -> None:
    """With its schema."""
    become(OLD, Account(OLD, 1))
    enrolled(place, OLD)
    become(OLD, None)
    assert json.loads(place.run("rename", OLD, ACCOUNT, "--json").stdout) == {
        "schema": "pam-tfa/rename/1",
        "user": ACCOUNT,
        "old_user": OLD,
        "uid": 1,
        "old_uid": 1,
    }


def test_changed_uid_is_adopted_after_a_word(place: Place, become: Rename) -> None:
    """Without --yes and without anybody to ask nothing happens, and the command is named."""
    become(ACCOUNT, Account(ACCOUNT, 4711))
    enrolled(place)
    become(ACCOUNT, Account(ACCOUNT, 1))
    shown = place.run("status", ACCOUNT).stdout
    assert f"`sudo pam-tfa rename {ACCOUNT} {ACCOUNT}` if it is the same person" in shown
    before = place.record().read_bytes()
    result = place.run("rename", ACCOUNT, ACCOUNT)
    assert result.exit_status == 1
    assert f"`sudo pam-tfa rename {ACCOUNT} {ACCOUNT} --yes`" in result.stderr
    assert f"`sudo pam-tfa reset {ACCOUNT}`" in result.stderr
    assert place.record().read_bytes() == before
    result = place.run("rename", ACCOUNT, ACCOUNT, "--yes")
    assert result.exit_status == 0
    assert result.log == [
        f"event=rename user={ACCOUNT} by=root old_user={ACCOUNT} old_uid=4711 uid=1"
    ]


def test_name_that_a_new_account_took_over_can_be_renamed(place: Place, become: Rename) -> None:
    """usermod -l, then useradd of the old name: the log names this command."""
    become(OLD, Account(OLD, 1))
    enrolled(place, OLD)
    become(OLD, Account(OLD, 4711))
    result = place.run("rename", OLD, ACCOUNT)
    assert result.exit_status == 0, result.stderr
    assert place.run("status", ACCOUNT).exit_status == 0


def test_completed_name_leads_to_the_record_of_the_short_one(place: Place, become: Rename) -> None:
    """status names the command, rename moves it, reset would find it too."""
    become(OLD, Account(OLD, 1))
    enrolled(place, OLD)
    full = Account(f"{OLD}@example.com", 1)
    become(OLD, full)
    become(full.name, full)
    for name in (OLD, full.name):
        result = place.run("status", name)
        assert result.exit_status == 4
        assert f"`sudo pam-tfa rename {OLD} {full.name}`" in result.stderr
    assert place.run("rename", OLD, full.name).exit_status == 0
    assert place.run("status", OLD).exit_status == 0
    assert place.run("reset", OLD).exit_status == 0


def test_reset_of_a_record_whose_owner_is_renamed_says_what_comes(
    place: Place, become: Rename
) -> None:
    """Two accounts have swapped names: the other one's record refuses this one yet."""
    become(OLD, Account(OLD, 1))
    enrolled(place, OLD)
    become(OLD, Account(OLD, 4711))
    enrolled(place, ACCOUNT)
    result = place.run("reset", ACCOUNT)
    assert result.exit_status == 0
    assert f"{ACCOUNT} is not enrolled any more" in result.stdout
    assert "asks for no code" not in result.stdout
    assert f"`sudo pam-tfa rename {OLD} {ACCOUNT}`" in result.stdout


@pytest.mark.parametrize("verb", ["disable", "enable", "unlock", "backup-codes", "reset"])
def test_verbs_say_of_a_renamed_account_what_status_says(
    place: Place, become: Rename, verb: str
) -> None:
    """Not "not enrolled": its logins are refused."""
    become(OLD, Account(OLD, 1))
    enrolled(place, OLD)
    become(OLD, None)
    result = place.run(verb, ACCOUNT)
    assert result.exit_status == 4
    assert f"`sudo pam-tfa rename {OLD} {ACCOUNT}`" in result.stderr


def test_account_that_still_exists_keeps_its_factor(place: Place) -> None:
    """Its next login would ask for no code."""
    enrolled(place)
    result = place.run("rename", ACCOUNT, OTHER_ACCOUNT)
    assert result.exit_status == 1
    assert f"The account {ACCOUNT} still exists" in result.stderr
    assert f"`usermod -l {OTHER_ACCOUNT} {ACCOUNT}`" in result.stderr
    assert place.record().exists()


def test_what_can_not_be_renamed_is_said(place: Place) -> None:
    """A new name that nobody has, no record, a record that fits, one that is taken."""
    enrolled(place)
    result = place.run("rename", OLD, "no-such-account")
    assert result.exit_status == 1
    assert "There is no account 'no-such-account'" in result.stderr
    result = place.run("rename", OLD, OTHER_ACCOUNT)
    assert result.exit_status == 1
    assert f"There is no record of {OLD}." in result.stderr
    result = place.run("rename", ACCOUNT, ACCOUNT)
    assert result.exit_status == 1
    assert "has its name and uid 1 already" in result.stderr
    assert result.log == []


def test_enrolled_account_is_not_overwritten(place: Place, become: Rename) -> None:
    """Both ways on are named."""
    become(OLD, Account(OLD, 1))
    enrolled(place, OLD)
    enrolled(place)
    become(OLD, None)
    result = place.run("rename", OLD, ACCOUNT)
    assert result.exit_status == 1
    assert f"`sudo pam-tfa reset {OLD}`" in result.stderr
    assert f"`sudo pam-tfa reset {ACCOUNT}`" in result.stderr


def test_interrupted_rename_is_named_by_status(place: Place, become: Rename) -> None:
    """And is finished by the command that was interrupted."""
    become(OLD, Account(OLD, 1))
    enrolled(place, OLD)
    become(OLD, None)
    place.record(OLD).rename(place.record())
    shown = place.run("status", ACCOUNT)
    assert shown.exit_status == 4
    assert "If `sudo pam-tfa rename OLD NEW` was interrupted, run it again" in shown.stderr
    assert place.run("rename", OLD, ACCOUNT).exit_status == 0
    assert place.run("status", ACCOUNT).exit_status == 0


@pytest.mark.parametrize(
    ("typed", "agreed"),
    [(b"yes\n", True), (b"Y\n", True), (b"no\n", False), (b"\n", False), (b"\x04", False)],
)
def test_only_a_yes_is_a_yes(typed: bytes, agreed: bool) -> None:
    """Asked on a terminal."""
    master, slave = pty.openpty()
    with open(slave, encoding="utf-8") as stdin, open(os.dup(slave), "w", encoding="utf-8") as out:
        answering = threading.Timer(0.1, os.write, (master, typed))
        answering.start()
        assert Terminal(stdin, out, None, {}).confirm("Really? ", "yes") is agreed
        answering.join()
    os.close(master)


def test_nobody_there_is_a_no(tmp_path: Path) -> None:
    """A script must say --yes."""
    with open(os.devnull) as nothing, open(tmp_path / "out", "w") as out:
        assert Terminal(nothing, out, None, {}).confirm("Really? ", "yes") is False
    assert (tmp_path / "out").read_text() == ""
