"""Changes to the PAM files of the test namespace for the length of a block."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tests.harness.faults import replaced
from tests.harness.pam_services import PAM_D

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

INCLUDE = "@include common-auth"
CODE = "auth required pam_tfa.so nodelay"


@contextlib.contextmanager
def asking_for_a_code(service: str, line: str = CODE) -> Iterator[None]:
    """Put our line behind Debian's common-auth in a service's own file."""
    lines = (PAM_D / service).read_text().splitlines()
    place = lines.index(INCLUDE) + 1
    with service_of(service, [*lines[:place], line, *lines[place:]]):
        yield


@contextlib.contextmanager
def with_lines_added(service: str, lines: Sequence[str]) -> Iterator[None]:
    """Put lines before those of a service's file."""
    with service_of(service, [*lines, *(PAM_D / service).read_text().splitlines()]):
        yield


@contextlib.contextmanager
def service_of(service: str, lines: Sequence[str]) -> Iterator[None]:
    """Replace a service's file."""
    content = "".join(f"{line}\n" for line in lines)
    with replaced(PAM_D / service, content.encode(), mode=0o644):
        yield
