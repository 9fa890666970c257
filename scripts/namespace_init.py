"""First process of the test namespace: run one command, reap every orphan, pass signals on.

A shell can't do it: as process 1 it would act on a signal only after the command has ended.
The kernel ends everything else in the namespace when this process exits.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

FORWARDED = (signal.SIGTERM, signal.SIGHUP)


def main(command: list[str]) -> int:
    """Run the command to its end.

    Returns: its exit status, or 128 plus the signal that ended it, as a shell says it.
    """
    # The terminal sends these to the command as well, and it decides what they mean.
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, lambda _number, _frame: None)
    try:
        child = subprocess.Popen(command)
    except OSError as error:
        print(f"in-namespace.sh: {command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    for number in FORWARDED:
        signal.signal(number, lambda number, _frame: child.send_signal(number))
    return wait_for(child.pid)


def wait_for(wanted_pid: int) -> int:
    """Reap children until the wanted one ends; returns its status as a shell says it."""
    while True:
        pid, status = os.wait()
        if pid == wanted_pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
