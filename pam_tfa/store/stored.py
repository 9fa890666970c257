"""What an account's file says, checked against the account that was asked for.

Imported once the prompt is out: decoding costs json and the types of core.
"""

from __future__ import annotations

from typing import NamedTuple

from pam_tfa.core.errors import RecordDamagedError, RecordFormatError
from pam_tfa.core.records import Record, decode_record, encode_record
from pam_tfa.core.state import State, decode_state, encode_state
from pam_tfa.store.record_file import BLOCK_BYTES, BLOCKS_AT_MOST, RecordFile, pad_text
from pam_tfa.store.slots import Slot, encode_first_slots


class Stored(NamedTuple):
    """An account's record and state.

    damaged: a newer state may have been lost. The one here is older or equally old, so whoever
    decides with it applies core.state.state_after_damage first.
    """

    record: Record
    state: State
    damaged: bool


class Reading(NamedTuple):
    """What was read, and the slot that it was read from, over which nothing may be written."""

    stored: Stored
    slot: Slot


def read_stored(record_file: RecordFile, account_name: str, uid: int | None) -> Reading:
    """Decode an account's file.

    Args:
        record_file: open, under the account's lock.
        account_name: whose it has to be.
        uid: the account's, or None where it has none any more and the caller knows it.

    Raises: RecordDamagedError, StoreUnavailableError.
    """
    record = read_record(record_file)
    if record.account_name != account_name:
        raise RecordDamagedError(record_file.path, "account_name", "is another account's record")
    if uid is not None and record.uid != uid:
        reason = (
            f"made for uid {record.uid}, but the account has uid {uid}: "
            "its uid was changed, or it was deleted and made anew"
        )
        raise RecordDamagedError(record_file.path, "uid", reason)
    current = record_file.read_current_slot(record.revision)
    state = _decode_state(record_file.path, record, current.slot)
    return Reading(Stored(record, state, damaged=not current.intact), current.slot)


def read_record(record_file: RecordFile) -> Record:
    """Decode the part of an account's file that only replacing it changes.

    Raises: RecordDamagedError, StoreUnavailableError.
    """
    try:
        return decode_record(record_file.read_text())
    except RecordFormatError as error:
        raise RecordDamagedError(record_file.path, error.field, error.reason) from error


def encode_file(record: Record, state: State) -> bytes:
    """Return the whole file of an account.

    Raises: RecordFormatError when values are out of range, don't fit, or don't belong together.
    """
    _refuse_unlike(record, state)
    text = pad_text(encode_record(record))
    slots = encode_first_slots(record.revision, encode_state(state))
    if len(text) + len(slots) > BLOCKS_AT_MOST * BLOCK_BYTES:
        raise RecordFormatError("", "larger than 64 blocks")
    return text + slots


def encode_state_of(record: Record, state: State) -> bytes:
    """Return the payload of a slot.

    Raises: RecordFormatError, as encode_file does.
    """
    _refuse_unlike(record, state)
    return encode_state(state)


def _decode_state(path: str, record: Record, slot: Slot) -> State:
    try:
        state = decode_state(slot.payload)
        _refuse_unlike(record, state)
    except RecordFormatError as error:
        raise RecordDamagedError(path, error.field, error.reason) from error
    return state


def _refuse_unlike(record: Record, state: State) -> None:
    if len(record.authenticators) != len(state.authenticators):
        raise RecordFormatError("authenticators", "record and state hold different numbers")
