"""System calls of a process that fail on demand: fail_at_call.c, called from Python."""

from __future__ import annotations

import ctypes
import errno
import functools
import mmap
import os
import pickle
import re
import socket
import subprocess
import sys
import traceback
from typing import TYPE_CHECKING, NamedTuple, Protocol

from tests.harness.installation import require_tool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.campaign.injections import Injection

    Job = Callable[[Sequence[int]], Callable[[], int]]

_MOST_THEN, _MOST_PROCESSES = 64, 9
_MOST_RECORDED = 20000
_MANY = 1 << 30
_DEFINED = re.compile(r"#define __NR_(\w+) (\d+)$")
# A signal that never stops coming is none: CPython itself repeats a read for as long as it is
# interrupted (PEP 475), and the product a rename a hundred times.
INTERRUPTIONS_AT_MOST = 200
JOBS_OF_A_CHILD = 300
_CONTROL_FD, _FIRST_JOB_FD = 200, 3
_FAILED_TO_START = 70


class _Plan(ctypes.Structure):
    _fields_ = (
        ("process", ctypes.c_int),
        ("number", ctypes.c_int),
        ("nth", ctypes.c_int),
        ("error", ctypes.c_int),
        ("limit", ctypes.c_int),
        ("then_count", ctypes.c_int),
        ("then", ctypes.c_int * _MOST_THEN),
    )


class _Call(ctypes.Structure):
    _fields_ = (
        ("process", ctypes.c_int),
        ("number", ctypes.c_int),
        ("path", ctypes.c_char * 120),
    )


class _Report(ctypes.Structure):
    _fields_ = (
        ("failed", ctypes.c_int),
        ("failed_syncs", ctypes.c_int),
        ("has_ended", ctypes.c_int),
        ("ended_late", ctypes.c_int),
        ("status", ctypes.c_int),
        ("call_count", ctypes.c_int),
        ("most_calls", ctypes.c_int),
        ("calls", ctypes.POINTER(_Call)),
    )


class _Supervised(ctypes.Structure):
    _fields_ = (
        ("pid", ctypes.c_int),
        ("has_jobs", ctypes.c_int),
        ("pidfd", ctypes.c_int),
        ("listener", ctypes.c_int),
        ("waiting", ctypes.c_uint64),
        ("processes", ctypes.c_int * _MOST_PROCESSES),
        ("process_count", ctypes.c_int),
    )


class RecordedCall(NamedTuple):
    """A call of an undisturbed run.

    Attributes:
        process: 0 for the first, n for the n-th that it started.
        name: the system call's.
        nth: which of this process's calls of that name it is, counted from 1.
        path: what an openat names; else empty.
    """

    process: int
    name: str
    nth: int
    path: str


class Ended(NamedTuple):
    """How a run ended.

    Attributes:
        status: its exit status, or minus the signal's number.
        failed: how many calls were made to fail; 0: the injection never happened.
        lost_syncs: how many of them would have made something durable, and can't have been made
            again (as after EINTR).
        was_late: it had to be killed.
    """

    status: int
    failed: int
    lost_syncs: int
    was_late: bool


class Run(Protocol):
    """Something to be disturbed."""

    @property
    def is_program(self) -> bool:
        """Whether it becomes another program."""

    @property
    def descriptors(self) -> Sequence[int]:
        """What it needs."""

    @property
    def job(self) -> Job:
        """What the child does: with the descriptors, whatever their numbers are there, arrange
        them and return what is to be disturbed. It can be pickled.
        """


class Injector:
    """Starts runs and lets their calls fail.

    A run that becomes a program has a process of its own. Others are jobs of a child that works
    off some hundreds: copying what a fork shares costs three times as much as a login.
    """

    def __init__(self, library: str) -> None:
        """Load fail_at_call.c, built as a library."""
        self._library = ctypes.CDLL(library, use_errno=True)
        self._shared = mmap.mmap(-1, mmap.PAGESIZE)
        self._listener = ctypes.c_int.from_buffer(self._shared)
        self._worker: _Supervised | None = None
        self._jobs = 0
        self._control, self._childs_control = socket.socketpair()

    def record(self, run: Run, limit_s: float) -> tuple[Ended, list[RecordedCall]]:
        """Run something undisturbed; return how it ended, and its calls in their order."""
        calls = (_Call * _MOST_RECORDED)()
        report = _Report(most_calls=_MOST_RECORDED, calls=calls)
        ended = self._supervise(run, _Plan(process=-1), report, limit_s)
        assert not ended.was_late, "an undisturbed run takes too long"
        assert report.call_count < _MOST_RECORDED, "there are more calls than room for them"
        return ended, _numbered(calls[: report.call_count])

    def run(self, run: Run, injection: Injection, limit_s: float) -> Ended:
        """Run something in which calls fail."""
        numbers = call_numbers()
        then = [numbers[name] for name in injection.then if name in numbers]
        plan = _Plan(
            process=injection.process,
            number=numbers[injection.name],
            nth=injection.nth,
            error=injection.error_number,
            limit=INTERRUPTIONS_AT_MOST if injection.error == "EINTR" else _MANY,
            then_count=len(then),
            then=(ctypes.c_int * _MOST_THEN)(*then),
        )
        return self._supervise(run, plan, _Report(), limit_s)

    def run_undisturbed(self, run: Run, limit_s: float) -> int:
        """Run something; return its exit status."""
        return self._supervise(run, _Plan(process=-1), _Report(), limit_s).status

    def close(self) -> None:
        """End the child that works off jobs."""
        if self._worker is not None:
            self._library.end_supervision(ctypes.byref(self._worker))
            os.close(self._worker.listener)
            os.close(self._worker.pidfd)
        self._worker = None

    def _supervise(self, run: Run, plan: _Plan, report: _Report, limit_s: float) -> Ended:
        if run.is_program:
            child = self._fork(lambda: run.job(run.descriptors), has_jobs=False)
        else:
            child = self._child_with_jobs()
            socket.send_fds(self._control, [pickle.dumps(run.job)], run.descriptors)
        limit_ms = int(limit_s * 1000)
        arguments = (ctypes.byref(child), ctypes.byref(plan), limit_ms, ctypes.byref(report))
        self._library.supervise(*arguments)
        if report.has_ended:
            self._worker = None if child is self._worker else self._worker
            status = os.waitstatus_to_exitcode(report.status)
        else:
            status = int.from_bytes(self._control.recv(4), "big", signed=True)
        lost_syncs = report.failed_syncs if plan.error != errno.EINTR else 0
        return Ended(status, report.failed, lost_syncs, bool(report.ended_late))

    def _child_with_jobs(self) -> _Supervised:
        if self._worker is not None and self._jobs == JOBS_OF_A_CHILD:
            self.close()
        if self._worker is None:
            self._worker = self._fork(lambda: self._work_off_jobs, has_jobs=True)
            self._jobs = 0
            limit_ms = 1000
            arguments = (ctypes.byref(self._worker), ctypes.byref(_Plan(process=-1)), limit_ms)
            self._library.supervise(*arguments, ctypes.byref(_Report()))
        self._jobs += 1
        return self._worker

    def _fork(self, prepare: Callable[[], Callable[[], int]], *, has_jobs: bool) -> _Supervised:
        self._listener.value = 0
        pid = os.fork()
        if pid == 0:
            status = _FAILED_TO_START
            try:
                body = prepare()
                if self._library.become_supervised(ctypes.byref(self._listener)) == 0:
                    status = body()
            finally:
                os._exit(status)
        child = _Supervised(pid=pid, has_jobs=has_jobs)
        begun = self._library.begin_supervision(ctypes.byref(child), ctypes.byref(self._listener))
        assert begun == 0, "seccomp_unotify(2) does not work here"
        return child

    def _work_off_jobs(self) -> int:
        """In the child: what lies between the two getsid() is disturbed."""
        os.dup2(self._childs_control.fileno(), _CONTROL_FD)
        control = socket.socket(fileno=_CONTROL_FD)
        while True:
            os.closerange(_FIRST_JOB_FD, _CONTROL_FD)
            packet, descriptors, _, _ = socket.recv_fds(control, 65536, 8)
            body = pickle.loads(packet)(descriptors)
            status = _status_of(body)
            control.send(status.to_bytes(4, "big", signed=True))


def _status_of(body: Callable[[], int]) -> int:
    os.getsid(0)
    try:
        status = body()
    except BaseException:  # noqa: BLE001 - an interpreter that ends by one does the same
        os.getsid(0)
        traceback.print_exc()
        sys.stderr.flush()
        return 1
    os.getsid(0)
    return status


def _numbered(calls: Sequence[_Call]) -> list[RecordedCall]:
    counts: dict[tuple[int, int], int] = {}
    names = {number: name for name, number in call_numbers().items()}
    recorded = []
    for call in calls:
        key = (call.process, call.number)
        counts[key] = counts.get(key, 0) + 1
        path = call.path.decode(errors="replace")
        recorded.append(RecordedCall(call.process, names[call.number], counts[key], path))
    return recorded


@functools.cache
def call_numbers() -> dict[str, int]:
    """Return this machine's system calls with their numbers, as its headers have them."""
    command = [require_tool("gcc", "gcc"), "-E", "-dM", "-include", "sys/syscall.h", "-"]
    defined = subprocess.run(command, input="", capture_output=True, text=True, check=True)
    found = (_DEFINED.match(line) for line in defined.stdout.splitlines())
    return {each[1]: int(each[2]) for each in found if each is not None}
