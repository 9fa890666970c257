"""Where accounts come from: a source that none of the known ones came from may be down."""

from pathlib import Path

import pytest

from pam_tfa.cli.name_sources import silent_sources


def sources(directory: Path, passwd_line: str, *known: str) -> tuple[str, ...]:
    """Ask on a host with this line, with alice and root in its own file."""
    switch, accounts = directory / "nsswitch.conf", directory / "passwd"
    switch.write_text(f"# accounts\n{passwd_line}\ngroup: files ldap\n")
    accounts.write_text("root:x:0:0::/root:/bin/sh\nalice:x:1:1::/:/bin/sh\n")
    return silent_sources(known, str(switch), str(accounts))


@pytest.mark.parametrize(
    "line",
    ["passwd: files", "passwd:\tfiles systemd # sss", "passwd: compat [NOTFOUND=return]", ""],
)
def test_host_with_files_alone_has_no_silent_source(tmp_path: Path, line: str) -> None:
    """Nothing else can be down."""
    assert sources(tmp_path, line, "alice") == ()


@pytest.mark.parametrize("line", ["passwd: files sss", "passwd: files [!NOTFOUND=return] sss"])
def test_source_that_nobody_came_from_is_silent(tmp_path: Path, line: str) -> None:
    """One account from there shows that it works."""
    assert sources(tmp_path, line, "alice") == ("sss",)
    assert sources(tmp_path, line) == ("sss",)
    assert sources(tmp_path, line, "alice", "bob") == ()


def test_host_without_the_files_has_no_sources(tmp_path: Path) -> None:
    """glibc then has its defaults, which are files."""
    assert silent_sources((), str(tmp_path / "none"), str(tmp_path / "none")) == ()
