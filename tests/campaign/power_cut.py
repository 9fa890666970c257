"""What a disk may hold after a power cut in the middle of a recorded run.

Linux promises this much and no more: what was written to a file before its completed fsync or
fdatasync is there; a directory's entries are there after the directory's fsync. Of anything later
any part may be there: some sectors of a write and not others, a sector that was under way as
garbage, a file's length without its content, with zeros or with what lay in those blocks before;
any of a directory's changes without the others. A rename is one change.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

SECTOR_BYTES = 512
PAGE_BYTES = 4096
GARBAGE = b"\xa5" * SECTOR_BYTES


class Create(NamedTuple):
    """A new, empty file."""

    path: str
    file: int


class Write(NamedTuple):
    """Bytes that were handed to the kernel."""

    file: int
    offset: int
    content: bytes


class SyncFile(NamedTuple):
    """A completed fsync or fdatasync."""

    file: int


class SyncDirectory(NamedTuple):
    """A completed fsync of a directory."""

    path: str


class Enter(NamedTuple):
    """A change of one directory: what its names lead to from then on; None removes one."""

    directory: str
    entries: tuple[tuple[str, int | None], ...]


class Shown(NamedTuple):
    """Something that tells how it came out has left the process."""


Operation = Create | Write | SyncFile | SyncDirectory | Enter | Shown


@dataclass
class Recording:
    """The files before a run, and what the run did."""

    files: Mapping[str, bytes]
    operations: list[Operation] = field(default_factory=list)

    def __str__(self) -> str:
        return " ".join(type(each).__name__ for each in self.operations)


class Disk(NamedTuple):
    """What is there after a cut: contents by path (one number: one file), and what was shown."""

    files: frozenset[tuple[str, int, bytes]]
    shown: bool


class Torn(NamedTuple):
    """Contents that a file with unsynced writes may have."""

    certain: bytes
    pending: list[Write]


def disks_after_cuts(recording: Recording, *, all_sectors: bool) -> Iterator[Disk]:
    """Yield every state that a cut may leave, from before the first operation to the end.

    Args:
        recording: the run.
        all_sectors: every combination of old, new and garbled sectors of a write in place (3^8
            for a slot) and of those of one page of a new file; else of old and new ones (2^8),
            and a new file's lengths and pages alone.
    """
    for cut in range(len(recording.operations) + 1):
        yield from _disks_at(recording, recording.operations[:cut], all_sectors=all_sectors)


def _disks_at(
    recording: Recording, done: Sequence[Operation], *, all_sectors: bool
) -> Iterator[Disk]:
    shown = any(isinstance(each, Shown) for each in done)
    contents = _contents(recording, done, all_sectors=all_sectors)
    numbers = list(contents)
    for names in _directories(recording, done):
        for chosen in itertools.product(*(contents[number] for number in numbers)):
            content_of = dict(zip(numbers, chosen, strict=True))
            files = ((path, number, content_of[number]) for path, number in names.items())
            yield Disk(frozenset(files), shown)


def _directories(recording: Recording, done: Sequence[Operation]) -> Iterator[dict[str, int]]:
    """Yield what all names may lead to: the certain changes, and any of the others."""
    before = {path: number for number, path in enumerate(sorted(recording.files))}
    changes = [(at, each) for at, each in enumerate(done) if isinstance(each, Enter)]
    certain = {at for at, each in changes if _is_synced(done, at, SyncDirectory(each.directory))}
    pending = [at for at, _ in changes if at not in certain]
    for there in _subsets(pending):
        names = dict(before)
        for at, change in changes:
            if at in certain or at in there:
                _apply(names, change)
        yield names


def _apply(names: dict[str, int], change: Enter) -> None:
    for path, number in change.entries:
        names.pop(path, None)
        if number is not None:
            names[path] = number


def _contents(
    recording: Recording, done: Sequence[Operation], *, all_sectors: bool
) -> dict[int, list[bytes]]:
    """Return what each file may contain."""
    contents = [recording.files[path] for path in sorted(recording.files)]
    torn = {number: Torn(content, []) for number, content in enumerate(contents)}
    for at, each in enumerate(done):
        if isinstance(each, Create):
            torn[each.file] = Torn(b"", [])
        elif isinstance(each, Write) and _is_synced(done, at, SyncFile(each.file)):
            certain = _written(torn[each.file].certain, each.offset, each.content)
            torn[each.file] = torn[each.file]._replace(certain=certain)
        elif isinstance(each, Write):
            torn[each.file].pending.append(each)
    stale = max(contents, key=len, default=b"")
    return {
        number: list(dict.fromkeys(_possible(each, stale, all_sectors=all_sectors)))
        for number, each in torn.items()
    }


def _possible(torn: Torn, stale: bytes, *, all_sectors: bool) -> Iterator[bytes]:
    if not torn.pending:
        yield torn.certain
        return
    first, *later = torn.pending
    if first.offset + len(first.content) > len(torn.certain):
        after_first = _of_a_new_file(first.content, stale, all_sectors=all_sectors)
    else:
        after_first = _of_a_write_in_place(torn.certain, first, all_sectors=all_sectors)
    for content in after_first:
        yield from _possible(Torn(content, later), stale, all_sectors=all_sectors)


def _of_a_write_in_place(before: bytes, write: Write, *, all_sectors: bool) -> Iterator[bytes]:
    new = _sectors(write.content)
    old = _sectors(before[write.offset : write.offset + len(write.content)])
    choices = [
        tuple(dict.fromkeys((*pair, GARBAGE) if all_sectors else pair))
        for pair in zip(old, new, strict=True)
    ]
    for chosen in itertools.product(*choices):
        yield _written(before, write.offset, b"".join(chosen))


def _of_a_new_file(content: bytes, stale: bytes, *, all_sectors: bool) -> Iterator[bytes]:
    """Yield cut lengths, pages that never came, and sectors that never came."""
    sectors = _sectors(content)
    for length in range(len(sectors)):
        yield b"".join(sectors[:length])
    pages = [content[at : at + PAGE_BYTES] for at in range(0, len(content), PAGE_BYTES)]
    kinds = [
        (page, bytes(len(page)), stale[at * PAGE_BYTES :][: len(page)].ljust(len(page), b"\0"))
        for at, page in enumerate(pages)
    ]
    for chosen in itertools.product(*kinds):
        yield b"".join(chosen)
    if not all_sectors:
        return
    for at in range(0, len(sectors), PAGE_BYTES // SECTOR_BYTES):
        of_page = range(at, min(at + PAGE_BYTES // SECTOR_BYTES, len(sectors)))
        for missing in _subsets(list(of_page)):
            kept = (
                bytes(len(each)) if number in missing else each
                for number, each in enumerate(sectors)
            )
            yield b"".join(kept)


def _is_synced(done: Sequence[Operation], at: int, sync: Operation) -> bool:
    return sync in done[at + 1 :]


def _written(before: bytes, offset: int, content: bytes) -> bytes:
    padded = before.ljust(offset, b"\0")
    return padded[:offset] + content + padded[offset + len(content) :]


def _sectors(content: bytes) -> list[bytes]:
    return [content[at : at + SECTOR_BYTES] for at in range(0, len(content), SECTOR_BYTES)]


def _subsets(items: Sequence[int]) -> Iterator[set[int]]:
    for length in range(len(items) + 1):
        for chosen in itertools.combinations(items, length):
            yield set(chosen)
