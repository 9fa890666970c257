"""File names for account names: injective, and never a path.

An account name is whatever NSS or a client says: it may hold slashes, newlines, escape
sequences, bytes that are no UTF-8, or be 64 KB long.
"""

from __future__ import annotations

RECORD_SUFFIX = ".json"
UNFINISHED_SUFFIX = ".new"
ENCODED_BYTES_AT_MOST = 200  # with prefix and suffixes it stays below NAME_MAX, 255
HASHED_PREFIX = "~"  # never made by the percent form, so both forms stay apart
_KEPT = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.")


def account_name_bytes(account_name: str) -> bytes:
    """Return the bytes that NSS knows an account by.

    UTF-8 with surrogateescape whatever the locale says: a login under LC_ALL=C must find the
    same record.

    Raises: ValueError for an empty name and for text that no bytes decode to (two such texts
    could share their bytes).
    """
    name_bytes = account_name.encode("utf-8", "surrogateescape")
    if not name_bytes:
        raise ValueError("an account name is empty")
    if name_bytes.decode("utf-8", "surrogateescape") != account_name:
        raise ValueError("an account name holds surrogates that stand for no bytes")
    return name_bytes


def record_file_name(account_name: str) -> str:
    """Return the name of an account's record file.

    Letters, digits, `_`, `-` and dots that don't lead are kept, all else is `%XX`; a name longer
    than 200 bytes in that form becomes `~` and its SHA-256.

    Raises: ValueError, see account_name_bytes.
    """
    name_bytes = account_name_bytes(account_name)
    encoded = "".join(
        chr(byte) if byte in _KEPT and (byte != 0x2E or position > 0) else f"%{byte:02X}"
        for position, byte in enumerate(name_bytes[: ENCODED_BYTES_AT_MOST + 1])
    )
    if len(encoded) > ENCODED_BYTES_AT_MOST:
        encoded = HASHED_PREFIX + _sha256_hex(name_bytes)
    return encoded + RECORD_SUFFIX


def account_name_of(file_name: str) -> str | None:
    """Return the account that a record file is named after; None where the name doesn't tell."""
    parts = file_name.removesuffix(RECORD_SUFFIX).split("%")
    try:
        name_bytes = parts[0].encode("ascii") + b"".join(
            bytes.fromhex(part[:2]) + part[2:].encode("ascii") for part in parts[1:]
        )
        account_name = name_bytes.decode("utf-8", "surrogateescape")
        return account_name if record_file_name(account_name) == file_name else None
    except ValueError:
        return None


def unfinished_file_name(file_name: str) -> str:
    """Return the name under which a file is written before it takes its own.

    The leading dot keeps it apart from every record, and from what `list` reads.
    """
    return f".{file_name}{UNFINISHED_SUFFIX}"


def is_record_file_name(file_name: str) -> bool:
    """Tell whether a directory entry can be a record: not hidden, with the suffix."""
    return file_name.endswith(RECORD_SUFFIX) and not file_name.startswith(".")


def _sha256_hex(content: bytes) -> str:
    import hashlib  # 3 ms that only a name of this length costs

    return hashlib.sha256(content).hexdigest()
