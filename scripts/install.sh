#!/bin/bash
# Install this checkout, or upgrade an installation in place. Changes no PAM file: the module is there, not in use.
#
# usage: sudo scripts/install.sh            (PREFIX=/opt/pam-tfa in the environment says where)
#
# Everything is built first, in a new directory below PREFIX/releases; then a link and a file are renamed over the
# ones in use. A login that runs meanwhile finds either the old module with the old helper and its Python, or the
# new ones, never a mixture and never half a file: the module names its helper by the release's own path. A failure
# before that leaves the installation in use as it was. The release before this one stays for logins that run on it.
set -euo pipefail

CHECKOUT=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
PREFIX=${PREFIX:-/opt/pam-tfa}
PYTHON=/usr/bin/python3
BUILD=$CHECKOUT/build
BUILD_ENV=$BUILD/build-env
WHEELS=$BUILD/wheels
RELEASE_NAME=$(date -u +%Y%m%dT%H%M%SZ)-$$
RELEASE=$PREFIX/releases/$RELEASE_NAME
COMMAND_LINK=/usr/local/bin/pam-tfa
readonly CHECKOUT PREFIX PYTHON BUILD BUILD_ENV WHEELS RELEASE_NAME RELEASE COMMAND_LINK
# What PREFIX shows of the release in use.
readonly SHOWN=(bin lib libexec share pyvenv.cfg)

say() {
    printf '%s\n' "$*"
}

fail() {
    printf 'install: %s\n' "$*" >&2
    exit 1
}

check_requirements() {
    [[ $EUID -eq 0 ]] || fail "only root can install: sudo make install"
    [[ $PREFIX =~ ^(/[A-Za-z0-9._+-]+)+$ && $PREFIX != *..* ]] ||
        fail "PREFIX must be an absolute path of letters, digits and . _ + -, not '$PREFIX'."
    check_prefix_is_ours
    check_parents_are_trusted
    if [[ -e $COMMAND_LINK && ! -L $COMMAND_LINK ]]; then
        fail "$COMMAND_LINK is a file that this installer did not make: move it away."
    fi
}

# PREFIX=/usr/local would replace /usr/local/bin by a link.
check_prefix_is_ours() {
    local name
    for name in "${SHOWN[@]}" current; do
        if [[ -e $PREFIX/$name && ! -L $PREFIX/$name ]]; then
            fail "$PREFIX/$name is not this installer's: choose a PREFIX that is empty or a previous installation."
        fi
    done
}

# Whoever can write a directory on the way to the helper can put his own there, and root runs it.
check_parents_are_trusted() {
    local directory
    directory=$(realpath -m "$PREFIX")
    while [[ $directory != / ]]; do
        if [[ -e $directory && -n $(find -H "$directory" -maxdepth 0 \( ! -uid 0 -o -perm /022 \)) ]]; then
            fail "$directory must belong to root and be writable by root alone, because root will run what lies below it."
        fi
        directory=$(dirname "$directory")
    done
}

# Two at once would build into one directory, and remove each other's release as an old one.
take_lock() {
    mkdir -p "$BUILD" "$PREFIX"
    exec {lock_of_build}>"$BUILD/.install.lock" {lock_of_prefix}>"$PREFIX/.install.lock"
    if ! flock --nonblock "$lock_of_build" || ! flock --nonblock "$lock_of_prefix"; then
        fail "another installation runs; wait for its end."
    fi
}

# Nothing of the caller's Python set-up may reach what root runs here.
clean_environment() {
    umask 022
    unset PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONUSERBASE PYTHONDONTWRITEBYTECODE PYTHONOPTIMIZE
    unset VIRTUAL_ENV PYTHONPYCACHEPREFIX PYTHONWARNINGS CC CFLAGS CPPFLAGS LDFLAGS MAKEFLAGS
    cd "$CHECKOUT"
}

pip() {
    "$BUILD_ENV/bin/python" -m pip --quiet --disable-pip-version-check "$@"
}

# What builds: kept between runs, made anew when the interpreter changes.
make_build_environment() {
    local key
    key="$("$PYTHON" --version) $(sha256sum <pyproject.toml)"
    if [[ $(cat "$BUILD_ENV/key" 2>/dev/null) != "$key" ]]; then
        say "Making the build environment"
        rm -rf "$BUILD_ENV"
        "$PYTHON" -m venv "$BUILD_ENV"
        pip install --root-user-action=ignore 'flit_core>=3.8,<5' 'cffi>=1.15.1' 'setuptools>=66'
        printf '%s\n' "$key" >"$BUILD_ENV/key"
    fi
}

# Dependencies are looked up again after a day, so that a second "make install" brings their security fixes.
fetch_dependencies() {
    local key
    key="$(cat "$BUILD_ENV/key") $(date +%F)"
    if [[ $(cat "$WHEELS/key" 2>/dev/null) != "$key" ]]; then
        say "Fetching the run-time dependencies from PyPI"
        rm -rf "$WHEELS"
        mkdir -p "$WHEELS"
        pip wheel --prefer-binary --no-build-isolation --wheel-dir "$WHEELS" "$CHECKOUT"
        printf '%s\n' "$key" >"$WHEELS/key"
    fi
    rm -f "$WHEELS"/pam_tfa-*.whl
    pip wheel --no-deps --no-build-isolation --wheel-dir "$WHEELS" "$CHECKOUT"
}

# The private environment has no pip: nothing but this installer changes it.
make_release() {
    say "Building the private environment $RELEASE"
    mkdir -p "$PREFIX/releases"
    "$PYTHON" -m venv --without-pip "$RELEASE"
    pip --python "$RELEASE/bin/python3" install --root-user-action=ignore --no-index --no-deps "$WHEELS"/*.whl
    "$RELEASE/bin/python3" -I -m pam_tfa.locale.compile
    write_launcher
    mkdir -p "$RELEASE/libexec" "$RELEASE/share"
    install -m 0644 etc/config.toml "$RELEASE/share/config.toml"
}

# At the end, whatever it is.
finish() {
    local status=$?
    # Root built here; the next "make lint" may be the owner's.
    chown -R --reference="$CHECKOUT" "$BUILD"
    if [[ $status -ne 0 && $(readlink "$PREFIX/current") != "releases/$RELEASE_NAME" ]]; then
        rm -rf "$RELEASE"
        rmdir "$PREFIX/releases" "$PREFIX" 2>/dev/null || true
        echo "install: it failed; what was installed before is as it was." >&2
    fi
}

# pip's own launcher reads PYTHONPATH and the user's site directory; -I (isolated) does not. -Xutf8: names of accounts
# are the same bytes as at a login, also for root in an old locale, whose record no login would find. One word, because
# the kernel makes one argument of what follows the interpreter.
write_launcher() {
    cat >"$RELEASE/bin/pam-tfa" <<LAUNCHER
#!$RELEASE/bin/python3 -IXutf8
import sys

try:
    from pam_tfa.cli.__main__ import main
except Exception as error:  # a library that could be read in part raises anything
    # The command's own sentences are in what can't be loaded.
    print(f"pam-tfa: The command can't be loaded: {error}.", file=sys.stderr)
    sys.exit(4)

sys.exit(main())
LAUNCHER
    chmod 0755 "$RELEASE/bin/pam-tfa"
}

build_native() {
    say "Building pam_tfa.so and its helper"
    rm -rf "$BUILD/native"
    mkdir -p "$BUILD/native"
    make --silent -C native all OUT="$BUILD/native" PREFIX="$RELEASE" PYTHON="$PYTHON" \
        BUILD_PYTHON="$BUILD_ENV/bin/python" SITE_PACKAGES="$(site_packages)"
    install -m 0755 "$BUILD/native/pam-tfa-helper" "$RELEASE/libexec/pam-tfa-helper"
}

site_packages() {
    "$RELEASE/bin/python3" -I -c 'import sysconfig; print(sysconfig.get_path("purelib"))'
}

# What a login would only find out when it is too late.
check_release() {
    chmod -R go-w "$RELEASE"
    chown -R root:root "$RELEASE"
    "$RELEASE/bin/python3" -I -c 'import pam_tfa.service.helper, pam_tfa.login, pam_tfa.cli.__main__' ||
        fail "the new Python package does not start."
    "$PYTHON" -I -c 'import ctypes, os, sys; ctypes.CDLL(sys.argv[1], os.RTLD_NOW)' "$BUILD/native/pam_tfa.so" ||
        fail "the new pam_tfa.so can't be loaded."
    grep --quiet --fixed-strings "$RELEASE/libexec/pam-tfa-helper" "$BUILD/native/pam_tfa.so" ||
        fail "the new pam_tfa.so belongs to another release."
    "$PYTHON" -I scripts/greet_helper.py "$RELEASE/libexec/pam-tfa-helper" ||
        fail "the new helper does not start."
}

# An installation below another PREFIX is no longer used once this one is.
mention_previous_prefix() {
    local previous
    previous=$(readlink "$COMMAND_LINK" || true)
    previous=${previous%/bin/pam-tfa}
    if [[ -n $previous && $previous != "$PREFIX" ]]; then
        say "The installation below $previous is not used any more; you can remove that directory."
    fi
}

# The administrator's changes stay; a file that is still as shipped follows the new version.
install_configuration() {
    local target=/etc/pam-tfa/config.toml
    install -d -m 0755 /etc/pam-tfa
    if [[ ! -e $target ]] || cmp --silent "$target" "$PREFIX/share/config.toml"; then
        install -m 0644 etc/config.toml "$target.new"
        mv -T "$target.new" "$target"
    elif ! cmp --silent "$target" etc/config.toml; then
        say "Kept your $target (the one shipped now: $PREFIX/share/config.toml)"
    fi
}

replace_link() {
    ln -sfn "$1" "$2.new"
    mv -T "$2.new" "$2"
}

put_into_use() {
    local previous name module_directory
    module_directory=$(scripts/module-directory.sh)
    previous=$(readlink "$PREFIX/current" || true)
    install -m 0644 "$BUILD/native/pam_tfa.so" "$module_directory/.pam_tfa.so.new"
    replace_link "releases/$RELEASE_NAME" "$PREFIX/current"
    mv -T "$module_directory/.pam_tfa.so.new" "$module_directory/pam_tfa.so"
    for name in "${SHOWN[@]}"; do
        replace_link "current/$name" "$PREFIX/$name"
    done
    replace_link "$PREFIX/bin/pam-tfa" "$COMMAND_LINK"
    find "$PREFIX/releases" -mindepth 1 -maxdepth 1 \
        ! -name "$RELEASE_NAME" ! -name "${previous#releases/}" -exec rm -rf {} +
    say "Installed $module_directory/pam_tfa.so and $COMMAND_LINK"
}

report() {
    say
    if ! "$PYTHON" -I scripts/pam_lines.py list >/dev/null; then
        say "pam_tfa is installed; the PAM services that name it use the new version from now on."
        return
    fi
    say "pam_tfa is installed, and no PAM service uses it yet. Next:"
    say "  sudo pam-tfa enroll USER      gives USER a second factor"
    say "  etc/pam.d/ (in this checkout) shows the line that a service such as sshd needs"
    say "  keep a root shell open while you change a PAM file, and try the login in another window"
}

main() {
    check_requirements
    clean_environment
    take_lock
    scripts/packages.sh build
    mkdir -p "$BUILD"
    trap finish EXIT
    make_build_environment
    fetch_dependencies
    make_release
    build_native
    check_release
    install_configuration
    "$RELEASE/bin/pam-tfa" init
    mention_previous_prefix
    put_into_use
    report
}

main "$@"
