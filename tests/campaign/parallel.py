"""Rounds on all processors at once, each worker with an account of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.campaign.enrolled_account import EnrolledAccount
    from tests.campaign.system_calls import Call

Result = TypeVar("Result")


def at_each_call(
    calls: Sequence[Call],
    accounts: Sequence[EnrolledAccount],
    round_with: Callable[[EnrolledAccount, Call], Result],
) -> list[Result]:
    """Run a round for each call.

    Returns: what the rounds returned.
    Raises: what a round raised, with its call; rounds that had not begun are left out.
    """
    free: SimpleQueue[EnrolledAccount] = SimpleQueue()
    for account in accounts:
        free.put(account)

    def run(call: Call) -> Result:
        account = free.get()
        try:
            return round_with(account, call)
        except BaseException as error:
            error.add_note(f"killed at {call}")
            raise
        finally:
            free.put(account)

    with ThreadPoolExecutor(len(accounts)) as pool:
        rounds = [pool.submit(run, call) for call in calls]
        try:
            return [each.result() for each in rounds]
        finally:
            pool.shutdown(cancel_futures=True)
