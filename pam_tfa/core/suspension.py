"""An administrator's suspension of one account, at the head of every state.

The helper decodes it before it prompts, so this module imports `struct` alone.

    offset  field             type
    0       suspended_from_s  u64   Unix time; 0 with until 0: not suspended
    8       suspended_until_s u64   Unix time, exclusive; 2^64-1: without end
    16      reason length     u16   bytes
    18      reason            256s  UTF-8, zero-padded
"""

from __future__ import annotations

from struct import Struct

from pam_tfa.core.errors import RecordFormatError


class Suspension:
    """From when until when an account isn't asked for a code, and why.

    A plain class, because importing `collections` or `typing` would cost every login 2 ms or more.
    """

    __slots__ = ("from_s", "reason", "until_s")

    def __init__(self, from_s: int, until_s: int, reason: str) -> None:
        """Make one from Unix seconds (until_s exclusive, WITHOUT_END_S for none) and a text."""
        self.from_s = from_s
        self.until_s = until_s
        self.reason = reason

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Suspension) and self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash(self._fields())

    def __repr__(self) -> str:
        return f"Suspension(from_s={self.from_s}, until_s={self.until_s}, reason={self.reason!r})"

    def _fields(self) -> tuple[int, int, str]:
        return self.from_s, self.until_s, self.reason


WITHOUT_END_S = 2**64 - 1
MAX_REASON_BYTES = 256
NOT_SUSPENDED = Suspension(from_s=0, until_s=0, reason="")

_LAYOUT = Struct(">QQH256s")
SUSPENSION_SIZE = _LAYOUT.size


def is_suspended(from_s: int, until_s: int, now_s: int) -> bool:
    """Tell whether an account is suspended at a time.

    A clock before the suspension's start ends it: someone who can turn the clock back must not
    be able to revive a suspension that is over.

    Args:
        from_s: start, Unix seconds, inclusive.
        until_s: end, Unix seconds, exclusive; WITHOUT_END_S for none.
        now_s: Unix seconds.
    """
    return from_s <= now_s < until_s


def encode_suspension(suspension: Suspension) -> bytes:
    """Encode a suspension into SUSPENSION_SIZE bytes.

    Raises:
        RecordFormatError: a field is out of range.
    """
    _check_span(suspension)
    try:
        reason = suspension.reason.encode()
    except UnicodeEncodeError:
        reason = None
    if reason is None or len(reason) > MAX_REASON_BYTES or b"\0" in reason:
        raise RecordFormatError("suspension.reason", "not text of at most 256 bytes")
    return _LAYOUT.pack(suspension.from_s, suspension.until_s, len(reason), reason)


def decode_suspension(payload: bytes) -> Suspension:
    """Decode the suspension at the head of a state's payload.

    Args:
        payload: at least SUSPENSION_SIZE bytes, of which the first ones are read.

    Raises:
        RecordFormatError: the bytes aren't what encode_suspension makes.
    """
    if len(payload) < SUSPENSION_SIZE:
        raise RecordFormatError("suspension", "cut short")
    from_s, until_s, length, padded = _LAYOUT.unpack_from(payload)
    suspension = Suspension(from_s, until_s, _decode_reason(padded, length))
    _check_span(suspension)
    return suspension


def _decode_reason(padded: bytes, length: int) -> str:
    if length > MAX_REASON_BYTES or padded[length:].strip(b"\0") or b"\0" in padded[:length]:
        raise RecordFormatError("suspension.reason", "length and bytes disagree")
    try:
        return padded[:length].decode()
    except UnicodeDecodeError:
        pass  # raised below, so that no chained exception carries the bytes along
    raise RecordFormatError("suspension.reason", "not UTF-8")


def _check_span(suspension: Suspension) -> None:
    if not 0 <= suspension.from_s <= suspension.until_s <= WITHOUT_END_S:
        raise RecordFormatError("suspension", "ends before it starts")
    if suspension.until_s == suspension.from_s and suspension != NOT_SUSPENDED:
        raise RecordFormatError("suspension", "is empty, but not zero")
