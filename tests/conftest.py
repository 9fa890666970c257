"""What all tests share: the long form of a test, and that no test leaves anything behind."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import configuration, settings

_ROOT = Path(__file__).resolve().parent.parent
_GRACE_S = 1.0  # what ends by itself may take this long to be gone


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the switch between the short and the long form of the tests that have two."""
    parser.addoption("--campaign", action="store_true", help="run long tests in their full form")


def pytest_configure(config: pytest.Config) -> None:
    """Choose hypothesis's effort, and keep its files out of the checkout's root."""
    configuration.set_hypothesis_home_dir(_ROOT / "build" / "hypothesis")
    settings.register_profile("short", max_examples=60, deadline=None, database=None)
    settings.register_profile("campaign", max_examples=5000, deadline=None, database=None)
    settings.load_profile("campaign" if config.getoption("--campaign") else "short")


@pytest.fixture(scope="session")
def campaign(request: pytest.FixtureRequest) -> bool:
    """Tell whether tests run in their full form."""
    return bool(request.config.getoption("--campaign"))


@pytest.fixture(autouse=True)
def _nothing_leaks() -> Iterator[None]:
    """Fail a test that leaves a file descriptor, a thread or a child process behind."""
    before = _held()
    yield
    deadline = time.monotonic() + _GRACE_S
    while leaked := sorted(_held() - before):
        if time.monotonic() > deadline:
            pytest.fail(f"left behind: {', '.join(leaked)}")
        time.sleep(0.01)


def _held() -> set[str]:
    threads = {f"thread {each.name}" for each in threading.enumerate()}
    return threads | _open_descriptors() | _children()


def _open_descriptors() -> set[str]:
    held: set[str] = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            held.add(f"descriptor {name} ({os.readlink(f'/proc/self/fd/{name}')})")
        except FileNotFoundError:  # the one that listed the directory
            continue
    return held


def _children() -> set[str]:
    held: set[str] = set()
    for task in os.listdir("/proc/self/task"):
        try:
            pids = Path(f"/proc/self/task/{task}/children").read_text().split()
        except FileNotFoundError:  # a thread that ended meanwhile
            continue
        held.update(f"child process {pid}" for pid in pids)
    return held
