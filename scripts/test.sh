#!/bin/bash
# Run this project's checks on a machine that has nothing but the checkout.
#
# usage: sudo scripts/test.sh                       all of them (tox.ini lists them: tox -av)
#        sudo scripts/test.sh tests [PYTEST-ARG...] the tests alone
#        sudo scripts/test.sh campaign [PYTEST-ARG...]
#        sudo scripts/test.sh bench [OPTION...]     what a login costs; --help lists the options
#        scripts/test.sh lint|types|floors|format   needs no root where the packages are installed
#
# Debian's packages come from scripts/packages.sh, Python's from PyPI into environments below build/, which are kept.
set -euo pipefail

CHECKOUT=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
TOX_ENV=$CHECKOUT/build/tox-env
TOX_REQUIREMENT='tox>=4.21,<5'
# What has a long form worth its minutes: races and kills, the store's own kills, the codes against oathtool.
CAMPAIGN=(tests/campaign tests/unit/store tests/unit/core/test_otp.py)
readonly CHECKOUT TOX_ENV TOX_REQUIREMENT CAMPAIGN

fail() {
    printf 'test.sh: %s\n' "$*" >&2
    exit 1
}

require_root() {
    [[ $EUID -eq 0 ]] || fail "this installs the product in mounts of its own, which takes root: sudo make test"
}

clean_environment() {
    umask 022
    unset PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONUSERBASE PYTHONOPTIMIZE VIRTUAL_ENV MAKEFLAGS MAKELEVEL
    cd "$CHECKOUT"
}

make_tox_environment() {
    local key
    key="$(/usr/bin/python3 --version) $TOX_REQUIREMENT"
    if [[ $(cat "$TOX_ENV/key" 2>/dev/null) != "$key" ]]; then
        echo "Making the environment that runs tox"
        rm -rf "$TOX_ENV"
        /usr/bin/python3 -m venv "$TOX_ENV"
        "$TOX_ENV/bin/python" -m pip --quiet --disable-pip-version-check install "$TOX_REQUIREMENT"
        printf '%s\n' "$key" >"$TOX_ENV/key"
    fi
}

run_tox() {
    local status=0
    "$TOX_ENV/bin/python" -m tox run "$@" || status=$?
    # Root built here; the next "make lint" may be the owner's.
    if [[ $EUID -eq 0 ]]; then
        chown -R --reference="$CHECKOUT" build
    fi
    return "$status"
}

main() {
    local task=${1-all}
    [[ $# -eq 0 ]] || shift
    case $task in
        all | tests | campaign | bench) require_root ;;
        lint | types | floors | format) ;;
        *) fail "unknown task '$task': use tests, campaign, bench, lint, types, floors or format." ;;
    esac
    clean_environment
    if [[ $task == bench ]]; then
        scripts/packages.sh bench
    else
        scripts/packages.sh test
    fi
    make_tox_environment
    case $task in
        all) run_tox ;;
        # A thousand rounds take longer than the time limit that finds a hang in the short form.
        campaign) run_tox -e tests -- --campaign --timeout=0 "${CAMPAIGN[@]}" "$@" ;;
        tests) run_tox -e tests -- "${@:-tests}" ;;
        bench) run_tox -e bench -- "$@" ;;
        *) run_tox -e "$task" ;;
    esac
}

main "$@"
