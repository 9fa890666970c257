"""Every scenario file, through the real module, with every client that can take part."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.harness import pam_services
from tests.harness.pam_client import PAM_AUTH_ERR, PAM_MAXTRIES, PAM_SILENT, transact
from tests.harness.pam_drivers import DRIVERS
from tests.pam.scenario_accounts import PASSWORD, Account, make_account
from tests.pam.scenario_files import Scenario, all_scenarios

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.fixtures import LogSinceStart
    from tests.harness.pam_client import Reply

SCENARIOS = all_scenarios()
CASES = [
    pytest.param(scenario, client, id=f"{scenario.name}-{client}")
    for scenario in SCENARIOS
    for client in scenario.clients
]


@pytest.mark.parametrize(("scenario", "client"), CASES)
def test_scenario(
    scenario: Scenario, client: str, log: LogSinceStart, root_directory: Path
) -> None:
    """The module answers, says, logs and counts what the scenario file says."""
    account = make_account(scenario.account, password=scenario.password)
    replies = [account.answer(each) for each in scenario.answers]
    if scenario.password:
        replies.insert(0, PASSWORD.encode())
    service = _service(scenario, client, root_directory)
    log.restart()
    if client == "ctypes":
        _check_transaction(scenario, service, account, replies)
    else:
        _check_driven(scenario, service, account, client, replies)
    _check_log(scenario, account, log)
    if scenario.failures is not None and account.enrolled is not None:
        assert account.enrolled.state().codes.failures == scenario.failures


def _service(scenario: Scenario, client: str, root_directory: Path) -> str:
    options = list(scenario.options)
    if client != "ctypes" and "nodelay" not in options:
        options.append("nodelay")  # only the ctypes client can hear of a delay without waiting
    if scenario.config is not None:
        config = root_directory / "config.toml"
        config.write_text(scenario.config)
        options.append(f"config={config}")
    return pam_services.a_module_service(*options, password=scenario.password)


def _check_transaction(
    scenario: Scenario, service: str, account: Account, replies: list[Reply]
) -> None:
    flags = PAM_SILENT if scenario.silent else 0
    done = transact(service, account.name, replies, flags=flags)
    said = [tuple(each) for each in done.transcript]
    assert said == _expected(scenario, account)
    assert done.result == scenario.result
    assert done.replies_left == 0
    assert done.user_item == account.name
    assert done.setcred in (None, 0)
    assert done.seconds < 5
    delayed = done.result in (PAM_AUTH_ERR, PAM_MAXTRIES) and "nodelay" not in scenario.options
    # libpam spreads the 2 s that the module asks for by up to half of it.
    assert (1_000_000 <= done.delay_us <= 3_000_000) if delayed else done.delay_us == 0


def _check_driven(
    scenario: Scenario, service: str, account: Account, client: str, replies: list[Reply]
) -> None:
    texts = [each.decode() for each in replies if isinstance(each, bytes)]
    driven = DRIVERS[client](service, account.name, texts)
    assert driven.result == scenario.result
    assert driven.seconds < 5
    if driven.shown is not None:
        for _, text in _expected(scenario, account):
            assert text in driven.shown


def _expected(scenario: Scenario, account: Account) -> list[tuple[str, str]]:
    password = [("hidden", "Password: ")] if scenario.password else []
    return password + [(style, text.replace("USER", account.name)) for style, text in scenario.says]


def _check_log(scenario: Scenario, account: Account, log: LogSinceStart) -> None:
    if scenario.log is not None:
        log.wait_for(scenario.log.replace("USER", account.name))
    for text in log.texts():
        assert scenario.not_logged is None or not re.search(scenario.not_logged, text)
        if "login refused: option" in text:
            continue  # quotes what root wrote into the PAM file
        assert text.isprintable()
        assert text.isascii()
