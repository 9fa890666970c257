"""The administrator's verbs on a real store."""

import json
import os
import time
from pathlib import Path
from unittest.mock import Mock

import pytest

from tests.unit.cli.command import ACCOUNT, OTHER_ACCOUNT, Place

VERBS_OF_ONE_ACCOUNT = ["status", "disable", "enable", "reset", "unlock", "backup-codes"]
NOBODY = "no-such-account"


def enrolled(place: Place, account: str = ACCOUNT) -> dict[str, object]:
    """Enrol an account and return what the command answered."""
    result = place.run("enroll", account, "--no-confirm", "--json")
    assert result.exit_status == 0, result.stderr
    answer = json.loads(result.stdout)
    assert isinstance(answer, dict)
    return answer


def status(place: Place, account: str = ACCOUNT) -> dict[str, object]:
    """Return an account's status."""
    answer = json.loads(place.run("status", account, "--json").stdout)
    assert isinstance(answer, dict)
    return answer


@pytest.mark.parametrize("verb", VERBS_OF_ONE_ACCOUNT)
def test_unknown_account_is_not_found(place: Place, verb: str) -> None:
    """Exit status 1 and the name."""
    result = place.run(verb, NOBODY)
    assert result.exit_status == 1
    assert f"There is no account '{NOBODY}'" in result.stderr


@pytest.mark.parametrize("verb", [each for each in VERBS_OF_ONE_ACCOUNT if each != "status"])
def test_account_without_enrolment_is_not_found(place: Place, verb: str) -> None:
    """Exit status 1 and the command that enrols."""
    result = place.run(verb, ACCOUNT)
    assert result.exit_status == 1
    assert f"`sudo pam-tfa enroll {ACCOUNT}`" in result.stderr
    assert result.log == []


@pytest.mark.parametrize("verb", ["status", "list", "enroll", "disable", "reset"])
def test_missing_store_is_unavailable(tmp_path: Path, verb: str) -> None:
    """A store that was never made, or is not mounted, never looks like nobody enrolled."""
    arguments = [verb] if verb == "list" else [verb, ACCOUNT]
    os.close(os.open(tmp_path / "seal.key", os.O_CREAT, 0o600))
    result = Place(tmp_path).run(*arguments)
    assert result.exit_status == 4
    assert result.stdout == ""


def test_init_twice_changes_nothing(place: Place) -> None:
    """It is for scripts too."""
    before = place.snapshot()
    assert place.run("init").exit_status == 0
    assert place.snapshot() == before


def test_init_makes_no_new_key_for_old_records(place: Place) -> None:
    """A new key could not open them."""
    enrolled(place)
    place.seal_key.unlink()
    result = place.run("init")
    assert result.exit_status == 1
    assert not place.seal_key.exists()
    assert "restore its copy" in result.stderr


def test_status_of_account_without_enrolment(place: Place) -> None:
    """It is an answer, with what the next login sees."""
    result = place.run("status", ACCOUNT)
    assert result.exit_status == 0
    assert f"{ACCOUNT} is not enrolled." in result.stdout
    assert "asks for no code" in result.stdout
    assert status(place) == {"schema": "pam-tfa/status/1", "user": ACCOUNT, "enrolled": False}


def test_status_shows_no_secret(place: Place) -> None:
    """Neither as text nor in JSON."""
    secret = str(enrolled(place)["secret"])
    for arguments in (["status", ACCOUNT], ["status", ACCOUNT, "--json"], ["list", "--json"]):
        assert secret not in place.run(*arguments).stdout


def test_disable_says_until_when(place: Place) -> None:
    """The text names the end; status and JSON agree; the log has who and why."""
    enrolled(place)
    result = place.run("disable", ACCOUNT, "--until", "3d", "--reason", "phone lost")
    assert result.exit_status == 0
    assert "(3 days from now)" in result.stdout
    shown = status(place)
    assert shown["suspended"] is True
    assert shown["suspension_reason"] == "phone lost"
    assert abs(int(str(shown["suspended_until_s"])) - time.time() - 3 * 86400) < 10
    assert result.log[0].startswith(f"event=disable user={ACCOUNT} by=root")
    assert "phone lost" in place.run("status", ACCOUNT).stdout


def test_disable_without_end_ends_with_enable(place: Place) -> None:
    """Until enable is run, and not again after it."""
    enrolled(place)
    assert f"sudo pam-tfa enable {ACCOUNT}" in place.run("disable", ACCOUNT).stdout
    assert status(place)["suspended_until_s"] is None
    assert "asked for a code again" in place.run("enable", ACCOUNT).stdout
    assert status(place)["suspended"] is False
    assert "was not suspended" in place.run("enable", ACCOUNT).stdout


@pytest.mark.parametrize(
    ("unenrolled", "said"),
    [
        ("skip", "asks for no code"),
        ("deny", "refuses every one"),
        ("enroll", "option enroll"),
        (None, "option nullok"),
    ],
)
def test_reset_says_what_the_next_login_sees(
    tmp_path: Path, unenrolled: str | None, said: str
) -> None:
    """It depends on the configuration."""
    place = Place(tmp_path, unenrolled).initialized()
    enrolled(place)
    result = place.run("reset", ACCOUNT)
    assert result.exit_status == 0
    assert said in result.stdout
    assert not place.record().exists()
    assert result.log == [f"event=reset user={ACCOUNT} by=root record=good"]


def _damage(record: Path, how: str) -> None:
    match how:
        case "empty":
            os.truncate(record, 0)
        case "truncated":
            os.truncate(record, 4096)
        case "owner":
            os.chown(record, 1000, 0)
        case "mode":
            record.chmod(0o644)
        case "symlink":
            record.rename(record.with_suffix(".elsewhere"))
            record.symlink_to(record.with_suffix(".elsewhere"))
        case "fifo":
            record.unlink()
            os.mkfifo(record, 0o600)
        case "directory":
            record.unlink()
            record.mkdir()
        case "garbage":
            record.write_bytes(os.urandom(3 * 4096))
        case _:
            pytest.fail(how)


@pytest.mark.parametrize(
    "how",
    ["empty", "truncated", "owner", "mode", "symlink", "fifo", "directory", "garbage"],
)
def test_damaged_record_is_reported_and_can_be_reset(place: Place, how: str) -> None:
    """Status says so with exit status 4, reset removes it and says so, enroll works again."""
    enrolled(place)
    _damage(place.record(), how)
    shown = place.run("status", ACCOUNT)
    assert shown.exit_status == 4
    assert f"`sudo pam-tfa reset {ACCOUNT}`" in shown.stderr
    reset = place.run("reset", ACCOUNT)
    assert reset.exit_status == 0, reset.stderr
    assert "The record was damaged" in reset.stdout
    assert reset.log == [f"event=reset user={ACCOUNT} by=root record=damaged"]
    enrolled(place)


def test_reset_does_not_follow_a_symlink(place: Place) -> None:
    """Whatever the link names stays."""
    enrolled(place)
    _damage(place.record(), "symlink")
    elsewhere = place.record().with_suffix(".elsewhere")
    place.run("reset", ACCOUNT)
    assert elsewhere.exists()


def test_list_goes_on_after_a_damaged_record(place: Place) -> None:
    """The others are listed; the damaged one is named and makes exit status 4."""
    enrolled(place)
    enrolled(place, OTHER_ACCOUNT)
    place.record().chmod(0o644)
    result = place.run("list")
    assert result.exit_status == 4
    assert result.stdout.startswith(OTHER_ACCOUNT)
    assert str(place.record()) in result.stderr
    answer = json.loads(place.run("list", "--json").stdout)
    assert answer["schema"] == "pam-tfa/list/1"
    assert [each["user"] for each in answer["accounts"]] == [OTHER_ACCOUNT]
    assert answer["damaged"][0]["path"] == str(place.record())


def test_empty_list_says_how_to_go_on(place: Place) -> None:
    """Nobody is enrolled."""
    assert "Nobody is enrolled" in place.run("list").stdout


def test_unlock_reports_and_logs(place: Place) -> None:
    """Both forms."""
    enrolled(place)
    assert place.run("unlock", ACCOUNT).exit_status == 0
    result = place.run("unlock", ACCOUNT, "--reset-clock")
    assert result.exit_status == 0
    assert result.log == [f"event=unlock user={ACCOUNT} by=root reset_clock=yes"]


def test_new_backup_codes_differ_and_are_not_logged(place: Place) -> None:
    """Ten new ones; none of them in the log."""
    old = enrolled(place)["backup_codes"]
    result = place.run("backup-codes", ACCOUNT, "--json")
    new = json.loads(result.stdout)["backup_codes"]
    assert len(new) == 10
    assert not set(new) & set(map(str, old if isinstance(old, list) else []))
    assert result.log == [f"event=backup_codes user={ACCOUNT} by=root"]


def test_records_of_accounts_that_are_gone_can_be_tidied_up(place: Place) -> None:
    """The name is enough where the record still knows it."""
    enrolled(place)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pam_tfa.cli.context.find_account", lambda _name: None)
        patched.setattr("pam_tfa.cli.status.find_account", lambda _name: None)
        assert "no such account" in place.run("status", ACCOUNT).stdout
        assert place.run("reset", ACCOUNT).exit_status == 0


def test_broken_configuration_is_unavailable(place: Place) -> None:
    """File, key and reason are named, and nothing is done."""
    enrolled(place)
    place.config.write_text('unenroled = "skip"\n')
    before = place.snapshot()
    result = place.run("reset", ACCOUNT)
    assert result.exit_status == 4
    assert "unenroled" in result.stderr
    assert place.snapshot() == before


@pytest.mark.parametrize(
    "error", [OSError(5, "Input/output error"), MemoryError(), ImportError(), AttributeError()]
)
def test_failure_that_nobody_foresaw_is_unavailable(place: Place, error: Exception) -> None:
    """One sentence and exit status 4, no traceback."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pam_tfa.cli.context.find_account", Mock(side_effect=error))
        result = place.run("disable", ACCOUNT)
    assert result.exit_status == 4
    assert result.stderr.count("\n") == 1


def test_long_list_shows_its_progress_on_a_terminal_alone(place: Place) -> None:
    """What is piped stays clean."""
    enrolled(place)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pam_tfa.cli.status.PROGRESS_EVERY", 1)
        result = place.run("list")
    assert result.stderr == ""
    assert result.stdout == f"{ACCOUNT}  TOTP  10 backup codes\n"


def test_every_change_is_logged_once_without_secrets(place: Place) -> None:
    """One line a change, and no code in it."""
    answer = enrolled(place)
    lines = [
        *place.run("disable", ACCOUNT, "--reason", 'x" user=root').log,
        *place.run("enable", ACCOUNT).log,
        *place.run("unlock", ACCOUNT).log,
        *place.run("backup-codes", ACCOUNT).log,
        *place.run("enroll", ACCOUNT, "--no-confirm", "--replace").log,
        *place.run("reset", ACCOUNT).log,
    ]
    events = [line.split()[0] for line in lines]
    assert events == [
        f"event={each}"
        for each in ("disable", "enable", "unlock", "backup_codes", "enroll", "reset")
    ]
    assert "user=root" not in lines[0]
    assert not any(str(answer["secret"]) in line for line in lines)
