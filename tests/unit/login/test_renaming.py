"""An account whose record stands under a former name is refused, not taken for unenrolled."""

import os
from pathlib import Path
from typing import Any

import pytest

from pam_tfa.core.suspension import Suspension
from pam_tfa.dialogue import Account
from pam_tfa.upkeep import rename_record
from tests.unit.login.builders import NOW_S, FakeMachine, code_at, run


def a_renamed_account(directory: Path, **config: Any) -> FakeMachine:
    """Return a machine on which alice enrolled and is called alicia now."""
    machine = FakeMachine(directory, **config)
    machine.enroll()
    del machine.accounts["alice"]
    machine.accounts["alicia"] = Account("alicia", 1000)
    return machine


MEND = 'mend="pam-tfa rename alice alicia (the same person) or pam-tfa reset alice (another one)"'


def test_renamed_account_is_not_skipped(tmp_path: Path) -> None:
    """Its first login names the command that mends it."""
    machine = a_renamed_account(tmp_path, unenrolled="skip")
    done = run(machine, code_at(NOW_S), user="alicia")
    assert (done.verdict, done.prompts) == ("unavailable", [])
    assert machine.lines[-1].endswith(MEND)


def test_renamed_account_is_refused_with_the_mend_where_all_are_asked(tmp_path: Path) -> None:
    """After the prompt that everybody sees."""
    machine = a_renamed_account(tmp_path, unenrolled="deny")
    done = run(machine, code_at(NOW_S), user="alicia")
    assert (done.verdict, len(done.prompts)) == ("unavailable", 1)
    assert machine.lines[-1].endswith(MEND)


def test_renamed_record_lets_its_owner_in_again(tmp_path: Path) -> None:
    """Once the command has run."""
    machine = a_renamed_account(tmp_path, unenrolled="skip")
    keyring = machine.load_keyring(machine.config)
    alicia = machine.accounts["alicia"]
    rename_record(machine.store, keyring, "alice", alicia, NOW_S, any_uid=False)
    assert run(machine, code_at(NOW_S), user="alicia").verdict == "success"


def test_name_that_somebody_else_took_over_does_not_hide_the_renaming(tmp_path: Path) -> None:
    """`usermod -l alicia alice` and then a new alice, with a uid of her own."""
    machine = a_renamed_account(tmp_path, unenrolled="skip")
    machine.accounts["alice"] = Account("alice", 2000)
    assert run(machine, user="alicia").verdict == "unavailable"
    assert run(machine, user="alice").verdict == "unavailable"


def test_second_name_of_a_uid_is_an_account_of_its_own(tmp_path: Path) -> None:
    """Root's factor is not toor's."""
    machine = FakeMachine(tmp_path, unenrolled="skip")
    machine.enroll()
    machine.accounts["toor"] = Account("toor", 1000)
    assert run(machine, user="toor").verdict == "ignore"


def test_name_that_the_name_service_completes_is_a_renaming(tmp_path: Path) -> None:
    """A directory service calls alice alice@example.com from today on, and knows both spellings."""
    machine = FakeMachine(tmp_path, unenrolled="skip")
    machine.enroll()
    alice = Account("alice@example.com", 1000)
    machine.accounts = {"alice": alice, alice.name: alice}
    for typed in machine.accounts:
        assert run(machine, code_at(NOW_S), user=typed).verdict == "unavailable"
    assert "pam-tfa rename alice alice@example.com" in machine.lines[-1]


def test_uid_in_a_suspensions_reason_is_nobodys(tmp_path: Path) -> None:
    """The bytes are looked for in the whole file."""
    machine = FakeMachine(tmp_path, unenrolled="skip")
    reason = Suspension(NOW_S, NOW_S + 60, '"uid":1001,')
    machine.enroll(suspension=reason)
    del machine.accounts["alice"]
    assert run(machine, user="bob").verdict == "ignore"


def test_former_name_forges_no_field_of_the_log_line(tmp_path: Path) -> None:
    """A name may hold spaces and equals signs."""
    machine = FakeMachine(tmp_path, unenrolled="skip")
    name = "x user=root outcome=success"
    machine.accounts[name] = Account(name, 1000)
    machine.enroll(name)
    del machine.accounts[name]
    run(machine, user="alice")
    assert " user=root" not in machine.lines[-1]


def test_other_uids_are_skipped(tmp_path: Path) -> None:
    """Also one that begins with the same digits."""
    machine = a_renamed_account(tmp_path, unenrolled="skip")
    for uid in (1, 10, 100, 1001, 10000, 4_294_967_294):
        machine.accounts["bob"] = Account("bob", uid)
        assert run(machine, user="bob").verdict == "ignore"


@pytest.mark.parametrize("damage", ["mode", "checksum", "end", "another_name"])
def test_damage_does_not_hide_the_renaming(tmp_path: Path, damage: str) -> None:
    """As long as the uid can be read, the account of that uid is refused."""
    machine = a_renamed_account(tmp_path, unenrolled="skip")
    path = Path(machine.store.users_dir, "alice.json")
    content = path.read_bytes()
    match damage:
        case "mode":
            path.chmod(0o644)
        case "checksum":
            path.write_bytes(content.replace(b"sha256:", b"sha255:"))
        case "end":
            path.write_bytes(content[:4096])
        case "another_name":
            path.rename(path.with_name("carol.json"))
        case _:
            raise AssertionError(damage)
    assert run(machine, user="alicia").verdict == "unavailable"
    assert "FormerNameError" in machine.lines[-1]
    assert "pam-tfa reset the account in its name" in machine.lines[-1]


@pytest.mark.parametrize("content", [b"", bytes(12288), b"x\n" * 4000, None])
def test_damaged_record_of_nobody_may_be_anybodys(tmp_path: Path, content: bytes | None) -> None:
    """Of a file that does not say whose it is nothing is proven."""
    machine = a_renamed_account(tmp_path, unenrolled="skip")
    path = Path(machine.store.users_dir, "alice.json")
    good = path.read_bytes()
    path.write_bytes(good.replace(b'"uid":1000', b'"uid":1009') if content is None else content)
    assert run(machine, user="alicia").verdict == "unavailable"
    assert str(path) in machine.lines[-1]
    assert "pam-tfa reset the account in its name" in machine.lines[-1]


@pytest.mark.parametrize("content", [b"", bytes(12288), None])
def test_damaged_record_of_a_living_account_is_its_own(
    tmp_path: Path, content: bytes | None
) -> None:
    """It refuses that account, and nobody else."""
    machine = FakeMachine(tmp_path, unenrolled="skip")
    machine.enroll()
    path = Path(machine.store.users_dir, "alice.json")
    good = path.read_bytes()
    path.write_bytes(good.replace(b'"revision":1', b'"revision":2') if content is None else content)
    machine.accounts["toor"] = Account("toor", 1000)
    assert run(machine, user="alice").verdict == "unavailable"
    assert run(machine, user="bob").verdict == "ignore"
    assert run(machine, user="toor").verdict == "ignore"


def test_what_is_no_file_keeps_nobody_out(tmp_path: Path) -> None:
    """The store never makes such a thing."""
    machine = FakeMachine(tmp_path, unenrolled="skip")
    users = Path(machine.store.users_dir)
    (users / "link.json").symlink_to("/dev/zero")
    os.mkfifo(users / "fifo.json")
    (users / "directory.json").mkdir()
    assert run(machine, user="alice").verdict == "ignore"


def test_name_that_a_shell_could_misread_is_not_repeated_in_the_mend(tmp_path: Path) -> None:
    """The reason has it, escaped."""
    machine = FakeMachine(tmp_path, unenrolled="skip")
    machine.accounts["a;b\n"] = Account("a;b\n", 1000)
    machine.enroll("a;b\n")
    del machine.accounts["a;b\n"]
    run(machine, user="alice")
    assert 'mend="pam-tfa rename OLD alice' in machine.lines[-1]
    assert "\n" not in machine.lines[-1]


def test_renaming_in_progress_is_waited_for(tmp_path: Path) -> None:
    """While a record gets its new name, a listing could show it under neither."""
    machine = a_renamed_account(tmp_path, unenrolled="skip")
    with machine.store.moving_lock(shared=False):
        assert run(machine, user="bob").verdict == "unavailable"
    assert run(machine, user="bob").verdict == "ignore"
