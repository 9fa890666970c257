"""Accounts that exist under odd names: each enrols, logs in, and has a record of its own."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.campaign.command_process import COMMAND
from tests.campaign.host_process import build_program
from tests.campaign.hostile_names import escaped
from tests.campaign.odd_accounts import ODD_NAMES, as_argument, odd_accounts, text_of
from tests.campaign.path_recording import (
    Touched,
    accounts_from_files_alone,
    read_paths,
    recording_paths,
)
from tests.campaign.raw_host import PAM_AUTH_ERR, PAM_SUCCESS, RawHost, Reply
from tests.harness.codes import hotp
from tests.harness.enrolled import a_store, an_enrolled_user
from tests.harness.installation import USERS_DIR, require_tool
from tests.harness.pam_services import a_module_service, remove_service
from tests.harness.users import User

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.campaign.figures import Figures
    from tests.harness.system_log import SystemLog

STORE_FILES = {".lock", ".store"}
PERIOD_S = 30
SHORT = 9
NO_LOCALE = {"LC_ALL": "C.UTF-8"}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the path of a PAM host that takes names as bytes."""
    return build_program("raw_host", tmp_path_factory.mktemp("host"), "-lpam")


@pytest.fixture(scope="module")
def odd_service() -> Iterator[str]:
    """Return a PAM service of these tests alone."""
    name = a_module_service("nodelay", name="tfa-odd")
    yield name
    remove_service(name)


@pytest.fixture
def uids() -> Iterator[dict[bytes, int]]:
    """Have the accounts; afterwards neither they nor their records are there."""
    before = set(os.listdir(USERS_DIR))
    with odd_accounts() as uids:
        yield uids
    for name in set(os.listdir(USERS_DIR)) - before:
        (USERS_DIR / name).unlink()


def run_command(*arguments: str, locale: dict[str, str] = NO_LOCALE) -> dict[str, object]:
    """Run a verb and return its JSON."""
    done = subprocess.run(
        [COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", **locale},
    )
    assert done.returncode == 0, (arguments, done.stderr)
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def enroll(name: bytes, locale: dict[str, str] = NO_LOCALE) -> bytes:
    """Enrol an account with the command; return the secret."""
    answer = run_command("enroll", "--no-confirm", "--json", "--", as_argument(name), locale=locale)
    assert answer["user"] == text_of(name)
    return base64.b32decode(str(answer["secret"]))


def code(secret: bytes, steps_ahead: int = 0) -> Reply:
    """Return what the phone shows."""
    return Reply(hotp(secret, int(time.time()) // PERIOD_S + steps_ahead).encode())


def records() -> set[str]:
    """Return the store's entries but its own."""
    return set(os.listdir(USERS_DIR)) - STORE_FILES


def test_each_odd_account_enrols_and_logs_in_with_a_record_of_its_own(
    program: str,
    odd_service: str,
    uids: dict[bytes, int],
    system_log: SystemLog,
    figures: Figures,
    campaign: bool,
) -> None:
    """None can use another one's code, and each login moves its own record alone."""
    before = records()
    names = ODD_NAMES if campaign else ODD_NAMES[:SHORT]
    with figures.measured("names: odd accounts enrolled and logged in") as figure:
        secrets = {name: enroll(name) for name in names}
        assert len(records() - before) == len(names)
        with RawHost(program, odd_service) as host:
            for name, secret in secrets.items():
                neighbour = secrets[names[names.index(name) - 1]]
                assert host.transact(name, [code(neighbour, 1)]).result == PAM_AUTH_ERR, name
                mark = system_log.mark()
                assert host.transact(name, [code(secret)]).result == PAM_SUCCESS, name
                system_log.wait_for(
                    r"outcome=success reason=code user=" + re.escape(escaped(name)) + "$", mark
                )
                figure.rounds += 1
        for name in names:
            stored = a_store().load(text_of(name), uids[name])
            assert stored is not None, name
            assert (stored.record.account_name, stored.record.uid) == (text_of(name), uids[name])
            assert stored.state.codes.failures == 0, name
            assert stored.state.authenticators[0].last_step > 0, name
        assert len(records() - before) == len(names)
        figure.outcome = "each with a record of its own"


def test_odd_account_names_no_path_but_its_record(
    program: str,
    odd_service: str,
    uids: dict[bytes, int],
    strace: str,
    figures: Figures,
    campaign: bool,
    tmp_path: Path,
) -> None:
    """Beside what a login of a plain account names; written to is that one file."""
    names = ODD_NAMES if campaign else ODD_NAMES[:SHORT]
    plain, odd = b"alice", [each for each in names if each != b"alice"]
    files = {}
    for name, uid in uids.items():
        earlier = records()
        an_enrolled_user(User(text_of(name), uid, uid, "/", ""))
        (files[name],) = records() - earlier
    with figures.measured("names: paths that odd accounts name, by strace") as figure:
        usual = _paths(program, odd_service, strace, tmp_path / "usual", [plain] * 2)
        assert Touched(files[plain].encode(), changing=True) in usual, "saw no record"
        named = _paths(program, odd_service, strace, tmp_path / "odd", odd)
        found = {each.path for each in named - usual}
        own = {files[name].encode() for name in odd}
        # What a killed writer of the record left is removed, where there is any.
        assert own <= found <= own | {b"." + file + b".new" for file in own}
        figure.rounds = len(odd)
        figure.outcome = "their own records' alone"


def test_command_takes_the_same_name_in_every_locale(
    program: str,
    odd_service: str,
    uids: dict[bytes, int],
    figures: Figures,
    campaign: bool,
    tmp_path: Path,
) -> None:
    """Root in an old locale enrols the record that the login looks for."""
    assert uids
    make = [require_tool("localedef", "libc-bin"), "-i", "de_DE", "-f", "ISO-8859-1"]
    subprocess.run([*make, tmp_path / "de_DE.ISO-8859-1"], check=True, capture_output=True)
    old = {"LOCPATH": str(tmp_path), "LC_ALL": "de_DE.ISO-8859-1"}
    locales = [old, {"LC_ALL": "C"}, {"LC_ALL": "POSIX"}, {}, {"LC_ALL": "C.UTF-8"}]
    names = ["m\u00e4uschen".encode(), b"caf\xe9"]
    with (
        figures.measured("names: commands in other locales") as figure,
        RawHost(program, odd_service) as host,
    ):
        for locale in locales if campaign else locales[:1]:
            for name in names:
                secret = enroll(name, locale)
                assert host.transact(name, [code(secret)]).result == PAM_SUCCESS, (name, locale)
                run_command("reset", "--json", "--", as_argument(name), locale=locale)
                figure.rounds += 1
        figure.outcome = "the same record in each"


def _paths(program: str, service: str, strace: str, log: Path, names: list[bytes]) -> set[Touched]:
    """Record a wrong code of each account."""
    under = recording_paths(strace, log)
    with accounts_from_files_alone(), RawHost(program, service, under) as host:
        for name in names:
            assert host.transact(name, [Reply(b"000000")]).result == PAM_AUTH_ERR, name
    return read_paths(log)
