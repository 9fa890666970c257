"""The enrolment flow without any terminal, and the administrator's operations."""

import os
from base64 import b32decode
from collections.abc import Callable
from pathlib import Path

import pytest

from pam_tfa import administration
from pam_tfa.attempts import try_answer
from pam_tfa.core.attempt import Accepted, BackupAccepted, Locked, Malformed, Refused
from pam_tfa.core.otp import generate_code
from pam_tfa.core.otp_parameters import OtpParameters
from pam_tfa.core.records import associated_data
from pam_tfa.dialogue import Account
from pam_tfa.enrollment import Surroundings, enroll, enroll_unconfirmed
from pam_tfa.enrollment_steps import (
    AlreadyEnrolled,
    AskCurrentCode,
    AskFirstCode,
    ChangedMeanwhile,
    Enrolled,
    EnrollmentOutcome,
    Flow,
    NotConfirmed,
    NotProven,
    Proof,
    Saved,
    ShowBackupCodes,
    ShowKey,
    Step,
)
from pam_tfa.store.files import FileStore
from pam_tfa.store.sealing import SealKeyring, create_seal_key

NOW_S = 1_800_000_000
ALICE = Account("alice", 1000)
TOTP = OtpParameters()
HOTP = OtpParameters(type="hotp", period_s=0)


class World:
    """A store, a key, a clock that stands still, and random bytes that repeat."""

    def __init__(self, directory: Path) -> None:
        self.store = FileStore(str(directory / "users"))
        self.store.initialize()
        key = str(directory / "seal.key")
        create_seal_key(key)
        self.keyring = SealKeyring.load(key)
        self.now_s = NOW_S
        self._drawn = 0
        self.surroundings = Surroundings(
            self.store, self.keyring, lambda: self.now_s, self._random_bytes
        )

    def _random_bytes(self, count: int) -> bytes:
        self._drawn += 1
        return self._drawn.to_bytes(4, "big") * (count // 4) + bytes(count % 4)

    def secret(self) -> bytes:
        """Return alice's secret, opened."""
        stored = self.store.load("alice")
        assert stored is not None
        device = stored.record.authenticators[0]
        data = associated_data("alice", stored.record.uid, device.authenticator_id)
        return self.keyring.unseal(device.sealed_secret, data)

    def enrolled(self, otp: OtpParameters = TOTP) -> tuple[str, ...]:
        """Enrol alice without a confirmation and return her backup codes."""
        flow = enroll_unconfirmed(self.surroundings, ALICE, otp, "web1", replace=True)
        steps, outcome = finish(flow)
        assert isinstance(outcome, Enrolled)
        return next(step.codes for step in steps if isinstance(step, ShowBackupCodes))

    def code(self, ahead_s: int = 0, counter: int | None = None) -> bytes:
        """Return what alice's app shows."""
        otp = OtpParameters() if counter is None else HOTP
        return generate_code(
            self.secret(), otp, (self.now_s + ahead_s) // 30 if counter is None else counter
        )


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world in which nobody is enrolled."""
    return World(tmp_path)


def finish(
    flow: Flow, answer: Callable[[Step], bytes | None] = lambda _step: None
) -> tuple[list[Step], EnrollmentOutcome]:
    """Run a flow to its end; answer is asked at every step."""
    steps: list[Step] = []
    sent: bytes | None = None
    while True:
        try:
            step = flow.send(sent)
        except StopIteration as end:
            return steps, end.value
        steps.append(step)
        sent = answer(step)


class App:
    """An authenticator app that scans what is shown and answers what is asked."""

    def __init__(self, world: World, offset_s: int = 0, current: bytes | None = None) -> None:
        self._world = world
        self._offset_s = offset_s
        self._current = current
        self.key: ShowKey | None = None

    def __call__(self, step: Step) -> bytes | None:
        match step:
            case ShowKey():
                self.key = step
            case AskCurrentCode():
                return self._current
            case AskFirstCode():
                return self._code()
            case _:
                pass
        return None

    def _code(self) -> bytes:
        assert self.key is not None
        otp = self.key.otp
        moving = (self._world.now_s + self._offset_s) // otp.period_s if otp.period_s else 0
        return generate_code(b32decode(self.key.secret), otp, moving)


def start(world: World, proof: Proof = "current_code", otp: OtpParameters = TOTP) -> Flow:
    """Start enrolling alice."""
    return enroll(world.surroundings, ALICE, otp, "web1", proof)


def test_steps_come_in_order_and_the_record_before_the_backup_codes(world: World) -> None:
    """Key, code, saved, backup codes."""
    app, stored_at = App(world), []

    def answer(step: Step) -> bytes | None:
        stored_at.append(world.store.load("alice") is not None)
        return app(step)

    steps, outcome = finish(start(world), answer)
    assert [type(step) for step in steps] == [ShowKey, AskFirstCode, Saved, ShowBackupCodes]
    assert stored_at == [False, False, True, True]
    assert outcome == Enrolled(replaced=False, ended_suspension=False)


def test_confirmed_code_is_used_up(world: World) -> None:
    """The code that confirmed does not log in as well."""
    finish(start(world), App(world))
    decision = try_answer(world.store, world.keyring, "alice", world.code(), lambda: NOW_S)
    assert isinstance(decision, Refused)
    assert decision.reason == "replayed_code"
    world.now_s += 30
    decision = try_answer(world.store, world.keyring, "alice", world.code(), lambda: world.now_s)
    assert isinstance(decision, Accepted)


def test_hotp_counter_moves_past_the_confirmed_code(world: World) -> None:
    """Code 0 confirmed, code 1 logs in."""
    finish(start(world, otp=HOTP), App(world))
    tried = [
        try_answer(world.store, world.keyring, "alice", world.code(counter=each), lambda: NOW_S)
        for each in (0, 1)
    ]
    assert [type(each) for each in tried] == [Refused, Accepted]


def test_three_wrong_codes_end_it(world: World) -> None:
    """Each try names the problem of the one before."""
    answers = iter([b"000000", b"12345", b"hunter2"])
    asked: list[AskFirstCode] = []

    def answer(step: Step) -> bytes | None:
        if isinstance(step, AskFirstCode):
            asked.append(step)
            return next(answers)
        return None

    _, outcome = finish(start(world), answer)
    assert [(step.tries_left, step.problem) for step in asked] == [
        (3, None),
        (2, "wrong"),
        (1, "not_a_code"),
    ]
    assert isinstance(outcome, NotConfirmed)
    assert world.store.load("alice") is None


@pytest.mark.parametrize("offset_s", [-600, -90, 90, 600])
def test_code_of_a_clock_that_is_off_is_recognised(world: World, offset_s: int) -> None:
    """It does not confirm, but tells by how much."""
    steps, outcome = finish(start(world), App(world, offset_s))
    assert isinstance(outcome, NotConfirmed)
    assert outcome == NotConfirmed("clock", offset_s)
    assert steps[2] == AskFirstCode(2, "clock", offset_s)


@pytest.mark.parametrize("offset_s", [-30, 0, 30])
def test_one_step_either_side_confirms(world: World, offset_s: int) -> None:
    """As at every login."""
    _, outcome = finish(start(world), App(world, offset_s))
    assert isinstance(outcome, Enrolled)


def test_end_of_input_stores_nothing(world: World) -> None:
    """None at the first code."""
    _, outcome = finish(start(world))
    assert outcome == NotConfirmed(None, 0)
    assert world.store.load("alice") is None


def test_closing_the_flow_at_any_step_before_saved_stores_nothing(world: World) -> None:
    """A client that disconnects leaves nothing half-enrolled."""
    for length in range(3):
        flow, app, sent = start(world), App(world), None
        for _ in range(length):
            sent = app(flow.send(sent))
        flow.close()
        assert world.store.load("alice") is None


def test_replacing_asks_for_a_code_of_the_old_enrolment(world: World) -> None:
    """TOTP or backup code; what is accepted is used up."""
    for kind in ("totp", "backup"):
        codes = world.enrolled()
        current = world.code() if kind == "totp" else codes[0].encode()
        steps, outcome = finish(start(world), App(world, current=current))
        assert isinstance(steps[0], AskCurrentCode)
        assert outcome == Enrolled(replaced=True, ended_suspension=False)


@pytest.mark.parametrize(
    ("answer", "decision"), [(b"000000", Refused), (b"hunter2", Malformed), (None, type(None))]
)
def test_wrong_current_code_changes_nothing_but_the_count(
    world: World, answer: bytes | None, decision: type
) -> None:
    """No new secret is even shown."""
    world.enrolled()
    before = world.secret()
    steps, outcome = finish(start(world), App(world, current=answer))
    assert [type(step) for step in steps] == [AskCurrentCode]
    assert isinstance(outcome, NotProven)
    assert isinstance(outcome.decision, decision)
    assert world.secret() == before
    status = administration.read_status(world.store, "alice", NOW_S)
    assert status is not None
    assert status.codes.failures == (1 if answer == b"000000" else 0)


def test_replacing_without_a_code_ends_a_suspension_and_clears_counts(world: World) -> None:
    """An administrator's --replace."""
    world.enrolled()
    administration.suspend(world.store, "alice", None, "phone lost", NOW_S)
    try_answer(world.store, world.keyring, "alice", b"000000", lambda: NOW_S)
    _, outcome = finish(start(world, "none"), App(world))
    assert outcome == Enrolled(replaced=True, ended_suspension=True)
    status = administration.read_status(world.store, "alice", NOW_S)
    assert status is not None
    assert status.suspension is None
    assert status.codes.failures == 0


def test_change_by_somebody_else_meanwhile_is_not_overwritten(world: World) -> None:
    """Whether they enrolled, replaced or reset."""
    app = App(world)

    def enrolls_meanwhile(step: Step) -> bytes | None:
        if isinstance(step, AskFirstCode):
            world.enrolled()
        return app(step)

    def resets_meanwhile(step: Step) -> bytes | None:
        if isinstance(step, AskFirstCode):
            administration.reset(world.store, "alice")
        return app(step)

    _, outcome = finish(start(world), enrolls_meanwhile)
    assert outcome == ChangedMeanwhile()
    _, outcome = finish(start(world, "none"), resets_meanwhile)
    assert outcome == ChangedMeanwhile()
    assert world.store.load("alice") is None


def test_unconfirmed_flow_stores_last_and_spares_a_live_enrolment(world: World) -> None:
    """Shown first; nothing is replaced unless that is meant."""
    stored_at = []

    def answer(_step: Step) -> None:
        stored_at.append(world.store.load("alice") is not None)

    surroundings, otp = world.surroundings, OtpParameters()
    steps, outcome = finish(
        enroll_unconfirmed(surroundings, ALICE, otp, "web1", replace=False), answer
    )
    assert [type(step) for step in steps] == [ShowKey, ShowBackupCodes, Saved]
    assert stored_at == [False, False, True]
    assert isinstance(outcome, Enrolled)
    assert isinstance(
        try_answer(world.store, world.keyring, "alice", world.code(), lambda: NOW_S), Accepted
    )
    _, outcome = finish(enroll_unconfirmed(surroundings, ALICE, otp, "web1", replace=False))
    assert outcome == AlreadyEnrolled()


def test_steps_show_no_secret_in_their_repr(world: World) -> None:
    """They end up in tracebacks."""
    steps, _ = finish(start(world), App(world))
    assert repr(steps[0]) == "ShowKey(...)"
    assert repr(steps[3]) == "ShowBackupCodes(...)"


def test_every_backup_code_is_good_once(world: World) -> None:
    """In any spelling."""
    codes = world.enrolled()
    assert len(set(codes)) == 10
    for left, code in zip(range(9, -1, -1), codes, strict=True):
        spelled = code.lower().replace("-", " ").encode()
        decision = try_answer(world.store, world.keyring, "alice", spelled, lambda: NOW_S)
        assert isinstance(decision, BackupAccepted)
        assert decision.codes_left == left
    again = try_answer(world.store, world.keyring, "alice", codes[0].encode(), lambda: NOW_S)
    assert isinstance(again, Refused)
    assert again.reason == "used_backup_code"


def test_new_backup_codes_kill_the_old_and_keep_the_secret(world: World) -> None:
    """Also after some were used."""
    old = world.enrolled()
    try_answer(world.store, world.keyring, "alice", old[0].encode(), lambda: NOW_S)
    secret = world.secret()
    new = administration.renew_backup_codes(
        world.store, "alice", NOW_S, world.surroundings.random_bytes
    )
    assert new is not None
    assert not set(new) & set(old)
    assert world.secret() == secret
    outcomes = [
        type(try_answer(world.store, world.keyring, "alice", each.encode(), lambda: NOW_S))
        for each in (old[1], new[0])
    ]
    assert outcomes == [Refused, BackupAccepted]


def test_unlock_clears_all_counts(world: World) -> None:
    """After as many wrong codes as lock."""
    codes = world.enrolled()
    for _ in range(7):
        try_answer(world.store, world.keyring, "alice", b"000000", lambda: NOW_S)
    locked = try_answer(world.store, world.keyring, "alice", world.code(), lambda: NOW_S)
    assert isinstance(locked, Locked)
    assert administration.unlock(world.store, "alice", NOW_S, reset_clock=False)
    opened = try_answer(world.store, world.keyring, "alice", world.code(), lambda: NOW_S)
    assert isinstance(opened, Accepted)
    assert codes


def test_clock_reset_lets_in_after_a_clock_that_ran_ahead(world: World) -> None:
    """A login ten years ahead made every code of today a used one."""
    world.enrolled()
    world.now_s += 10 * 365 * 86400
    ahead = try_answer(world.store, world.keyring, "alice", world.code(), lambda: world.now_s)
    assert isinstance(ahead, Accepted)
    world.now_s = NOW_S
    assert isinstance(
        try_answer(world.store, world.keyring, "alice", world.code(), lambda: NOW_S), Refused
    )
    assert administration.unlock(world.store, "alice", NOW_S, reset_clock=True)
    world.now_s += 60
    assert isinstance(
        try_answer(world.store, world.keyring, "alice", world.code(), lambda: world.now_s), Accepted
    )


def test_suspension_is_over_at_its_end(world: World) -> None:
    """And before its start, when the clock was turned back."""
    world.enrolled()
    administration.suspend(world.store, "alice", NOW_S + 60, "", NOW_S)
    for now_s, suspended in ((NOW_S, True), (NOW_S + 60, False), (NOW_S - 1, False)):
        status = administration.read_status(world.store, "alice", now_s)
        assert status is not None
        assert (status.suspension is not None) is suspended


@pytest.mark.parametrize(
    "change",
    [
        lambda store: administration.suspend(store, "alice", None, "", NOW_S),
        lambda store: administration.end_suspension(store, "alice", NOW_S),
        lambda store: administration.unlock(store, "alice", NOW_S, reset_clock=True),
        lambda store: administration.reset(store, "alice"),
        lambda store: administration.renew_backup_codes(store, "alice", NOW_S, os.urandom),
        lambda store: administration.read_status(store, "alice", NOW_S),
    ],
)
def test_account_without_a_record_is_none(
    world: World, change: Callable[[FileStore], object]
) -> None:
    """Nothing is made for it."""
    assert change(world.store) is None
    assert list(world.store.names()) == []
