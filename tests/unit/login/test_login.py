"""The login flow, row by row of what each case does."""

from pathlib import Path

import pytest

from pam_tfa.core.lockout import FailureCount
from pam_tfa.core.suspension import WITHOUT_END_S, Suspension
from pam_tfa.dialogue import Answer
from tests.unit.login.builders import (
    BACKUP_CODES,
    NOW_S,
    FakeMachine,
    code_at,
    run,
    wrong_code_at,
)

REFUSED = ["Verification failed."]
UNAVAILABLE = ["Two-factor login is unavailable."]


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    """Return a machine on which alice is enrolled and bob is not."""
    made = FakeMachine(tmp_path, unenrolled="skip")
    made.enroll()
    return made


def test_good_code_lets_in_and_says_nothing(machine: FakeMachine) -> None:
    """A good code is asked for once, hidden, and accepted."""
    login = run(machine, code_at(NOW_S))
    assert (login.verdict, login.shown) == ("success", [])
    assert [(prompt.text, prompt.echo) for prompt in login.prompts] == [
        ("Verification code: ", False)
    ]


def test_used_code_is_refused_like_a_wrong_one(machine: FakeMachine) -> None:
    """Only the log tells a replayed code from a wrong one."""
    assert run(machine, code_at(NOW_S)).verdict == "success"
    replayed, wrong = run(machine, code_at(NOW_S)), run(machine, wrong_code_at(NOW_S))
    assert replayed.verdict == wrong.verdict == "refused"
    assert replayed.shown == wrong.shown == REFUSED
    assert "reason=replayed_code" in machine.lines[1]
    assert "reason=wrong_code" in machine.lines[2]
    assert machine.state().codes.failures == 2


def test_clock_set_back_does_not_revive_a_code(machine: FakeMachine) -> None:
    """The step that was accepted is remembered, whatever the clock does."""
    assert run(machine, code_at(NOW_S)).verdict == "success"
    machine.clock_s = NOW_S - 30
    assert run(machine, code_at(NOW_S)).verdict == "refused"


def test_backup_code_lets_in_once_and_says_how_many_are_left(machine: FakeMachine) -> None:
    """A backup code is good once, in any spelling."""
    spelled = BACKUP_CODES[0].lower().replace("-", " ").encode()
    first, second = run(machine, spelled), run(machine, spelled)
    assert (first.verdict, first.shown) == ("success", ["Backup code accepted, 1 left."])
    assert (second.verdict, second.shown) == ("refused", REFUSED)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "empty"),
        (b"hunter2", "not_a_code"),
        (b"12345", "not_a_code"),
        (b"1234567", "not_a_code"),
        ("12345²".encode(), "not_ascii"),
        ("١٢٣٤٥٦".encode(), "not_ascii"),
        (b"\xff\xfe", "not_ascii"),
        (b"123456\n", "control_byte"),
        (b"\b\n\r\x7fINCORRECT", "control_byte"),
        (b"1" * 65, "too_long"),
        (Answer(unusable="too_long"), "too_long"),
        (Answer(unusable="equals_password"), "equals_password"),
    ],
)
def test_answer_that_cannot_be_a_code_is_refused_but_not_counted(
    machine: FakeMachine, answer: bytes | Answer, reason: str
) -> None:
    """What a program answered is not held against the user."""
    login = run(machine, answer)
    assert (login.verdict, login.shown) == ("refused", REFUSED)
    assert f"reason=not_a_code:{reason} " in machine.lines[0]
    assert machine.state().codes.failures == 0


def test_sixth_wrong_code_locks_and_nothing_is_evaluated(machine: FakeMachine) -> None:
    """Five wrong codes are free; after the sixth even the good one has to wait."""
    for _ in range(6):
        assert run(machine, wrong_code_at(NOW_S)).verdict == "refused"
    login = run(machine, code_at(NOW_S))
    assert login.verdict == "locked"
    assert login.shown == ["Too many wrong codes. Try again in 30 s."]
    machine.clock_s = NOW_S + 30
    assert run(machine, code_at(NOW_S + 30)).verdict == "success"
    assert machine.state().codes.failures == 0


def test_five_wrong_codes_leave_the_good_one_good(machine: FakeMachine) -> None:
    """There is no wait after the fifth."""
    for _ in range(5):
        run(machine, wrong_code_at(NOW_S))
    assert run(machine, code_at(NOW_S)).verdict == "success"


def test_backup_code_gets_its_holder_in_while_codes_are_locked(tmp_path: Path) -> None:
    """A hundred wrong codes lock codes for good, but not the backup codes."""
    machine = FakeMachine(tmp_path)
    machine.enroll(codes=FailureCount(100, NOW_S))
    locked = run(machine, code_at(NOW_S))
    assert locked.verdict == "locked"
    assert locked.shown == ["Too many wrong codes. Ask your administrator to unlock you."]
    assert run(machine, BACKUP_CODES[1].encode()).verdict == "success"
    assert run(machine, code_at(NOW_S)).verdict == "success"


@pytest.mark.parametrize(
    ("unenrolled", "nullok", "verdict"),
    [
        ("skip", False, "ignore"),
        ("skip", True, "ignore"),
        ("deny", False, "refused"),
        ("deny", True, "refused"),
        ("enroll", False, "refused"),
        ("enroll", True, "refused"),
        (None, False, "refused"),
        (None, True, "ignore"),
    ],
)
def test_account_without_record_is_treated_as_configured(
    tmp_path: Path, unenrolled: str | None, nullok: bool, verdict: str
) -> None:
    """`nullok` counts only where the configuration is silent, and denying looks like asking."""
    machine = FakeMachine(tmp_path, unenrolled=unenrolled)
    login = run(machine, b"123456", user="bob", nullok=nullok)
    assert login.verdict == verdict
    assert (len(login.prompts), login.shown) == ((0, []) if verdict == "ignore" else (1, REFUSED))


def test_unknown_user_is_asked_and_refused(machine: FakeMachine) -> None:
    """Nobody learns from the prompt who exists."""
    login = run(machine, b"123456", user="mallory")
    assert (login.verdict, len(login.prompts), login.shown) == ("refused", 1, REFUSED)


@pytest.mark.parametrize("until_s", [WITHOUT_END_S, NOW_S + 60])
def test_suspended_user_is_not_asked(tmp_path: Path, until_s: int) -> None:
    """Not under `deny` either: the administrator has said so."""
    machine = FakeMachine(tmp_path, unenrolled="deny")
    machine.enroll(suspension=Suspension(NOW_S, until_s, "new phone"))
    login = run(machine)
    assert (login.verdict, login.prompts, login.shown) == ("ignore", [], [])
    assert "reason=suspended" in machine.lines[0]


@pytest.mark.parametrize("clock_s", [NOW_S + 60, NOW_S - 1])
def test_suspension_that_is_over_or_not_begun_asks(tmp_path: Path, clock_s: int) -> None:
    """A clock before its start ends a suspension like one after its end."""
    machine = FakeMachine(tmp_path)
    machine.enroll(suspension=Suspension(NOW_S, NOW_S + 60, ""))
    machine.clock_s = clock_s
    assert run(machine, wrong_code_at(clock_s)).verdict == "refused"


def test_caller_without_root_may_not_ask_for_another_user(machine: FakeMachine) -> None:
    """Neither for one that does not exist."""
    machine.caller = 1001
    for user in ("alice", "mallory"):
        login = run(machine, code_at(NOW_S), user=user)
        assert (login.verdict, login.prompts, login.shown) == ("refused", [], [])


def test_decoy_looks_like_a_refusal_and_counts_nothing(machine: FakeMachine) -> None:
    """Even the good code is refused, and stays good."""
    login = run(machine, code_at(NOW_S), decoy=True)
    assert (login.verdict, len(login.prompts), login.shown) == ("refused", 1, REFUSED)
    assert machine.state().codes.failures == 0
    assert run(machine, code_at(NOW_S)).verdict == "success"


def test_quiet_makes_every_refusal_alike(tmp_path: Path) -> None:
    """Wrong, locked, damaged, unknown: the prompt, silence, and the same verdict."""
    machine = FakeMachine(tmp_path, unenrolled="deny")
    machine.enroll()
    transcripts = [run(machine, wrong_code_at(NOW_S), quiet=True) for _ in range(7)]
    transcripts += [run(machine, b"1", user=user, quiet=True) for user in ("bob", "mallory")]
    Path(machine.config.store_dir, "alice.json").write_bytes(b"")
    transcripts.append(run(machine, b"123456", quiet=True))
    told = {(each.verdict, len(each.prompts), tuple(each.shown)) for each in transcripts}
    assert told == {("refused", 1, ())}


def test_prompt_and_echo_are_the_options(machine: FakeMachine) -> None:
    """`prompt=` and `echo` reach the conversation as they are."""
    (prompt,) = run(machine, b"x", prompt_text="Code? ", echo=True).prompts
    assert (prompt.text, prompt.echo) == ("Code? ", True)


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 8192, 12287])
def test_damaged_record_is_unavailable_and_never_unenrolled(
    machine: FakeMachine, size: int
) -> None:
    """A record that can't be read is not a record that isn't there."""
    path = Path(machine.config.store_dir, "alice.json")
    path.write_bytes(path.read_bytes()[:size])
    login = run(machine, code_at(NOW_S))
    assert (login.verdict, login.shown) == ("unavailable", UNAVAILABLE)
    assert "alice.json" in machine.lines[0]


@pytest.mark.parametrize("key", [None, b"", b"garbage\n"])
def test_missing_or_broken_seal_key_is_unavailable(machine: FakeMachine, key: bytes | None) -> None:
    """Not even a backup code gets in where secrets can't be opened."""
    path = Path(machine.config.seal_key_path)
    if key is None:
        path.unlink()
    else:
        path.write_bytes(key)
    for answer in (code_at(NOW_S), BACKUP_CODES[0].encode()):
        assert run(machine, answer).verdict == "unavailable"


def test_another_seal_key_is_unavailable(machine: FakeMachine, tmp_path: Path) -> None:
    """The wrong key opens nothing."""
    (tmp_path / "other").mkdir()
    machine.config = FakeMachine(tmp_path / "other").config
    assert run(machine, code_at(NOW_S)).verdict == "unavailable"


def test_missing_store_is_unavailable_for_everybody(machine: FakeMachine) -> None:
    """An unmounted /var does not mean that nobody is enrolled."""
    Path(machine.config.store_dir).rename(machine.config.store_dir + ".away")
    for user in ("alice", "bob"):
        assert run(machine, b"123456", user=user).verdict == "unavailable"
    Path(machine.config.store_dir).mkdir(mode=0o700)
    for user in ("alice", "bob"):
        assert run(machine, b"123456", user=user).verdict == "unavailable"


def test_changed_uid_is_unavailable_and_logged_with_the_reason(machine: FakeMachine) -> None:
    """An account deleted and made anew does not inherit the record."""
    machine.accounts["alice"].uid = 4711
    assert run(machine, code_at(NOW_S)).verdict == "unavailable"
    assert "uid" in machine.lines[0]


def test_user_reset_while_the_prompt_waits_is_refused(machine: FakeMachine) -> None:
    """Nobody gets in on a record that is gone; the next login goes by the rules."""
    from pam_tfa.dialogue import LoginRequest
    from pam_tfa.login import login

    flow = login(LoginRequest("alice"), machine)
    next(flow)
    with machine.store.transaction("alice") as transaction:
        transaction.remove()
    flow.send(Answer(code_at(NOW_S)))
    with pytest.raises(StopIteration) as end:
        next(flow)
    assert end.value.value == "refused"


def test_no_log_line_holds_an_answer(machine: FakeMachine) -> None:
    """Neither a code nor a backup code nor a password typed by mistake."""
    answers = [code_at(NOW_S), BACKUP_CODES[0].encode(), b"hunter2", wrong_code_at(NOW_S)]
    for answer in answers:
        run(machine, answer)
    for answer in answers:
        assert all(answer.decode() not in line for line in machine.lines)


def test_wait_after_a_damaged_state_ends(tmp_path: Path) -> None:
    """The repair counts a failure once, not at each attempt: else the wait would begin anew."""
    machine = FakeMachine(tmp_path)
    machine.enroll(codes=FailureCount(6, NOW_S))
    path = Path(machine.config.store_dir, "alice.json")
    content = bytearray(path.read_bytes())
    content[-8192 + 1000] ^= 1  # in the older slot
    path.write_bytes(content)
    assert run(machine, code_at(NOW_S)).verdict == "locked"
    machine.clock_s = NOW_S + 59
    assert run(machine, code_at(machine.clock_s)).verdict == "locked"
    machine.clock_s = NOW_S + 90
    assert run(machine, code_at(machine.clock_s)).verdict == "success"


def test_clock_is_read_while_the_account_is_locked(machine: FakeMachine) -> None:
    """A reading from before the wait for the lock would take other people's waits back."""
    from pam_tfa.attempts import try_answer
    from pam_tfa.core.errors import StoreBusyError

    busy = []

    def now() -> int:
        with pytest.raises(StoreBusyError), machine.store.transaction("alice"):
            pass
        busy.append(True)
        return NOW_S

    keyring = machine.load_keyring(machine.config)
    try_answer(machine.store, keyring, "alice", wrong_code_at(NOW_S), now, 1000)
    assert busy == [True]
