"""Take all samples of a run: everybody once a round, in a new order each time."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.bench.programs import MeasurementError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.bench.contestants import Contestant

# By contestant, by what was measured: the samples in the order of the rounds.
Samples = dict[str, dict[str, list[float]]]

WARM_UP_ROUNDS = 2  # what is read from disk for the first time is not the subject


def take_samples(
    contestants: Sequence[Contestant], rounds: int, progress: Callable[[str], None]
) -> Samples:
    """Measure everybody in turn, so that load on the machine falls on all alike.

    The order is drawn anew for each round: nobody always runs behind the same neighbour. It is
    the same in each run.

    Raises: MeasurementError where a login fails; nothing is dropped silently.
    """
    order = random.Random(0)
    samples: Samples = {each.name: {} for each in contestants}
    for number in range(-WARM_UP_ROUNDS, rounds):
        in_turn = [each for each in contestants if number % each.every == 0]
        order.shuffle(in_turn)
        for contestant in in_turn:
            taken = _take(contestant, number)
            if number >= 0:
                for name, value in taken.items():
                    samples[contestant.name].setdefault(name, []).append(value)
        if number >= 0 and (number + 1) % max(1, rounds // 10) == 0:
            progress(f"round {number + 1} of {rounds}")
    return samples


def _take(contestant: Contestant, number: int) -> dict[str, float]:
    try:
        return contestant.take()
    except MeasurementError as error:
        raise MeasurementError(f"round {number}, {contestant.name}: {error}") from error
