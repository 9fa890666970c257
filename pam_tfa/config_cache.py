"""What the configuration file's text came to when it was last parsed, as a .pyc is for a module.

Importing tomllib costs the helper as much as everything else that it does before its prompt. The
cache holds the whole text beside the values, so that it says nothing of any other text; it lies
in /run, and nothing but time is lost with it.
"""

from __future__ import annotations

import marshal
import os
import sys
import zlib

from pam_tfa.core.errors import StoreUnavailableError
from pam_tfa.store.directory import (
    PRIVATE_FILE_MODE,
    ROOT_UID,
    open_trusted_directory,
    open_trusted_file,
)
from pam_tfa.store.system_calls import close_descriptor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

CACHE_PATH = "/run/pam-tfa/config.cache"
_MAX_CACHE_BYTES = 4 << 20
_NEW = ".new"
_CHECKSUM_BYTES = 4  # against a bit that flips; who forges it is root
# marshal's format belongs to one version of Python.
_FORMAT = f"pam-tfa-config-cache/1 {sys.implementation.cache_tag}"


def read_cached(
    cache_path: str, content: bytes, trusted_uid: int = ROOT_UID
) -> Mapping[str, object] | None:
    """Return what a configuration's text says, or None where the cache doesn't know it.

    Args:
        cache_path: absolute; believed only where nobody but root or the trusted user could have
            written it.
        content: the file's bytes.
        trusted_uid: the user beside root who may own the cache.
    """
    try:
        descriptor = open_trusted_file(cache_path, trusted_uid, private=True)
    except (StoreUnavailableError, OSError):
        return None
    try:
        # As safe as a .pyc: only root can have written it.
        cached = os.read(descriptor, _MAX_CACHE_BYTES)
        if _checksum(cached[_CHECKSUM_BYTES:]) != cached[:_CHECKSUM_BYTES]:
            return None
        found = marshal.loads(cached[_CHECKSUM_BYTES:])  # noqa: S302
    except (OSError, ValueError, EOFError, TypeError, MemoryError):
        return None
    finally:
        close_descriptor(descriptor)
    match found:
        case (str(found_format), bytes(text), dict(values)):
            return values if (found_format, text) == (_FORMAT, content) else None
        case _:
            return None


def keep(
    cache_path: str, content: bytes, values: Mapping[str, object], trusted_uid: int = ROOT_UID
) -> None:
    """Remember what a configuration's text says. Does nothing where that can't be done.

    Args:
        cache_path: absolute; its directory is there and trusted, or nothing is written.
        content: the file's bytes.
        values: what they say.
        trusted_uid: the user beside root who may own the directory.
    """
    directory, _, name = cache_path.rpartition("/")
    try:
        cached = marshal.dumps((_FORMAT, content, dict(values)))
        cached = _checksum(cached) + cached
        directory_fd = open_trusted_directory(directory, trusted_uid)
    except (ValueError, StoreUnavailableError, OSError):
        return  # ValueError: a date, which marshal can't write
    try:
        _replace(directory_fd, name, cached)
    except OSError:
        pass  # a caller without root's rights, or no room: parsed again the next time
    finally:
        close_descriptor(directory_fd)


def _checksum(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(_CHECKSUM_BYTES, "big")


def _replace(directory_fd: int, name: str, content: bytes) -> None:
    """Put a file in place whole.

    A new file that is there already is another login's, or of one that was killed: it is removed,
    and this login leaves it at that.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(name + _NEW, flags, PRIVATE_FILE_MODE, dir_fd=directory_fd)
        try:
            written = os.write(descriptor, content)
        finally:
            close_descriptor(descriptor)
        if written == len(content):
            os.rename(name + _NEW, name, src_dir_fd=directory_fd, dst_dir_fd=directory_fd)
            return
    except FileExistsError:
        pass
    os.unlink(name + _NEW, dir_fd=directory_fd)
