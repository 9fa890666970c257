"""Who may call which verb, and what he is told."""

import pytest

from tests.unit.cli.command import ACCOUNT, Place

NAMED = [
    ["enroll", ACCOUNT],
    ["status", ACCOUNT],
    ["disable", ACCOUNT],
    ["enable", ACCOUNT],
    ["reset", ACCOUNT],
    ["unlock", ACCOUNT],
    ["backup-codes", ACCOUNT],
]

UPKEEP = [["prune"], ["seal-key", "rotate"], ["seal-key", "status"], ["rename", "old", ACCOUNT]]


@pytest.mark.parametrize("arguments", [*NAMED, ["list"], ["init"], *UPKEEP], ids=" ".join)
def test_naming_an_account_needs_root(place: Place, arguments: list[str]) -> None:
    """Anybody else gets exit status 3 and the command with sudo; nothing changes."""
    before = place.snapshot()
    result = place.run(*arguments, euid=1000)
    assert result.exit_status == 3
    assert f"`sudo pam-tfa {' '.join(arguments)}`" in result.stderr
    assert place.snapshot() == before


@pytest.mark.parametrize("verb", ["enroll", "status", "backup-codes", "disable"])
def test_own_account_needs_the_daemon(place: Place, verb: str) -> None:
    """Without a name and without root the verb is the daemon's, which is named."""
    result = place.run(verb, euid=1000)
    assert result.exit_status == 4
    assert "sudo systemctl start pam-tfad.socket" in result.stderr
    assert f"sudo pam-tfa {verb} " in result.stderr


def test_root_without_a_name_is_told_that_it_acts_on_root(place: Place) -> None:
    """It goes on all the same."""
    result = place.run("status")
    assert result.exit_status == 0
    assert result.stderr == "No account was named: this acts on root.\n"
    assert "root is not enrolled" in result.stdout


def test_version_and_help_need_nothing(place: Place) -> None:
    """Neither root nor a store."""
    for arguments in (["version"], ["--version"], ["--help"], ["enroll", "--help"]):
        assert place.run(*arguments, euid=1000).exit_status == 0
