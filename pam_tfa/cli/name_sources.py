"""Where the host's accounts come from: nsswitch.conf(5), and what of it answers.

A directory service that is down says "no such user" like one that works. What tells them apart
is an account that came from it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

SWITCH_FILE: Final = "/etc/nsswitch.conf"
ACCOUNTS_FILE: Final = "/etc/passwd"
# Read from files of this host, by glibc itself or by systemd.
LOCAL_SOURCES: Final = frozenset(
    {"files", "compat", "db", "systemd", "altfiles", "extrausers", "mymachines"}
)


def silent_sources(
    account_names: Collection[str],
    switch_file: str = SWITCH_FILE,
    accounts_file: str = ACCOUNTS_FILE,
) -> tuple[str, ...]:
    """Return the sources beyond this host, unless one of these accounts came from there.

    Args:
        account_names: accounts that the name service knows.
        switch_file: names the sources.
        accounts_file: the accounts of this host.

    Raises: OSError for a file that is there and can't be read.
    """
    remote = tuple(each for each in _sources(switch_file) if each not in LOCAL_SOURCES)
    if not remote:
        return ()
    local = {line.partition(":")[0] for line in _lines(accounts_file)}
    return () if any(name not in local for name in account_names) else remote


def _sources(switch_file: str) -> Iterator[str]:
    for line in _lines(switch_file):
        database, _, sources = line.partition("#")[0].partition(":")
        if database.strip() == "passwd":
            # [NOTFOUND=return] and its like are what to do, not where to look.
            yield from re.sub(r"\[[^]]*\]", " ", sources).split()


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read().splitlines()
    except FileNotFoundError:
        return []
