"""A set-uid host whose caller chose environment, directory and files: nothing of it is touched."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.harness.enrolled import an_enrolled_user
from tests.harness.host import run_host
from tests.harness.installation import require_tool
from tests.harness.pam_client import PAM_AUTH_ERR, PAM_SUCCESS
from tests.harness.pam_services import a_module_service
from tests.harness.users import User, a_user

pytestmark = pytest.mark.usefixtures("hosts")

# Each gets a value below a directory of the caller's; {trap} is that directory.
HOSTILE = {
    "PYTHONPATH": "{trap}",
    "PYTHONHOME": "{trap}",
    "PYTHONSTARTUP": "{trap}/start.py",
    "PYTHONUSERBASE": "{trap}",
    "PYTHONPYCACHEPREFIX": "{trap}",
    "PYTHONPLATLIBDIR": "{trap}",
    "PYTHONEXECUTABLE": "{trap}/python3",
    "PYTHONINSPECT": "1",
    "PYTHONBREAKPOINT": "os.system",
    "PYTHONWARNINGS": "error",
    "PYTHONMALLOC": "debug",
    "PYTHONTRACEMALLOC": "5",
    "PYTHONPROFILEIMPORTTIME": "1",
    "PYTHONVERBOSE": "9",
    "PYTHONUTF8": "0",
    "PYTHONIOENCODING": "utf-16",
    "PYTHONNOUSERSITE": "",
    "PYTHONOPTIMIZE": "2",
    "PYTHONHASHSEED": "0",
    "LD_PRELOAD": "{trap}/trap.so",
    "LD_LIBRARY_PATH": "{trap}",
    "LD_AUDIT": "{trap}/trap.so",
    "LD_DEBUG": "all",
    "LD_DEBUG_OUTPUT": "{trap}/ld",
    "LD_PROFILE": "libc.so.6",
    "LD_PROFILE_OUTPUT": "{trap}",
    "LD_ORIGIN_PATH": "{trap}",
    "GLIBC_TUNABLES": "glibc.malloc.check=3",
    "LOCPATH": "{trap}",
    "GCONV_PATH": "{trap}",
    "NLSPATH": "{trap}/%N",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "LANGUAGE": "../../../../../../{trap}",
    "TEXTDOMAINDIR": "{trap}",
    "TZ": ":{trap}/zone",
    "TZDIR": "{trap}",
    "HOME": "{trap}",
    "TMPDIR": "{trap}",
    "TMP": "{trap}",
    "TEMP": "{trap}",
    "XDG_CONFIG_HOME": "{trap}",
    "XDG_RUNTIME_DIR": "{trap}",
    "PATH": "{trap}:/usr/bin:/bin",
    "SHELL": "{trap}/sh",
    "IFS": "/",
    "ENV": "{trap}/env.sh",
    "BASH_ENV": "{trap}/env.sh",
    "OPENSSL_CONF": "{trap}/openssl.cnf",
    "OPENSSL_MODULES": "{trap}",
    "OPENSSL_ENGINES": "{trap}",
    "SSL_CERT_FILE": "{trap}/cert.pem",
    "SSL_CERT_DIR": "{trap}",
    "RANDFILE": "{trap}/rnd",
    "CRYPTOGRAPHY_OPENSSL_NO_LEGACY": "0",
    "MALLOC_CHECK_": "3",
    "MALLOC_TRACE": "{trap}/malloc",
    "MALLOC_PERTURB_": "1",
    "HOSTALIASES": "{trap}/hosts",
    "RES_OPTIONS": "debug",
    "LOCALDOMAIN": "{trap}",
    "RESOLV_HOST_CONF": "{trap}/host.conf",
    "GETCONF_DIR": "{trap}",
    "NIS_PATH": "{trap}",
    "PAM_TFA_CONFIG": "{trap}/config.toml",
    "PAM_TFA_STORE": "{trap}",
}
MODULES = ("os", "site", "sitecustomize", "usercustomize", "encodings", "syslog", "pyotp", "cffi")
TRACED = "%file,connect"


def _set_traps(caller: User) -> Path:
    """Make a directory of the caller's, full of what Python and libc look for."""
    trap = Path("/home", f"{caller.name}-trap")
    trap.mkdir()
    # As early as possible: not even open() may be there yet.
    shout = f"import posix\nposix.open({str(trap / 'sprung')!r}, posix.O_CREAT)\n"
    for name in MODULES:
        (trap / f"{name}.py").write_text(shout)
    (trap / "pam_tfa").mkdir()
    (trap / "pam_tfa" / "__init__.py").write_text(shout)
    for name in ("trap.so", "libc.so.6", "libpython3.11.so.1.0", "libpam.so.0", "openssl.cnf"):
        (trap / name).write_text("trap")
    for name in ("sh", "python3", "pam-tfa-helper"):
        (trap / name).write_text(f"#!/bin/sh\ntouch {trap}/sprung\n")
        (trap / name).chmod(0o755)
    for entry in (trap, *trap.rglob("*")):
        os.chown(entry, caller.uid, caller.gid)
    return trap


def _run(
    caller: User, trap: Path, reply: str, user: str, before_command: tuple[str, ...] = ()
) -> int:
    environment = {name: value.format(trap=trap) for name, value in HOSTILE.items()}
    run = run_host(
        a_module_service("nodelay", "debug"),
        [user],
        [reply],
        "--locale",
        "",
        caller=caller,
        environment=environment,
        before_command=before_command,
        directory=str(trap),
    )
    return run.results()[0]


def test_there_are_at_least_40_hostile_variables() -> None:
    """As many as were promised."""
    assert len(HOSTILE) >= 40


def test_verdicts_are_the_same() -> None:
    """The caller's environment changes no answer and springs no trap."""
    user = an_enrolled_user(otp_type="hotp")
    caller = a_user()
    trap = _set_traps(caller)
    assert _run(caller, trap, user.wrong_code(), user.name) == PAM_AUTH_ERR
    assert _run(caller, trap, user.code(), user.name) == PAM_SUCCESS
    assert not (trap / "sprung").exists()


def test_no_file_is_opened_that_the_caller_could_have_chosen(root_directory: Path) -> None:
    """Every path of host and helper is absolute, root's, and none leads to the caller's."""
    user = an_enrolled_user(otp_type="hotp")
    caller = a_user()
    trap = _set_traps(caller)
    trace = root_directory / "trace"
    strace = require_tool("strace", "strace")
    # strace takes the variables for the host alone: its own stay clean.
    environment = [
        word
        for name, value in HOSTILE.items()
        for word in ("-E", f"{name}={value.format(trap=trap)}")
    ]
    tracer = (strace, "-f", "-qq", "-o", str(trace), "-e", f"trace={TRACED}", "-s", "4096")
    run = run_host(
        a_module_service("nodelay", "debug"),
        [user.name],
        [user.code()],
        "--locale",
        "",
        caller=caller,
        before_command=(*tracer, *environment, "-u", caller.name),
        directory=str(trap),
    )
    assert run.results() == [PAM_SUCCESS]
    lines = _calls(trace.read_text())
    assert sum("execve(" in line for line in lines) == 1, "the helper was traced too"
    for line in lines:
        assert str(trap) not in line, line
        assert_path_is_not_the_callers(line, caller)
    assert not (trap / "sprung").exists()


def _calls(trace: str) -> list[str]:
    """Return the calls after the first execve, which is the caller's own."""
    calls = [line.split(maxsplit=1)[1] for line in trace.splitlines()]
    calls = [call for call in calls if re.match(r"(?!getcwd)\w+\(", call)]
    first = next(i for i, call in enumerate(calls) if call.startswith("execve("))
    return calls[first + 1 :]


def assert_path_is_not_the_callers(call: str, caller: User) -> None:
    """Hold a traced call to an absolute path, or one below a directory opened before."""
    relative_to = re.match(r"\w+\((\d+)[<,]", call)
    if relative_to:
        return
    quoted = re.search(r'"((?:[^"\\]|\\.)*)"', call)
    if quoted is None or call.startswith("fstat"):
        return
    path = quoted[1]
    assert path.startswith("/") or call.startswith("chdir"), call
    if os.path.exists(path):
        assert os.stat(path).st_uid != caller.uid, call


def test_helper_ignores_the_environment_of_a_root_host_too() -> None:
    """A daemon started with strange variables gives none of them to the helper."""
    user = an_enrolled_user(otp_type="hotp")
    trap = _set_traps(a_user())
    keep = {"LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH", "LD_DEBUG", "LD_PROFILE"}
    environment = {
        name: value.format(trap=trap) for name, value in HOSTILE.items() if name not in keep
    }
    service = a_module_service("nodelay")
    run = run_host(service, [user.name], [user.code()], environment=environment)
    assert run.results() == [PAM_SUCCESS]
    assert not (trap / "sprung").exists()


def test_traps_would_spring() -> None:
    """The traps above are real: an interpreter that reads its environment falls into them."""
    caller = a_user()
    trap = _set_traps(caller)
    subprocess.run(
        ["/usr/bin/python3", "-c", "import pam_tfa"], env={"PYTHONPATH": str(trap)}, check=False
    )
    assert (trap / "sprung").exists()
