"""A process that injects errors and prints what came of them, as one line of JSON.

It has its own store, key, configuration and log in mounts of its own, so that several of them
rotate keys and prune records side by side, and has imported the installed product, so that a
child of it needs no start.

Arguments: an Order as JSON.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import hashlib
import json
import os
import select
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pam_tfa.core import backup_codes
from pam_tfa.enrollment import make_backup_codes
from pam_tfa.store import key_file
from pam_tfa.store.files import FileStore
from pam_tfa.store.sealing import create_seal_key
from tests.campaign.injected_commands import command_targets
from tests.campaign.injected_login_targets import login_targets
from tests.campaign.injections import spread_over
from tests.campaign.injector import Injector
from tests.harness.faults import mount
from tests.harness.installation import CONFIG, RUN_DIR, USERS_DIR, require_namespace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.campaign.injections import Target

FORKED = ("helper", "command")
LOG = Path("/dev/log")
FAILURES_AT_MOST = 400
# A lock that is held by nobody but an injected EACCES need not be waited for as long as a real one.
LOCK_WAIT_S = 0.05


class Order(NamedTuple):
    """What a worker is to do.

    Attributes:
        library: fail_at_call.c, built.
        subject: "helper", "command", "installed helper", "installed command" or "module".
        targets: how many scenarios or verbs, spread over all; 0: each.
        wanted: how many injections all workers make together, spread over all; 0: each.
        share: which of them are this worker's, from 0, and
        of: of how many workers.
        accounts: names of accounts.
        host: a PAM host's path, and
        service: its PAM service.
        only: part of the targets' names, to look into one.
    """

    library: str
    subject: str
    targets: int
    wanted: int
    share: int
    of: int
    accounts: tuple[str, ...]
    host: str = ""
    service: str = ""
    only: str = ""


class Log:
    """Takes what is sent to /dev/log, in this process's mounts alone."""

    def __init__(self, *, in_background: bool) -> None:
        """Listen.

        Args:
            in_background: take lines while somebody writes them: libpam writes more than the ten
                that a socket holds, and waits for ever where it can't.
        """
        self._lines: list[str] = []
        self._reading = threading.Lock()
        place = Path(tempfile.mkdtemp(prefix="injections-")) / "log"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(place))
        self._socket.setblocking(False)
        if not os.path.lexists(LOG):
            LOG.touch()
        mount("--bind", str(place), str(LOG))
        place.unlink()
        place.parent.rmdir()
        if in_background:
            threading.Thread(target=self._keep_reading, daemon=True).start()

    def lines(self) -> list[str]:
        """Return what came since the last time."""
        self._read()
        with self._reading:
            found, self._lines = self._lines, []
        return found

    def _read(self) -> None:
        with self._reading, contextlib.suppress(BlockingIOError):
            while True:
                self._lines.append(self._socket.recv(65536).decode(errors="replace"))

    def _keep_reading(self) -> None:
        while select.select([self._socket], [], []):
            self._read()


def make_private_installation() -> None:
    """Cover the store, its key, the configuration and the slots by empty ones of our own."""
    require_namespace()
    for directory in (CONFIG.parent, USERS_DIR.parent, RUN_DIR):
        directory.mkdir(exist_ok=True)
        mount("-t", "tmpfs", "-o", "mode=0755", "injections", str(directory))
    FileStore(str(USERS_DIR)).initialize()
    create_seal_key()
    CONFIG.write_text('unenrolled = "skip"\n')


def make_forks_cheap() -> None:
    """Leave out what costs much and calls nothing: hashing at its full price, waiting in vain."""
    cheap = functools.partial(hashlib.scrypt, p=1, dklen=backup_codes.DIGEST_BYTES)
    backup_codes.scrypt = lambda code, salt, **_: cheap(code, salt=salt, n=2, r=1)  # type: ignore[attr-defined]  # its own import
    assert FileStore.__init__.__kwdefaults__ is not None
    FileStore.__init__.__kwdefaults__["lock_wait_s"] = LOCK_WAIT_S
    key_file.LOCK_WAIT_S = LOCK_WAIT_S


def targets_of(order: Order, injector: Injector, log: Log) -> Iterator[Target]:
    """Return what an order wants disturbed."""
    codes = make_backup_codes(os.urandom, int(time.time()))
    if order.subject.endswith("command"):
        return command_targets(injector, log, order, codes)
    return login_targets(injector, log, order, codes)


def work(order: Order) -> dict[str, object]:
    """Do it; return what came of it."""
    begun_s = time.monotonic()
    make_private_installation()
    is_forked = order.subject in FORKED
    log = Log(in_background=not is_forked)
    if is_forked:
        make_forks_cheap()
    injector = Injector(order.library)
    gc.disable()  # a collection touches every object, and a child has to copy what it touches
    targets = [each for each in targets_of(order, injector, log) if order.only in each.name]
    targets = spread_over(targets, order.targets)
    for target in targets[:1] if not is_forked else targets:
        target.injections()  # the first time may differ: a directory is made, a module imported
    pairs = [(target, each) for target in targets for each in target.injections()]
    prepared_s = time.monotonic() - begun_s
    chosen = spread_over(pairs, order.wanted)[order.share :: order.of]
    outcomes: Counter[str] = Counter()
    missed = 0
    failures: list[str] = []
    for target, injection in chosen:
        try:
            failed, outcome = target.disturb(injection)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to this injection
            notes = "; ".join(getattr(error, "__notes__", ()))
            failures.append(f"{target.name}: {injection}: {type(error).__name__}: {error}; {notes}")
            if len(failures) >= FAILURES_AT_MOST:
                break
            continue
        outcomes[outcome] += failed
        missed += not failed
    injector.close()
    return {
        "possible": len(pairs),
        "chosen": len(chosen),
        "missed": missed,
        "outcomes": outcomes,
        "failures": failures,
        "seconds": (prepared_s, time.monotonic() - begun_s),
        "calls": len({(target.name, each.process, each.name, each.nth) for target, each in chosen}),
    }


def main(arguments: Sequence[str]) -> None:
    """Work off one order."""
    order = Order(**json.loads(arguments[0]))
    print(json.dumps(work(order)))


if __name__ == "__main__":
    main(sys.argv[1:])
