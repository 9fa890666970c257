"""The line of a refusal that something broken causes names the command that mends it."""

from pathlib import Path

import pytest

from pam_tfa.core import errors
from pam_tfa.dialogue import Account
from pam_tfa.mending import mend_of
from tests.unit.login.builders import BACKUP_CODES, NOW_S, FakeMachine, code_at, run


def enrolled_machine(directory: Path) -> FakeMachine:
    """Return a machine on which alice is enrolled."""
    machine = FakeMachine(directory)
    machine.enroll()
    return machine


@pytest.mark.parametrize("quiet", [False, True])
def test_account_made_anew_names_rename_and_reset(tmp_path: Path, quiet: bool) -> None:
    """Also where the user is told nothing; the mend is the line's last field."""
    machine = enrolled_machine(tmp_path)
    machine.accounts["alice"] = Account("alice", 2001)
    run(machine, code_at(NOW_S), quiet=quiet)
    assert machine.lines[-1].endswith(
        'mend="pam-tfa rename alice alice (the same person) or pam-tfa reset alice (another one)"'
    )


@pytest.mark.parametrize("content", [None, b"x", b"pam-tfa-seal-key/1\nk " + b"A" * 43 + b"=\n"])
def test_lost_key_names_its_copy_and_reset(tmp_path: Path, content: bytes | None) -> None:
    """Missing, damaged, another one."""
    machine = enrolled_machine(tmp_path)
    key = Path(machine.config.seal_key_path)
    key.unlink()
    if content is not None:
        key.write_bytes(content)
        key.chmod(0o600)
    assert run(machine, code_at(NOW_S)).verdict == "unavailable"
    assert "restore the copy of the key file, or pam-tfa reset alice" in machine.lines[-1]


def test_damaged_record_names_backup_and_reset(tmp_path: Path) -> None:
    """By the account's name."""
    machine = enrolled_machine(tmp_path)
    Path(machine.store.users_dir, "alice.json").chmod(0o644)
    run(machine, code_at(NOW_S))
    assert 'mend="restore the file from a backup, or pam-tfa reset alice' in machine.lines[-1]


@pytest.mark.parametrize("is_phones_code", [True, False])
def test_clock_behind_the_last_step_names_the_reset(tmp_path: Path, is_phones_code: bool) -> None:
    """Until then each code is refused, right or wrong, in the same words as any other."""
    machine = enrolled_machine(tmp_path)
    run(machine, code_at(NOW_S))
    machine.clock_s = NOW_S - 86400
    done = run(machine, code_at(machine.clock_s) if is_phones_code else b"000000")
    assert done.shown == run(enrolled_machine(tmp_path / "other"), b"000000").shown
    assert "reason=clock_behind_last_step" in machine.lines[-1]
    assert machine.lines[-1].endswith(
        'mend="set the clock right, then pam-tfa unlock alice --reset-clock"'
    )


def test_backup_codes_that_damage_has_ended_name_a_new_set(tmp_path: Path) -> None:
    """Each of them would be refused."""
    machine = enrolled_machine(tmp_path)
    machine.enroll(backup_refused=True)
    run(machine, BACKUP_CODES[0].encode())
    assert machine.lines[-1].endswith('mend="pam-tfa backup-codes alice"')


def test_refusals_that_are_nobodys_fault_name_nothing(tmp_path: Path) -> None:
    """A wrong code needs no command."""
    machine = enrolled_machine(tmp_path)
    run(machine, b"000000")
    assert "mend=" not in machine.lines[-1]


@pytest.mark.parametrize("user", ["a b", "$(reboot)", "x;y", "--yes", "ä", "a\nb", "", "'"])
def test_name_that_a_shell_could_misread_is_not_put_into_a_command(user: str) -> None:
    """Somebody copies it into a root shell."""
    mend = mend_of(errors.RecordDamagedError("users/x.json", "uid", "other"), user)
    assert mend is not None
    assert mend.startswith("pam-tfa rename USER USER ")


@pytest.mark.parametrize(
    "error",
    [errors.StoreBusyError("p", "r"), errors.ConfigError("p", "k", "r")],
    ids=lambda error: type(error).__name__,
)
def test_error_that_says_all_there_is_gets_no_mend(error: errors.PamTfaError) -> None:
    """The reason stands in the line anyway."""
    assert mend_of(error, "alice") is None
