"""A real sshd, a throw-away user, a login with password and code; then the reader's own turn.

scripts/demo.sh runs it where nothing that it changes is the machine's own. Exit status 0 means
that the password prompt, the code prompt and a shell were seen.
"""

from __future__ import annotations

import json
import os
import pty
import secrets
import select
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyotp

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).resolve().parent.parent
USER = "tfa-demo"
# sshd asks PAM for the service that its own file is named after, so that /etc/pam.d/sshd stays out.
SERVICE = "sshd-tfa-demo"
PLACE = Path("/run/pam-tfa-demo")
# Includes the delays of a loaded machine; a login takes about 0.2 s.
PATIENCE_S = 30.0
PROOF = "echo this shell belongs to: $(id -un)"
SSHD_CONFIG = f"""\
ListenAddress 127.0.0.1
HostKey {PLACE}/host_key
PidFile none
UsePAM yes
KbdInteractiveAuthentication yes
PasswordAuthentication no
PubkeyAuthentication no
AllowUsers {USER}
"""


class DemoError(Exception):
    """The demo did not show what it is there to show."""


class Login(NamedTuple):
    """What the throw-away user needs."""

    password: str
    secret: str  # base32


class Terminal:
    """A program on a terminal of its own; what it shows is shown here too."""

    def __init__(self, command: list[str]) -> None:
        self._seen = ""
        self._pid, self._master = pty.fork()
        if self._pid == 0:
            # A dumb terminal: bash then paints no title and no colours into the transcript.
            os.execvpe(command[0], command, {**os.environ, "TERM": "dumb"})  # noqa: S606 - fork's child

    def wait_for(self, text: str) -> None:
        """Show output until the text has come; what came before it is then done with."""
        deadline = time.monotonic() + PATIENCE_S
        while text not in self._seen:
            readable, _, _ = select.select([self._master], [], [], deadline - time.monotonic())
            chunk = self._read() if readable else ""
            if not chunk:
                raise DemoError(f"{text!r} did not appear")
            sys.stdout.write(chunk)
            sys.stdout.flush()
            self._seen += chunk
        self._seen = self._seen.split(text, 1)[1]

    def _read(self) -> str:
        try:
            return os.read(self._master, 4096).decode(errors="replace")
        except OSError:  # EIO: the program has closed its terminal
            return ""

    def type(self, text: str, *, shown_as: str = "") -> None:
        """Type a line. A prompt that does not echo gets a note instead."""
        sys.stdout.write(shown_as)
        os.write(self._master, text.encode() + b"\n")

    def end(self) -> int:
        """Wait for the program's end; returns its exit status."""
        while self._read():
            pass
        _, status = os.waitpid(self._pid, 0)
        os.close(self._master)
        return os.waitstatus_to_exitcode(status)


def run(*command: str, given: str | None = None) -> str:
    """Run a command to its end; returns what it printed."""
    program = shutil.which(command[0], path="/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    if program is None:
        raise DemoError(f"{command[0]} is not installed")
    result = subprocess.run(
        [program, *command[1:]], input=given, text=True, check=False, stdout=subprocess.PIPE
    )
    if result.returncode != 0:
        raise DemoError(f"{' '.join(command)} exited {result.returncode}: {result.stdout}")
    return result.stdout


def add_user() -> str:
    """Make the throw-away user; returns the password."""
    password = secrets.token_urlsafe(9)
    run("useradd", "--create-home", "--shell", "/bin/bash", USER)
    run("chpasswd", given=f"{USER}:{password}\n")
    run("touch", f"/home/{USER}/.hushlogin")
    return password


def enroll() -> str:
    """Enrol the user as an administrator's script would; returns the secret."""
    secret = json.loads(run("pam-tfa", "enroll", USER, "--no-confirm", "--json"))["secret"]
    if not isinstance(secret, str):
        raise DemoError("pam-tfa enroll --json printed no secret")
    return secret


def free_port() -> int:
    """Find a TCP port on 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running_sshd(port: int) -> Iterator[None]:
    """Run an sshd of the demo's own, with the example PAM file of this checkout."""
    PLACE.mkdir(mode=0o700)
    program = Path("/usr/sbin", SERVICE)
    program.symlink_to("/usr/sbin/sshd")
    shutil.copy(CHECKOUT / "etc/pam.d/sshd", f"/etc/pam.d/{SERVICE}")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(PLACE / "host_key"))
    (PLACE / "sshd_config").write_text(SSHD_CONFIG)
    log = (PLACE / "log").open("wb")
    command = [str(program), "-D", "-e", "-p", str(port), "-f", str(PLACE / "sshd_config")]
    with log, subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log) as sshd:
        try:
            wait_until_it_listens(port)
            yield
        except DemoError:
            print(f"\nsshd said:\n{(PLACE / 'log').read_text()}", file=sys.stderr)
            raise
        finally:
            sshd.terminate()


def wait_until_it_listens(port: int) -> None:
    """Wait for sshd's start."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError as error:
            if time.monotonic() > deadline:
                raise DemoError("sshd did not start") from error
            time.sleep(0.05)
        else:
            return


def ssh_command(port: int) -> list[str]:
    """Return the ssh command, the same for demo and reader: no key, no file of the caller's."""
    return [
        "ssh",
        *("-F", "none", "-p", str(port)),
        *("-o", "PubkeyAuthentication=no"),
        *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
        *("-o", "LogLevel=ERROR"),
        f"{USER}@127.0.0.1",
    ]


def show_login(login: Login, port: int) -> None:
    """Log in as a person would, on a terminal, and show it."""
    command = ssh_command(port)
    print(f"$ {' '.join(command)}")
    terminal = Terminal(command)
    terminal.wait_for("Password: ")
    terminal.type(login.password, shown_as="<the password>")
    terminal.wait_for("Verification code: ")
    code = pyotp.TOTP(login.secret).now()
    terminal.type(code, shown_as=f"<{code}, the code of this half minute>")
    terminal.wait_for("$ ")
    terminal.type(PROOF)
    terminal.wait_for(f"this shell belongs to: {USER}")
    terminal.wait_for("$ ")
    terminal.type("exit", shown_as="exit\n")
    if terminal.end() != 0:
        raise DemoError("ssh did not end well")


def let_the_reader_try(login: Login, port: int) -> None:
    """Enrol anew with a secret for the reader's phone, and wait for Enter."""
    print("\n== Your turn. Scan this with an authenticator app (or type the key):\n", flush=True)
    enroll_again = ["/usr/local/bin/pam-tfa", "enroll", USER, "--no-confirm", "--replace"]
    if subprocess.run(enroll_again, check=False).returncode != 0:
        raise DemoError("pam-tfa enroll --replace failed")
    print(f"\nIn another terminal:  {' '.join(ssh_command(port))}")
    print(f"Password:             {login.password}")
    print("Verification code:    what the app shows, or one of the backup codes above")
    try:
        input("\nPress Enter here to end the demo; user, sshd and installation then vanish. ")
    except (EOFError, KeyboardInterrupt):
        print()


def main() -> int:
    """Run the demo; returns the exit status."""
    try:
        print(f"\n== Adding the throw-away user {USER} and enrolling it")
        password = add_user()
        login = Login(password, enroll())
        port = free_port()
        print(f"== Starting a real sshd on 127.0.0.1:{port}")
        with running_sshd(port):
            print("== Logging in\n", flush=True)
            show_login(login, port)
            print("\n== Seen: the password prompt, the code prompt, the shell.")
            if sys.stdin.isatty() and sys.stdout.isatty():
                let_the_reader_try(login, port)
    except DemoError as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    print("== Done. Nothing of it stays on this machine.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
