"""Running the command in a store of its own, in this process or on a terminal."""

from __future__ import annotations

import io
import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple
from unittest.mock import patch

from pam_tfa.cli.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = "daemon"  # an account that every Linux host has
OTHER_ACCOUNT = "bin"


class Result(NamedTuple):
    """What a run of the command left behind."""

    exit_status: int
    stdout: str
    stderr: str
    log: list[str]


class Place:
    """A configuration, a store and a sealing key below one directory."""

    def __init__(self, directory: Path, unenrolled: str | None = "skip") -> None:
        self.directory = directory
        self.config = directory / "config.toml"
        self.users = directory / "store" / "users"
        self.seal_key = directory / "seal.key"
        rule = f'unenrolled = "{unenrolled}"\n' if unenrolled else ""
        self.config.write_text(
            f'{rule}issuer = "web1"\n[paths]\n'
            f'store = "{self.users}"\nseal_key = "{self.seal_key}"\n'
        )
        self.config.chmod(0o600)

    def run(
        self,
        *arguments: str,
        stdin: bytes | None = b"",
        environment: dict[str, str] | None = None,
        euid: int = 0,
    ) -> Result:
        """Run the command in this process.

        Args:
            arguments: after --config.
            stdin: what is piped in.
            environment: added to an otherwise empty one.
            euid: who the process pretends to be.
        """
        return run(
            "--config",
            str(self.config),
            *arguments,
            stdin=stdin,
            environment=environment,
            euid=euid,
        )

    def initialized(self) -> Place:
        """Make the store and the key."""
        result = self.run("init")
        assert result.exit_status == 0, result.stderr
        return self

    def snapshot(self) -> dict[str, tuple[int, bytes]]:
        """Return everything below the directory: name, mode, content."""
        return {
            str(each.relative_to(self.directory)): (
                each.lstat().st_mode,
                each.read_bytes() if each.is_file() and not each.is_symlink() else b"",
            )
            for each in sorted(self.directory.rglob("*"))
        }

    def record(self, account: str = ACCOUNT) -> Path:
        """Return the path of an account's record."""
        return self.users / f"{account}.json"


def run(
    *arguments: str,
    stdin: bytes | None = b"",
    environment: dict[str, str] | None = None,
    euid: int = 0,
) -> Result:
    """Run the command in this process; see Place.run."""
    log: list[str] = []
    with ExitStack() as stack:
        out, err = _stream(stack), _stream(stack)
        stack.enter_context(patch.object(sys, "stdin", _piped(stack, stdin)))
        stack.enter_context(patch.object(sys, "stdout", out))
        stack.enter_context(patch.object(sys, "stderr", err))
        stack.enter_context(patch.dict(os.environ, environment or {}, clear=True))
        stack.enter_context(patch.object(os, "geteuid", lambda: euid))
        stack.enter_context(
            patch(
                "pam_tfa.cli.context.write_event", lambda _ident, _priority, line: log.append(line)
            )
        )
        status = main(list(arguments))
        return Result(status, _text(out), _text(err), log)


def _stream(stack: ExitStack) -> io.TextIOWrapper:
    return stack.enter_context(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


def _piped(stack: ExitStack, content: bytes | None) -> io.TextIOWrapper | None:
    if content is None:
        return None
    reader, writer = os.pipe()
    os.write(writer, content)
    os.close(writer)
    return stack.enter_context(open(reader, encoding="utf-8"))
