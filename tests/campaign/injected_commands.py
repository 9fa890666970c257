"""Runs of the command to be disturbed, and what must hold after each, however it ended."""

from __future__ import annotations

import base64
import json
import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from pam_tfa.core.suspension import NOT_SUSPENDED, WITHOUT_END_S
from pam_tfa.store.sealing import SealKeyring, create_seal_key
from tests.campaign.injected_account import hashed_codes
from tests.campaign.injected_processes import (
    ENVIRONMENT,
    CommandRun,
    Output,
)
from tests.campaign.injected_world import GONE, HALF_WAY, OLD, Enrollment, Photo, View, World
from tests.campaign.injections import Injection, each_once, first_look, from_first_look, in_two_ways

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pam_tfa.core.backup_codes import BackupCodeSet
    from tests.campaign.injection_worker import Log, Order
    from tests.campaign.injector import Ended, Injector

FORKED_LIMIT_S, INSTALLED_LIMIT_S = 10.0, 30.0
_SECRET = re.compile(r"secret=([A-Z2-7]+)")
_BACKUP_CODE = re.compile(r"\b[0-9A-Z]{5}-[0-9A-Z]{5}-[0-9A-Z]{5}\b")


class After(NamedTuple):
    """What a run left behind: what was and is enrolled, and what it wrote."""

    world: World
    before: View
    view: View
    output: Output
    undisturbed: str

    def __str__(self) -> str:
        return f"{self.before} became {self.view}; it wrote {self.output}"

    @property
    def answer(self) -> dict[str, Any] | None:
        """Its JSON answer; None where it isn't there whole."""
        try:
            found = json.loads(self.output.out)
        except ValueError:
            return None
        assert isinstance(found, dict)
        return found

    def of_a(self, view: View) -> Enrollment | None:
        """Return what account A has."""
        found = view.get(self.world.a)
        assert not isinstance(found, str), found
        return found

    @property
    def others_are_as_before(self) -> bool:
        """Whether nothing but account A's record is different."""
        a = self.world.a
        return {**self.before, a: ""} == {**self.view, a: ""}


class Case(NamedTuple):
    """A verb.

    Attributes:
        arguments: A, B and the others stand for names.
        before: puts the world as it is before.
        is_done: whether all is as the command says that it is.
        is_half_done: whether it may be like this where it ended with an error; as before it may
            be always.
        status: of an undisturbed run.
        runs_again: whether the same again has to finish it.
    """

    arguments: str
    before: Callable[[World], Photo]
    is_done: Callable[[After], bool]
    is_half_done: Callable[[After], bool]
    status: int = 0
    runs_again: bool = False


def _are_codes_of(codes: Sequence[str], backup: BackupCodeSet) -> bool:
    return set(hashed_codes(codes, backup.salt)) == set(backup.digests)


def _enrolled_as_shown(after: After) -> bool:
    found, secret = after.of_a(after.view), _SECRET.search(after.output.out)
    codes = _BACKUP_CODE.findall(after.output.out)
    return (
        found is not None
        and secret is not None
        and found.secret == base64.b32decode(secret[1])
        and _are_codes_of(codes, found.backup)
        and after.others_are_as_before
    )


def _new_backup_codes(after: After) -> bool:
    old, new = after.of_a(after.before), after.of_a(after.view)
    return (
        old is not None
        and new is not None
        and old.secret == new.secret
        and old.backup != new.backup
        and old.state == new.state
        and after.others_are_as_before
    )


def _new_backup_codes_as_shown(after: After) -> bool:
    new, codes = after.of_a(after.view), _BACKUP_CODE.findall(after.output.out)
    return _new_backup_codes(after) and new is not None and _are_codes_of(codes, new.backup)


def _suspended(after: After) -> bool:
    old, new = after.of_a(after.before), after.of_a(after.view)
    assert old is not None
    return (
        new is not None
        and new.state.suspension.until_s == WITHOUT_END_S
        and new == old._replace(state=old.state._replace(suspension=new.state.suspension))
        and after.others_are_as_before
    )


def _enabled(after: After) -> bool:
    old, new = after.of_a(after.before), after.of_a(after.view)
    assert old is not None
    enabled = old._replace(state=old.state._replace(suspension=NOT_SUSPENDED))
    return new == enabled and after.others_are_as_before


def _unlocked(after: After) -> bool:
    old, new = after.of_a(after.before), after.of_a(after.view)
    assert old is not None
    unlocked = old._replace(state=old.state._replace(codes=old.state.backup))
    return new == unlocked and after.others_are_as_before


def _wiped(after: After) -> bool:
    return after.of_a(after.view) is None and after.others_are_as_before


def _unchanged_and_true(after: After) -> bool:
    return after.view == after.before and after.output.out == after.undisturbed


def _unchanged(after: After) -> bool:
    return after.view == after.before


def _never(_after: After) -> bool:
    return False


def _rotated(after: After) -> bool:
    answer, key_ids = after.answer, SealKeyring.load().key_ids
    return (
        answer is not None
        and after.view == after.before
        and key_ids == (answer["active_key_id"], *answer["kept_key_ids"])
        and not set(answer["dropped_key_ids"]) & set(key_ids)
        and after.world.key_ids_of_records() == {answer["active_key_id"]}
    )


def _renamed(after: After) -> bool:
    rest = {name: each for name, each in after.before.items() if name != OLD}
    return after.view == {**rest, after.world.a: after.before.get(OLD, HALF_WAY)}


def _renamed_half_way(after: After) -> bool:
    rest = {name: each for name, each in after.before.items() if name != OLD}
    return after.view == {**rest, after.world.a: HALF_WAY}


def _renumbered(after: After) -> bool:
    old, new = after.of_a(after.before), after.of_a(after.view)
    assert old is not None
    assert new is not None
    return old.uid != new.uid and new._replace(uid=old.uid) == old


def _pruned(after: After) -> bool:
    answer = after.answer
    if answer is None:
        return False
    removed = {each["user"] for each in answer["gone"] if each["removed"]}
    rest = {name: each for name, each in after.before.items() if name not in removed}
    return removed <= {GONE} and after.view == rest


def _pruned_all(after: After) -> bool:
    return after.view == {name: each for name, each in after.before.items() if name != GONE}


def _nobody(world: World) -> Photo:
    return world.put(world.b)


def _both(world: World) -> Photo:
    return world.put(world.a, world.b)


def _suspend(world: World) -> Photo:
    return world.put(world.a, world.b, a_is="suspended")


def _lock(world: World) -> Photo:
    return world.put(world.a, world.b, a_is="locked")


def _leave_one(world: World) -> Photo:
    """One record's account is gone, another one's was renamed."""
    return world.put(world.b, GONE, OLD)


def _rename_account(world: World) -> Photo:
    return world.put(world.b, OLD)


def _renumber_account(world: World) -> Photo:
    return world.put(world.b, "other uid")


def _nothing(world: World) -> Photo:
    world.restore({})
    return {}


CASES = (
    Case("enroll A --no-confirm --json", _nobody, _enrolled_as_shown, _never),
    Case("enroll A --no-confirm", _nobody, _enrolled_as_shown, _never),
    Case("enroll A --no-confirm --replace --json", _both, _enrolled_as_shown, _never),
    Case("backup-codes A --json", _both, _new_backup_codes_as_shown, _new_backup_codes),
    Case("backup-codes A", _both, _new_backup_codes_as_shown, _new_backup_codes),
    Case("disable A --json", _both, _suspended, _suspended),
    Case("disable A", _both, _suspended, _suspended),
    Case("enable A --json", _suspend, _enabled, _enabled),
    Case("unlock A --json", _lock, _unlocked, _unlocked),
    Case("unlock A --reset-clock", _lock, _unlocked, _unlocked),
    Case("reset A --json", _both, _wiped, _wiped),
    Case("status A --json", _both, _unchanged_and_true, _unchanged),
    Case("status A", _both, _unchanged_and_true, _unchanged),
    Case("list --json", _both, _unchanged_and_true, _unchanged),
    Case("seal-key rotate --json", _both, _rotated, _unchanged, runs_again=True),
    Case("seal-key status --json", _both, _unchanged_and_true, _unchanged),
    Case("rename OLD A --json", _rename_account, _renamed, _renamed_half_way, runs_again=True),
    Case("rename A A --yes --json", _renumber_account, _renumbered, _renumbered),
    Case("rename B A --yes", _nobody, _never, _never, status=1),
    Case("prune --yes --json", _leave_one, _pruned, _pruned_all, runs_again=True),
    Case("prune --dry-run --json", _leave_one, _unchanged_and_true, _unchanged),
    Case("init --json", _both, _unchanged, _unchanged),
    Case("init --json", _nothing, _unchanged, _unchanged, runs_again=True),
)


class CommandTarget:
    """One verb, again and again."""

    def __init__(
        self, injector: Injector, log: Log, case: Case, world: World, *, installed: bool
    ) -> None:
        self._log = log
        names = {"A": world.a, "B": world.b, "OLD": OLD}
        self.name = case.arguments + (" (nothing there)" if case.before is _nothing else "")
        self._arguments = [names.get(each, each) for each in case.arguments.split()]
        self._injector = injector
        self._case = case
        self._world = world
        self._installed = installed
        self._limit_s = INSTALLED_LIMIT_S if installed else FORKED_LIMIT_S
        self._undisturbed = ""
        self._photo: Photo | None = None
        self._loading: set[tuple[str, int]] = set()  # before there is a line of the command's own

    def injections(self) -> list[Injection]:
        """Run it undisturbed and return what can be injected."""
        before = self._prepare()
        run = self._run()
        ended, calls = self._injector.record(run, self._limit_s)
        output = run.output()
        self._undisturbed = output.out
        assert ended.status == self._case.status, output
        self._check(ended, before, output)
        if not self._installed:
            return in_two_ways(calls)
        self._loading = {(each.name, each.nth) for each in calls[: first_look(calls)]}
        return each_once(from_first_look(calls))

    def disturb(self, injection: Injection) -> tuple[bool, str]:
        """Run it with errors; return whether there were any, and how it ended."""
        before = self._prepare()
        run = self._run()
        ended = self._injector.run(run, injection, self._limit_s)
        output = run.output()
        assert not ended.was_late, "it hung"
        try:
            if (injection.name, injection.nth) not in self._loading:
                check_text(injection, ended.status, output)
            assert ended.status != 0 or not ended.lost_syncs, "done, and not durable"
            return ended.failed > 0, self._check(ended, before, output)
        except AssertionError as error:
            error.add_note(f"status {ended.status}; wrote {output}")
            raise

    def _prepare(self) -> View:
        self._log.lines()  # a log that is full would make everybody wait
        if self._photo is None:
            self._photo = self._case.before(self._world)
        self._world.restore(self._photo)
        return self._world.view() if self._photo else {}

    def _run(self) -> CommandRun:
        return CommandRun(self._arguments, installed=self._installed)

    def _check(self, ended: Ended, before: View, output: Output) -> str:
        case, world, status = self._case, self._world, ended.status
        if status != 0 and not self._photo:
            self._finish(before)
        view = world.view()
        after = After(world, before, view, output, self._undisturbed)
        if status == 0:
            assert case.is_done(after), f"{case.arguments}: not as it said: {after}"
        else:
            found = view == before or case.is_half_done(after) or case.is_done(after)
            assert found, f"neither as before nor as it should become: {view}"
        is_changed = world.photograph() != self._photo
        world.check_logins(view, (world.a, world.b) if is_changed else (world.a,))
        if is_changed and (world.leftovers() or (status != case.status and case.runs_again)):
            self._finish(before)
        if world.leftovers():
            create_seal_key()  # never replaces one; removes what a failed one left
        assert not world.leftovers(), world.leftovers()
        return f"status {status}" if status >= 0 else f"signal {-status}"

    def _finish(self, before: View) -> None:
        """Run it again, undisturbed: now it is done, unless it was already."""
        view = self._world.view() if self._photo else {}
        run = self._run()
        status = self._injector.run_undisturbed(run, self._limit_s)
        after = After(self._world, before, self._world.view(), run.output(), self._undisturbed)
        if status == 0:
            is_done = self._case.is_done(after) or self._case.is_done(after._replace(before=view))
            assert is_done, f"not done by the next run: {after}"
        else:
            assert view != before, f"the next run failed too: {status}, {after}"
            assert after.view == view, f"changed by a run that failed: {after}"
        self._world.check_logins(after.view, (self._world.a, self._world.b))


def check_text(injection: Injection, status: int, output: Output) -> None:
    """Expect a sentence where it failed, unless nothing can be written, and never a traceback.

    A signal is what others' libraries make of errors that the kernel does not know (libnss_systemd
    of a failing rt_sigprocmask, the C library of a failing futex): as good as kill -9.
    """
    assert "Traceback" not in output.err, "a traceback"
    if injection.name != "write" and status > 0:
        assert output.err.startswith("pam-tfa: ") or "\npam-tfa: " in output.err, "no sentence"
        assert output.err.endswith((".\n", "?\n")), "not a sentence"


def command_targets(
    injector: Injector, log: Log, order: Order, codes: tuple[BackupCodeSet, Sequence[str]]
) -> Iterator[CommandTarget]:
    """Return all verbs."""
    os.environ.clear()
    os.environ.update(ENVIRONMENT)
    world = World(order.accounts, codes)
    for case in CASES:
        yield CommandTarget(
            injector, log, case, world, installed=order.subject.startswith("installed")
        )
