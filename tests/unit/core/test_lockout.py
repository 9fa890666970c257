"""How long an account waits after failures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pam_tfa.core.lockout import (
    FAILURES_UNTIL_LOCKED,
    LONGEST_WAIT_S,
    NO_FAILURES,
    FailureCount,
    LockedUntilUnlocked,
    NoWait,
    Wait,
    count_failure,
    remaining_wait,
)
from tests.unit.core.builders import NOW_S, times

waiting = st.integers(6, 99)


@pytest.mark.parametrize("failures", range(6))
def test_five_failures_are_free(failures: int) -> None:
    """Whoever mistypes isn't kept waiting."""
    assert remaining_wait(FailureCount(failures, NOW_S), NOW_S) == NoWait()


@pytest.mark.parametrize(
    ("failures", "wait_s"),
    [
        (6, 30),
        (7, 60),
        (8, 120),
        (9, 240),
        (10, 480),
        (11, 960),
        (12, 1920),
        (13, 3600),
        (99, 3600),
    ],
)
def test_wait_doubles_from_30_seconds_to_an_hour(failures: int, wait_s: int) -> None:
    """From the sixth failure on, up to its limit, and to the second."""
    count = FailureCount(failures, NOW_S)
    assert remaining_wait(count, NOW_S) == Wait(wait_s, count)
    assert remaining_wait(count, NOW_S + wait_s - 1) == Wait(1, count)
    assert remaining_wait(count, NOW_S + wait_s) == NoWait()


@given(times)
def test_hundred_failures_lock_without_end(now_s: int) -> None:
    """No clock ends it."""
    count = FailureCount(FAILURES_UNTIL_LOCKED, NOW_S)
    assert remaining_wait(count, now_s) == LockedUntilUnlocked()


@given(waiting, times, times)
def test_wait_is_never_longer_than_its_own_length(failures: int, failed_s: int, now_s: int) -> None:
    """Whatever the clock did in between."""
    verdict = remaining_wait(FailureCount(failures, failed_s), now_s)
    assert isinstance(verdict, NoWait) or 0 < verdict.wait_s <= LONGEST_WAIT_S  # type: ignore[union-attr]  # 99 at most


@given(waiting, times, st.integers(1, 2**40))
def test_clock_turned_back_starts_the_wait_anew_once(
    failures: int, now_s: int, back_s: int
) -> None:
    """The count that is stored then lets the wait end by the new clock."""
    verdict = remaining_wait(FailureCount(failures, now_s + back_s), now_s)
    assert isinstance(verdict, Wait)
    assert verdict.failures == FailureCount(failures, now_s)
    assert remaining_wait(verdict.failures, now_s + verdict.wait_s) == NoWait()


def test_count_stops_at_its_limit() -> None:
    """A hundred and one is a hundred."""
    count = NO_FAILURES
    for _ in range(FAILURES_UNTIL_LOCKED + 1):
        count = count_failure(count, NOW_S)
    assert count == FailureCount(FAILURES_UNTIL_LOCKED, NOW_S)
