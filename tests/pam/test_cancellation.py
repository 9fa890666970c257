"""A thread that is cancelled while it starts a helper."""

import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
SOURCES = (
    Path(__file__).parent / "cancelled_host" / "cancelled.c",
    CHECKOUT / "native" / "spawn.c",
)


def test_cancellation_never_runs_in_the_child(tmp_path: Path) -> None:
    """The child shares the host's memory: its cleanup handlers there would crash the host."""
    program = tmp_path / "cancelled"
    flags = ("-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-pthread")
    include = CHECKOUT / "native"
    subprocess.run(["gcc", *flags, f"-I{include}", *SOURCES, "-o", program], check=True)
    run = subprocess.run([program, "/bin/true"], capture_output=True, text=True, check=False)
    assert run.stdout.splitlines() == ["started", "cancelled in the host", "alive"]
