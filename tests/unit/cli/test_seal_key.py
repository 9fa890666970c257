"""`seal-key rotate` and `status`: what they answer, log, and do about what is broken."""

import json
import os
from pathlib import Path

import pytest

from pam_tfa.store.key_file import add_seal_key, read_keys
from tests.unit.cli.command import ACCOUNT, OTHER_ACCOUNT, Place
from tests.unit.cli.test_verbs import enrolled


def test_rotation_says_what_it_did_and_logs_it(place: Place) -> None:
    """One line in the log, without a key in it."""
    enrolled(place)
    (old,) = read_keys(str(place.seal_key))
    result = place.run("seal-key", "rotate")
    (new,) = keys = read_keys(str(place.seal_key))
    assert result.exit_status == 0
    assert f"The new sealing key {new} seals" in result.stdout
    assert "1 record was sealed anew." in result.stdout
    assert f"Dropped from {place.seal_key}: {old}." in result.stdout
    assert f"Make a new copy of {place.seal_key}" in result.stdout
    (line,) = result.log
    assert line.startswith("event=seal_key_rotate by=root")
    assert f"key_id={new} new=yes resealed=1 not_resealed=0 dropped={old}" in line
    assert place.seal_key.read_text().split()[2] not in result.stdout + line
    assert keys[new].hex() not in result.stdout + line


def test_rotation_answers_in_json(place: Place) -> None:
    """With its schema."""
    enrolled(place)
    (old,) = read_keys(str(place.seal_key))
    answer = json.loads(place.run("seal-key", "rotate", "--json").stdout)
    assert answer == {
        "schema": "pam-tfa/seal-key/1",
        "action": "rotate",
        "seal_key": str(place.seal_key),
        "new_key": True,
        "active_key_id": next(iter(read_keys(str(place.seal_key)))),
        "kept_key_ids": [],
        "dropped_key_ids": [old],
        "resealed": 1,
        "not_resealed": [],
    }


def test_interrupted_rotation_is_finished_and_said_so(place: Place) -> None:
    """No third key."""
    enrolled(place)
    new = add_seal_key(str(place.seal_key))
    result = place.run("seal-key", "rotate")
    assert f"An earlier rotation, to the key {new}, was not finished; now it is." in result.stdout
    assert list(read_keys(str(place.seal_key))) == [new]


def test_damaged_record_is_named_and_its_key_kept(place: Place) -> None:
    """Exit status 4, and what to do."""
    enrolled(place)
    enrolled(place, OTHER_ACCOUNT)
    (old,) = read_keys(str(place.seal_key))
    place.record().chmod(0o644)
    result = place.run("seal-key", "rotate")
    assert result.exit_status == 4
    assert str(place.record()) in result.stderr
    assert "1 record was not sealed anew" in result.stderr
    assert f"Kept in {place.seal_key}, because records need it or can't be read: {old}." in (
        result.stdout
    )
    answer = json.loads(place.run("seal-key", "rotate", "--json").stdout)
    assert answer["not_resealed"][0]["path"] == str(place.record())


def test_status_shows_the_use_of_each_key(place: Place) -> None:
    """The active one, the others, and one that is not in the file."""
    enrolled(place)
    (old,) = read_keys(str(place.seal_key))
    shown = place.run("seal-key", "status")
    assert (shown.exit_status, shown.stdout) == (0, f"{old}  1 record  seals\n")
    new = add_seal_key(str(place.seal_key))
    assert place.run("seal-key", "status").stdout == (f"{new}  0 records  seals\n{old}  1 record\n")
    lines = place.seal_key.read_text().splitlines()
    place.seal_key.write_text("\n".join(lines[:2]) + "\n")
    shown = place.run("seal-key", "status")
    assert shown.exit_status == 4
    assert f"{old}  1 record  missing: logins are refused" in shown.stdout
    answer = json.loads(place.run("seal-key", "status", "--json").stdout)
    assert answer["records_by_key_id"] == {new: 0, old: 1}
    assert answer["missing_key_ids"] == [old]


def _lose(key: Path, how: str) -> None:
    if how == "missing":
        key.unlink()
    elif how == "damaged":
        key.write_text("x\n")
    elif how == "readable":
        key.chmod(0o644)
    else:
        key.write_text("pam-tfa-seal-key/1\nother AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")


@pytest.mark.parametrize("how", ["missing", "damaged", "readable", "another"])
def test_status_says_what_mends_a_lost_key(place: Place, how: str) -> None:
    """It shows the account, then says why its logins are refused, with exit status 4."""
    enrolled(place)
    _lose(place.seal_key, how)
    result = place.run("status", ACCOUNT)
    assert result.exit_status == 4
    assert f"{ACCOUNT}\n" in result.stdout
    assert str(place.seal_key) in result.stderr
    assert "estore" in result.stderr
    assert "copy" in result.stderr
    assert "sudo pam-tfa reset" in result.stderr
    assert "enrol anew" in result.stderr
    answer = place.run("status", ACCOUNT, "--json")
    assert answer.exit_status == 4
    assert json.loads(answer.stdout)["secrets_open"] is False


def test_lost_key_has_a_way_on_without_a_copy(place: Place) -> None:
    """As the hints say: reset, init, enroll."""
    enrolled(place)
    place.seal_key.unlink()
    refused = place.run("init")
    assert refused.exit_status == 1
    assert "restore its copy" in refused.stderr
    assert place.run("seal-key", "rotate").exit_status == 4
    assert place.run("reset", ACCOUNT).exit_status == 0
    assert place.run("init").exit_status == 0
    enrolled(place)
    answer = json.loads(place.run("status", ACCOUNT, "--json").stdout)
    assert answer["secrets_open"] is True


def test_missing_store_makes_no_key(place: Place) -> None:
    """An unmounted store looks empty, and the old key would be dropped."""
    enrolled(place)
    before = place.seal_key.read_bytes()
    os.rename(place.users, place.users.with_name("elsewhere"))
    place.users.mkdir(mode=0o700)
    assert place.run("seal-key", "rotate").exit_status == 4
    assert place.seal_key.read_bytes() == before
