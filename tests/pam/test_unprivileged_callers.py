"""Hosts without root's rights, such as screen lockers: nobody asks for somebody else."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.harness import pam_client
from tests.harness.enrolled import an_enrolled_user
from tests.harness.pam_client import PAM_AUTH_ERR, PAM_AUTHINFO_UNAVAIL
from tests.harness.pam_services import a_module_service
from tests.harness.users import User, a_user


@pytest.fixture(scope="module")
def client_program() -> Path:
    """Return a copy of the client that every user may read."""
    copy = Path("/usr/local/libexec/pam-tfa-test-client.py")
    copy.parent.mkdir(mode=0o755, exist_ok=True)
    shutil.copy(pam_client.__file__, copy)
    copy.chmod(0o644)
    return copy


def _transact_as(caller: User, program: Path, service: str, user: str, reply: str) -> Any:
    order = {"service": service, "user": user, "replies": [reply]}
    finished = subprocess.run(
        ["/usr/bin/python3", "-I", program],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        user=caller.uid,
        group=caller.gid,
        extra_groups=[],
        cwd="/",
        timeout=20,
        check=True,
    )
    return json.loads(finished.stdout)


def test_a_caller_who_asks_for_another_user_is_refused(client_program: Path) -> None:
    """Nothing is asked: not even the good code of the other user would be evaluated."""
    user = an_enrolled_user()
    service = a_module_service("nodelay")
    done = _transact_as(a_user(), client_program, service, user.name, user.code())
    assert done["result"] == PAM_AUTH_ERR
    assert done["transcript"] == []


def test_a_caller_who_is_not_enrolled_does_not_get_anothers_skip(client_program: Path) -> None:
    """PAM_IGNORE for another account would tell who is enrolled, and let hosts through."""
    done = _transact_as(a_user(), client_program, a_module_service("nodelay"), a_user().name, "")
    assert done["result"] == PAM_AUTH_ERR


def test_an_unknown_user_is_refused_alike(client_program: Path) -> None:
    """Who does not exist looks like who does."""
    done = _transact_as(a_user(), client_program, a_module_service("nodelay"), "no-such-one", "1")
    assert done["result"] == PAM_AUTH_ERR
    assert done["transcript"] == []


def test_a_caller_cannot_choose_the_store(client_program: Path) -> None:
    """A module line is root's, but the store that it names has to be trusted as ever."""
    user = an_enrolled_user()
    done = _transact_as(
        user.user, client_program, a_module_service("nodelay"), user.name, user.code()
    )
    assert done["result"] == PAM_AUTHINFO_UNAVAIL  # without a daemon nobody but root can read it
