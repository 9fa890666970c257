#!/bin/bash
# Run a command where it can change the machine's files without changing the machine.
#
# usage: sudo scripts/in-namespace.sh COMMAND [ARGUMENT...]
#
# The command gets mounts of its own, in which the directories below are covered by overlays that live in memory,
# and process ids of its own. It can install the product, add users, write /etc/pam.d, start an sshd, listen at
# /dev/log. When it ends, whatever it wrote there and whatever it started is gone. The network is the host's, so
# that a reader can reach a demo's sshd from another terminal; the checkout and /tmp are the host's too, so that
# build caches and reports stay.
#
# /run is new and empty: the host's systemd, D-Bus and name-service sockets are out of reach.
# /run/pam-tfa-namespace exists inside only; tests that change a machine look for it first.
#
# Ctrl-C and the end of the terminal reach the command. To end it from elsewhere use kill -KILL: util-linux's
# unshare ignores SIGTERM while it waits, and takes the whole namespace with it when it is killed.
set -euo pipefail

CHECKOUT=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
STAGE=$CHECKOUT/build/namespace
COVERED=(/etc /opt /usr/local /usr/sbin /var /home)
readonly CHECKOUT STAGE COVERED

fail() {
    printf 'in-namespace.sh: %s\n' "$*" >&2
    exit 1
}

check_requirements() {
    [[ $# -gt 0 ]] || fail "no command given. Usage: sudo scripts/in-namespace.sh COMMAND [ARGUMENT...]"
    [[ $EUID -eq 0 ]] || fail "only root can mount: run it with sudo."
    command -v unshare >/dev/null || fail "unshare is missing: apt-get install util-linux"
    [[ -x /usr/bin/python3 ]] || fail "/usr/bin/python3 is missing: apt-get install python3"
    if ! grep -qw overlay /proc/filesystems; then
        modprobe overlay 2>/dev/null || fail "this kernel has no overlay file system (modprobe overlay failed)."
    fi
}

# The directory with PAM's own modules, as the packages put it.
module_directory() {
    "$CHECKOUT/scripts/module-directory.sh"
}

# Cover one directory by an overlay whose upper layer is in memory.
cover() {
    local directory=$1
    local layer=$STAGE/layers/${directory//\//_}
    mkdir -p "$layer/upper" "$layer/work"
    # A merged directory shows the upper one's owner and mode.
    chown --reference="$directory" "$layer/upper"
    chmod --reference="$directory" "$layer/upper"
    mount -t overlay overlay -o "lowerdir=$directory,upperdir=$layer/upper,workdir=$layer/work" "$directory" ||
        fail "can't lay an overlay over $directory. In a container it needs --privileged; see dmesg for the reason."
}

mounts_below() {
    awk -v top="$1/" 'index($5, top) == 1 { print $5 }' /proc/self/mountinfo
}

# Containers bind single files (resolv.conf, hosts) over /etc; an overlay shows the empty files beneath.
save_bound_files() {
    local file
    while read -r file; do
        if [[ -f $file ]]; then
            mkdir -p "$STAGE/files$(dirname "$file")"
            cp --dereference "$file" "$STAGE/files$file"
        fi
    done < <(mounts_below /etc)
    # With systemd-resolved this is a link into /run, which is hidden too.
    if [[ -L /etc/resolv.conf && -e /etc/resolv.conf ]]; then
        mkdir -p "$STAGE/files/etc"
        cp --dereference /etc/resolv.conf "$STAGE/files/etc/resolv.conf"
    fi
}

restore_bound_files() {
    if [[ -d $STAGE/files/etc ]]; then
        cp --recursive --remove-destination "$STAGE/files/etc/." /etc/
    fi
}

# /dev keeps its devices and terminals, but /dev/log becomes free for a listener of the tests' own.
cover_dev() {
    local below number=0
    mapfile -t below < <(mounts_below /dev | sort -u)
    for mount_point in "${below[@]}"; do
        mkdir -p "$STAGE/dev/$number"
        mount --bind "$mount_point" "$STAGE/dev/$number" 2>/dev/null || true
        number=$((number + 1))
    done
    cover /dev
    number=0
    for mount_point in "${below[@]}"; do
        if [[ -d $mount_point ]]; then
            mount --bind "$STAGE/dev/$number" "$mount_point" 2>/dev/null || true
        fi
        number=$((number + 1))
    done
    rm -f /dev/log
}

new_run() {
    mount -t tmpfs -o mode=0755,nosuid,nodev tmpfs /run
    mkdir -m 0755 /run/sshd /run/user
    mkdir -m 1777 /run/lock
    install -m 0664 -g utmp /dev/null /run/utmp
    : >/run/pam-tfa-namespace
}

# In the new namespace: hide the machine, then run the command under an init that reaps orphans.
enter() {
    local directory original=$PWD
    mkdir -p "$STAGE"
    mount -t tmpfs -o mode=0700 tmpfs "$STAGE"
    mkdir "$STAGE/checkout" "$STAGE/layers"
    mount --bind "$CHECKOUT" "$STAGE/checkout"
    save_bound_files
    for directory in "${COVERED[@]}" "$(module_directory)"; do
        cover "$directory"
    done
    cover_dev
    restore_bound_files
    new_run
    # A checkout below /home or /opt is hidden by now, and what is built in it has to stay.
    mkdir -p "$CHECKOUT"
    mount --bind "$STAGE/checkout" "$CHECKOUT"
    cd "$original" 2>/dev/null || cd "$CHECKOUT"
    exec /usr/bin/python3 -I "$CHECKOUT/scripts/namespace_init.py" "$@"
}

if [[ ${1-} == --inside ]]; then
    shift
    enter "$@"
fi
check_requirements "$@"
exec unshare --mount --propagation private --pid --fork --kill-child --mount-proc -- \
    "$CHECKOUT/scripts/in-namespace.sh" --inside "$@"
