#!/bin/bash
# Every check of form. The tox environment "lint" calls it, with ruff, cffi and setuptools in PATH.
# All checks run, so that one run shows everything; the exit status says whether any failed.
set -euo pipefail

CHECKOUT=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
readonly CHECKOUT
cd "$CHECKOUT"

failed=()

# check NAME COMMAND...: run it, remember a failure.
check() {
    local name=$1
    shift
    echo "lint: $name"
    "$@" || failed+=("$name")
}

require() {
    command -v "$1" >/dev/null || {
        echo "lint.sh: $1 is missing: apt-get install $2" >&2
        exit 1
    }
}

shell_files() {
    find scripts .ci -type f \( -name '*.sh' -o -name run \) -exec shellcheck {} +
}

# The flags, warnings as errors among them, are native/Makefile's own.
native() {
    rm -rf build/lint-native
    mkdir -p build/lint-native
    make --silent -C native all OUT="$CHECKOUT/build/lint-native" PYTHON=/usr/bin/python3 BUILD_PYTHON="$(command -v python)"
}

translations() {
    local file status=0
    while IFS= read -r -d '' file; do
        msgfmt --check --output-file=/dev/null "$file" || status=1
    done < <(find pam_tfa/locale -name '*.po' -print0)
    return "$status"
}

require shellcheck shellcheck
require msgfmt gettext
require gcc gcc
check "ruff check" ruff check .
check "ruff format" ruff format --check .
check shellcheck shell_files
check "C, warnings as errors" native
check translations translations
if [[ ${#failed[@]} -gt 0 ]]; then
    printf 'lint failed: %s\n' "${failed[@]}" >&2
    exit 1
fi
