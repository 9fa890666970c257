"""What was typed at the prompt, as a typed value; nothing else reads an answer's bytes."""

from collections.abc import Collection
from typing import Literal, NamedTuple

from pam_tfa.core.backup_codes import normalize_backup_code

MAX_ANSWER_BYTES = 64

MalformedReason = Literal["empty", "too_long", "not_ascii", "control_byte", "not_a_code"]


class CodeAnswer(NamedTuple):
    """A one-time code in form: ASCII digits of a length that the account uses."""

    code: bytes

    def __repr__(self) -> str:
        return "CodeAnswer(...)"


class BackupAnswer(NamedTuple):
    """A backup code in form, in its normalized spelling."""

    normalized: bytes

    def __repr__(self) -> str:
        return "BackupAnswer(...)"


class MalformedAnswer(NamedTuple):
    """An answer that can't be a code of this account: never evaluated, never counted."""

    reason: MalformedReason


Answer = CodeAnswer | BackupAnswer | MalformedAnswer


def parse_answer(answer: bytes, digits: Collection[int]) -> Answer:
    """Read an answer, total over all bytes.

    Programs answer prompts too: sshd's dummy holds control bytes, single-field clients send the
    password. Bytes are compared as ASCII, because str.isdigit() takes '²' and int() takes Arabic
    digits.

    Args:
        answer: the bytes as typed, without a terminator.
        digits: the code lengths of the account's authenticators.
    """
    unreadable = _unreadable_reason(answer)
    if unreadable is not None:
        return MalformedAnswer(unreadable)
    symbols = answer.translate(None, b" -")
    if len(symbols) in digits and symbols.isdigit():
        return CodeAnswer(symbols)
    normalized = normalize_backup_code(symbols)
    if normalized is not None:
        return BackupAnswer(normalized)
    return MalformedAnswer("not_a_code" if symbols else "empty")


def _unreadable_reason(answer: bytes) -> MalformedReason | None:
    if not answer:
        return "empty"
    if len(answer) > MAX_ANSWER_BYTES:
        return "too_long"
    if not answer.isascii():
        return "not_ascii"
    if any(byte < 0x20 or byte == 0x7F for byte in answer):
        return "control_byte"
    return None
