"""Make the .mo file beside every .po file: ``python -m pam_tfa.locale.compile [DIRECTORY]``.

Pure Python, so that a build needs no GNU gettext.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pam_tfa.locale.po import Entry, parse_po

if TYPE_CHECKING:
    from collections.abc import Iterable

MO_MAGIC: Final = 0x950412DE
HEADER_SIZE: Final = 28


def encode_mo(entries: Iterable[Entry]) -> bytes:
    """Encode entries as a .mo file. Fuzzy and untranslated ones are left out, as msgfmt does.

    Source: GNU gettext manual, "The Format of GNU MO Files".
    """
    pairs = sorted(_pair(entry) for entry in entries if not entry.fuzzy and all(entry.msgstr))
    ids = [source for source, _ in pairs]
    texts = [translation for _, translation in pairs]
    texts_table_at = HEADER_SIZE + 8 * len(pairs)
    strings_at = HEADER_SIZE + 16 * len(pairs)
    ids_table, texts_at = _table(ids, strings_at)
    texts_table, _end = _table(texts, texts_at)
    header = struct.pack("<7I", MO_MAGIC, 0, len(pairs), HEADER_SIZE, texts_table_at, 0, strings_at)
    return header + ids_table + texts_table + b"".join(text + b"\0" for text in (*ids, *texts))


def _pair(entry: Entry) -> tuple[bytes, bytes]:
    source = entry.msgid + ("\0" + entry.msgid_plural if entry.msgid_plural else "")
    return source.encode(), "\0".join(entry.msgstr).encode()


def _table(texts: list[bytes], start: int) -> tuple[bytes, int]:
    table = b""
    for text in texts:
        table += struct.pack("<2I", len(text), start)
        start += len(text) + 1
    return table, start


def compile_catalogues(directory: Path) -> list[Path]:
    """Compile every LANGUAGE/LC_MESSAGES/*.po under directory.

    Returns: the .mo files written.
    """
    written = []
    for po_file in sorted(directory.glob("*/LC_MESSAGES/*.po")):
        mo_file = po_file.with_suffix(".mo")
        mo_file.write_bytes(encode_mo(parse_po(po_file.read_text(encoding="utf-8"))))
        written.append(mo_file)
    return written


if __name__ == "__main__":
    compile_catalogues(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
