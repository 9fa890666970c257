"""`prune`: lists, asks, removes, and refuses where the name service looks down."""

import json

import pytest

from pam_tfa.cli.context import find_account
from pam_tfa.dialogue import Account
from tests.unit.cli.command import ACCOUNT, OTHER_ACCOUNT, Place
from tests.unit.cli.test_verbs import enrolled


def forget(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Make the name service know neither these names nor their uids."""
    uids = [account.uid for name in names if (account := find_account(name)) is not None]

    def find(name: str) -> Account | None:
        return None if name in names else find_account(name)

    monkeypatch.setattr("pam_tfa.cli.prune.find_account", find)
    monkeypatch.setattr(
        "pam_tfa.cli.prune.find_uid",
        lambda uid: None if uid in uids else Account("root", 0),
    )


def test_leftover_is_listed_and_stays(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --yes and without anybody to ask."""
    enrolled(place)
    enrolled(place, OTHER_ACCOUNT)
    forget(monkeypatch, ACCOUNT)
    for arguments in (["prune"], ["prune", "--dry-run"]):
        result = place.run(*arguments)
        assert result.exit_status == 0
        assert f"{ACCOUNT} (uid 1): no such account." in result.stdout
        assert "Nothing was removed; `sudo pam-tfa prune --yes` removes them." in result.stdout
        assert result.log == []
    assert place.record().exists()


def test_leftover_is_removed_with_yes(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """And logged by name."""
    enrolled(place)
    enrolled(place, OTHER_ACCOUNT)
    forget(monkeypatch, ACCOUNT)
    result = place.run("prune", "--yes")
    assert result.exit_status == 0
    assert "1 record was removed." in result.stdout
    assert result.log == [f"event=prune user={ACCOUNT} by=root uid=1"]
    assert not place.record().exists()
    assert place.record(OTHER_ACCOUNT).exists()
    assert place.run("prune").stdout == "Every record has its account.\n"


def test_prune_answers_in_json(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is gone, and whether it was removed."""
    enrolled(place)
    enrolled(place, OTHER_ACCOUNT)
    forget(monkeypatch, ACCOUNT)
    listed = json.loads(place.run("prune", "--json").stdout)
    assert listed == {
        "schema": "pam-tfa/prune/1",
        "records": 2,
        "gone": [{"user": ACCOUNT, "uid": 1, "removed": False}],
        "renamed": [],
        "damaged": [],
    }
    removed = json.loads(place.run("prune", "--json", "--yes").stdout)
    assert removed["gone"] == [{"user": ACCOUNT, "uid": 1, "removed": True}]


def test_name_service_that_is_down_removes_nobody(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit status 4, whatever was asked."""
    enrolled(place)
    enrolled(place, OTHER_ACCOUNT)
    forget(monkeypatch, ACCOUNT, OTHER_ACCOUNT)
    before = place.snapshot()
    for arguments in (["prune"], ["prune", "--yes"], ["prune", "--json", "--yes"]):
        result = place.run(*arguments)
        assert result.exit_status == 4
        assert "2 of 2 enrolled accounts are not found" in result.stderr
        assert "getent passwd" in result.stderr
    assert place.snapshot() == before


def test_renamed_account_is_pointed_to_rename(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its record is never removed here."""
    enrolled(place)
    forget(monkeypatch, ACCOUNT)
    monkeypatch.setattr(
        "pam_tfa.cli.prune.find_uid", lambda uid: Account("newname" if uid else "root", uid)
    )
    result = place.run("prune", "--yes")
    assert result.exit_status == 0
    assert f"`sudo pam-tfa rename {ACCOUNT} newname`" in result.stdout
    assert place.record().exists()


def test_damaged_record_is_counted(place: Place) -> None:
    """And left to `list` and `reset`."""
    enrolled(place)
    place.record().chmod(0o644)
    result = place.run("prune", "--yes")
    assert "1 record is damaged and was not looked at" in result.stderr
    assert place.record().exists()
