#!/bin/bash
# Show a real login with a second factor, and leave the machine as it was.
#
# usage: sudo scripts/demo.sh
#
# Debian's packages (a compiler, openssh-server) stay on the machine, with no service started. Everything else -
# installation, throw-away user, sshd, PAM file - exists only in the mounts of scripts/in-namespace.sh and is gone at
# the end. The sshd listens on 127.0.0.1, so on a terminal the reader can log in from another window.
set -euo pipefail

CHECKOUT=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
export PREFIX=/opt/pam-tfa
readonly CHECKOUT PREFIX
cd "$CHECKOUT"

if [[ $EUID -ne 0 ]]; then
    echo "demo.sh: it adds a user and starts an sshd, in mounts of its own, which takes root: sudo make demo" >&2
    exit 1
fi
if [[ ! -e /run/pam-tfa-namespace ]]; then
    scripts/packages.sh demo
    exec scripts/in-namespace.sh scripts/demo.sh
fi
echo "== Installing pam_tfa (as 'sudo make install' does, but only for this demo)"
# What it says after the empty line is for an installation that stays.
scripts/install.sh | sed '/^$/,$d'
exec "$PREFIX/bin/python3" -I scripts/demo.py
