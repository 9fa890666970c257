"""``sudo make install``: what is there afterwards, and that an upgrade is whole or not at all."""

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.install.machine import PREFIX, a_copy_of_the_checkout, on_a_machine_of_its_own

pytestmark = pytest.mark.timeout(300)


def _tree(*tops: Path) -> Iterator[Path]:
    for top in tops:
        yield top
        for directory, directories, files in os.walk(top):
            yield from (Path(directory, name) for name in (*directories, *files))


def test_what_was_installed_is_roots_and_writable_by_root_alone() -> None:
    """Root runs these files at every login, so nobody else may change one."""
    open_to_others = [
        str(path)
        for path in _tree(PREFIX, Path("/etc/pam-tfa"), Path("/var/lib/pam-tfa"))
        if path.lstat().st_uid != 0
        or (not path.is_symlink() and path.lstat().st_mode & (stat.S_IWGRP | stat.S_IWOTH))
    ]
    assert open_to_others == []


def test_sealing_key_and_store_are_there_and_closed() -> None:
    """The installer makes both, so that the first enrolment works."""
    assert stat.S_IMODE(Path("/etc/pam-tfa/seal.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(Path("/var/lib/pam-tfa/users").stat().st_mode) == 0o700


def test_module_lies_beside_pam_unix() -> None:
    """libpam finds a module by name in one directory only."""
    modules = [path.parent for path in Path("/usr/lib").glob("*/security/pam_unix.so")]
    assert [directory for directory in modules if (directory / "pam_tfa.so").exists()]


def test_command_ignores_the_callers_python_environment(tmp_path: Path) -> None:
    """Who runs it through a sudo that keeps variables must not choose its code."""
    trace = tmp_path / "trace"
    for name in ("sitecustomize", "pam_tfa", "argparse"):
        (tmp_path / f"{name}.py").write_text(f"open({str(trace)!r}, 'w')\n")
    hostile = {"PYTHONPATH": str(tmp_path), "PYTHONSTARTUP": str(tmp_path / "argparse.py")}
    subprocess.run(
        ["/usr/local/bin/pam-tfa", "--help"], env=hostile, cwd=tmp_path, check=True, stdout=-3
    )
    assert not trace.exists()


def test_private_environment_works_under_its_public_name() -> None:
    """PREFIX shows the release in use: PREFIX/bin/python has the package."""
    code = "import pam_tfa, pyotp, segno, cryptography, sys; print(sys.prefix)"
    command = [str(PREFIX / "bin/python"), "-I", "-c", code]
    result = subprocess.run(command, check=True, text=True, capture_output=True)
    assert result.stdout.strip() == str(PREFIX)


def test_upgrade_keeps_what_the_administrator_and_the_users_have() -> None:
    """A second installation replaces code, and nothing else."""
    result = on_a_machine_of_its_own(
        """
        echo 'unenrolled = "deny"' > /etc/pam-tfa/config.toml
        touch /var/lib/pam-tfa/users/kept
        state() { sha256sum /etc/pam.d/* /etc/pam-tfa/* /var/lib/pam-tfa/users/kept; }
        state > /run/before
        old=$(readlink /opt/pam-tfa/current)
        make install
        state | diff /run/before -
        [[ $(readlink /opt/pam-tfa/current) != "$old" ]]
        [[ -x /opt/pam-tfa/$old/libexec/pam-tfa-helper ]]
        make install >/dev/null
        [[ ! -e /opt/pam-tfa/$old && $(ls /opt/pam-tfa/releases | wc -l) == 2 ]]
        """
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Kept your /etc/pam-tfa/config.toml" in result.stdout
    assert "no PAM service uses it yet" in result.stdout


def test_configuration_as_shipped_follows_a_new_version(tmp_path: Path) -> None:
    """Who changed nothing gets the new version's comments and defaults."""
    copy = a_copy_of_the_checkout(tmp_path)
    with (copy / "etc/config.toml").open("a") as file:
        file.write("# a newer version\n")
    result = on_a_machine_of_its_own("make install; tail -1 /etc/pam-tfa/config.toml", copy)
    assert result.stdout.endswith("# a newer version\n"), result.stderr


@pytest.mark.parametrize(
    ("broken", "content"),
    [
        ("native/pam_tfa.c", "this is not C\n"),
        ("pam_tfa/login.py", "raise RuntimeError\n"),
        ("pam_tfa/cli/__main__.py", "def main(argv=None):\n    return 1\n"),
    ],
)
def test_failed_upgrade_leaves_the_installation_in_use(
    tmp_path: Path, broken: str, content: str
) -> None:
    """A build, a start or a preparation of the store that fails changes nothing that is used."""
    copy = a_copy_of_the_checkout(tmp_path)
    (copy / broken).write_text(content)
    result = on_a_machine_of_its_own(
        """
        used() { readlink /opt/pam-tfa/current; ls /opt/pam-tfa/releases
                 sha256sum /usr/lib/*/security/pam_tfa.so /etc/pam-tfa/*; }
        used > /run/before
        ! make install
        used | diff /run/before -
        pam-tfa --help >/dev/null
        """,
        copy,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "what was installed before is as it was" in result.stderr


@pytest.mark.parametrize("prefix", ["relative", "/opt/a b", "/opt/../etc", "/usr/local", "/tmp/x"])
def test_unfit_prefix_is_refused_before_anything_is_done(prefix: str) -> None:
    """Spaces break shebangs, /usr/local is not the installer's, /tmp is everybody's."""
    result = on_a_machine_of_its_own(f"make install PREFIX='{prefix}'")
    assert result.returncode != 0
    assert result.stderr.startswith("install: ")
    assert result.stdout == ""


def test_another_prefix_is_used_throughout() -> None:
    """PREFIX moves the private environment, the command's link and the helper's path."""
    result = on_a_machine_of_its_own(
        """
        make uninstall >/dev/null
        make install PREFIX=/opt/elsewhere/tfa >/dev/null
        readlink -f /usr/local/bin/pam-tfa
        grep -ao '/opt/elsewhere/tfa/[^ ]*helper' /usr/lib/*/security/pam_tfa.so
        [[ ! -e /opt/pam-tfa ]]
        """
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("/opt/elsewhere/tfa/") == 2


def test_second_installation_at_once_is_refused() -> None:
    """Two would build into one directory, and take each other's release for an old one."""
    result = on_a_machine_of_its_own(
        """
        mkdir -p build
        exec 9>build/.install.lock
        flock 9
        make install
        """
    )
    assert result.returncode != 0
    assert "another installation runs" in result.stderr


def test_uninstall_finds_the_installation_by_its_command() -> None:
    """Nobody has to remember PREFIX, and a wrong one removes nothing."""
    result = on_a_machine_of_its_own(
        """
        make install PREFIX=/opt/elsewhere/tfa >/dev/null 2>&1
        make uninstall PREFIX=/opt/pam-tfa 2>&1 && exit 9
        test -x /opt/elsewhere/tfa/bin/pam-tfa
        make uninstall
        test ! -e /opt/elsewhere/tfa && test ! -e /usr/local/bin/pam-tfa && echo gone
        """
    )
    assert result.stdout.splitlines()[-1] == "gone"
    assert "/opt/elsewhere/tfa" in result.stdout
