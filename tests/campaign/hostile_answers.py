"""Answers that an enemy or a program gives to the prompt, and what each has to come to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

LONGEST_SENT, LONGEST_READ = 512, 64
SSHD_DUMMY = b"\b\n\r\177INCORRECT"
_CODE = re.compile(rb"[0-9]{6}")
# Crockford's base32, and what reading forgives.
_BACKUP_CODE = re.compile(rb"[0-9A-TV-Z]{15}")
_FORGIVEN = bytes.maketrans(b"ILO", b"110")


class Expected(NamedTuple):
    """What an answer has to come to."""

    lets_in: bool
    reason: str
    counted: str = ""  # the count that grows


class Codes(NamedTuple):
    """What is good for an account now: codes, and backup codes as they are printed."""

    good: frozenset[bytes]
    backup: frozenset[bytes]


def expected(answer: bytes, codes: Codes) -> Expected:
    """Say what an answer has to come to; the log's reason with it."""
    malformed = _malformed(answer)
    if malformed:
        return Expected(False, f"not_a_code:{malformed}")
    symbols = answer.replace(b" ", b"").replace(b"-", b"")
    if _CODE.fullmatch(symbols):
        if symbols in codes.good:
            return Expected(True, "code")
        return Expected(False, "wrong_code", "codes")
    symbols = symbols.upper().translate(_FORGIVEN)
    if not _BACKUP_CODE.fullmatch(symbols):
        return Expected(False, "not_a_code:not_a_code" if symbols else "not_a_code:empty")
    if symbols in {each.replace(b"-", b"") for each in codes.backup}:
        return Expected(True, "backup_code")
    return Expected(False, "wrong_backup_code", "backup")


def _malformed(answer: bytes) -> str:
    if not answer:
        return "empty"
    if len(answer) > LONGEST_READ:
        return "too_long"
    if any(byte >= 0x80 for byte in answer):
        return "not_ascii"
    return "control_byte" if any(byte < 0x20 or byte == 0x7F for byte in answer) else ""


def full_width(digits: bytes) -> bytes:
    """Write digits as East Asian text does; str.isdigit() and int() take them."""
    return "".join(chr(0xFF10 + digit - 0x30) for digit in digits).encode()


def arabic(digits: bytes) -> bytes:
    """Write digits as Arabic text does; the regular expression \\d takes them."""
    return "".join(chr(0x0660 + digit - 0x30) for digit in digits).encode()


def dummy_of_length(length: int) -> bytes:
    """Return what sshd answers for users that it refuses, as long as what they typed."""
    return (SSHD_DUMMY * (length // len(SSHD_DUMMY) + 1))[:length]


# Made of a code that is good now.
AROUND_A_GOOD_CODE: dict[str, Callable[[bytes], bytes]] = {
    "blank behind": lambda code: code + b" ",
    "blanks around, dash within": lambda code: b"  " + code[:3] + b"-" + code[3:] + b" ",
    "digits apart": lambda code: b" ".join(code[i : i + 1] for i in range(6)),
    "blanks up to 64": lambda code: code.rjust(64),
    "blanks up to 65": lambda code: code.rjust(65),
    "newline behind": lambda code: code + b"\n",
    "newline before": lambda code: b"\n" + code,
    "newline within": lambda code: code[:3] + b"\n" + code[3:],
    "line end of DOS": lambda code: code + b"\r\n",
    "tab behind": lambda code: code + b"\t",
    "escape before": lambda code: b"\x1b[31m" + code,
    "delete behind": lambda code: code + b"\x7f",
    "backspace and again": lambda code: code[:5] + b"\b" + code[4:],
    "twice": lambda code: code * 2,
    "one digit more": lambda code: code + b"0",
    "one digit less": lambda code: code[:5],
    "plus before": lambda code: b"+" + code,
    "point behind": lambda code: code + b".",
    "underscore within": lambda code: code[:3] + b"_" + code[3:],
    "apostrophe within": lambda code: code[:3] + b"'" + code[3:],
    "full-width digits": full_width,
    "Arabic digits": arabic,
    "last digit Arabic": lambda code: code[:5] + arabic(code[5:]),
    "superscript behind": lambda code: code[:5] + "\u00b2".encode(),
    "superscript of Latin-1": lambda code: code[:5] + b"\xb2",
    "no-break blank within": lambda code: code[:3] + "\u00a0".encode() + code[3:],
    "no width within": lambda code: code[:3] + "\u200b".encode() + code[3:],
    "byte order mark before": lambda code: "\ufeff".encode() + code,
    "overlong digit": lambda code: b"\xc0" + bytes([0x80 | code[0]]) + code[1:],
    "no UTF-8 behind": lambda code: code + b"\xff\xfe",
    "a megabyte of it": lambda code: code * 174763,
    "behind a megabyte of blanks": lambda code: b" " * 1048576 + code,
}
OTHERS = {
    "empty": b"",
    "a blank": b" ",
    "dashes": b"------",
    "512 digits": b"1" * LONGEST_SENT,
    "513 digits": b"1" * (LONGEST_SENT + 1),
    "a megabyte of digits": b"7" * 1048576,
    "64 digits": b"1" * 64,
    "words": b"open sesame",
    "formats": b"%s%n%x",
    "quotes": b"' or '1'='1",
    "all low bytes": bytes(range(1, 65)),
    "all high bytes": bytes(range(0x80, 0xC0)),
}
_INSERTED = (
    *(b" ", b"-", b"\n", b"\r", b"\t", b"\x01", b"\x7f", b"\x80", b"\xff", b"\x1b"),
    *(b"0", b"9", b"+", b"_", b".", b"e"),
    *("\u00b2".encode(), "\u0661".encode(), "\uff11".encode()),
)
_LENGTHS = (63, 64, 65, 511, 512, 513, 4096, 100_000)


def generated_answer(random: Random, codes: Codes) -> bytes:
    """Make an answer, mostly of something that is or looks like a code."""
    answer = random.choice(
        (
            random.choice(sorted(codes.good)),
            random.choice(sorted(codes.backup)),
            b"%06d" % random.randrange(10**6),
            b"%08d" % random.randrange(10**8),
            bytes(random.choices(range(1, 256), k=random.randint(0, 80))),
            bytes(random.choices(b"0123456789ABCDEFGHJKMNPQRSTVWXYZilou", k=15)),
            dummy_of_length(random.randint(0, 80)),
        )
    )
    for _ in range(random.choice((0, 1, 1, 2, 3))):
        answer = _mutated(random, answer)
    return answer


def _mutated(random: Random, answer: bytes) -> bytes:
    place = random.randint(0, len(answer))
    match random.randrange(6):
        case 0 | 1:
            return answer[:place] + random.choice(_INSERTED) + answer[place:]
        case 2:
            return answer[:place] + answer[place + 1 :]
        case 3:
            return answer.swapcase()
        case 4:
            return answer[:place] + random.choice(_INSERTED) + answer[place + 1 :]
        case _:
            return answer.ljust(random.choice(_LENGTHS), random.choice((b" ", b"-", b"1")))
