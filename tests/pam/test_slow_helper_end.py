"""A helper whose end takes longer than usual is collected all the same."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from tests.harness.enrolled import an_enrolled_user
from tests.harness.installation import require_tool
from tests.harness.pam_client import PAM_CONV_ERR, transact
from tests.harness.pam_services import a_module_service
from tests.harness.processes import helpers, wait_until, zombies_of

SLOW_END_S = 1.0


def test_helper_that_ends_slowly_is_collected_all_the_same() -> None:
    """On a busy machine an end may take longer than usual; nobody else would ever collect it."""
    user = an_enrolled_user(otp_type="hotp")
    tracers = []

    def hold_up() -> int:
        """Let the helper's end be held up by a debugger that does not look, for a while."""
        (pid,) = helpers()
        strace = require_tool("strace", "strace")
        command = [strace, "-qq", "-o", "/dev/null", "-e", "trace=none", "-p", str(pid)]
        tracer = subprocess.Popen(command)
        tracers.append(tracer)
        status = Path(f"/proc/{pid}/status")
        wait_until(lambda: "TracerPid:\t0\n" not in status.read_text(), what="the helper is traced")
        tracer.send_signal(signal.SIGSTOP)
        threading.Timer(SLOW_END_S, tracer.send_signal, [signal.SIGCONT]).start()
        return PAM_CONV_ERR

    assert transact(a_module_service("nodelay"), user.name, [hold_up]).result == PAM_CONV_ERR
    tracers[0].wait(10)
    time.sleep(0.1)
    assert zombies_of(os.getpid()) == []
