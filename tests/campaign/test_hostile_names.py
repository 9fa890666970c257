"""User names of an enemy, through the real module: refused, one log line, no path of theirs."""

from __future__ import annotations

import os
import pwd
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.campaign.host_process import build_program
from tests.campaign.hostile_names import NAMED, escaped, fields_of, generated_names, logged_as
from tests.campaign.path_recording import (
    Touched,
    accounts_from_files_alone,
    read_paths,
    recording_paths,
)
from tests.campaign.raw_host import (
    PAM_AUTH_ERR,
    PAM_RHOST,
    PAM_RUSER,
    PAM_TTY,
    RawHost,
    Reply,
)
from tests.harness.installation import CONFIG, USERS_DIR
from tests.harness.pam_services import a_module_service, remove_service

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.campaign.figures import Figures
    from tests.harness.system_log import LogLine, SystemLog

FULL, SHORT = 4000, 20
SHORT_TAKES_ONE_IN = 9
LONGEST_DATAGRAM = 8192
LOG_LIMIT_S = 5.0
PROMPT, REFUSAL = [b"Verification code: "], [b"Verification failed."]
KNOCKS = Reply(b"123456")
PLACES = (USERS_DIR, USERS_DIR.parent, Path("/var/lib"), CONFIG.parent, Path("/etc"), Path("/run"))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the path of a PAM host that takes names as bytes."""
    return build_program("raw_host", tmp_path_factory.mktemp("host"), "-lpam")


@pytest.fixture(scope="module")
def services() -> Iterator[list[str]]:
    """Return a PAM service for each processor, by which the log's lines are told apart."""
    names = [a_module_service("nodelay", name=f"tfa-names{n}") for n in range(os.cpu_count() or 1)]
    yield names
    for name in names:
        remove_service(name)


def lines_of(log: SystemLog, service: str, since: int) -> list[LogLine]:
    """Return what the logins of a service have logged since a mark."""
    return [line for line in log.lines(since) if f"pam_tfa({service}:auth): " in line.text]


def is_nobodys(name: bytes) -> bool:
    """Tell whether no account has this name."""
    try:
        pwd.getpwnam(os.fsdecode(name))
    except KeyError:
        return True
    return False


def knock(
    host: RawHost,
    log: SystemLog,
    name: bytes,
    items: Mapping[int, bytes] | None = None,
    *,
    asked_for: bool = False,
) -> str:
    """Log in with a name that is nobody's; hold it to a refusal and one line; return that."""
    since = log.mark()
    if asked_for:
        done = host.transact(None, [Reply(name), KNOCKS], items)
        done = done._replace(asked=done.asked[1:])
    else:
        done = host.transact(name, [KNOCKS], items)
    assert (done.result, done.asked, done.shown) == (PAM_AUTH_ERR, PROMPT, REFUSAL), name
    deadline_s = time.monotonic() + LOG_LIMIT_S
    while not (lines := lines_of(log, host.service, since)):
        assert time.monotonic() < deadline_s, ("no log line", name)
        time.sleep(0.0005)
    assert len(lines) == 1, (name, lines)
    datagram = lines[0].datagram
    assert all(0x20 <= byte < 0x7F for byte in datagram), datagram
    assert len(datagram) < LONGEST_DATAGRAM, name
    return lines[0].text.removeprefix(f"pam_tfa({host.service}:auth): ")


def knock_once(program: str, service: str) -> None:
    """Log in with a plain name: the first helper makes /run/pam-tfa."""
    with RawHost(program, service) as host:
        assert host.transact(b"nobody-at-all", [KNOCKS]).result == PAM_AUTH_ERR


def expected_line(name: bytes) -> str:
    """Return the whole line of a refusal of a name that is nobody's."""
    return f"event=login outcome=refused reason=unknown_user user={logged_as(name)}"


def entries() -> dict[str, list[str]]:
    """Return what lies where a name could have led a file to."""
    return {str(place): sorted(os.listdir(place)) for place in PLACES}


def test_named_names_are_refused_with_one_escaped_line(
    program: str, services: list[str], system_log: SystemLog, figures: Figures, campaign: bool
) -> None:
    """As PAM_USER, and as what is typed at the prompt for it."""
    knock_once(program, services[0])
    before = entries()
    with figures.measured("names: chosen by hand, as PAM_USER or typed") as figure:
        with RawHost(program, services[0]) as host:
            for number, name in enumerate(NAMED.values()):
                assert knock(host, system_log, name) == expected_line(name)
                figure.rounds += 1
                if campaign or number % SHORT_TAKES_ONE_IN == 0:
                    typed = knock(host, system_log, name, asked_for=True)
                    assert typed == expected_line(name)
                    figure.rounds += 1
        assert entries() == before
        figure.outcome = "refused, one escaped line each"


def test_other_items_are_escaped_as_well(
    program: str, services: list[str], system_log: SystemLog, figures: Figures, campaign: bool
) -> None:
    """Whoever owns an address chooses its host name, and a remote user his own name."""
    with (
        figures.measured("names: as remote host, remote user, terminal") as figure,
        RawHost(program, services[0]) as host,
    ):
        for name in list(NAMED.values())[:: 1 if campaign else SHORT_TAKES_ONE_IN]:
            # libpam itself fails where they don't fit into a message of the kernel's audit.
            items = dict.fromkeys((PAM_RHOST, PAM_RUSER, PAM_TTY), name[:1200])
            word = escaped(name)
            line = knock(host, system_log, b"nobody-at-all", items)
            assert line == (
                "event=login outcome=refused reason=unknown_user user=nobody-at-all "
                f"rhost={word} ruser={word} tty={word}"
            )
            assert len(fields_of(line)) == 7
            figure.rounds += 1
        figure.outcome = "one escaped line each"


@pytest.mark.timeout(900)
def test_generated_names_are_refused_with_one_escaped_line(
    program: str, services: list[str], system_log: SystemLog, figures: Figures, campaign: bool
) -> None:
    """Thousands of them, in one host a processor."""
    count = (FULL if campaign else SHORT) // len(services)

    def run(number: int) -> int:
        names = generated_names(random.Random(number))
        since = system_log.mark()
        with RawHost(program, services[number]) as host:
            for _ in range(count):
                name = next(each for each in names if is_nobodys(each))
                assert knock(host, system_log, name) == expected_line(name)
        return len(lines_of(system_log, services[number], since))

    knock_once(program, services[0])
    before = entries()
    with figures.measured("names: generated, through the module") as figure:
        with ThreadPoolExecutor(len(services)) as pool:
            logged = list(pool.map(run, range(len(services))))
        figure.rounds = sum(logged)
        assert logged == [count] * len(services)
        assert entries() == before
        figure.outcome = "refused, one escaped line each"


def test_no_name_that_is_nobodys_becomes_a_path(
    program: str,
    services: list[str],
    strace: str,
    figures: Figures,
    campaign: bool,
    tmp_path: Path,
) -> None:
    """Module and helper name the same paths to the kernel whatever the name is."""
    with (
        figures.measured("names: paths handed to the kernel, by strace") as figure,
        accounts_from_files_alone(),
    ):
        recorded = []
        hostile = list(NAMED.values())[:: 1 if campaign else 2]
        for number, names in enumerate(([b"nobody-a", b"nobody-b"], hostile)):
            log = tmp_path / str(number)
            with RawHost(program, services[0], recording_paths(strace, log)) as host:
                for name in names:
                    assert host.transact(name, [KNOCKS]).result == PAM_AUTH_ERR
            recorded.append(read_paths(log))
            figure.rounds += len(names)
        assert Touched(b"/etc/passwd", changing=False) in recorded[0], "saw no helper"
        assert recorded[1] == recorded[0]
        figure.outcome = f"the same {len(recorded[0])} paths"
