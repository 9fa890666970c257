"""``sudo make uninstall``: never leaves a PAM file that names a module which is not there."""

import pytest

from tests.install.machine import on_a_machine_of_its_own

pytestmark = pytest.mark.timeout(300)


def test_refuses_while_a_pam_file_names_the_module() -> None:
    """A named module that is missing would lock everybody out."""
    result = on_a_machine_of_its_own(
        """
        sed -i '/@include common-auth/a auth required pam_tfa.so' /etc/pam.d/su
        ! make uninstall
        [[ -e /opt/pam-tfa/bin/pam-tfa ]] && ls /usr/lib/*/security/pam_tfa.so
        """
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "/etc/pam.d/su:" in result.stderr
    assert "UNDO=1" in result.stderr


def test_undo_takes_the_lines_out_and_keeps_copies() -> None:
    """UNDO=1 is the way out that the refusal names."""
    result = on_a_machine_of_its_own(
        """
        sed -i '/@include common-auth/a auth required pam_tfa.so' /etc/pam.d/su
        cp /etc/pam.d/su /run/su
        make uninstall UNDO=1
        cmp /run/su /var/backups/pam-tfa/*/su
        ! grep '^[^#]*pam_tfa' /etc/pam.d/*
        [[ ! -e /opt/pam-tfa && ! -L /usr/local/bin/pam-tfa ]]
        ! ls /usr/lib/*/security/pam_tfa.so
        """
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_undo_changes_nothing_where_one_file_needs_a_person() -> None:
    """All files or none: a half-undone machine is the worst of both."""
    result = on_a_machine_of_its_own(
        """
        sed -i '/@include common-auth/a auth required pam_tfa.so' /etc/pam.d/su
        printf 'auth required pam_tfa.so\\nauth required pam_permit.so\\n' > /etc/pam.d/key-and-code
        sha256sum /etc/pam.d/* > /run/before
        ! make uninstall UNDO=1
        sha256sum --quiet --check /run/before
        [[ -e /opt/pam-tfa/bin/pam-tfa ]]
        """
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert (
        "/etc/pam.d/key-and-code:1: without pam_tfa.so nothing in this file asks" in result.stderr
    )


def test_records_and_key_stay_unless_purged() -> None:
    """Who installs again goes on where he stopped; PURGE=1 is asked for by name."""
    result = on_a_machine_of_its_own(
        """
        touch /var/lib/pam-tfa/users/kept
        make uninstall
        ls /etc/pam-tfa/seal.key /etc/pam-tfa/config.toml /var/lib/pam-tfa/users/kept
        make uninstall PURGE=1
        [[ ! -e /etc/pam-tfa && ! -e /var/lib/pam-tfa ]]
        """
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Kept records, configuration and sealing key" in result.stdout
