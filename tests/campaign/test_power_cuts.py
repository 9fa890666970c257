"""A power cut at any moment of any write: everything readable, no used code good again.

What the installed helper and command write is recorded by strace, once; every state that a disk
may hold after a cut in it is put into memory and judged by the product's own login.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from pam_tfa.administration import end_suspension, state_now, unlock
from pam_tfa.core.suspension import WITHOUT_END_S
from pam_tfa.dialogue import Account
from pam_tfa.key_rotation import rotate_seal_key
from pam_tfa.store.key_file import create_seal_key, read_keys
from pam_tfa.store.sealing import SealKeyring
from pam_tfa.upkeep import Renamed, rename_record
from tests.campaign.after_power_cut import Machine
from tests.campaign.command_process import COMMAND
from tests.campaign.helper_process import HelperProcess
from tests.campaign.login_machine import remembered_hashes
from tests.campaign.power_cut import Recording, Shown, disks_after_cuts
from tests.campaign.recorded_writes import contents_of, record, writes_recorded
from tests.harness.enrolled import EnrolledUser, an_enrolled_user
from tests.harness.installation import CONFIG, SEAL_KEY, USERS_DIR, record_path
from tests.harness.users import User, a_user, remove_user

if TYPE_CHECKING:
    from pam_tfa.core.otp_parameters import OtpType
    from tests.campaign.figures import Figures

DIRECTORIES = (USERS_DIR, SEAL_KEY.parent)
PREFIX = "tfa-cut"
AHEAD_STEPS = 5  # of a phone whose clock is wrong
TOKEN_COUNTER = 9  # of a token whose button was pressed twice in vain
FAR_COUNTER = 40


class Scene:
    """An account before a run, and what the run came to."""

    def __init__(self, users: list[User], strace: str, log: Path) -> None:
        self.users, self._strace, self._log = users, strace, log
        self.at_s = self.ended_s = int(time.time())
        self.victim = an_enrolled_user(users[0])
        self.other: EnrolledUser | None = None
        self.first_step = 0
        self.output = ""
        self.told_by_output = False

    def enrolls(
        self, otp_type: OtpType = "totp", failures: int = 2, ago_s: int = 0
    ) -> EnrolledUser:
        """Enrol the victim, who has logged in before and mistyped since."""
        self.victim = an_enrolled_user(self.users[0], otp_type=otp_type)
        state = self.victim.state()
        device = state.authenticators[0]._replace(last_step=self.at_s // 30 - 40)
        if otp_type == "hotp":
            device = state.authenticators[0]._replace(counter=TOKEN_COUNTER - 2)
        self.victim.save_state(state._replace(authenticators=(device,)))
        self.victim.fail_before(failures, ago_s=ago_s)
        return self.victim

    @property
    def under(self) -> list[str]:
        """What to put before the recorded program."""
        return writes_recorded(self._strace, self._log)

    def answers(self, answer: str) -> None:
        """Run one login of the victim in the installed helper."""
        with HelperProcess(self.victim.name, self.under) as helper:
            assert helper.wait_for_prompt()
            helper.answer(answer)
            self.output = str(helper.wait_for_verdict())

    def commands(self, *arguments: str) -> None:
        """Run the installed command."""
        done = subprocess.run(
            [*self.under, str(COMMAND), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        )
        assert done.returncode == 0, done.stderr
        self.output = done.stdout

    def answer(self) -> dict[str, object]:
        """Return the command's answer."""
        found = json.loads(self.output)
        assert isinstance(found, dict)
        return found

    def record(self, run: Callable[[], None]) -> Recording:
        """Record a run."""
        self.at_s = int(time.time())
        recording = record(DIRECTORIES, self._log, run, told_by_output=self.told_by_output)
        self.ended_s = int(time.time())
        return recording


class Case(NamedTuple):
    """A run, and what has to hold after a cut in it.

    Attributes:
        run: prepares the scene and returns the recording.
        judge: is told whether anything of the outcome had been seen before the cut.
        told_by_output: whether what a command prints tells its outcome.
    """

    run: Callable[[Scene], Recording]
    judge: Callable[[Scene, Machine, bool], None]
    told_by_output: bool = False


def never_again(machine: Machine, name: str, used: str, shown: bool) -> None:
    """Refuse a code that may have been used: always, where that had been told."""
    first = machine.enters(name, used)
    assert first == "refused" or (first == "success" and not shown), first
    assert machine.enters(name, used) == "refused"


# One attempt


def good_code(otp_type: OtpType) -> Case:
    """Log in with the device's next code."""

    def run(scene: Scene) -> Recording:
        scene.enrolls(otp_type, failures=0)
        recording = scene.record(lambda: scene.answers(code(scene)))
        assert scene.output == "success"
        return recording

    def code(scene: Scene) -> str:
        return scene.victim.code_at(TOKEN_COUNTER if otp_type == "hotp" else scene.at_s // 30)

    def judge(scene: Scene, machine: Machine, shown: bool) -> None:
        never_again(machine, scene.victim.name, code(scene), shown)
        machine.is_let_in(scene.victim, TOKEN_COUNTER + 1 if otp_type == "hotp" else 0)

    return Case(run, judge)


def wrong_code(failures: int) -> Case:
    """Guess wrongly, after so many failures."""

    def run(scene: Scene) -> Recording:
        user = scene.enrolls(failures=failures, ago_s=7200)
        recording = scene.record(lambda: scene.answers(user.wrong_code()))
        assert scene.output == "refused"
        return recording

    def judge(scene: Scene, machine: Machine, shown: bool) -> None:
        name = scene.victim.name
        stored = machine.store.load(name)
        assert stored is not None
        counted = state_now(stored, machine.clock_s).codes.failures
        assert failures + shown <= counted <= failures + 1, "a guess was free"
        if counted == 100:
            assert machine.enters(name, scene.victim.code_at(scene.at_s // 30)) == "locked"
            assert unlock(machine.store, name, machine.clock_s, reset_clock=False)
        machine.is_let_in(scene.victim, 0)

    return Case(run, judge)


def run_backup_code(scene: Scene) -> Recording:
    """Log in with a backup code."""
    user = scene.enrolls()
    recording = scene.record(lambda: scene.answers(user.backup_codes[3]))
    assert scene.output == "success"
    return recording


def judge_backup_code(scene: Scene, machine: Machine, shown: bool) -> None:
    """Expect the others good, or refused where it is not known which was used."""
    user = scene.victim
    stored = machine.store.load(user.name)
    assert stored is not None
    never_again(machine, user.name, user.backup_codes[3], shown)
    other = machine.enters(user.name, user.backup_codes[4])
    assert other == ("refused" if stored.damaged else "success")
    machine.is_let_in(user, 0)


def second_code(otp_type: OtpType) -> Case:
    """Resynchronise with the second of two codes."""

    def codes(scene: Scene) -> list[str]:
        base = FAR_COUNTER if otp_type == "hotp" else scene.first_step + AHEAD_STEPS
        return [scene.victim.code_at(base), scene.victim.code_at(base + 1)]

    def run(scene: Scene) -> Recording:
        scene.enrolls(otp_type, failures=0)
        scene.first_step = int(time.time()) // 30
        scene.answers(codes(scene)[0])
        assert scene.output == "refused"
        recording = scene.record(lambda: scene.answers(codes(scene)[1]))
        assert scene.output == "success"
        return recording

    def judge(scene: Scene, machine: Machine, shown: bool) -> None:
        first, second = codes(scene)
        never_again(machine, scene.victim.name, second, shown)
        assert machine.enters(scene.victim.name, first) == "refused"
        machine.is_let_in(scene.victim, FAR_COUNTER + 2 if otp_type == "hotp" else AHEAD_STEPS)

    return Case(run, judge)


def run_on_damage(scene: Scene) -> Recording:
    """Guess wrongly where a slot is torn: its repair and the guess are two writes."""
    user = scene.enrolls()
    path = record_path(user.name)
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))
    recording = scene.record(lambda: scene.answers(user.wrong_code()))
    assert scene.output == "refused"
    assert str(recording).startswith("Write SyncFile Write SyncFile Shown")
    return recording


def judge_on_damage(scene: Scene, machine: Machine, shown: bool) -> None:
    """Expect the repair's failure and the guess to be counted."""
    stored = machine.store.load(scene.victim.name)
    assert stored is not None
    counted = state_now(stored, machine.clock_s).codes.failures
    assert counted >= (2 if shown else 1), "a guess was free"
    assert machine.enters(scene.victim.name, scene.victim.backup_codes[0]) == "refused"
    assert machine.enters(scene.victim.name, scene.victim.code_at(scene.at_s // 30)) == "refused"
    machine.is_let_in(scene.victim, 0)


# The command


def run_enroll(scene: Scene) -> Recording:
    """Enrol an account that was not."""
    record_path(scene.victim.name).unlink()
    return enroll(scene)


def run_replace(scene: Scene) -> Recording:
    """Put a new enrolment in place of one."""
    scene.enrolls()
    return enroll(scene, "--replace")


def enroll(scene: Scene, *options: str) -> Recording:
    """Record `enroll`, whose outcome its end tells: what it prints is good only from then on."""
    name = scene.victim.name
    recording = scene.record(
        lambda: scene.commands("enroll", "--no-confirm", *options, name, "--json")
    )
    recording.operations.append(Shown())
    secret = str(scene.answer()["secret"])
    scene.other = EnrolledUser(scene.victim.user, base64.b32decode(secret), scene.victim.otp, [])
    return recording


def judge_enroll(scene: Scene, machine: Machine, shown: bool) -> None:
    """Expect none or all of it."""
    assert scene.other is not None
    if machine.store.load(scene.victim.name) is None:
        assert not shown
    else:
        machine.is_let_in(scene.other, 0)


def judge_replace(scene: Scene, machine: Machine, shown: bool) -> None:
    """Expect the old one with its past, or the new one."""
    assert scene.other is not None
    stored = machine.store.load(scene.victim.name)
    assert stored is not None
    is_old = stored.state.codes.failures == 2
    assert not (is_old and shown)
    machine.is_let_in(scene.victim if is_old else scene.other, 0)


def run_disable(scene: Scene) -> Recording:
    """Suspend."""
    scene.enrolls()
    return scene.record(lambda: scene.commands("disable", scene.victim.name, "--json"))


def run_enable(scene: Scene) -> Recording:
    """End a suspension."""
    scene.enrolls().suspend(WITHOUT_END_S)
    return scene.record(lambda: scene.commands("enable", scene.victim.name, "--json"))


def judge_suspension(*, is_on: bool) -> Callable[[Scene, Machine, bool], None]:
    """Expect it as it had been told; else on or off, and in the other case on or off too."""

    def judge(scene: Scene, machine: Machine, shown: bool) -> None:
        name = scene.victim.name
        verdict = machine.enters(name, "")
        assert verdict in ("ignore", "refused")
        assert not shown or (verdict == "ignore") is is_on
        assert end_suspension(machine.store, name, machine.clock_s) is not None
        assert machine.enters(name, "") == "refused"
        machine.is_let_in(scene.victim, 0)

    return judge


def run_unlock(scene: Scene) -> Recording:
    """Unlock an account."""
    scene.enrolls(failures=100)
    return scene.record(lambda: scene.commands("unlock", scene.victim.name, "--json"))


def judge_unlock(scene: Scene, machine: Machine, shown: bool) -> None:
    """Expect it unlocked where it had been told; a second run does it."""
    name = scene.victim.name
    if not shown:
        assert unlock(machine.store, name, machine.clock_s, reset_clock=False)
    machine.is_let_in(scene.victim, 0)


def run_reset(scene: Scene) -> Recording:
    """Wipe an enrolment."""
    scene.enrolls()
    return scene.record(lambda: scene.commands("reset", scene.victim.name, "--json"))


def judge_reset(scene: Scene, machine: Machine, shown: bool) -> None:
    """Expect it gone, or whole where that had not been told."""
    if machine.store.load(scene.victim.name) is not None:
        assert not shown
        machine.is_let_in(scene.victim, 0)


def run_backup_codes(scene: Scene) -> Recording:
    """Make a new set."""
    user = scene.enrolls()
    user.save_state(user.state()._replace(backup_used=1))
    return scene.record(lambda: scene.commands("backup-codes", user.name, "--json"))


def judge_backup_codes(scene: Scene, machine: Machine, shown: bool) -> None:
    """Expect one set, the new one where it had been shown; what was used stays used."""
    user = scene.victim
    new = scene.answer()["backup_codes"]
    assert isinstance(new, list)
    assert machine.enters(user.name, user.backup_codes[0]) == "refused"
    verdicts = (machine.enters(user.name, user.backup_codes[1]), machine.enters(user.name, new[1]))
    assert verdicts == ("refused", "success") or (not shown and verdicts == ("success", "refused"))
    machine.is_let_in(user, 0)


def run_rename(scene: Scene) -> Recording:
    """Rename the record of an account that was renamed."""
    user = scene.enrolls()
    new = f"{user.name}-new"
    record_path(new).unlink(missing_ok=True)
    subprocess.run(["usermod", "-l", new, user.name], check=True)
    try:
        return scene.record(lambda: scene.commands("rename", user.name, new, "--json"))
    finally:
        subprocess.run(["usermod", "-l", user.name, new], check=True)


def judge_rename(scene: Scene, machine: Machine, shown: bool) -> None:
    """Expect the old name or the new, or what another run finishes; nobody skips the code."""
    user = scene.victim
    new = Account(f"{user.name}-new", user.user.uid)
    machine.accounts = {new.name: new}
    verdict = machine.enters(new.name, "")
    assert verdict == ("refused" if shown else verdict)
    assert verdict in ("refused", "unavailable")
    key_path = machine.config.seal_key_path
    keyring = SealKeyring.load(key_path)
    again = rename_record(machine.store, keyring, user.name, new, machine.clock_s, any_uid=False)
    assert isinstance(again, Renamed) or (again is None and verdict == "refused")
    assert set(machine.store.names()) & {user.name, new.name} == {new.name}
    machine.is_let_in(user, 0, new.name)


def run_rotate(scene: Scene) -> Recording:
    """Rotate the key of two accounts' records."""
    scene.enrolls()
    scene.other = an_enrolled_user(scene.users[1], otp_type="hotp")
    return scene.record(lambda: scene.commands("seal-key", "rotate", "--json"))


def judge_rotate(scene: Scene, machine: Machine, shown: bool) -> None:
    """Expect a key for each record, before and after another run."""
    assert scene.other is not None
    key_path = machine.config.seal_key_path
    assert machine.enters(scene.victim.name, scene.victim.code_at(scene.at_s // 30)) == "success"
    assert not shown or len(read_keys(key_path)) == 1
    again = rotate_seal_key(machine.store, key_path, machine.now_s, lambda _: None)
    assert again.not_resealed == ()
    assert len(read_keys(key_path)) == 1
    never_again(machine, scene.victim.name, scene.victim.code_at(scene.at_s // 30), shown=True)
    machine.is_let_in(scene.victim, 0)
    machine.is_let_in(scene.other, 0)


def run_init(scene: Scene) -> Recording:
    """Make the store and the sealing key."""
    kept = contents_of(DIRECTORIES)
    for path in kept:
        if path != str(CONFIG):
            Path(path).unlink()
    try:
        return scene.record(lambda: scene.commands("init", "--json"))
    finally:
        for path, content in kept.items():
            Path(path).write_bytes(content)
            Path(path).chmod(0o644 if path == str(CONFIG) else 0o600)


def judge_init(scene: Scene, machine: Machine, shown: bool) -> None:
    """Expect a store that proves itself or nothing; a second run makes the rest."""
    verdict = machine.enters(scene.victim.name, "")
    assert verdict == "ignore" if shown else verdict in ("ignore", "unavailable")
    key_path = machine.config.seal_key_path
    had_key = Path(key_path).exists()
    before = read_keys(key_path) if had_key else None
    assert had_key or not shown
    machine.store.initialize()
    assert create_seal_key(key_path) is not had_key
    assert before in (None, read_keys(key_path))
    assert machine.enters(scene.victim.name, "") == "ignore"


CASES = {
    "init": Case(run_init, judge_init, told_by_output=True),
    "a good code": good_code("totp"),
    "a good code of a token": good_code("hotp"),
    "a wrong code": wrong_code(2),
    "the hundredth wrong code": wrong_code(99),
    "a backup code": Case(run_backup_code, judge_backup_code),
    "resynchronisation": second_code("totp"),
    "resynchronisation of a token": second_code("hotp"),
    "a wrong code after damage": Case(run_on_damage, judge_on_damage),
    "enroll": Case(run_enroll, judge_enroll),
    "enroll --replace": Case(run_replace, judge_replace),
    "disable": Case(run_disable, judge_suspension(is_on=True), told_by_output=True),
    "enable": Case(run_enable, judge_suspension(is_on=False), told_by_output=True),
    "unlock": Case(run_unlock, judge_unlock, told_by_output=True),
    "reset": Case(run_reset, judge_reset, told_by_output=True),
    "backup-codes": Case(run_backup_codes, judge_backup_codes, told_by_output=True),
    "rename": Case(run_rename, judge_rename, told_by_output=True),
    "seal-key rotate": Case(run_rotate, judge_rotate, told_by_output=True),
}


@pytest.fixture(scope="module")
def users() -> Iterator[list[User]]:
    """Return two accounts."""
    made = [a_user(f"{PREFIX}{number}") for number in range(2)]
    yield made
    for each in made:
        remove_user(each.name)
        record_path(each.name).unlink(missing_ok=True)


@pytest.fixture
def memory() -> Iterator[Path]:
    """Return a directory in memory."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        yield Path(directory)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", CASES)
def test_power_cut_loses_no_record_and_revives_no_code(
    figures: Figures,
    campaign: bool,
    strace: str,
    users: list[User],
    memory: Path,
    tmp_path: Path,
    name: str,
) -> None:
    """Whatever part of what was not synced yet is on the disk."""
    case = CASES[name]
    scene = Scene(users, strace, tmp_path / "log")
    scene.told_by_output = case.told_by_output
    machine = Machine(memory)
    with figures.measured(f"power cuts: {name}") as figure, remembered_hashes():
        recording = case.run(scene)
        disks = list(dict.fromkeys(disks_after_cuts(recording, all_sectors=campaign)))
        assert {each.shown for each in disks} == {False, True}
        for disk in disks:
            machine.boots_with(disk, scene.ended_s)
            machine.accounts = {each.name: Account(each.name, each.uid) for each in users}
            case.judge(scene, machine, disk.shown)
            assert not machine.leftovers()
        figure.rounds = len(disks)
        figure.outcome = f"readable, no code again; {len(recording.operations)} operations"
