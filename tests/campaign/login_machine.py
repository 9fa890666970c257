"""Any history of logins and administration on one machine, each step held against the model."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections import Counter
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from unittest.mock import patch

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pam_tfa import administration, attempts, enrollment
from pam_tfa.core.backup_codes import format_backup_code, hash_backup_code
from pam_tfa.core.errors import ConfigError, PamTfaError
from pam_tfa.core.otp_parameters import OtpParameters
from pam_tfa.dialogue import Account
from pam_tfa.dialogue import Answer as Reply
from pam_tfa.enrollment import Surroundings, enroll
from pam_tfa.enrollment_steps import AskCurrentCode, AskFirstCode, Enrolled
from pam_tfa.key_rotation import rotate_seal_key
from pam_tfa.store.slots import SLOT_BYTES, decode_slot
from pam_tfa.upkeep import NameService, find_leftovers, remove_leftovers, rename_record
from tests.campaign.login_model import (
    DIGITS,
    WITHOUT_END_S,
    Answer,
    Lock,
    Model,
    Past,
    Record,
    code_of,
    secret_of,
)
from tests.unit.login.builders import NOW_S, FakeMachine, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pam_tfa.config import Config, Unenrolled

MEMORY = "/dev/shm"
UIDS = {"alice": 1000, "bob": 1001, "carol": 1002}
WRONG = Answer(b"0" * DIGITS, code=b"0" * DIGITS)
MALFORMED = (b"", b" ", b"123456", b"hunter2", b"\x08\n\r\x7fINCORRECT", b"9" * 65, b"\xc2\xb2" * 4)
NO_SUCH_SET = 1 << 20
# The verdict, and what the reason begins with: `for_30_s` and an error's path are cut off.
_OUTCOME = re.compile(r'outcome=(\w+ reason="?[a-zA-Z_:]+)')
_EVALUATED = re.compile(r"outcome=refused reason=(wrong_code|replayed_code|clock_behind)")
names = st.sampled_from(("alice", "alice", "bob", "bob", "carol"))
otp_types = st.booleans()
unenrolled = st.sampled_from((None, "skip", "deny", "enroll"))


@contextmanager
def remembered_hashes() -> Iterator[None]:
    """Hash each backup code once: 10 ms each, and the same few come again and again."""
    remembered = cache(hash_backup_code)
    with (
        patch.object(enrollment, "hash_backup_code", remembered),
        patch.object(attempts, "hash_backup_code", remembered),
    ):
        yield


def backup_code(set_number: int, index: int) -> Answer:
    """Return a backup code of a set."""
    typed = format_backup_code(_random_bytes_of(set_number, index)).encode()
    return Answer(typed, backup=(set_number, index))


def _random_bytes_of(set_number: int, index: int) -> bytes:
    return sha256(b"%d %d" % (set_number, index)).digest()[:10]


class Machine(FakeMachine):
    """A machine in memory whose configuration can be broken and whose accounts come and go."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(dir=MEMORY))
        super().__init__(self.directory)
        self.accounts = {name: Account(name, uid) for name, uid in UIDS.items()}
        self.config_is_broken = False

    def load_config(self, path: str | None) -> Config:
        if self.config_is_broken:
            raise ConfigError(self.config.path, "unenrolled", "must be something else")
        return self.config

    def name_service(self) -> NameService:
        """Return what upkeep asks."""
        root = Account("root", 0)
        known = {"root": root, **self.accounts}
        by_uid = {each.uid: each for each in known.values()}
        return NameService(known.get, by_uid.get, lambda _living: ())


class LoginMachine(RuleBasedStateMachine):
    """The product in memory beside the model."""

    steps = 0  # of all machines of this process
    outcomes: ClassVar[Counter[str]] = Counter()  # of their logins, as the log has them

    def __init__(self) -> None:
        super().__init__()
        self.machine = Machine()
        self.model = Model(NOW_S, dict(UIDS))
        self.sets = self.secrets = self.broken_for = 0
        self.accepted: set[tuple[int, int]] = set()  # secret, and step or counter
        self.spent: set[tuple[int, int]] = set()  # backup codes
        self.guesses: dict[int, int] = {}  # by secret, evaluated since the last success

    @initialize(rule=unenrolled)
    def begins(self, rule: Unenrolled | None) -> None:
        """Have a phone and a token enrolled."""
        self.configures(rule)
        self.enrolls("alice", is_token=False)
        self.enrolls("bob", is_token=True)

    def teardown(self) -> None:
        """Forget the machine."""
        shutil.rmtree(self.machine.directory)

    # Logins

    @rule(name=names, pause_s=st.sampled_from((0, 30, 60)))
    def types_a_good_code(self, name: str, pause_s: int) -> None:
        """Where there is one."""
        self.sets_clock(self.model.now_s + pause_s)
        record = self.model.records.get(name)
        if record is not None and record.past is not None:
            good = record.good(record.now(self.model.now_s), self.model.now_s)
            code = code_of(record.secret, min(good, default=0))
            self.logs_in(name, Answer(code, code=code))

    @rule(name=names)
    def is_helped(self, name: str) -> None:
        """Have an account again, unlocked and not suspended, under a clock that is right."""
        record = self.model.records.get(name)
        if record is None or record.past is None:
            self.sets_account(name, UIDS[name])
            self.resets(name)
            self.enrolls(name, is_token=name == "bob")
            return
        self.sets_account(name, record.uid)
        self.unlocks(name, reset_clock=True)
        self.enables(name)

    @rule(name=names, offset=st.integers(-2, 3) | st.integers(-12, 12))
    def types_a_code(self, name: str, offset: int) -> None:
        """Of a phone whose clock, or a token whose counter, is off by some."""
        self.logs_in(name, self.code(name, offset))

    @rule(
        name=names,
        offset=st.integers(-24, 24) | st.integers(-2, 104),
        between=st.sampled_from(("", "", "time", "backup code", "wrong code", "no code")),
    )
    def types_two_codes(self, name: str, offset: int, between: str) -> None:
        """One after the other, as for resynchronisation."""
        first, second = self.code(name, offset), self.code(name, offset + 1)
        self.logs_in(name, first)
        if between == "time":
            self.sets_clock(self.model.now_s + 30)
        elif between == "backup code":
            self.types_a_backup_code(name, 5)
        elif between:
            self.logs_in(name, WRONG if between == "wrong code" else Answer(b""))
        self.logs_in(name, second)

    @rule(name=names)
    def types_the_last_code_again(self, name: str) -> None:
        """Replay it."""
        record = self.model.records.get(name)
        past = record.past if record is not None else None
        if record is not None and past is not None:
            code = code_of(record.secret, past.last)
            self.logs_in(name, Answer(code, code=code))

    @rule(name=names)
    def guesses_once(self, name: str) -> None:
        """Wrongly."""
        self.logs_in(name, WRONG)

    @rule(name=names, times=st.sampled_from((6, 6, 6, 20, 101)), pause_s=st.sampled_from((0, 3600)))
    def guesses_for_days(self, name: str, times: int, pause_s: int) -> None:
        """Or as fast as it can."""
        for _ in range(times if pause_s else 7):
            self.sets_clock(self.model.now_s + pause_s)
            if self.logs_in(name, WRONG) not in ("refused", "locked") or not self.is_known(name):
                return

    @rule(name=names, typed=st.sampled_from(MALFORMED))
    def types_no_code(self, name: str, typed: bytes) -> None:
        """But something else, or a program answers."""
        self.logs_in(name, Answer(typed))

    @rule(name=names, index=st.integers(0, 4))
    def types_a_backup_code(self, name: str, index: int) -> None:
        """Good or used."""
        record = self.model.records.get(name)
        self.logs_in(name, backup_code(record.backup_set if record else NO_SUCH_SET, index))

    @rule(name=names, ago=st.sampled_from((0, 1, 2)))
    def types_an_old_backup_code(self, name: str, ago: int) -> None:
        """Of a set that was renewed, or of nobody's."""
        self.logs_in(name, backup_code(NO_SUCH_SET if ago == 0 else max(0, self.sets - ago), 0))

    @rule(
        name=st.sampled_from(("alice", "bob", "carol", "dave")),
        offset=st.integers(0, 1),
        caller=st.sampled_from((0, 0, 0, 1000, 1001, 4711)),
        option=st.sampled_from((None, "decoy", "quiet", "quiet", "nullok", "nullok")),
        is_password=st.booleans(),
    )
    def logs_in_otherwise(
        self, name: str, offset: int, caller: int, option: str | None, is_password: bool
    ) -> None:
        """With an option, as somebody, with the password where the code belongs."""
        answer = Answer(b"", is_password=True) if is_password else self.code(name, offset)
        options = {} if option is None else {option: True}
        self.logs_in(name, answer, caller=caller, **options)

    # Time

    @rule(seconds=st.integers(0, 90) | st.integers(0, 4000))
    def time_passes(self, seconds: int) -> None:
        """As it does."""
        self.step()
        self.sets_clock(self.model.now_s + seconds)

    @rule(seconds=st.integers(-4000, 4000) | st.integers(-10 * 365 * 86400, 10 * 365 * 86400))
    def clock_jumps(self, seconds: int) -> None:
        """Wherever to."""
        self.step()
        self.sets_clock(max(0, self.model.now_s + seconds))

    # Administration

    @rule(name=names, length_s=st.none() | st.integers(1, 4000))
    def disables(self, name: str, length_s: int | None) -> None:
        """Until then, or without end."""
        now_s, store = self.model.now_s, self.machine.store
        until_s = None if length_s is None else now_s + length_s
        record = self.administers(
            name, lambda: administration.suspend(store, name, until_s, "why", now_s)
        )
        if record is not None:
            end_s = WITHOUT_END_S if until_s is None else until_s
            record.save(record.now(now_s)._replace(suspended=(now_s, end_s)))

    @rule(name=names)
    def enables(self, name: str) -> None:
        """End a suspension."""
        now_s = self.model.now_s
        record = self.administers(
            name, lambda: administration.end_suspension(self.machine.store, name, now_s)
        )
        if record is not None and record.past is not None and record.past.suspended is not None:
            record.save(record.now(now_s)._replace(suspended=None))

    @rule(name=names, reset_clock=st.booleans())
    def unlocks(self, name: str, reset_clock: bool) -> None:
        """Perhaps after a wrong clock."""
        now_s = self.model.now_s
        record = self.administers(
            name,
            lambda: administration.unlock(self.machine.store, name, now_s, reset_clock=reset_clock),
        )
        if record is None:
            return
        past = record.now(now_s)._replace(codes=Lock(), backup=Lock())
        self.guesses[record.secret] = 0
        if reset_clock and not record.is_token:
            end = now_s // 30 + max(0, past.drift) + 1
            past = past._replace(last=min(past.last, end), first=None)
            self.accepted = {each for each in self.accepted if each[1] <= end}
        record.save(past)

    @rule(name=names)
    def renews_backup_codes(self, name: str) -> None:
        """Make the old ones worthless."""
        now_s = self.model.now_s
        record = self.administers(
            name,
            lambda: administration.renew_backup_codes(
                self.machine.store, name, now_s, self.random_bytes()
            ),
        )
        if record is not None:
            record.replace(record.now(now_s)._replace(used=frozenset(), backup_refused=False))
            record.backup_set = self.sets

    @rule(name=names)
    def resets(self, name: str) -> None:
        """Wipe it, whatever is there."""
        self.step()
        if self.outcome(lambda: administration.reset(self.machine.store, name)) is not None:
            del self.model.records[name]
        assert (name in self.model.records) is self.record_path(name).exists()

    @rule(name=names, is_token=otp_types, offset=st.sampled_from((-1, 0, 0, 1)))
    def enrolls(self, name: str, is_token: bool, offset: int = 0) -> None:
        """Anew, in place of what there is."""
        self.step()
        self.enrolls_with(name, is_token, offset, None)

    @rule(name=names, is_token=otp_types, offset=st.integers(-3, 3))
    def enrolls_with_a_code(self, name: str, is_token: bool, offset: int) -> None:
        """Of the enrolment that is replaced."""
        self.step()
        self.enrolls_with(name, is_token, 0, self.code(name, offset))

    @rule()
    def rotates(self) -> None:
        """Seal every record with a new key."""
        self.step()
        machine, model = self.machine, self.model
        rotation = self.outcome(
            lambda: rotate_seal_key(
                machine.store, machine.config.seal_key_path, machine.now_s, lambda _: None
            )
        )
        assert (rotation is None) is (model.broken in ("sentinel", "seal key"))
        if rotation is None:
            return
        assert rotation.made_key is (len(model.keys) == 1)
        if rotation.made_key:
            model.keys.insert(0, model.keys[0] + 1)
        for record in model.records.values():
            if record.key != model.keys[0] and record.past is not None:
                record.replace(record.now(model.now_s))
                record.key = model.keys[0]
        needed = {model.keys[0], *(each.key for each in model.records.values())}
        model.keys = [each for each in model.keys if each in needed]
        assert len(rotation.kept_key_ids) == len(model.keys) - 1

    # Accounts

    @rule(name=names, uid=st.sampled_from((None, 2000)))
    def account_is_made_anew(self, name: str, uid: int | None) -> None:
        """With the uid of the one that was deleted, or another."""
        self.step()
        self.sets_account(name, UIDS[name] if uid is None else uid + UIDS[name])

    @rule(name=names)
    def account_is_deleted(self, name: str) -> None:
        """Its record stays."""
        self.step()
        self.sets_account(name, None)

    @rule(old=names, new=names, any_uid=st.booleans(), usermod=st.booleans())
    def is_renamed(self, old: str, new: str, any_uid: bool, usermod: bool) -> None:
        """Move the record, and perhaps the account before it."""
        self.step()
        model, machine = self.model, self.machine
        if usermod and old in model.accounts and old != new:
            self.sets_account(new, model.accounts[old])
            self.sets_account(old, None)
        account = machine.accounts.get(new)
        if account is None:
            return
        record = self.record_to_rename(old, new, account.uid, any_uid)

        def rename() -> object:
            keyring = machine.load_keyring(machine.config)
            return rename_record(machine.store, keyring, old, account, model.now_s, any_uid=any_uid)

        outcome = self.outcome(rename)
        assert (type(outcome).__name__ == "Renamed") is (record is not None), outcome
        if record is not None:
            record.replace(record.now(model.now_s))
            record.uid, record.key = account.uid, model.keys[0]
            model.records[new] = model.records.pop(old)

    def record_to_rename(self, old: str, new: str, uid: int, any_uid: bool) -> Record | None:
        """Return the record that a rename must move; None where it must refuse."""
        records = self.model.records
        record = records.get(old)
        if self.model.broken in ("sentinel", "seal key") or record is None or record.past is None:
            return None
        if (new in records and new != old) or (new == old and record.uid == uid):
            return None
        return record if any_uid or record.uid == uid else None

    @rule()
    def prunes(self) -> None:
        """Remove the records of accounts that are gone."""
        self.step()
        model, store, names = self.model, self.machine.store, self.machine.name_service()
        uids = set(model.accounts.values())
        gone = {
            n for n, r in model.records.items() if n not in model.accounts and r.uid not in uids
        }

        def prune() -> object:
            found = find_leftovers(store, names, lambda _: None)
            remove_leftovers(store, names, found.gone, lambda _: None)
            return {each.account_name for each in found.gone}

        pruned = self.outcome(prune)
        assert pruned == (None if model.broken == "sentinel" else gone)
        if pruned is not None:
            model.records = {n: r for n, r in model.records.items() if n not in gone}

    @rule(rule=unenrolled)
    def configures(self, rule: Unenrolled | None) -> None:
        """Choose what happens to accounts that are not enrolled."""
        self.step()
        self.machine.config.unenrolled = self.model.unenrolled = rule

    # Damage

    @rule(name=names, slot=st.sampled_from(("newer", "newer", "older", "both")), at=st.integers(0))
    def slot_is_torn(self, name: str, slot: str, at: int) -> None:
        """By a power cut or a bad block."""
        self.step()
        record = self.model.records.get(name)
        if record is None:
            return
        if slot in ("newer", "both"):
            self.tear(name, at, newest=True)
            if record.newer is None:
                record.older = None
            record.newer = None
        if slot in ("older", "both"):
            self.tear(name, at, newest=False)
            if record.older is None:
                record.newer = None
            record.older = None

    @rule(name=names, what=st.sampled_from(("the end of a suspension", "a code", "a backup code")))
    def write_is_lost(self, name: str, what: str) -> None:
        """Tear the slot that was written last; whatever was in it must not be worth a try."""
        answer = Answer(b"")
        if what == "a code":
            answer = self.code(name, 1)
            self.logs_in(name, answer)
        elif what == "a backup code":
            record = self.model.records.get(name)
            answer = backup_code(record.backup_set if record else NO_SUCH_SET, 6)
            self.logs_in(name, answer)
        else:
            self.disables(name, None)
            self.enables(name)
        self.slot_is_torn(name, "newer", 0)
        self.logs_in(name, answer)

    @rule(what=st.sampled_from(("configuration", "sentinel", "seal key")), steps=st.integers(1, 3))
    def something_breaks(self, what: str, steps: int) -> None:
        """For some steps; then it comes back as it was."""
        self.step()
        self.mends()
        self.model.broken, self.broken_for = what, steps + 1
        self.moves_away(what)

    # What the rules are made of

    def step(self) -> None:
        """Count a step; what is broken is mended after some."""
        LoginMachine.steps += 1
        self.broken_for -= 1
        if self.broken_for == 0:
            self.mends()

    def is_known(self, name: str) -> bool:
        """Tell whether there is an account with a record."""
        return name in self.model.records and name in self.model.accounts

    def logs_in(self, name: str, answer: Answer, **options: Any) -> str:
        """Log in, and compare the verdict with the model's."""
        self.step()
        self.machine.caller = options.get("caller", 0)
        record = self.model.records.get(name)
        is_lost = record is not None and self.lost_its_counter(record)
        expected = self.model.log_in(name, answer, **options)
        options.pop("caller", None)
        reply = Reply(answer.typed, "equals_password" if answer.is_password else None)
        seen = run(self.machine, reply, name, **options)
        assert seen.verdict == expected, self.machine.lines[-1]
        assert len(seen.prompts) <= 1
        assert not (seen.shown and options.get("quiet") and seen.verdict != "success")
        line = self.machine.lines.pop()
        self.keeps_the_promises(name, seen.verdict, line, is_lost=is_lost)
        LoginMachine.outcomes[_OUTCOME.findall(line)[0]] += 1
        return seen.verdict

    def lost_its_counter(self, record: Record) -> bool:
        """Tell whether a token's counter was torn away; then a used code may be one of two."""
        past = record.past
        return record.is_token and past is not None and (record.is_damaged or past.two_needed)

    def keeps_the_promises(self, name: str, verdict: str, line: str, *, is_lost: bool) -> None:
        """Hold a login against what has to be so whatever the model says."""
        record = self.model.records.get(name)
        if verdict == "ignore" and self.record_path(name).exists():
            stored = self.machine.store.load(name)
            assert stored is not None
            assert not stored.damaged
            assert stored.state.suspension.until_s > self.model.now_s
        if record is None:
            assert verdict != "success"
        elif _EVALUATED.search(line):
            self.guesses[record.secret] = self.guesses.get(record.secret, 0) + 1
        elif verdict == "success":
            self.guesses[record.secret] = 0
            self.is_new(name, record, is_lost=is_lost, is_backup_code="reason=backup" in line)

    def is_new(self, name: str, record: Record, *, is_lost: bool, is_backup_code: bool) -> None:
        """Note what was accepted, as the store has it, and fail where it was before."""
        state = self.machine.state(name)
        (device,) = state.authenticators
        used, accepted = self.spent, self.accepted
        if is_backup_code:
            found = {(record.backup_set, i) for i in range(10) if state.backup_used >> i & 1}
            assert len(found - used) == 1
            used |= found
        else:
            factor = device.counter - 1 if record.is_token else device.last_step
            assert is_lost or (record.secret, factor) not in accepted, "accepted twice"
            accepted.add((record.secret, factor))

    @invariant()
    def at_most_a_hundred_guesses(self) -> None:
        """Are evaluated without a success or an administrator in between."""
        assert all(each <= 100 for each in self.guesses.values())

    def administers(self, name: str, change: Callable[[], object]) -> Record | None:
        """Change a record; return the model's where it must have worked."""
        self.step()
        record = self.model.records.get(name)
        if self.model.broken == "sentinel" or (record is not None and record.past is None):
            record = None
        outcome = self.outcome(change)
        assert (outcome is None) is (record is None)
        return record

    def outcome(self, operation: Callable[[], Any]) -> Any:
        """Return what an operation returns, None where it was refused."""
        try:
            return operation()
        except PamTfaError:
            return None

    def enrolls_with(self, name: str, is_token: bool, offset: int, current: Answer | None) -> None:
        """Enrol, with a code of what is replaced or without."""
        account, model = self.machine.accounts.get(name), self.model
        if account is None:
            return
        is_proven = self.is_proven(name, account.uid, current)
        otp = OtpParameters("hotp" if is_token else "totp", "sha1", DIGITS, 0 if is_token else 30)
        clock = 0 if is_token else model.now_s // 30
        first = max(0, clock + (abs(offset) if is_token else offset))
        outcome = self.outcome(lambda: self.drives_enrollment(account, otp, first, current))
        assert isinstance(outcome, Enrolled) is is_proven, outcome
        if is_proven:
            past = Past(last=first, drift=0 if is_token else first - clock)
            model.records[name] = Record(
                account.uid, is_token, self.secrets, self.sets, model.keys[0], past, past
            )
            self.accepted.add((self.secrets, first))

    def is_proven(self, name: str, uid: int, current: Answer | None) -> bool:
        """Predict whether an enrolment goes on to its end."""
        model = self.model
        if model.broken in ("sentinel", "seal key"):
            return False
        record = model.records.get(name)
        if record is None:
            return True
        if record.past is None or (current is not None and record.uid != uid):
            return False
        return current is None or model.try_answer(record, current) == "success"

    def drives_enrollment(
        self, account: Account, otp: OtpParameters, first: int, current: Answer | None
    ) -> object:
        """Run the flow to its end."""
        machine = self.machine
        keyring = machine.load_keyring(machine.config)
        around = Surroundings(machine.store, keyring, machine.now_s, self.random_bytes())
        flow = enroll(
            account=account,
            surroundings=around,
            otp=otp,
            issuer="host",
            proof="none" if current is None else "current_code",
        )
        reply: bytes | None = None
        while True:
            try:
                step = flow.send(reply)
            except StopIteration as end:
                return end.value
            reply = None
            if isinstance(step, AskCurrentCode):
                assert current is not None
                reply = current.typed
            elif isinstance(step, AskFirstCode):
                reply = code_of(self.secrets, first)

    def random_bytes(self) -> Callable[[int], bytes]:
        """Return a source of bytes that the model knows: the next secret, set and its codes."""
        codes = iter(range(10))

        def draw(size: int) -> bytes:
            match size:
                case 20:
                    self.secrets += 1
                    return secret_of(self.secrets)
                case 16:
                    self.sets += 1
                    return sha256(b"salt %d" % self.sets).digest()[:16]
                case 8:
                    return bytes(8)
                case _:
                    return _random_bytes_of(self.sets, next(codes))

        return draw

    def code(self, name: str, offset: int) -> Answer:
        """Return the code of so many steps or counters ahead."""
        record = self.model.records.get(name)
        if record is None:
            return WRONG
        last = record.past.last if record.past is not None else 0
        factor = (last + 1 if record.is_token else self.model.now_s // 30) + offset
        code = code_of(record.secret, factor)
        return Answer(code, code=code)

    def sets_clock(self, now_s: int) -> None:
        """Turn the clock."""
        self.machine.clock_s = self.model.now_s = now_s

    def sets_account(self, name: str, uid: int | None) -> None:
        """Make, change or delete an account."""
        self.machine.accounts.pop(name, None)
        self.model.accounts.pop(name, None)
        if uid is not None:
            self.machine.accounts[name] = Account(name, uid)
            self.model.accounts[name] = uid

    def record_path(self, name: str) -> Path:
        """Return an account's file."""
        return Path(self.machine.store.users_dir, f"{name}.json")

    def tear(self, name: str, at: int, *, newest: bool) -> None:
        """Spoil a byte of a valid slot."""
        with self.record_path(name).open("r+b") as file:
            file.seek(-2 * SLOT_BYTES, os.SEEK_END)
            start = file.tell()
            blocks = [file.read(SLOT_BYTES), file.read(SLOT_BYTES)]
            slots = [s for place, b in enumerate(blocks) if (s := decode_slot(b, place))]
            if not slots:
                return
            slots.sort(key=lambda slot: slot.sequence, reverse=newest)
            place = slots[0].place
            file.seek(start + place * SLOT_BYTES + at % SLOT_BYTES)
            file.write(bytes([blocks[place][at % SLOT_BYTES] ^ 1]))

    def moves_away(self, what: str) -> None:
        """Break one thing."""
        self.machine.config_is_broken = what == "configuration"
        if (path := self.place_of(what)) is not None:
            path.rename(path.with_name("away"))

    def mends(self) -> None:
        """Bring it back."""
        path = self.place_of(self.model.broken)
        if path is not None:
            path.with_name("away").rename(path)
        self.machine.config_is_broken, self.model.broken = False, None

    def place_of(self, what: str | None) -> Path | None:
        """Return the file of a part of the machine."""
        config = self.machine.config
        places = {
            "sentinel": Path(config.store_dir, ".store"),
            "seal key": Path(config.seal_key_path),
        }
        return places.get(what or "")
