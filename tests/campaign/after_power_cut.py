"""A machine that comes up again with what a power cut has left, in memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pam_tfa.config import Config
from pam_tfa.dialogue import Account
from pam_tfa.store.files import FileStore
from tests.harness.installation import SEAL_KEY, USERS_DIR
from tests.unit.login.builders import FakeMachine, run

if TYPE_CHECKING:
    from tests.campaign.power_cut import Disk
    from tests.harness.enrolled import EnrolledUser

LATER_S = 90  # the code of then is none that anything before can have used up
PRIVATE = 0o600


class Machine(FakeMachine):
    """What logs in after the cut: the product's own flow and store, and a clock of the test's."""

    def __init__(self, directory: Path) -> None:
        self._places = {
            str(USERS_DIR): directory / "users",
            str(SEAL_KEY.parent): directory / "etc",
        }
        for place in self._places.values():
            place.mkdir(0o700)
        self.config = Config(
            unenrolled="skip",
            store_dir=str(directory / "users"),
            seal_key_path=str(directory / "etc" / SEAL_KEY.name),
        )
        self.store = FileStore(self.config.store_dir, lock_wait_s=0.5)
        self.accounts: dict[str, Account] = {}
        self.clock_s = self.caller = 0
        self.lines: list[str] = []

    def boots_with(self, disk: Disk, clock_s: int) -> None:
        """Hold exactly these files, and begin at a time."""
        self.clock_s = clock_s
        self.lines.clear()
        for place in self._places.values():
            for each in place.iterdir():
                each.unlink()
        paths: dict[int, Path] = {}
        for recorded, number, content in sorted(disk.files):
            directory, name = os.path.split(recorded)
            path = self._places[directory] / name
            if number in paths:
                path.hardlink_to(paths[number])
                continue
            paths[number] = path
            path.touch(PRIVATE)
            path.write_bytes(content)

    def enters(self, name: str, answer: str) -> str:
        """Log in with an answer, and return the verdict."""
        return run(self, answer.encode(), name).verdict

    def is_let_in(self, user: EnrolledUser, next_factor: int, name: str = "") -> None:
        """Fail unless the holder gets in a while later, and once with each code.

        At the first code, unless a write was torn or the device's clock is wrong: then two
        consecutive codes are needed, or 90 s of patience.

        Args:
            user: who.
            next_factor: a token's next counter, or by how many steps a phone is ahead.
            name: of the account, where it isn't called as the user was.
        """
        name = name or user.name
        stored = self.store.load(name)
        assert stored is not None
        is_token = user.otp.type == "hotp"
        is_simple = not stored.damaged and not stored.state.authenticators[0].needs_two_codes
        allowed = 1 if is_simple and (is_token or next_factor == 0) else 3
        verdicts: list[str] = []
        for number, pause_s in enumerate((LATER_S, 30, 60)[:allowed]):
            self.clock_s += pause_s
            code = user.code_at(next_factor + (number if is_token else self.clock_s // 30))
            verdicts.append(self.enters(name, code))
            if verdicts[-1] == "success":
                assert self.enters(name, code) != "success"
                return
        raise AssertionError(f"{name} is locked out: {verdicts}, {self.lines}")

    def leftovers(self) -> set[str]:
        """Return files of the store that nothing needs."""
        names = os.listdir(self.config.store_dir)
        return {each for each in names if each.startswith(".") and each not in (".lock", ".store")}
