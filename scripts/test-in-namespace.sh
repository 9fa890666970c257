#!/bin/bash
# Install this checkout in mounts of its own and run pytest there. The tox environment "tests" calls it.
#
# usage: sudo scripts/test-in-namespace.sh PYTEST-ARG...      with pytest and its plug-ins in PATH
set -euo pipefail

CHECKOUT=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
readonly CHECKOUT
cd "$CHECKOUT"

install_product() {
    local log=build/install-for-tests.log
    if ! PREFIX=/opt/pam-tfa scripts/install.sh >"$log" 2>&1 </dev/null; then
        cat "$log" >&2
        echo "test-in-namespace.sh: the installation that the tests need failed." >&2
        exit 1
    fi
}

if [[ ! -e /run/pam-tfa-namespace ]]; then
    exec scripts/in-namespace.sh scripts/test-in-namespace.sh "$@"
fi
mkdir -p build
# The checkout under test, not a catalogue of an older one.
python -m pam_tfa.locale.compile
install_product
exec python -m pytest "$@"
