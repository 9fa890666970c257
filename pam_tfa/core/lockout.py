"""How long an account waits after wrong codes.

Source: NIST SP 800-63B-4 section 3.2.2 (at most 100 consecutive failures); RFC 4226 section 7.3
(throttling that spans sessions).
"""

from typing import NamedTuple

FREE_FAILURES = 5
FIRST_WAIT_S = 30
LONGEST_WAIT_S = 3600
FAILURES_UNTIL_LOCKED = 100


class FailureCount(NamedTuple):
    """Consecutive failures of one kind of answer.

    Attributes:
        failures: 0 to FAILURES_UNTIL_LOCKED.
        last_failure_s: Unix seconds of the last one; 0 when there was none.
    """

    failures: int
    last_failure_s: int


class NoWait(NamedTuple):
    """The next answer may be evaluated."""


class Wait(NamedTuple):
    """The next answer may not be evaluated yet.

    Attributes:
        wait_s: seconds until it may, 1 to LONGEST_WAIT_S.
        failures: the count to store where it differs from the one given: a clock that was turned
            back starts the wait anew, once.
    """

    wait_s: int
    failures: FailureCount


class LockedUntilUnlocked(NamedTuple):
    """No answer is evaluated until an administrator unlocks."""


WaitVerdict = NoWait | Wait | LockedUntilUnlocked

NO_FAILURES = FailureCount(failures=0, last_failure_s=0)


def remaining_wait(count: FailureCount, now_s: int) -> WaitVerdict:
    """Tell how long the next answer must wait.

    Args:
        count: the failures so far.
        now_s: Unix seconds.
    """
    if count.failures >= FAILURES_UNTIL_LOCKED:
        return LockedUntilUnlocked()
    length_s = wait_length_s(count.failures)
    if now_s < count.last_failure_s:
        count = count._replace(last_failure_s=now_s)
    wait_s = count.last_failure_s + length_s - now_s
    return Wait(wait_s, count) if wait_s > 0 else NoWait()


def wait_length_s(failures: int) -> int:
    """Return the whole wait, in seconds, that follows so many failures below the limit."""
    if failures <= FREE_FAILURES:
        return 0
    doublings = failures - FREE_FAILURES - 1
    return min(FIRST_WAIT_S << doublings, LONGEST_WAIT_S)


def count_failure(count: FailureCount, now_s: int) -> FailureCount:
    """Return the count after one more failure.

    Args:
        count: the failures so far.
        now_s: Unix seconds.
    """
    return FailureCount(min(count.failures + 1, FAILURES_UNTIL_LOCKED), now_s)
