"""Where the installed product is, and the guard that keeps tests off the machine itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
NAMESPACE_MARK = Path("/run/pam-tfa-namespace")
PREFIX = Path("/opt/pam-tfa")
CONFIG = Path("/etc/pam-tfa/config.toml")
SEAL_KEY = Path("/etc/pam-tfa/seal.key")
USERS_DIR = Path("/var/lib/pam-tfa/users")
RUN_DIR = Path("/run/pam-tfa")
SOCKET = RUN_DIR / "pam-tfad.sock"
SLOTS_DIR = RUN_DIR / "slots"


def require_namespace() -> None:
    """Fail unless this runs in mounts of its own, where the machine can't be changed."""
    assert NAMESPACE_MARK.exists(), (
        "these tests change the machine they run on: use scripts/test-in-namespace.sh tests/pam"
    )


def require_tool(name: str, package: str) -> str:
    """Return a tool's path, or fail with the package that has it."""
    path = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    assert path is not None, f"{name} is missing: apt-get install {package}"
    return path


def module_path() -> Path:
    """Return the installed pam_tfa.so."""
    script = CHECKOUT / "scripts" / "module-directory.sh"
    found = subprocess.run([script], capture_output=True, text=True, check=True)
    return Path(found.stdout.strip(), "pam_tfa.so")


def helper_path() -> Path:
    """Return the file that the module executes: of the release in use, no link."""
    return (PREFIX / "libexec" / "pam-tfa-helper").resolve(strict=True)


def site_packages() -> Path:
    """Return the directory that the helper imports the product from."""
    (found,) = (PREFIX / "lib").glob("python3*/site-packages")
    return found.resolve(strict=True)


def record_path(account_name: str) -> Path:
    """Return the record file of an account with a plain name."""
    return USERS_DIR / f"{account_name}.json"
