#!/bin/bash
# Print the directory that holds pam_unix.so: the only one in which libpam looks for a module named without a path.
set -euo pipefail

# Ask the package first: a foreign architecture may have a directory of its own beside the machine's.
from_package() {
    local package
    package=libpam-modules:$(dpkg --print-architecture)
    dpkg-query --listfiles "$package" | grep '/pam_unix\.so$'
}

from_file_system() {
    ls /lib/*/security/pam_unix.so /usr/lib/*/security/pam_unix.so \
        /lib64/security/pam_unix.so /lib/security/pam_unix.so 2>/dev/null
}

module=$(from_package 2>/dev/null || from_file_system || true)
module=${module%%$'\n'*}
if [[ -z $module || ! -e $module ]]; then
    echo "module-directory.sh: no pam_unix.so on this machine: apt-get install libpam-modules" >&2
    exit 1
fi
realpath "$(dirname "$module")"
