"""Start a helper as the module does and wait for its hello: an installation's last check.

usage: greet_helper.py PATH
"""

from __future__ import annotations

import os
import signal
import socket
import sys

HELLO = bytes([1, 1])  # version and type, see docs/PROTOCOL.md
LIMIT_S = 20
SOCKET_FD = 3


def main(path: str) -> int:
    """Return 0 where the helper said hello in time."""
    ours, helpers = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(LIMIT_S)
    hand_over = [(os.POSIX_SPAWN_DUP2, helpers.fileno(), SOCKET_FD)]
    pid = os.posix_spawn(path, [path], {}, file_actions=hand_over)
    helpers.close()
    try:
        return 0 if ours.recv(64) == HELLO else 1
    except OSError:
        return 1
    finally:
        ours.close()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
