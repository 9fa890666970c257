"""The model of the login flow: which verdict each login has to have, in the fewest words.

It knows nothing of files, seals or the core: a record is two slots, each with what an account's
past has left; a slot that is torn is None.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from tests.harness.codes import hotp

DIGITS = 8  # so that no two codes are the same by chance
WAITS_S = (*[0] * 6, 30, 60, 120, 240, 480, 960, 1920, *[3600] * 87)
WITHOUT_END_S = 2**64 - 1


@lru_cache(maxsize=300_000)
def code_of(secret_number: int, factor: int) -> bytes:
    """Return the code of a secret at a step or counter."""
    return hotp(secret_of(secret_number), max(0, factor), DIGITS).encode()


def secret_of(secret_number: int) -> bytes:
    """Return one of many 160-bit secrets."""
    return sha256(b"secret %d" % secret_number).digest()[:20]


class Lock(NamedTuple):
    """Failures in a row, and when the last one was."""

    failures: int = 0
    since_s: int = 0

    def failed(self, now_s: int) -> Lock:
        """Count one more."""
        return Lock(min(100, self.failures + 1), now_s)


class Past(NamedTuple):
    """What an account's past has left. A token's `last` is its next counter less one."""

    codes: Lock = Lock()
    backup: Lock = Lock()
    used: frozenset[int] = frozenset()
    backup_refused: bool = False
    last: int = -1
    drift: int = 0
    first: int | None = None  # of two codes for resynchronisation
    two_needed: bool = False
    suspended: tuple[int, int] | None = None


@dataclass
class Record:
    """An enrolment: whose, which secret and backup codes, which key seals it, and two slots."""

    uid: int
    is_token: bool
    secret: int
    backup_set: int
    key: int
    older: Past | None
    newer: Past | None

    @property
    def is_damaged(self) -> bool:
        """Tell whether a slot is torn."""
        return self.older is None or self.newer is None

    @property
    def past(self) -> Past | None:
        """Return what can be read."""
        return self.newer if self.newer is not None else self.older

    def save(self, past: Past) -> None:
        """Write over the slot that is torn, else over the older one."""
        self.older, self.newer = self.past, past

    def replace(self, past: Past) -> None:
        """Write both slots anew."""
        self.older = self.newer = past

    def now(self, now_s: int) -> Past:
        """Return what is left, at its worst where a slot is torn."""
        assert self.past is not None
        return self._at_worst(self.past, now_s) if self.is_damaged else self.past

    def _at_worst(self, past: Past, now_s: int) -> Past:
        last = past.last
        if self.is_token:
            last = max(last, -1 if past.first is None else past.first + 1)
        else:
            clock = now_s // 30
            second = -1 if past.first is None else min(past.first + 1, clock + 20)
            last = max(last, clock + max(0, past.drift) + 1, second)
        codes, backup = past.codes.failed(now_s), past.backup.failed(now_s)
        return past._replace(
            codes=codes, backup=backup, backup_refused=True, last=last, first=None, suspended=None
        )._replace(two_needed=self.is_token)

    def good(self, past: Past, now_s: int) -> set[int]:
        """Return the steps or counters that are good now."""
        second = -1 if past.first is None else past.first + 1
        if self.is_token:
            ahead = set() if past.two_needed else set(range(past.last + 1, past.last + 12))
            return ahead | ({second} if past.last < second <= past.last + 101 else set())
        clock = now_s // 30
        near = {clock + each for each in (-1, 0, 1)} | {
            clock + past.drift + each for each in (-1, 0, 1)
        }
        if second > 0 and abs(second - clock) <= 20:
            near.add(second)
        return {each for each in near if each > past.last}

    def first_codes(self, past: Past, now_s: int) -> range:
        """Return the steps or counters of codes that may be the first of two."""
        if self.is_token:
            return range(past.last + 1, past.last + 102)
        return range(max(past.last + 1, now_s // 30 - 20), now_s // 30 + 21)


@dataclass
class Model:
    """The whole machine: clock, accounts by uid, records, keys, and what is broken."""

    now_s: int
    accounts: dict[str, int] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    keys: list[int] = field(default_factory=lambda: [0])
    unenrolled: str | None = None
    broken: str | None = None  # "configuration", "sentinel", "seal key"

    def log_in(
        self,
        name: str,
        answer: Answer,
        *,
        caller: int = 0,
        decoy: bool = False,
        quiet: bool = False,
        nullok: bool = False,
    ) -> str:
        """Predict a login's verdict, and change what it changes."""
        if caller not in (0, self.accounts.get(name)):
            return "refused"
        if decoy or name not in self.accounts:
            return "refused"
        verdict = self._log_in(name, answer, nullok)
        return "refused" if quiet and verdict not in ("success", "ignore") else verdict

    def _log_in(self, name: str, answer: Answer, nullok: bool) -> str:
        if self.broken in ("configuration", "sentinel"):
            return "unavailable"
        record = self.records.get(name)
        if record is None:
            if self._was_renamed(self.accounts[name]):
                return "unavailable"
            rule = self.unenrolled or ("skip" if nullok else "deny")
            return "ignore" if rule == "skip" else "refused"
        if record.past is None:
            return "unavailable"
        fits = record.uid == self.accounts[name]
        if record.past.suspended is not None:
            since_s, until_s = record.past.suspended
            if not fits:
                return "unavailable"
            if not record.is_damaged and since_s <= self.now_s < until_s:
                return "ignore"
        if answer.is_password:
            return "refused"
        if self.broken == "seal key" or not fits:
            return "unavailable"
        return self.try_answer(record, answer)

    def _was_renamed(self, uid: int) -> bool:
        """Tell whether this uid is enrolled under a name that is not its own any more."""
        holders = [name for name, record in self.records.items() if record.uid == uid]
        return any(self.accounts.get(name) != uid for name in holders)

    def try_answer(self, record: Record, answer: Answer) -> str:
        """Predict what comes of an answer to the prompt."""
        past = record.now(self.now_s)
        if record.is_damaged:
            record.save(past)
        if answer.code is not None:
            return self._try_code(record, past, answer.code)
        if answer.backup is not None:
            return self._try_backup_code(record, past, answer.backup)
        return "refused"

    def _try_code(self, record: Record, past: Past, code: bytes) -> str:
        lock, locked = self._wait(past.codes)
        if locked:
            if lock != past.codes:
                record.save(past._replace(codes=lock))
            return "locked"
        good = [f for f in record.good(past, self.now_s) if code_of(record.secret, f) == code]
        if good:
            step = max(good)
            drift = 0 if record.is_token else max(-10, min(10, step - self.now_s // 30))
            record.save(
                past._replace(codes=Lock(), last=step, drift=drift, first=None, two_needed=False)
            )
            return "success"
        near = record.first_codes(past, self.now_s)
        first = max((f for f in near if code_of(record.secret, f) == code), default=None)
        record.save(past._replace(codes=past.codes.failed(self.now_s), first=first))
        return "refused"

    def _try_backup_code(self, record: Record, past: Past, code: tuple[int, int]) -> str:
        lock, locked = self._wait(past.backup)
        if locked:
            if lock != past.backup:
                record.save(past._replace(backup=lock))
            return "locked"
        if past.backup_refused:
            record.save(past)
            return "refused"
        past = past._replace(first=None)
        if code[0] != record.backup_set or code[1] in past.used:
            record.save(past._replace(backup=past.backup.failed(self.now_s)))
            return "refused"
        record.save(past._replace(codes=Lock(), backup=Lock(), used=past.used | {code[1]}))
        return "success"

    def _wait(self, lock: Lock) -> tuple[Lock, bool]:
        """Return the lock, begun anew where the clock was turned back, and whether it holds."""
        if lock.failures == 100:
            return lock, True
        begun = lock._replace(since_s=min(lock.since_s, self.now_s))
        return begun, self.now_s < begun.since_s + WAITS_S[lock.failures]


class Answer(NamedTuple):
    """What is typed: a code, a backup code (which set, which of it), the password, or neither."""

    typed: bytes = b""
    code: bytes | None = None
    backup: tuple[int, int] | None = None
    is_password: bool = False
