"""A test that leaves a descriptor, thread, child or helper behind fails."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from tests.harness.processes import children_of, descriptors_of, helpers

if TYPE_CHECKING:
    from collections.abc import Iterator


class Holdings(NamedTuple):
    """What this process holds."""

    descriptors: frozenset[int]
    threads: frozenset[str]
    children: frozenset[int]
    helpers: frozenset[int]


def holdings() -> Holdings:
    """Return what this process holds now."""
    return Holdings(
        frozenset(descriptors_of()),
        frozenset(thread.name for thread in threading.enumerate()),
        frozenset(children_of(os.getpid())),
        frozenset(helpers()),
    )


def leaked(before: Holdings, after: Holdings) -> dict[str, frozenset[object]]:
    """Return what is in `after` only, by kind."""
    kinds = zip(Holdings._fields, before, after, strict=True)
    return {kind: new - old for kind, old, new in kinds if new - old}


@contextlib.contextmanager
def no_leaks(patience_s: float = 1.0) -> Iterator[None]:
    """Fail where the block leaves something behind; what ends by itself gets a moment."""
    before = holdings()
    yield
    deadline = time.monotonic() + patience_s
    while leaked(before, holdings()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert leaked(before, holdings()) == {}, "left behind"
