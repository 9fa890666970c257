#!/bin/bash
# Remove an installation made by install.sh.
#
# usage: sudo scripts/uninstall.sh      (in the environment: PREFIX, where it is not the one in use; UNDO=1; PURGE=1)
#
# While a PAM file names pam_tfa.so nothing is removed: a module that is named and missing locks everybody out.
# UNDO=1 takes the lines out first, as scripts/pam_lines.py says, and keeps copies of the files.
# Records, configuration and sealing key stay, so that a later installation goes on where this one stopped;
# PURGE=1 removes them too.
set -euo pipefail

CHECKOUT=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
COMMAND_LINK=/usr/local/bin/pam-tfa
# Where the installation in use is, as its command says.
INSTALLED=$(readlink "$COMMAND_LINK" || true)
INSTALLED=${INSTALLED%/bin/pam-tfa}
PREFIX=${PREFIX:-${INSTALLED:-/opt/pam-tfa}}
UNDO=${UNDO:-}
PURGE=${PURGE:-}
BACKUPS=/var/backups/pam-tfa
readonly CHECKOUT INSTALLED PREFIX UNDO PURGE COMMAND_LINK BACKUPS

fail() {
    printf 'uninstall: %s\n' "$*" >&2
    exit 1
}

check_requirements() {
    [[ $EUID -eq 0 ]] || fail "only root can uninstall: sudo make uninstall"
    [[ $PREFIX =~ ^(/[A-Za-z0-9._+-]+)+$ && $PREFIX != *..* ]] || fail "PREFIX must be an absolute path, not '$PREFIX'."
    if [[ -n $INSTALLED && $INSTALLED != "$PREFIX" ]]; then
        fail "the installation in use is below $INSTALLED, not $PREFIX: leave PREFIX out, or name that one."
    fi
    [[ $UNDO =~ ^1?$ ]] || fail "UNDO is '$UNDO'; it can only be 1 or absent."
    [[ $PURGE =~ ^1?$ ]] || fail "PURGE is '$PURGE'; it can only be 1 or absent."
}

pam_lines() {
    /usr/bin/python3 -I "$CHECKOUT/scripts/pam_lines.py" "$@"
}

leave_pam() {
    if [[ $UNDO == 1 ]]; then
        pam_lines undo --backups "$BACKUPS" || fail "nothing was removed."
    fi
    if ! pam_lines list >&2; then
        fail "the PAM lines above name pam_tfa.so, and without it those services would refuse everybody." \
            "Take them out, or let 'sudo make uninstall UNDO=1' do it. Nothing was removed."
    fi
}

remove_module() {
    local directory
    directory=$("$CHECKOUT/scripts/module-directory.sh")
    rm -f "$directory/pam_tfa.so" "$directory/.pam_tfa.so.new"
    echo "Removed $directory/pam_tfa.so"
}

# Only what install.sh makes: PREFIX may hold other things.
remove_environment() {
    local name
    if [[ $(readlink "$COMMAND_LINK") == "$PREFIX/bin/pam-tfa" ]]; then
        rm -f "$COMMAND_LINK"
    fi
    for name in bin lib libexec share pyvenv.cfg current; do
        if [[ -L $PREFIX/$name ]]; then
            rm -f "$PREFIX/$name"
        fi
    done
    rm -rf "$PREFIX/releases" "$PREFIX/.install.lock"
    if [[ -d $PREFIX ]]; then
        rmdir "$PREFIX" 2>/dev/null || echo "Left $PREFIX, which holds other files"
    fi
    rm -rf /run/pam-tfa
    echo "Removed the private environment below $PREFIX and the command"
}

# Where the configuration put records and key is the administrator's business; what is in the usual places goes.
remove_or_keep_data() {
    if [[ $PURGE == 1 ]]; then
        rm -rf /var/lib/pam-tfa /etc/pam-tfa
        echo "Removed records, configuration and sealing key (/var/lib/pam-tfa, /etc/pam-tfa)"
    else
        echo "Kept records, configuration and sealing key (/var/lib/pam-tfa, /etc/pam-tfa); 'sudo make uninstall PURGE=1' removes them"
    fi
}

main() {
    check_requirements
    leave_pam
    remove_module
    remove_environment
    remove_or_keep_data
}

main "$@"
