"""Which errors are injected where: every pair of a call and an error, in three ways."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.campaign.injector import RecordedCall

Item = TypeVar("Item")

ERRORS = ("EIO", "ENOSPC", "EROFS", "EMFILE", "EACCES", "EINTR", "ENOMEM")
# This call from then on; and, as on a disk that has died, every call that touches a file.
ONCE, LASTING = "once", ("always", "everything")
# read and write are left out: they are the socket's and the output's too, and without those
# nothing of an outcome could be observed.
FILE_CALLS = (
    "openat", "newfstatat", "fstat", "statx", "lseek", "pread64", "pwrite64", "fsync", "fdatasync",
    "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "mkdir", "mkdirat",
    "rmdir", "chmod", "fchmod", "fchmodat", "readlink", "readlinkat", "fcntl", "flock",
    "getdents64", "fstatfs",
)  # fmt: skip

# brk answers with an address, never with an error, and a process does not survive its exit.
CAN_NOT_FAIL = ("brk", "exit", "exit_group")
# Before a program first opens one of these it has only loaded libraries.
OWN_PLACES = ("/etc/pam-tfa", "/var/lib/pam-tfa", "/run/pam-tfa", "pam_tfa.so", "/pam_tfa")
SAMPLE_OF_LOADING = 20


class Injection(NamedTuple):
    """One run's errors.

    Attributes:
        process: in which of the processes, see RecordedCall.
        name: of the call.
        nth: which of that name in that process, counted from 1.
        error: the errno's name.
        way: ONCE, or one of the LASTING ways.
    """

    process: int
    name: str
    nth: int
    error: str
    way: str

    def __str__(self) -> str:
        where = f" of process {self.process}" if self.process else ""
        return f"{self.error} at {self.name}#{self.nth}{where}, {self.way}"

    @property
    def error_number(self) -> int:
        """The errno."""
        return int(getattr(errno, self.error))

    @property
    def then(self) -> tuple[str, ...]:
        """Names of the calls that fail afterwards too."""
        return {ONCE: (), "always": (self.name,), "everything": FILE_CALLS}[self.way]


def each_once(calls: Iterable[RecordedCall]) -> list[Injection]:
    """Return every pair of call and error, failing once."""
    return [
        Injection(call.process, call.name, call.nth, error, ONCE)
        for call in calls
        if call.name not in CAN_NOT_FAIL
        for error in ERRORS
    ]


def in_two_ways(calls: Iterable[RecordedCall]) -> list[Injection]:
    """Return every pair of call and error twice: failing once, and in one of the lasting ways."""
    once = each_once(calls)
    lasting = (each._replace(way=LASTING[number % 2]) for number, each in enumerate(once))
    return [each for pair in zip(once, lasting, strict=True) for each in pair]


class Target(Protocol):
    """Something that can be disturbed again and again."""

    name: str

    def injections(self) -> list[Injection]:
        """Run it undisturbed and return what can be injected."""

    def disturb(self, injection: Injection) -> tuple[bool, str]:
        """Run it with errors.

        Returns: whether there were any, and how it ended, for the table.
        Raises: AssertionError where something does not hold afterwards.
        """


def from_first_look(calls: Sequence[RecordedCall]) -> list[RecordedCall]:
    """Return the calls from the first look at the product's own files on, a sample before."""
    first = first_look(calls)
    before = calls[1:first]  # without the execve that makes it the program
    return spread_over(before, SAMPLE_OF_LOADING) + list(calls[first:])


def first_look(calls: Sequence[RecordedCall]) -> int:
    """Return how many calls come before the first look at the product's own files."""
    return next(
        index for index, call in enumerate(calls) if any(own in call.path for own in OWN_PLACES)
    )


def spread_over(items: Sequence[Item], wanted: int) -> list[Item]:
    """Return so many items, evenly spread from the first to the last; 0: all."""
    if wanted in (0, 1) or wanted >= len(items):
        return list(items)
    return [items[round(i * (len(items) - 1) / (wanted - 1))] for i in range(wanted)]
