"""``scripts/in-namespace.sh``: what happens inside stays inside, and ends with the command."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.install.machine import CHECKOUT, on_a_machine_of_its_own


@pytest.mark.parametrize(
    "directory",
    ["/etc/pam.d", "/opt", "/usr/local/bin", "/usr/sbin", "/var/lib", "/home", "/run", "/dev"],
)
def test_file_written_inside_is_not_there_outside(directory: str) -> None:
    """The directories that installer, users, sshd and PAM write to are covered."""
    path = Path(directory, "written-inside")
    result = on_a_machine_of_its_own(f"touch {path} && ls {path}")
    assert result.stdout.strip() == str(path)
    assert not path.exists()


def test_process_left_behind_ends_with_the_command() -> None:
    """A daemon that a test forgot dies, wherever it hid."""
    result = on_a_machine_of_its_own("setsid sleep 4747 </dev/null >/dev/null 2>&1 & echo started")
    assert result.stdout == "started\n"
    running = [Path("/proc", pid, "cmdline") for pid in os.listdir("/proc") if pid.isdigit()]
    assert not [path for path in running if path.exists() and b"4747" in path.read_bytes()]


def test_killing_the_script_ends_what_it_runs(tmp_path: Path) -> None:
    """A time-out of the caller leaves nothing behind."""
    beat = tmp_path / "beat"
    script = f"while true; do touch {beat}; sleep 0.05; done"
    command = [str(CHECKOUT / "scripts/in-namespace.sh"), "bash", "-c", script]
    with subprocess.Popen(command) as process:
        while not beat.exists():
            time.sleep(0.05)
        process.kill()
    time.sleep(0.3)
    beat.unlink()
    time.sleep(0.3)
    assert not beat.exists()


@pytest.mark.parametrize(("script", "status"), [("exit 7", 7), ("kill -KILL $$", 137)])
def test_exit_status_is_the_commands(script: str, status: int) -> None:
    """A test that fails inside fails outside."""
    assert on_a_machine_of_its_own(script).returncode == status


def test_log_socket_can_be_listened_at() -> None:
    """Tests read what the module logs, and the host's log stays clean."""
    result = on_a_machine_of_its_own(
        """
        python3 - <<'END'
import socket, syslog
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind("/dev/log")
syslog.syslog("heard")
print(listener.recv(1000).decode())
END
        """
    )
    assert "heard" in result.stdout, result.stderr
