"""What a process writes to some directories, in order and byte for byte, from an strace of it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tests.campaign.power_cut import (
    Create,
    Enter,
    Operation,
    Recording,
    Shown,
    SyncDirectory,
    SyncFile,
    Write,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_WRITING = (
    "creat,open,openat,pwrite64,pwritev,pwritev2,write,writev,ftruncate,truncate,fallocate,msync,"
    "rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,"
    "fsync,fdatasync,sync,syncfs,sync_file_range,sendto,sendmsg,copy_file_range,sendfile"
)
_LINE = re.compile(r"^(\w+)\((.*)\) += (\d+)(?:<(.*)>)?$")
_DESCRIPTOR = re.compile(r"^(\d+|AT_FDCWD)<([^>]*)>")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
# A MESSAGE or a VERDICT of docs/PROTOCOL.md. The hello and the prompt come before anything counts.
_TELLING = re.compile(r'"\\x01\\x0[46]')


def writes_recorded(strace: str, log: Path) -> list[str]:
    """Return what to put before a command of one process."""
    trace = f"trace={_WRITING}"
    return [
        strace,
        "-qq",
        "-y",
        "-xx",
        "-s",
        "1000000",
        "-e",
        "signal=none",
        "-e",
        trace,
        "-o",
        str(log),
    ]


def contents_of(directories: Sequence[Path]) -> dict[str, bytes]:
    """Return the files of some directories by their path."""
    return {str(f): f.read_bytes() for each in directories for f in each.iterdir() if f.is_file()}


def record(
    directories: Sequence[Path], log: Path, run: Callable[[], None], *, told_by_output: bool
) -> Recording:
    """Run something under `writes_recorded`, and return what it did to the directories.

    Args:
        directories: where it may write.
        log: strace's.
        run: the run.
        told_by_output: whether its standard output tells how it came out; else its messages do.
    """
    before = contents_of(directories)
    run()
    reader = _Reader(before, {str(each) for each in directories}, told_by_output=told_by_output)
    for line in log.read_text().splitlines():
        reader.read(line)
    assert reader.after() == contents_of(directories), "strace has not seen every write"
    return Recording(before, reader.operations)


class _Reader:
    def __init__(
        self, before: Mapping[str, bytes], directories: set[str], *, told_by_output: bool
    ) -> None:
        self.operations: list[Operation] = []
        self._directories = directories
        self._told_by_output = told_by_output
        self._files = [before[path] for path in sorted(before)]
        self._names = {path: number for number, path in enumerate(sorted(before))}

    def after(self) -> dict[str, bytes]:
        """Return the files that there are in the end."""
        return {path: self._files[number] for path, number in self._names.items()}

    def read(self, line: str) -> None:
        """Take one call."""
        assert "unfinished" not in line, "more than one thread"
        found = _LINE.match(line)
        if found is None:
            return  # it failed, or it was the end
        name, arguments, _, opened = found.groups()
        strings = [_unescaped(each) for each in _STRING.findall(arguments)]
        match name:
            case "open" | "openat" | "creat":
                if "O_CREAT" in arguments:
                    self._create(_unescaped(opened))
            case "write" | "sendto" | "sendmsg":
                self._tell(name, arguments)
            case "pwrite64":
                self._write(arguments, strings[0])
            case "fsync" | "fdatasync":
                self._sync(_path_of(arguments))
            case "rename" | "renameat" | "renameat2" | "link" | "linkat" | "unlink" | "unlinkat":
                self._enter(name, _paths_of(arguments))
            case _:
                assert not any(each in line for each in map(_escaped, self._directories)), line

    def _create(self, path: str) -> None:
        if os.path.dirname(path) in self._directories and path not in self._names:
            number = len(self._files)
            self._files.append(b"")
            self.operations.append(Create(path, number))
            self._change(os.path.dirname(path), ((path, number),))

    def _tell(self, name: str, arguments: str) -> None:
        path = _path_of(arguments)
        assert os.path.dirname(path) not in self._directories, "write() is not understood"
        is_output = name == "write" and arguments.startswith("1<")
        if is_output if self._told_by_output else _TELLING.search(arguments):
            self.operations.append(Shown())

    def _write(self, arguments: str, content: str) -> None:
        number = self._names.get(_path_of(arguments))
        if number is None:
            return
        offset, written = int(arguments.rpartition(", ")[2]), content.encode("latin-1")
        old = self._files[number].ljust(offset, b"\0")
        self._files[number] = old[:offset] + written + old[offset + len(written) :]
        self.operations.append(Write(number, offset, written))

    def _sync(self, path: str) -> None:
        if path in self._directories:
            self.operations.append(SyncDirectory(path))
        elif path in self._names:
            self.operations.append(SyncFile(self._names[path]))

    def _enter(self, name: str, paths: list[str]) -> None:
        directory = os.path.dirname(paths[0])
        if directory not in self._directories:
            return
        assert all(os.path.dirname(each) == directory for each in paths)
        number = self._names[paths[0]]
        if name.startswith("unlink"):
            self._change(directory, ((paths[0], None),))
        elif name.startswith("link"):
            self._change(directory, ((paths[1], number),))
        else:
            self._change(directory, ((paths[0], None), (paths[1], number)))

    def _change(self, directory: str, entries: tuple[tuple[str, int | None], ...]) -> None:
        change = Enter(directory, entries)
        for path, number in entries:
            self._names.pop(path, None)
            if number is not None:
                self._names[path] = number
        self.operations.append(change)


def _path_of(arguments: str) -> str:
    found = _DESCRIPTOR.match(arguments)
    return _unescaped(found[2]) if found else ""


def _paths_of(arguments: str) -> list[str]:
    """Return the full paths of a call that takes directories and names."""
    directory = "/"
    paths = []
    for part in arguments.split(", "):
        if (found := _DESCRIPTOR.match(part)) is not None:
            directory = _unescaped(found[2])
        elif (string := _STRING.fullmatch(part)) is not None:
            paths.append(os.path.join(directory, _unescaped(string[1])))
    return paths


def _unescaped(text: str) -> str:
    return re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), text)


def _escaped(path: str) -> str:
    return "".join(f"\\x{ord(each):02x}" for each in path)
