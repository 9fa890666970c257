"""Fixtures of these tests."""

from tests.harness.fixtures import log, nothing_left_behind, system_log

__all__ = ["log", "nothing_left_behind", "system_log"]
