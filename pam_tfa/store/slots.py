"""The two state slots at the end of a record file.

What changes at every login is written in turn to one of two fixed blocks, each with a sequence
number and a checksum, so that a write that is cut short leaves the other one
(docs/adr/0001-how-state-is-written.md; byte by byte in docs/RECORDS.md).
"""

from __future__ import annotations

import struct
import zlib

SLOT_BYTES = 4096
SLOT_MAGIC = b"PTFASTA1"
_HEADER = struct.Struct(">8sQQ")
_CHECKSUM = struct.Struct(">I")
PAYLOAD_BYTES = SLOT_BYTES - _HEADER.size - _CHECKSUM.size


class Slot:
    """One slot: its place (0 or 1), sequence, record revision and PAYLOAD_BYTES of payload."""

    __slots__ = ("payload", "place", "revision", "sequence")

    def __init__(self, place: int, sequence: int, revision: int, payload: bytes) -> None:
        self.place = place
        self.sequence = sequence
        self.revision = revision
        self.payload = payload.ljust(PAYLOAD_BYTES, b"\0")
        if len(self.payload) != PAYLOAD_BYTES:
            raise ValueError(f"a state of {len(payload)} bytes does not fit a slot")


class CurrentSlot:
    """The slot that counts, and whether the other one is the intact state before it."""

    __slots__ = ("intact", "slot")

    def __init__(self, slot: Slot, *, intact: bool) -> None:
        self.slot = slot
        self.intact = intact


def encode_slot(slot: Slot) -> bytes:
    """Return a slot's 4096 bytes."""
    body = _HEADER.pack(SLOT_MAGIC, slot.sequence, slot.revision) + slot.payload
    return body + _CHECKSUM.pack(zlib.crc32(body))


def decode_slot(block: bytes, place: int) -> Slot | None:
    """Return the slot in a block, or None when it is torn, damaged or of another format."""
    if len(block) != SLOT_BYTES:
        return None
    body = block[: -_CHECKSUM.size]
    magic, sequence, revision = _HEADER.unpack_from(body)
    (checksum,) = _CHECKSUM.unpack_from(block, len(body))
    if magic != SLOT_MAGIC or checksum != zlib.crc32(body):
        return None
    return Slot(place, sequence, revision, body[_HEADER.size :])


def encode_first_slots(revision: int, payload: bytes) -> bytes:
    """Return both slots of a new file, each with the same state."""
    first = Slot(0, 1, revision, payload)
    return encode_slot(first) + encode_slot(next_slot(first, payload))


def next_slot(current: Slot, payload: bytes) -> Slot:
    """Return the slot that follows `current`: never in the place of the one that counts now."""
    return Slot(1 - current.place, current.sequence + 1, current.revision, payload)


def current_slot(blocks: bytes, revision: int | None = None) -> CurrentSlot | None:
    """Choose the slot that counts: valid, of the record's revision, with the greater sequence.

    Args:
        blocks: both slots, one after the other.
        revision: the record's; None before it was read, then slots of two revisions are not
            intact.

    Returns: None when neither is valid. `intact` is False unless both are valid and follow each
    other: then a newer state may have been lost, and what it forbade must stay forbidden.
    """
    halves = (blocks[:SLOT_BYTES], blocks[SLOT_BYTES:])
    decoded = (decode_slot(half, place) for place, half in enumerate(halves))
    slots = [s for s in decoded if s is not None and revision in (None, s.revision)]
    if not slots:
        return None
    slots.sort(key=lambda slot: slot.sequence)
    older, newest = slots[0], slots[-1]
    intact = newest.sequence == older.sequence + 1 and newest.revision == older.revision
    return CurrentSlot(newest, intact=intact)
