"""A record follows its account: one record, never skipped half-way, used codes stay used."""

from pathlib import Path

import pytest

from pam_tfa.core.errors import NotDurableError, RecordDamagedError, StoreBusyError
from pam_tfa.core.lockout import FailureCount
from pam_tfa.core.suspension import WITHOUT_END_S, Suspension
from pam_tfa.dialogue import Account
from pam_tfa.store.sealing import SealKeyring
from pam_tfa.upkeep import OtherUid, Renamed, RenameOutcome, rename_record
from tests.unit.login.builders import BACKUP_CODES, NOW_S, FakeMachine, run
from tests.unit.upkeep.world import USED_S, a_machine, files, log_in

ALICIA = Account("alicia", 1000)


def rename(
    machine: FakeMachine, account: Account = ALICIA, *, any_uid: bool = False
) -> RenameOutcome:
    """Give alice's record to an account, which takes alice's place in the name service."""
    machine.accounts.pop("alice", None)
    machine.accounts[account.name] = account
    keyring = SealKeyring.load(machine.config.seal_key_path)
    return rename_record(machine.store, keyring, "alice", account, machine.now_s(), any_uid=any_uid)


def test_renamed_account_logs_in_with_the_same_phone(tmp_path: Path) -> None:
    """And there is one record."""
    machine = a_machine(tmp_path, "alice")
    assert rename(machine) == Renamed(1000, 1000)
    assert list(machine.store.names()) == ["alicia"]
    assert log_in(machine, "alicia", NOW_S + 60) == "success"


def test_used_codes_stay_used_after_a_rename(tmp_path: Path) -> None:
    """One-time codes and backup codes."""
    machine = a_machine(tmp_path, "alice")
    assert run(machine, BACKUP_CODES[0].encode()).verdict == "success"
    rename(machine)
    assert log_in(machine, "alicia", USED_S) == "refused"
    assert run(machine, BACKUP_CODES[0].encode(), "alicia").verdict == "refused"
    assert run(machine, BACKUP_CODES[1].encode(), "alicia").verdict == "success"


def test_whole_state_is_renamed(tmp_path: Path) -> None:
    """Counts and suspension too."""
    machine = FakeMachine(tmp_path)
    machine.enroll(
        suspension=Suspension(NOW_S, WITHOUT_END_S, ""), codes=FailureCount(9, NOW_S), backup_used=1
    )
    before = machine.state()
    rename(machine)
    assert machine.state("alicia") == before


def test_other_uid_needs_a_word_of_the_administrator(tmp_path: Path) -> None:
    """It may be another person; nothing changes."""
    machine = a_machine(tmp_path, "alice")
    record = Path(machine.store.users_dir, "alice.json")
    before = record.read_bytes()
    assert rename(machine, Account("alicia", 2001)) == OtherUid(1000)
    assert record.read_bytes() == before
    assert not record.with_name("alicia.json").exists()
    assert rename(machine, Account("alicia", 2001), any_uid=True) == Renamed(1000, 2001)
    assert log_in(machine, "alicia", NOW_S + 60) == "success"


def test_new_uid_of_the_same_name_is_refused_until_it_is_adopted(tmp_path: Path) -> None:
    """The account may have been deleted and made anew for somebody else."""
    machine = a_machine(tmp_path, "alice")
    machine.accounts["alice"] = Account("alice", 2001)
    assert log_in(machine, "alice", NOW_S + 60) == "unavailable"
    assert 'mend="pam-tfa rename alice alice' in machine.lines[-1]
    assert "pam-tfa reset alice" in machine.lines[-1]
    assert rename(machine, Account("alice", 2001)) == OtherUid(1000)
    assert rename(machine, Account("alice", 2001), any_uid=True) == Renamed(1000, 2001)
    assert log_in(machine, "alice", NOW_S + 60) == "success"
    assert log_in(machine, "alice", USED_S) == "refused"


def test_record_that_fits_is_left_alone(tmp_path: Path) -> None:
    """Nothing to do is not done."""
    machine = a_machine(tmp_path, "alice")
    before = files(machine), Path(machine.store.users_dir, "alice.json").read_bytes()
    assert rename(machine, Account("alice", 1000)) == "fits_already"
    assert (files(machine), Path(machine.store.users_dir, "alice.json").read_bytes()) == before


def test_account_with_a_record_of_its_own_keeps_it(tmp_path: Path) -> None:
    """Neither is lost."""
    machine = a_machine(tmp_path, "alice", "bob")
    assert rename(machine, Account("bob", 1001), any_uid=True) == "new_is_enrolled"
    assert list(machine.store.names()) == ["alice", "bob"]
    assert log_in(machine, "bob", NOW_S + 60) == "success"


def test_name_without_a_record_is_none(tmp_path: Path) -> None:
    """Also where the other account has one."""
    machine = a_machine(tmp_path, "bob")
    assert rename(machine) is None
    assert rename(machine, Account("bob", 1001)) is None
    assert log_in(machine, "bob", NOW_S + 60) == "success"


def test_damaged_record_in_the_place_of_the_new_one_is_not_overwritten(tmp_path: Path) -> None:
    """Somebody has to look at it."""
    machine = a_machine(tmp_path, "alice")
    other = Path(machine.store.users_dir, "alicia.json")
    other.write_bytes(b"x" * 4096 * 3)
    other.chmod(0o600)
    with pytest.raises(RecordDamagedError):
        rename(machine)
    assert log_in_as_alice(machine) == "success"


def log_in_as_alice(machine: FakeMachine) -> str:
    """Log in under the old name, as if the account still had it."""
    machine.accounts["alice"] = Account("alice", 1000)
    return log_in(machine, "alice", NOW_S + 60)


def test_rename_waits_for_nobody_for_ever(tmp_path: Path) -> None:
    """A rotation, or a login that hangs: busy, and nothing changed."""
    machine = a_machine(tmp_path, "alice")
    with machine.store.upkeep_lock(), pytest.raises(StoreBusyError):
        rename(machine)
    with machine.store.transaction("alice"), pytest.raises(StoreBusyError):
        rename(machine)
    assert list(machine.store.names()) == ["alice"]


@pytest.mark.parametrize("failing", range(1, 6))
def test_failing_disk_skips_nobody_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """At each of the writing calls; mended, the same command finishes."""
    machine = a_machine(tmp_path, "alice", unenrolled="deny")
    calls = 0

    def fails_once(real: object) -> object:
        def call(*arguments: object, **keywords: object) -> object:
            nonlocal calls
            calls += 1
            if calls == failing:
                raise OSError(5, "Input/output error")
            assert callable(real)
            return real(*arguments, **keywords)

        return call

    with monkeypatch.context() as patched:
        for name in ("fsync", "rename"):
            patched.setattr(f"os.{name}", fails_once(getattr(__import__("os"), name)))
        with pytest.raises(NotDurableError):
            rename(machine)
    if failing < 5:
        rename(machine)
    assert list(machine.store.names()) == ["alicia"]
    assert log_in(machine, "alicia", USED_S) == "refused"
    assert log_in(machine, "alicia", NOW_S + 60) == "success"
    assert "alice.json" not in files(machine)
