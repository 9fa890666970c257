"""A real sshd beside the machine's: another name, another PAM file, a port of its own.

sshd takes the name of its PAM service from its own file name, so that a link to it under another
name leaves the machine's configuration alone.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.harness.installation import CHECKOUT, require_namespace, require_tool
from tests.harness.pam_services import a_service, remove_service
from tests.harness.processes import children_of, end, wait_until
from tests.system.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAME = "sshd-tfa-test"
PROGRAM = Path("/usr/sbin") / NAME
DIRECTORY = Path("/etc/ssh-tfa-test")
HOST_KEY = DIRECTORY / "host_key"
LISTEN = "0A"  # TCP_LISTEN in /proc/net/tcp
USUAL = (
    "UsePAM yes",
    "KbdInteractiveAuthentication yes",
    "PasswordAuthentication no",
    "PermitRootLogin no",
    "PrintMotd no",
    "LogLevel VERBOSE",
)


class Sshd:
    """A running server."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid = pid
        self.port = port

    def connections(self) -> list[int]:
        """Return the processes that serve connections."""
        return children_of(self.pid)

    def log_in(self, user: str, *command: str, options: Sequence[str] = ()) -> Terminal:
        """Start ssh on a terminal.

        Args:
            user: on the server.
            command: what to run there; an interactive shell without one.
            options: more of ssh's -o options.
        """
        ssh = require_tool("ssh", "openssh-client")
        chosen = [
            "UserKnownHostsFile=/dev/null",
            "StrictHostKeyChecking=no",
            *options,
            "PreferredAuthentications=keyboard-interactive",
            "NumberOfPasswordPrompts=1",
            "IdentityFile=none",
        ]
        words = [word for option in chosen for word in ("-o", option)]
        return Terminal(
            [ssh, "-F", "none", *words, "-p", str(self.port), f"{user}@127.0.0.1", *command]
        )


def recommended_auth(*options: str) -> list[str]:
    """Return the auth lines of etc/pam.d/sshd, with more options for our line."""
    return [
        " ".join((line, *options)) if "pam_tfa.so" in line else line
        for line in _example_lines()
        if line.startswith(("@include common-auth", "auth"))
    ]


def other_lines() -> list[str]:
    """Return account, session and password lines of etc/pam.d/sshd."""
    auth = ("@include common-auth", "auth")
    return [line for line in _example_lines() if not line.startswith(auth)]


@contextlib.contextmanager
def an_sshd(*config: str, auth: Sequence[str] | None = None) -> Iterator[Sshd]:
    """Run a server.

    Args:
        config: lines of sshd_config that count before the usual ones.
        auth: auth lines of its PAM file; default: the example's, without the delay.
    """
    require_namespace()
    auth_lines = recommended_auth("nodelay") if auth is None else auth
    a_service(*auth_lines, *other_lines(), name=NAME)
    _make_program_and_key()
    port = _free_port()
    path = DIRECTORY / "config"
    listen = (f"Port {port}", "ListenAddress 127.0.0.1", f"HostKey {HOST_KEY}", "PidFile none")
    path.write_text("\n".join((*listen, *config, *USUAL)) + "\n")
    server = subprocess.Popen(
        [PROGRAM, "-D", "-f", path], stdin=subprocess.DEVNULL, env={"PATH": "/usr/bin:/bin"}
    )
    sshd = Sshd(server.pid, port)
    try:
        _wait_until_listening(server, port)
        yield sshd
    finally:
        for pid in sshd.connections():
            end(pid)
        server.terminate()
        server.wait()
        remove_service(NAME)


def authorize_new_key(home: str, uid: int) -> Path:
    """Make a key pair, allow it for an account, and return the private half's path."""
    key = Path(DIRECTORY, f"key-{uid}")
    _generate_key(key)
    directory = Path(home, ".ssh")
    directory.mkdir(mode=0o700)
    authorized = directory / "authorized_keys"
    authorized.write_text(key.with_suffix(".pub").read_text())
    os.chown(directory, uid, uid)
    os.chown(authorized, uid, uid)
    return key


def _example_lines() -> list[str]:
    lines = (CHECKOUT / "etc" / "pam.d" / "sshd").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _make_program_and_key() -> None:
    if not PROGRAM.exists():
        PROGRAM.symlink_to(require_tool("sshd", "openssh-server"))
    DIRECTORY.mkdir(exist_ok=True)
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    if not HOST_KEY.exists():
        _generate_key(HOST_KEY)


def _generate_key(path: Path) -> None:
    keygen = require_tool("ssh-keygen", "openssh-client")
    subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_listening(server: subprocess.Popen[bytes], port: int) -> None:
    """Wait without connecting: a connection would be one of those that tests count."""

    def listens() -> bool:
        assert server.poll() is None, "sshd ended at once"
        sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return any(each[1].endswith(f":{port:04X}") and each[3] == LISTEN for each in sockets)

    wait_until(listens, what="sshd listens")
