"""One account, enrolled with each peer in the way that the peer documents; state on a real disk."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.harness.codes import hotp
from tests.harness.enrolled import EnrolledUser, a_store, an_enrolled_user
from tests.harness.installation import USERS_DIR, require_namespace
from tests.harness.pam_services import a_service, remove_service
from tests.harness.system_log import LOG_SOCKET, SystemLog
from tests.harness.users import User, a_user, remove_user

if TYPE_CHECKING:
    from collections.abc import Iterator

PERMIT, OATH, GOOGLE, TFA = "pam_permit", "pam_oath", "pam_google_authenticator", "pam_tfa"
MODULES = (PERMIT, OATH, GOOGLE, TFA)
DIGITS = 6


class HotpCodes:
    """The codes of one secret, each given out once."""

    def __init__(self, secret: bytes, first_counter: int) -> None:
        self.secret = secret
        self._counter = first_counter

    def code(self) -> str:
        """Return the next code."""
        self._counter += 1
        return hotp(self.secret, self._counter - 1, DIGITS)


class Codes(NamedTuple):
    """Where each module's next code comes from."""

    user: User
    oath: HotpCodes
    google: HotpCodes
    tfa: EnrolledUser

    def next_code(self, module: str) -> str:
        """Return a good code that no login has had, empty where the module asks for none."""
        sources: dict[str, HotpCodes | EnrolledUser] = {
            OATH: self.oath,
            GOOGLE: self.google,
            TFA: self.tfa,
        }
        return sources[module].code() if module in sources else ""


@contextlib.contextmanager
def enrolled_accounts(disk: Path) -> Iterator[Codes]:
    """Enrol one account with everybody, with all state below a directory of a real disk.

    In the namespace of the tests the usual places are in memory, where a durable write costs
    nothing. Directories of the disk are laid over them for as long as this lasts.
    """
    require_namespace()
    with contextlib.ExitStack() as stack:
        state = Path(tempfile.mkdtemp(prefix="state-", dir=disk))
        stack.callback(shutil.rmtree, state)
        stack.enter_context(_a_log_listener())
        user = a_user("tfa-bench", home=True)
        stack.callback(remove_user, user.name)
        stack.enter_context(_mounted(state / "home", Path(user.home), user))
        stack.enter_context(_mounted(state / "store", USERS_DIR.parent, None))
        oath_file = state / "users.oath"
        codes = Codes(user, _enrol_oath(oath_file, user), _enrol_google(user), _enrol_tfa(user))
        for module, arguments in _module_arguments(oath_file).items():
            a_service(f"auth required {module}.so {arguments}", name=service_name(module))
            stack.callback(remove_service, service_name(module))
        yield codes


def service_name(module: str) -> str:
    """Return the PAM service that has this module in its one line."""
    return f"bench-{module}"


def _module_arguments(oath_file: Path) -> dict[str, str]:
    return {
        PERMIT: "",
        OATH: f"usersfile={oath_file} window=10 digits={DIGITS}",
        GOOGLE: "",
        TFA: "",
    }


def _enrol_tfa(user: User) -> EnrolledUser:
    a_store().initialize()
    return an_enrolled_user(user, otp_type="hotp", digits=DIGITS)


def _enrol_google(user: User) -> HotpCodes:
    """Write what google-authenticator(1) writes for --counter-based, without scratch codes."""
    secret = os.urandom(20)
    path = Path(user.home, ".google_authenticator")
    encoded = base64.b32encode(secret).decode().rstrip("=")
    path.write_text(f'{encoded}\n" HOTP_COUNTER 1\n" WINDOW_SIZE 10\n')
    path.chmod(0o400)
    os.chown(path, user.uid, user.gid)
    return HotpCodes(secret, first_counter=1)


def _enrol_oath(path: Path, user: User) -> HotpCodes:
    """Write a line of users.oath as its documentation has it."""
    secret = os.urandom(20)
    path.write_text(f"HOTP {user.name} - {secret.hex()}\n")
    path.chmod(0o600)
    return HotpCodes(secret, first_counter=0)


@contextlib.contextmanager
def _mounted(source: Path, target: Path, owner: User | None) -> Iterator[None]:
    source.mkdir()
    os.chmod(source, target.stat().st_mode & 0o7777)
    if owner is not None:
        os.chown(source, owner.uid, owner.gid)
    subprocess.run(["mount", "--bind", source, target], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", target], check=True)


@contextlib.contextmanager
def _a_log_listener() -> Iterator[None]:
    """Take the modules' log lines, as a running system does; the tests have their own listener."""
    if os.path.lexists(LOG_SOCKET):
        yield
        return
    log = SystemLog()
    try:
        yield
    finally:
        log.close()
