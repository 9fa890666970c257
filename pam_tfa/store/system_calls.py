"""System calls with interruptions and short counts dealt with in one place.

Python retries open, read, write, fsync and fcntl itself after EINTR (PEP 475), but not rename,
unlink, link, stat or close, which network and FUSE file systems do interrupt.
"""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False  # typing costs 5 ms at every login; mypy takes this for typing's constant
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ParamSpec, TypeVar

    Parameters = ParamSpec("Parameters")
    Result = TypeVar("Result")

INTERRUPTIONS_AT_MOST = 100  # then the error is reported: a login must end, not spin


def retry_interrupted(
    call: Callable[Parameters, Result],
    *arguments: Parameters.args,
    **keywords: Parameters.kwargs,
) -> Result:
    """Make a system call again while a signal interrupts it.

    Returns: what the call returns.
    Raises: OSError, also InterruptedError when it never ends.
    """
    for _ in range(INTERRUPTIONS_AT_MOST):
        try:
            return call(*arguments, **keywords)
        except InterruptedError:
            continue
    return call(*arguments, **keywords)


def close_descriptor(descriptor: int) -> None:
    """Close, whatever the kernel says of it.

    Linux frees the number even when close fails, so a second try could close someone else's
    file; and what had to be durable was synced before.
    """
    try:  # noqa: SIM105 - contextlib costs the helper 2 ms before its prompt
        os.close(descriptor)
    except OSError:
        pass


def status_of(descriptor: int) -> os.stat_result:
    """Return fstat's answer. Raises: OSError."""
    return retry_interrupted(os.fstat, descriptor)


def read_at(descriptor: int, size: int, offset: int) -> bytes:
    """Read up to `size` bytes from `offset`; fewer only at the end of the file.

    Raises: OSError.
    """
    chunks: list[bytes] = []
    while size > 0:
        chunk = os.pread(descriptor, size, offset)
        if not chunk:
            break
        chunks.append(chunk)
        size -= len(chunk)
        offset += len(chunk)
    return b"".join(chunks)


def write_at(descriptor: int, content: bytes, offset: int) -> None:
    """Write all of `content` at `offset` in one call.

    A short count is an error, not a reason to go on: it means that the disk has just failed or
    filled up, and what is half written must not be believed.

    Raises: OSError.
    """
    written = os.pwrite(descriptor, content, offset)
    if written != len(content):
        raise OSError(errno.EIO, f"only {written} of {len(content)} bytes were written")


def overwrite_at(descriptor: int, content: bytes, offset: int) -> None:
    """Write inside a file as it is, under whatever RLIMIT_FSIZE.

    Whoever starts su chooses that limit (ulimit -f 0), and root can't raise it without
    CAP_SYS_RESOURCE, as in most containers: nobody would get in there, or a write would be cut
    in its middle. It doesn't count for memory; which is not the ordinary way, because a kill can
    cut a copy to memory in its middle, but not a write of one page.

    Args:
        descriptor: open for reading and writing.
        content: whole pages.
        offset: a multiple of the page's size, within the file.

    Raises: OSError.
    """
    import mmap  # not before the prompt
    import resource

    limit = retry_interrupted(resource.getrlimit, resource.RLIMIT_FSIZE)[0]
    if limit == resource.RLIM_INFINITY or offset + len(content) <= limit:
        write_at(descriptor, content, offset)
        return
    with mmap.mmap(descriptor, len(content), offset=offset) as page:
        page[:] = content
        page.flush()


def reason_of(error: OSError) -> str:
    """Return the system's own words for an error, without the path (the caller has a field)."""
    return error.strerror or f"error {error.errno}"
