#!/bin/bash
# Install this checkout in mounts of its own and run a command there.
#
# usage: sudo scripts/with-product.sh COMMAND [ARGUMENT...]      with this project's Python packages for it in PATH
set -euo pipefail

CHECKOUT=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
readonly CHECKOUT
cd "$CHECKOUT"

install_product() {
    local log=build/install-for-tests.log
    if ! PREFIX=/opt/pam-tfa scripts/install.sh >"$log" 2>&1 </dev/null; then
        cat "$log" >&2
        echo "with-product.sh: the installation failed." >&2
        exit 1
    fi
}

if [[ ! -e /run/pam-tfa-namespace ]]; then
    exec scripts/in-namespace.sh scripts/with-product.sh "$@"
fi
mkdir -p build
# This checkout, not a catalogue of an older one.
python -m pam_tfa.locale.compile
install_product
exec "$@"
