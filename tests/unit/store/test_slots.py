"""Two checksummed slots: whatever happens to one, the other one is there."""

import itertools

import pytest

from pam_tfa.store.slots import (
    PAYLOAD_BYTES,
    SLOT_BYTES,
    Slot,
    current_slot,
    decode_slot,
    encode_first_slots,
    encode_slot,
    next_slot,
)

SECTOR_BYTES = 512


def a_slot(place: int, sequence: int, *, revision: int = 1, payload: bytes = b"old") -> Slot:
    """Return a slot with a short payload."""
    return Slot(place, sequence, revision, payload)


def blocks_of(*slots: Slot) -> bytes:
    """Return the two blocks of a file."""
    return b"".join(encode_slot(slot) for slot in slots)


def chosen(blocks: bytes, revision: int | None = 1) -> tuple[bytes, bool]:
    """Return the payload that counts, without padding, and whether nothing was lost."""
    current = current_slot(blocks, revision)
    assert current is not None
    return current.slot.payload.rstrip(b"\0"), current.intact


def test_slot_is_read_back() -> None:
    """Place, sequence, revision and payload survive; the payload is padded with zeros."""
    slot = decode_slot(encode_slot(a_slot(1, 7, revision=3, payload=b"x" * 100)), 1)
    assert slot is not None
    assert (slot.place, slot.sequence, slot.revision) == (1, 7, 3)
    assert slot.payload == b"x" * 100 + bytes(PAYLOAD_BYTES - 100)


def test_slot_is_one_block() -> None:
    """The file system writes a slot as one page."""
    assert len(encode_slot(a_slot(0, 1))) == SLOT_BYTES == 4096


def test_payload_that_does_not_fit_is_refused() -> None:
    """Nothing is cut off silently."""
    with pytest.raises(ValueError, match="does not fit"):
        a_slot(0, 1, payload=b"x" * (PAYLOAD_BYTES + 1))


@pytest.mark.parametrize("byte", [*range(32), 4000, 4091, 4092, 4095])
def test_slot_with_one_changed_byte_is_invalid(byte: int) -> None:
    """Magic, sequence, revision, payload and checksum itself are all covered."""
    block = bytearray(encode_slot(a_slot(0, 1)))
    block[byte] ^= 0x10
    assert decode_slot(bytes(block), 0) is None


@pytest.mark.parametrize("content", [b"", bytes(4096), b"x" * 4096, bytes(4095), bytes(4097)])
def test_what_is_no_slot_is_invalid(content: bytes) -> None:
    """Zeros, noise and other lengths are no state."""
    assert decode_slot(content, 0) is None


def test_new_file_has_two_equal_intact_slots() -> None:
    """A first login after an enrolment finds nothing missing."""
    assert chosen(encode_first_slots(1, b"first")) == (b"first", True)


@pytest.mark.parametrize(("sequence_a", "sequence_b"), [(8, 7), (6, 7)])
def test_greater_sequence_wins(sequence_a: int, sequence_b: int) -> None:
    """The newest state counts, wherever it lies."""
    slots = (
        a_slot(0, sequence_a, payload=str(sequence_a).encode()),
        a_slot(1, sequence_b, payload=str(sequence_b).encode()),
    )
    assert chosen(blocks_of(*slots)) == (str(max(sequence_a, sequence_b)).encode(), True)


def test_next_slot_never_overwrites_the_current_one() -> None:
    """The state that counts stays until the next one is complete."""
    current = a_slot(0, 9)
    following = next_slot(current, b"new")
    assert (following.place, following.sequence) == (1, 10)


@pytest.mark.parametrize("lost", [0, 1])
def test_state_before_a_damaged_slot_is_marked(lost: int) -> None:
    """Either slot may have been the newer one: the reader is told."""
    blocks = bytearray(blocks_of(a_slot(0, 7, payload=b"a"), a_slot(1, 8, payload=b"b")))
    blocks[lost * SLOT_BYTES + 100] ^= 1
    assert chosen(bytes(blocks)) == (b"ba"[lost : lost + 1], False)


def test_gap_between_sequences_is_marked() -> None:
    """A slot that a failing disk never wrote shows by the sequence that is missing."""
    assert chosen(blocks_of(a_slot(0, 7), a_slot(1, 9))) == (b"old", False)


def test_equal_sequences_are_marked() -> None:
    """Two slots of one sequence were never written so."""
    assert chosen(blocks_of(a_slot(0, 7), a_slot(1, 7))) == (b"old", False)


def test_slot_of_another_revision_does_not_count() -> None:
    """A state belongs to the record that it was made for."""
    blocks = blocks_of(a_slot(0, 7, payload=b"mine"), a_slot(1, 8, revision=2))
    assert chosen(blocks, revision=1) == (b"mine", False)
    assert chosen(blocks, revision=None) == (b"old", False)
    assert current_slot(blocks, revision=3) is None


def test_two_damaged_slots_are_no_state() -> None:
    """There is nothing left to believe."""
    assert current_slot(bytes(2 * SLOT_BYTES), 1) is None


@pytest.mark.parametrize("written", range(0, SLOT_BYTES + 1, 64))
def test_torn_write_leaves_the_old_or_the_new_state(written: int) -> None:
    """A write of which only the first bytes arrived is as if it had never begun."""
    current, stale = a_slot(0, 8, payload=b"old"), a_slot(1, 7, payload=b"stale")
    new = encode_slot(next_slot(current, b"new"))
    torn = new[:written] + encode_slot(stale)[written:]
    payload, intact = chosen(encode_slot(current) + torn)
    if written == SLOT_BYTES:
        assert (payload, intact) == (b"new", True)
    else:
        assert payload == b"old"
        assert intact == (written == 0)


def test_write_torn_in_any_order_of_sectors_leaves_the_old_or_the_new_state() -> None:
    """A disk may write a block's eight sectors in any order and stop after any of them."""
    current, stale = a_slot(0, 8, payload=b"old"), a_slot(1, 7, payload=b"stale")
    new = encode_slot(next_slot(current, b"new" * 1000))
    before = encode_slot(stale)
    for arrived in itertools.product((False, True), repeat=SLOT_BYTES // SECTOR_BYTES):
        torn = b"".join(
            (new if has_arrived else before)[place * SECTOR_BYTES : (place + 1) * SECTOR_BYTES]
            for place, has_arrived in enumerate(arrived)
        )
        payload, intact = chosen(encode_slot(current) + torn)
        assert payload == (b"old" if torn != new else b"new" * 1000)
        assert intact == (torn in (before, new))
