"""A small store with all that the command tells apart, put back before each injection."""

from __future__ import annotations

import os
import pwd
import time
from typing import TYPE_CHECKING, NamedTuple

from pam_tfa.attempts import unseal_secrets
from pam_tfa.core.errors import RecordDamagedError
from pam_tfa.core.lockout import FailureCount
from pam_tfa.core.suspension import WITHOUT_END_S, Suspension
from pam_tfa.store.files import FileStore
from pam_tfa.store.sealing import SealKeyring
from pam_tfa.store.stored import encode_file
from tests.campaign.injected_account import InjectedAccount, step_now
from tests.harness.codes import hotp
from tests.harness.installation import CONFIG, SEAL_KEY, USERS_DIR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pam_tfa.core.backup_codes import BackupCodeSet
    from pam_tfa.core.state import State

GONE, OLD = "tfa-gone", "tfa-old"  # records whose accounts are gone, and renamed
GONE_UID = 59998
SENTINEL, LOCK_FILE = USERS_DIR / ".store", USERS_DIR / ".lock"
_STORE, _BESIDE_KEY = str(USERS_DIR), str(CONFIG.parent)
HALF_WAY = "half way"  # of a rename: under the new name, and still the old one's


class Enrollment(NamedTuple):
    """What an account has: with the same, the same codes are good."""

    uid: int
    secret: bytes
    backup: BackupCodeSet
    state: State

    def __repr__(self) -> str:
        state = self.state
        kind = "suspended" if state.suspension.until_s else f"{state.codes.failures} failures"
        return f"({self.secret[:2].hex()} {self.backup.salt[:2].hex()} {self.uid} {kind})"


Photo = dict[str, bytes]  # content by path
View = dict[str, Enrollment | str]


class World:
    """Accounts A and B, both enrolled, and records without accounts."""

    def __init__(self, accounts: Sequence[str], codes: tuple[BackupCodeSet, Sequence[str]]) -> None:
        self.a, self.b = accounts[:2]
        uid = pwd.getpwnam(self.a).pw_uid
        self._records = {
            self.a: InjectedAccount(self.a, codes),
            self.b: InjectedAccount(self.b, codes),
            GONE: InjectedAccount(GONE, codes, uid=GONE_UID),
            OLD: InjectedAccount(OLD, codes, uid=uid),
            "other uid": InjectedAccount(self.a, codes, uid=uid + 5000),
        }
        self._key, self._sentinel = SEAL_KEY.read_bytes(), SENTINEL.read_bytes()
        self._viewed: tuple[Photo, View] = ({}, {})

    def put(self, *enrolled: str, a_is: str = "") -> Photo:
        """Let these be enrolled and nobody else, with a fresh state.

        Args:
            enrolled: keys of the records.
            a_is: "suspended" or "locked".

        Returns: what is there now.
        """
        files = {str(SEAL_KEY): self._key, str(SENTINEL): self._sentinel, str(LOCK_FILE): b""}
        for each in enrolled:
            account = self._records[each]
            state = account.fresh
            now_s = int(time.time())
            if each == self.a and a_is == "suspended":
                suspension = Suspension(now_s - 1, WITHOUT_END_S, "")
                state = state._replace(suspension=suspension)
            elif each == self.a and a_is == "locked":
                state = state._replace(codes=FailureCount(100, now_s))
            files[str(account.path)] = encode_file(account.record, state)
        self.restore(files)
        return files

    def restore(self, photo: Photo) -> None:
        """Let the store and the key be as they were; the configuration stays.

        An empty photo leaves not even a directory.
        """
        os.makedirs(_STORE, mode=0o700, exist_ok=True)
        now = self.photograph()
        for path in now.keys() - photo.keys():
            os.unlink(path)
        for path, content in photo.items():
            if now.get(path) != content:
                _write(path, content)
        if not photo:
            os.rmdir(_STORE)

    def photograph(self) -> Photo:
        """Return the content of all files of the store and beside the key."""
        paths = [
            f"{directory}/{name}"
            for directory in (_STORE, _BESIDE_KEY)
            for name in os.listdir(directory)
        ]
        return {path: _read(path) for path in paths if path != str(CONFIG)}

    def view(self) -> View:
        """Return what is enrolled; a file that isn't whole raises."""
        photo = self.photograph()
        if photo != self._viewed[0]:
            store, keyring = FileStore(_STORE), SealKeyring.load()
            names = [os.path.basename(each)[:-5] for each in photo if _is_record(each)]
            view = {name: _enrollment(store, keyring, name) for name in sorted(names)}
            self._viewed = (photo, view)
        return self._viewed[1]

    def key_ids_of_records(self) -> set[str]:
        """Return the keys that records are sealed with."""
        records = list(FileStore(str(USERS_DIR)).records())
        assert not [each for each in records if isinstance(each, RecordDamagedError)]
        return {
            device.sealed_secret.key_id
            for record in records
            if not isinstance(record, RecordDamagedError)
            for device in record.authenticators
        }

    def check_logins(self, view: View, names: Sequence[str]) -> None:
        """Expect what each account's login has to come to; no code is used up."""
        photo = self.photograph()
        self._check_logins(view, names)
        # What a login has removed stays removed.
        is_left = {path: _is_record(path) or os.path.exists(path) for path in photo}
        self.restore({path: content for path, content in photo.items() if is_left[path]})

    def _check_logins(self, view: View, names: Sequence[str]) -> None:
        for name in names:
            enrollment = view.get(name)
            uid = pwd.getpwnam(name).pw_uid
            if enrollment is None:
                # A record of his uid is his, of a former name, until rename has run.
                has_one = any(isinstance(e, Enrollment) and e.uid == uid for e in view.values())
                expected, code = "unavailable" if has_one else "ignore", ""
            elif isinstance(enrollment, str):
                expected, code = "unavailable", "000000"
            else:
                code = hotp(enrollment.secret, step_now())
                expected = _expected(enrollment, uid)
            verdict = self._records[name].log_in(code)
            assert verdict == expected, f"{name}'s next login: {verdict}, not {expected}"

    def leftovers(self) -> set[str]:
        """Return the names of files that should not be there between two commands."""
        here = {each for each in os.listdir(_STORE) if each.startswith(".")}
        beside = set(os.listdir(_BESIDE_KEY))
        return (here - {".lock", ".store"}) | (beside - {CONFIG.name, SEAL_KEY.name})


def _is_record(path: str) -> bool:
    name = os.path.basename(path)
    return name.endswith(".json") and not name.startswith(".")


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read()


def _write(path: str, content: bytes) -> None:
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(opened, content)
    os.close(opened)


def _enrollment(store: FileStore, keyring: SealKeyring, name: str) -> Enrollment | str:
    try:
        stored = store.load(name)
    except RecordDamagedError as error:
        if error.field == "account_name":
            return HALF_WAY
        raise
    assert stored is not None
    assert not stored.damaged
    (secret,) = unseal_secrets(stored.record, keyring)
    return Enrollment(stored.record.uid, secret, stored.record.backup_codes, stored.state)


def _expected(enrollment: Enrollment, uid: int) -> str:
    if enrollment.uid != uid:
        return "unavailable"
    if enrollment.state.suspension.until_s:
        return "ignore"
    return "locked" if enrollment.state.codes.failures >= 100 else "success"
