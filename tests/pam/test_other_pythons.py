"""Python programs of other versions as PAM hosts: no version clashes with the helper's."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

import pamela
import pytest

from tests.harness import pam_client
from tests.harness.enrolled import an_enrolled_user
from tests.harness.pam_client import PAM_AUTH_ERR, PAM_SUCCESS
from tests.harness.pam_services import a_module_service

MINOR_VERSIONS = range(9, 14)
PAMELA_PROGRAM = """
import json, sys
sys.path.insert(0, sys.argv[1])
import pamela
order = json.load(sys.stdin)
result = 0
try:
    pamela.authenticate(order["user"], order["replies"], service=order["service"], check=False)
except pamela.PAMError as error:
    result = error.errno
json.dump({"result": result}, sys.stdout)
"""


def _interpreters() -> dict[str, str]:
    """Return one interpreter for each version from 3.9 to 3.13 that is on this machine.

    Looked for in PATH, below pyenv's root and in the usual directories; always the system's own.
    """
    found: dict[str, str] = {}
    for candidate in [Path("/usr/bin/python3"), *_candidates()]:
        version = _version(candidate)
        if version is not None:
            found.setdefault(version, str(candidate))
    return dict(sorted(found.items()))


def _candidates() -> list[Path]:
    names = [f"python3.{minor}" for minor in MINOR_VERSIONS]
    in_path = [Path(path) for path in map(shutil.which, names) if path]
    roots = [Path.home() / ".pyenv"]
    pyenv = shutil.which("pyenv")
    if pyenv:
        roots.append(Path(subprocess.check_output([pyenv, "root"], text=True).strip()))
    below_roots = [path for root in roots for path in root.glob("versions/*/bin/python3")]
    usual = [Path(place, name) for place in ("/usr/bin", "/usr/local/bin") for name in names]
    return in_path + below_roots + [path for path in usual if path.exists()]


def _version(interpreter: Path) -> str | None:
    """Return "3.MINOR" of an interpreter that works and is one of those wanted."""
    asked = subprocess.run(
        [interpreter, "-I", "-c", "import ctypes, sys; print(*sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode != 0:
        return None
    major, minor = map(int, asked.stdout.split())
    return f"{major}.{minor:02}" if major == 3 and minor in MINOR_VERSIONS else None


INTERPRETERS = _interpreters()


def _answer(command: list[str], user: str, service: str, reply: str) -> tuple[int, float]:
    order = json.dumps({"service": service, "user": user, "replies": [reply]})
    began = time.monotonic()
    finished = subprocess.run(
        command, input=order, capture_output=True, text=True, timeout=20, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)["result"], time.monotonic() - began


@pytest.mark.parametrize("version", INTERPRETERS)
@pytest.mark.parametrize("client", ["ctypes", "pamela"])
def test_python_program_gets_its_answer_within_5_s(version: str, client: str) -> None:
    """Success and refusal both come back, and soon."""
    interpreter = INTERPRETERS[version]
    if client == "ctypes":
        command = [interpreter, "-I", pam_client.__file__]
    else:
        packages = str(Path(pamela.__file__).parent)
        command = [interpreter, "-I", "-c", PAMELA_PROGRAM, packages]
    user = an_enrolled_user(otp_type="hotp")
    service = a_module_service("nodelay")
    for reply, wanted in ((user.code(), PAM_SUCCESS), (user.wrong_code(), PAM_AUTH_ERR)):
        result, seconds = _answer(command, user.name, service, reply)
        assert result == wanted
        assert seconds < 5


def test_python_of_the_system_is_among_them() -> None:
    """At least the interpreter whose library the helper itself links was tried."""
    system = _version(Path("/usr/bin/python3"))
    assert system in INTERPRETERS
