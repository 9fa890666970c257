#!/bin/bash
# Install the Debian packages that a task needs. This file is the one place that lists them.
#
# usage: scripts/packages.sh build|demo|bench|test
#
# Installs only what is missing, and refreshes the package lists only when that is needed for it. No service is
# started, and an openssh-server that was not here before is left disabled.
set -euo pipefail

BUILD=(
    ca-certificates # pip verifies PyPI's certificate
    gcc libc6-dev make
    libpam0g-dev # headers of the module
    python3-dev  # headers and libpython for the helper
    python3-venv
)
DEMO=(
    openssh-client
    openssh-server # the demo's sshd is a copy of it under another name
    util-linux     # unshare, mount
)
BENCH=(
    libpam-google-authenticator # what people would use instead
    libpam-oath                 # another one
    passwd                      # useradd
    util-linux                  # unshare, mount, findmnt
)
TEST=(
    binutils   # nm, readelf: what the binaries export and need
    e2fsprogs  # a disk that is full
    gettext    # msgfmt checks the translations
    login      # a real console login
    oathtool   # an independent maker of codes
    openssl    # certificates and hostile configuration
    pamtester  # a client of PAM written by others
    procps     # ps, pgrep
    shellcheck
    strace     # kills at every system call, files that are opened
    sudo
)
readonly BUILD DEMO BENCH TEST

fail() {
    printf 'packages.sh: %s\n' "$*" >&2
    exit 1
}

wanted_packages() {
    case ${1-} in
        build) printf '%s\n' "${BUILD[@]}" ;;
        demo) printf '%s\n' "${BUILD[@]}" "${DEMO[@]}" ;;
        bench) printf '%s\n' "${BUILD[@]}" "${BENCH[@]}" ;;
        test) printf '%s\n' "${BUILD[@]}" "${DEMO[@]}" "${BENCH[@]}" "${TEST[@]}" ;;
        *) fail "unknown task '${1-}': use build, demo, bench or test." ;;
    esac
}

is_installed() {
    [[ $(dpkg-query --show --showformat '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

check_that_packages_can_be_installed() {
    [[ $EUID -eq 0 ]] || fail "missing packages: $*. Install them as root: sudo apt-get install $*"
    [[ ! -e /run/pam-tfa-namespace ]] || fail "missing packages: $*. Install them outside the test namespace."
}

apt_install() {
    DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get install --yes --quiet --no-install-recommends \
        -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -- "$@" </dev/null
}

# The lists of a fresh machine are empty, and stale ones name versions that the mirror no longer has.
install_packages() {
    echo "Installing Debian packages: $*"
    if ! apt_install "$@" >"$log" 2>&1; then
        apt-get update --quiet -o DPkg::Lock::Timeout=300 >"$log" 2>&1 </dev/null || { cat "$log" >&2; fail "apt-get update failed."; }
        apt_install "$@" >"$log" 2>&1 || { cat "$log" >&2; fail "apt-get install failed for: $*"; }
    fi
}

# Debian's convention: a policy-rc.d that exits 101 keeps packages from starting their services.
forbid_service_starts() {
    if [[ ! -e /usr/sbin/policy-rc.d ]]; then
        printf '#!/bin/sh\n# pam-tfa: no service starts while its packages are installed\nexit 101\n' >/usr/sbin/policy-rc.d
        chmod 0755 /usr/sbin/policy-rc.d
        policy_is_ours=yes
    fi
}

clean_up() {
    if [[ -n $policy_is_ours ]]; then
        rm -f /usr/sbin/policy-rc.d
    fi
    rm -f "$log"
}

# Who wanted a demo did not ask for a host that can be logged in to from the network after the next boot.
disable_new_ssh_server() {
    if command -v systemctl >/dev/null; then
        systemctl --quiet disable ssh.service ssh.socket 2>/dev/null || true
    fi
    update-rc.d ssh disable >/dev/null 2>&1 || true
    echo "openssh-server is new here: its service was not started and is disabled (systemctl enable --now ssh turns it on)."
}

main() {
    local package wanted missing=()
    wanted=$(wanted_packages "$@")
    command -v dpkg-query >/dev/null || fail "this is not Debian or one of its descendants: install the equivalents of ${wanted//$'\n'/ }."
    for package in $wanted; do
        is_installed "$package" || missing+=("$package")
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    check_that_packages_can_be_installed "${missing[@]}"
    log=$(mktemp)
    trap clean_up EXIT
    forbid_service_starts
    install_packages "${missing[@]}"
    if [[ " ${missing[*]} " == *" openssh-server "* ]]; then
        disable_new_ssh_server
    fi
}

policy_is_ours=
log=
main "$@"
