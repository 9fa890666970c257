"""A rotation seals every record anew and loses nothing; who is damaged keeps the old key."""

import base64
import os
import threading
from pathlib import Path

import pytest

from pam_tfa.attempts import try_answer
from pam_tfa.core.attempt import Accepted
from pam_tfa.core.errors import RecordDamagedError, SealKeyMissingError, StoreBusyError
from pam_tfa.core.lockout import FailureCount
from pam_tfa.core.otp_parameters import OtpParameters
from pam_tfa.core.state import AuthenticatorState
from pam_tfa.core.suspension import WITHOUT_END_S, Suspension
from pam_tfa.dialogue import Account
from pam_tfa.enrollment import Surroundings, enroll_unconfirmed
from pam_tfa.enrollment_steps import Saved
from pam_tfa.key_rotation import read_key_use
from pam_tfa.store.files import FileStore
from pam_tfa.store.key_file import add_seal_key
from pam_tfa.store.sealing import SealKeyring
from tests.unit.login.builders import NOW_S, FakeMachine, code_at
from tests.unit.upkeep.world import (
    USED_S,
    a_machine,
    files,
    key_ids,
    log_in,
    rotate,
    sealed_with,
)


def test_rotation_seals_every_record_with_a_new_key_and_drops_the_old_one(tmp_path: Path) -> None:
    """And everybody still gets in."""
    machine = a_machine(tmp_path, "alice", "bob")
    (old,) = key_ids(machine)
    rotation = rotate(machine)
    (new,) = key_ids(machine)
    assert new != old
    assert rotation == (True, new, (), (old,), 2, ())
    assert [sealed_with(machine, name) for name in ("alice", "bob")] == [new, new]
    assert log_in(machine, "alice", NOW_S + 60) == "success"
    assert ".seal.key.new" not in files(machine)


def test_used_codes_stay_used_after_a_rotation(tmp_path: Path) -> None:
    """The state carries over."""
    machine = a_machine(tmp_path, "alice")
    rotate(machine)
    assert log_in(machine, "alice", USED_S) == "refused"


def test_whole_state_carries_over(tmp_path: Path) -> None:
    """Suspension, counts, used backup codes, drift and counter."""
    machine = FakeMachine(tmp_path)
    machine.enroll(
        suspension=Suspension(NOW_S, WITHOUT_END_S, "phone lost"),
        codes=FailureCount(7, NOW_S),
        backup=FailureCount(2, NOW_S),
        verify=FailureCount(1, NOW_S),
        backup_used=0b10,
        authenticators=(AuthenticatorState(last_step=9, drift_steps=-2),),
    )
    before = machine.state()
    rotate(machine)
    assert machine.state() == before


def test_damaged_state_is_not_believed_because_of_a_rotation(tmp_path: Path) -> None:
    """Writing both slots anew must not make an older state look like the newest one."""
    machine = a_machine(tmp_path, "alice")
    record = Path(machine.store.users_dir, "alice.json")
    content = bytearray(record.read_bytes())
    content[-100] ^= 1
    record.write_bytes(content)
    rotate(machine)
    assert machine.state().backup_refused
    assert log_in(machine, "alice", USED_S) == "refused"


def test_second_rotation_makes_another_key(tmp_path: Path) -> None:
    """A finished rotation leaves nothing to finish."""
    machine = a_machine(tmp_path, "alice")
    first, second = rotate(machine), rotate(machine)
    assert second.made_key
    assert second.dropped_key_ids == (first.active_key_id,)


def test_empty_store_gets_a_new_key(tmp_path: Path) -> None:
    """Nobody needs the old one."""
    machine = a_machine(tmp_path)
    assert rotate(machine).resealed == 0
    assert len(key_ids(machine)) == 1


def test_rotation_that_was_cut_off_is_finished_without_another_key(tmp_path: Path) -> None:
    """The key that it made is used."""
    machine = a_machine(tmp_path, "alice", "bob")
    new = add_seal_key(machine.config.seal_key_path)
    rotation = rotate(machine)
    assert not rotation.made_key
    assert key_ids(machine) == [new]
    assert rotation.resealed == 2


def test_key_that_nobody_needs_any_more_is_dropped(tmp_path: Path) -> None:
    """What is left to do after a kill just before the end."""
    machine = a_machine(tmp_path, "alice")
    path = Path(machine.config.seal_key_path)
    unused = f"unused {base64.b64encode(bytes(32)).decode()}\n"
    path.write_text(path.read_text() + unused)
    assert rotate(machine).dropped_key_ids == ("unused",)
    assert len(key_ids(machine)) == 1


@pytest.mark.parametrize("how", ["text", "mode", "directory"])
def test_damaged_record_is_listed_and_keeps_every_old_key(tmp_path: Path, how: str) -> None:
    """Nobody can know which key it needs; restored, its owner gets in again."""
    machine = a_machine(tmp_path, "alice", "bob")
    (old,) = key_ids(machine)
    record = Path(machine.store.users_dir, "alice.json")
    good = record.read_bytes()
    if how == "text":
        record.write_bytes(b"x" + good[1:])
    elif how == "mode":
        record.chmod(0o644)
    else:
        record.unlink()
        record.mkdir()
    rotation = rotate(machine)
    assert rotation.kept_key_ids == (old,)
    assert rotation.dropped_key_ids == ()
    assert rotation.resealed == 1
    (problem,) = rotation.not_resealed
    assert isinstance(problem.error, RecordDamagedError)
    assert problem.error.path == str(record)
    if how == "directory":
        record.rmdir()
    record.write_bytes(good)
    record.chmod(0o600)
    assert log_in(machine, "alice", NOW_S + 60) == "success"
    assert rotate(machine).dropped_key_ids == (old,)
    assert log_in(machine, "alice", NOW_S + 120) == "success"


def test_damaged_record_does_not_stop_the_next_new_key(tmp_path: Path) -> None:
    """Its old key stays beside each new one."""
    machine = a_machine(tmp_path, "alice", "bob")
    (old,) = key_ids(machine)
    Path(machine.store.users_dir, "alice.json").chmod(0o644)
    first = rotate(machine)
    second = rotate(machine)
    assert second.made_key
    assert key_ids(machine) == [second.active_key_id, first.active_key_id, old]


def test_secret_that_does_not_open_is_listed_and_keeps_its_key(tmp_path: Path) -> None:
    """It may be mended from a backup."""
    machine = a_machine(tmp_path, "alice", "bob")
    (old,) = key_ids(machine)
    with machine.store.transaction("alice") as transaction:
        stored = transaction.load()
        assert stored is not None
        (device,) = stored.record.authenticators
        sealed = device.sealed_secret._replace(ciphertext=bytes(36))
        devices = (device._replace(sealed_secret=sealed),)
        record = stored.record._replace(revision=2, authenticators=devices)
        transaction.replace(record, stored.state)
    rotation = rotate(machine)
    assert rotation.kept_key_ids == (old,)
    assert [each.account_name for each in rotation.not_resealed] == ["alice"]
    assert rotate(machine).made_key


def test_record_that_is_in_use_keeps_its_key_until_the_next_run(tmp_path: Path) -> None:
    """A login that takes long is not waited for."""
    machine = a_machine(tmp_path, "alice", "bob")
    with machine.store.transaction("alice"):
        rotation = rotate(machine)
    (problem,) = rotation.not_resealed
    assert isinstance(problem.error, StoreBusyError)
    assert len(key_ids(machine)) == 2
    again = rotate(machine)
    assert not again.made_key
    assert len(key_ids(machine)) == 1
    assert log_in(machine, "alice", NOW_S + 60) == "success"


def test_lost_key_is_never_replaced_by_a_rotation(tmp_path: Path) -> None:
    """Logins are unavailable, and become available with the copy."""
    machine = a_machine(tmp_path, "alice")
    key = Path(machine.config.seal_key_path)
    copy = key.read_bytes()
    key.unlink()
    assert log_in(machine, "alice", NOW_S + 60) == "unavailable"
    with pytest.raises(SealKeyMissingError):
        rotate(machine)
    assert not key.exists()
    key.write_bytes(copy)
    key.chmod(0o600)
    assert log_in(machine, "alice", NOW_S + 120) == "success"


def test_old_key_appended_to_the_file_opens_a_record_from_a_backup(tmp_path: Path) -> None:
    """The way back after a rotation; the next one tidies up."""
    machine = a_machine(tmp_path, "alice")
    key = Path(machine.config.seal_key_path)
    record = Path(machine.store.users_dir, "alice.json")
    old_line, backup = key.read_text().splitlines()[1], record.read_bytes()
    rotate(machine)
    record.write_bytes(backup)
    assert log_in(machine, "alice", NOW_S + 60) == "unavailable"
    key.write_text(key.read_text() + old_line + "\n")
    assert log_in(machine, "alice", NOW_S + 120) == "success"
    assert not rotate(machine).made_key
    assert len(key_ids(machine)) == 1


def test_two_rotations_at_once_are_one(tmp_path: Path) -> None:
    """The second one is told that the store is busy, or comes after the first."""
    machine = a_machine(tmp_path, "alice")
    with machine.store.upkeep_lock(), pytest.raises(StoreBusyError):
        rotate(machine)
    assert len(key_ids(machine)) == 1


def test_key_use_counts_records_and_names_keys_that_are_missing(tmp_path: Path) -> None:
    """For `seal-key status`."""
    machine = a_machine(tmp_path, "alice", "bob")
    (old,) = key_ids(machine)
    path = Path(machine.config.seal_key_path)
    new = add_seal_key(str(path))
    use = read_key_use(machine.store, SealKeyring.load(str(path)))
    assert use == ({new: 0, old: 2}, 2, ())
    path.write_text("\n".join(path.read_text().splitlines()[:2]) + "\n")
    use = read_key_use(machine.store, SealKeyring.load(str(path)))
    assert use == ({new: 0, old: 2}, 0, ())


def test_login_that_read_the_key_file_before_the_rotation_succeeds(tmp_path: Path) -> None:
    """Its record was sealed anew while its owner typed."""
    machine = a_machine(tmp_path, "alice")
    keyring = SealKeyring.load(machine.config.seal_key_path)
    rotate(machine)
    now_s = NOW_S + 60
    decision = try_answer(machine.store, keyring, "alice", code_at(now_s), lambda: now_s, 1000)
    assert isinstance(decision, Accepted)


def enroll_begun_before(machine: FakeMachine, keyring: SealKeyring, name: str, uid: int) -> None:
    """Enrol with a keyring that was read long ago, as a person does who takes his time."""
    surroundings = Surroundings(machine.store, keyring, machine.now_s, os.urandom)
    flow = enroll_unconfirmed(
        surroundings, Account(name, uid), OtpParameters(), "web1", replace=True
    )
    assert any(isinstance(step, Saved) for step in flow)


@pytest.mark.parametrize("name", ["alice", "carol"])
def test_enrolment_begun_before_a_rotation_is_sealed_with_the_new_key(
    tmp_path: Path, name: str
) -> None:
    """Else its key would be gone with the next breath; new enrolments and replaced ones."""
    machine = a_machine(tmp_path, "alice")
    surroundings = Surroundings(
        machine.store,
        SealKeyring.load(machine.config.seal_key_path),
        machine.now_s,
        os.urandom,
    )
    flow = enroll_unconfirmed(
        surroundings, Account(name, 1000), OtpParameters(), "web1", replace=True
    )
    next(flow)
    rotate(machine)
    assert any(isinstance(step, Saved) for step in flow)
    assert [sealed_with(machine, name)] == key_ids(machine)


@pytest.mark.timeout(300)
def test_all_logins_and_enrolments_during_rotations_succeed(tmp_path: Path, campaign: bool) -> None:
    """Nobody meets a moment in which the key that his record needs is not there."""
    names = [f"user{number}" for number in range(40 if campaign else 8)]
    machine = FakeMachine(tmp_path)
    machine.store = FileStore(machine.config.store_dir, lock_wait_s=30)
    machine.accounts = {name: Account(name, 1000) for name in names}
    for name in names:
        machine.enroll(name)
    verdicts: list[str] = []
    enrolled: list[str] = []
    done = threading.Event()

    def keep_logging_in(mine: list[str]) -> None:
        own = FakeMachine(tmp_path)
        own.store, own.accounts = machine.store, machine.accounts
        clock_s = NOW_S
        while not done.is_set():
            clock_s += 30
            verdicts.extend(log_in(own, name, clock_s) for name in mine)

    def keep_enrolling() -> None:
        while not done.is_set():
            keyring = SealKeyring.load(machine.config.seal_key_path)
            name = f"new{len(enrolled)}"
            enroll_begun_before(machine, keyring, name, 2000)
            enrolled.append(name)

    workers = [threading.Thread(target=keep_logging_in, args=(names[n::3],)) for n in range(3)]
    workers.append(threading.Thread(target=keep_enrolling))
    for worker in workers:
        worker.start()
    rotations = [rotate(machine) for _ in range(50 if campaign else 4)]
    done.set()
    for worker in workers:
        worker.join()
    print(f"{len(verdicts)} logins, {len(enrolled)} enrolments, {len(rotations)} rotations")
    assert len(verdicts) > len(names)
    assert set(verdicts) == {"success"}
    assert all(each.made_key and not each.not_resealed for each in rotations)
    assert len(key_ids(machine)) == 1
    keyring = SealKeyring.load(machine.config.seal_key_path)
    use = read_key_use(machine.store, keyring)
    assert set(use.records_by_key_id) == {keyring.active_key_id}


def test_rotation_with_an_older_key_file_drops_no_key(tmp_path: Path) -> None:
    """A record whose key is missing may be older than any of them, too."""
    machine = a_machine(tmp_path, "alice")
    key = Path(machine.config.seal_key_path)
    older = key.read_bytes()
    rotate(machine)
    newer = key.read_bytes()
    key.write_bytes(older)
    rotation = rotate(machine)
    assert [each.account_name for each in rotation.not_resealed] == ["alice"]
    assert rotation.dropped_key_ids == ()
    key.write_bytes(key.read_bytes() + newer.partition(b"\n")[2])
    assert rotate(machine).not_resealed == ()
    assert log_in(machine, "alice", USED_S + 60) == "success"
