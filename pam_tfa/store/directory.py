"""Directories and files that only root could have put where they are.

A path is walked from `/`, one component at a time and relative to the one before, so that what
was checked is what is used. Nobody but root or the trusted user may own a component or be able
to rename what lies in it; /tmp's sticky bit is as good as not being writable, since the entry
below is checked for its owner too.
"""

from __future__ import annotations

import errno
import os
import stat

from pam_tfa.core.errors import StoreUnavailableError
from pam_tfa.store.system_calls import (
    close_descriptor,
    reason_of,
    retry_interrupted,
    status_of,
)

ROOT_UID = 0
LINKS_AT_MOST = 40  # Linux's own limit, path_resolution(7)
PRIVATE_FILE_MODE = 0o600
PRIVATE_DIRECTORY_MODE = 0o700


class NotThereError(StoreUnavailableError):
    """The file or a directory above it does not exist; everything that does exist is trusted."""


class Defect:
    """Why a file is not believed: the field that is wrong, and how."""

    __slots__ = ("field", "reason")

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason


def open_trusted_directory(path: str, trusted_uid: int = ROOT_UID) -> int:
    """Open a directory of which every component is trusted.

    Symbolic links above the last component are followed where root or the trusted user owns
    them; the last component itself must be a directory.

    Args:
        path: absolute, without `..`.
        trusted_uid: the user beside root who may own components.

    Returns: a descriptor, the caller's to close.
    Raises: NotThereError, StoreUnavailableError with the component that is wrong.
    """
    components = _plain_components(path)
    for _ in range(LINKS_AT_MOST):
        opened = _walk(components, trusted_uid)
        if isinstance(opened, int):
            return opened
        components = opened
    raise StoreUnavailableError(path, "too many symbolic links")


def open_trusted_file(path: str, trusted_uid: int = ROOT_UID, *, private: bool = False) -> int:
    """Open a regular file for reading, in a trusted directory, that only trusted users can write.

    Args:
        path: absolute, without `..`; its last component is not followed if it is a link.
        trusted_uid: the user beside root who may own it and the directories above.
        private: nobody else may read it either: the mode must be exactly 0600.

    Returns: a descriptor, the caller's to close.
    Raises: NotThereError, StoreUnavailableError.
    """
    directory, _, name = path.rpartition("/")
    directory_fd = open_trusted_directory(directory or "/", trusted_uid)
    try:
        opened = open_without_following(directory_fd, name, os.O_RDONLY)
    except OSError as error:
        raise _unavailable(path, error) from error
    finally:
        close_descriptor(directory_fd)
    try:
        defect = file_defect(status_of(opened), trusted_uid, private=private)
    except OSError as error:
        close_descriptor(opened)
        raise _unavailable(path, error) from error
    if defect is not None:
        close_descriptor(opened)
        raise StoreUnavailableError(path, defect.reason)
    return opened


def open_without_following(directory_fd: int, name: str, access: int) -> int:
    """Open a file of a directory: never through a link, never waiting for a fifo's other end.

    Raises: OSError.
    """
    flags = access | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    return os.open(name, flags, dir_fd=directory_fd)


def file_defect(status: os.stat_result, trusted_uid: int, *, private: bool = True) -> Defect | None:
    """Say why a file's status is not that of a trusted regular file, or None."""
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode):
        return Defect("type", f"is {kind_of(status.st_mode)}, not a regular file")
    if status.st_uid not in (ROOT_UID, trusted_uid):
        return Defect("owner", f"owned by uid {status.st_uid}, not {trusted_uid}")
    if private and mode != PRIVATE_FILE_MODE:
        return Defect("mode", f"mode {mode:04o}, not 0600")
    if mode & 0o022:
        return Defect("mode", f"mode {mode:04o}: others can write it")
    return None


def kind_of(mode: int) -> str:
    """Name a file's type for a message, with its article."""
    kinds = (
        (stat.S_ISREG, "a regular file"),
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISLNK, "a symbolic link"),
        (stat.S_ISFIFO, "a fifo"),
        (stat.S_ISSOCK, "a socket"),
    )
    for is_kind, name in kinds:
        if is_kind(mode):
            return name
    return "a device"


def _plain_components(path: str) -> list[str]:
    components = [component for component in path.split("/") if component not in ("", ".")]
    if not path.startswith("/") or ".." in components or "\0" in path:
        raise StoreUnavailableError(path, "not an absolute path without '..'")
    return components


def _walk(components: list[str], trusted_uid: int) -> int | list[str]:
    """Open the last component, or return the components with one more link resolved."""
    current = _open_component(None, "/", "/")
    try:
        _refuse_untrusted(status_of(current), "/", trusted_uid)
        for position, name in enumerate(components):
            path = "/" + "/".join(components[: position + 1])
            below = _open_component(current, name, path)
            close_descriptor(current)
            current = below
            status = status_of(current)
            _refuse_untrusted(status, path, trusted_uid)
            if stat.S_ISLNK(status.st_mode):
                if position == len(components) - 1:
                    raise StoreUnavailableError(path, "is a symbolic link, not a directory")
                target = retry_interrupted(os.readlink, "", dir_fd=current)
                return _resolved(components[:position], target) + components[position + 1 :]
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=current)
    except OSError as error:
        raise _unavailable("/" + "/".join(components), error) from error
    finally:
        close_descriptor(current)


def _open_component(directory_fd: int | None, name: str, path: str) -> int:
    try:
        return os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory_fd)
    except OSError as error:
        raise _unavailable(path, error) from error


def _resolved(prefix: list[str], target: str) -> list[str]:
    """Return a link's target from `/`; `..` is exact because the prefix holds no links."""
    resolved = [] if target.startswith("/") else list(prefix)
    for component in target.split("/"):
        if component == "..":
            resolved = resolved[:-1]
        elif component not in ("", "."):
            resolved.append(component)
    return resolved


def _refuse_untrusted(status: os.stat_result, path: str, trusted_uid: int) -> None:
    if status.st_uid not in (ROOT_UID, trusted_uid):
        raise StoreUnavailableError(path, f"owned by uid {status.st_uid}, not {trusted_uid}")
    if stat.S_ISLNK(status.st_mode):
        return  # a link's mode means nothing
    if not stat.S_ISDIR(status.st_mode):
        raise StoreUnavailableError(path, f"is {kind_of(status.st_mode)}, not a directory")
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o022 and not mode & stat.S_ISVTX:
        raise StoreUnavailableError(path, f"mode {mode:04o}: others can replace what is in it")


def _unavailable(path: str, error: OSError) -> StoreUnavailableError:
    if error.errno == errno.ENOENT:
        return NotThereError(path, reason_of(error))
    if error.errno == errno.ELOOP:
        return StoreUnavailableError(path, "is a symbolic link")
    return StoreUnavailableError(path, reason_of(error))
