"""Run installer and uninstaller where they meet a machine of their own."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).resolve().parent.parent.parent
PREFIX: Final = Path("/opt/pam-tfa")
INSIDE_MARK: Final = Path("/run/pam-tfa-namespace")
BUILT: Final = ("build-env", "wheels")


def on_a_machine_of_its_own(
    script: str, checkout: Path = CHECKOUT
) -> subprocess.CompletedProcess[str]:
    """Run a bash script in mounts of its own, on top of the test run's installation.

    Args:
        script: runs in the checkout, ends at the first command that fails.
        checkout: whose scripts are used.
    """
    assert INSIDE_MARK.exists(), "these tests change a machine: sudo make test"
    return subprocess.run(
        [checkout / "scripts/in-namespace.sh", "bash", "-euo", "pipefail", "-c", script],
        cwd=checkout,
        text=True,
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def a_copy_of_the_checkout(where: Path) -> Path:
    """Copy what is installed and what was fetched for it, to be changed by a test."""
    copy = where / "checkout"
    ignored = shutil.ignore_patterns(".git", "build", "__pycache__")
    shutil.copytree(CHECKOUT, copy, symlinks=True, ignore=ignored)
    for name in BUILT:
        shutil.copytree(CHECKOUT / "build" / name, copy / "build" / name, symlinks=True)
    return copy
