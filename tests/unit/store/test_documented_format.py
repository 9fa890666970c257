"""docs/RECORDS.md is true: its hex dump is a record, and says what the page says it does."""

import hashlib
import struct
import zlib
from pathlib import Path

from pam_tfa.core.lockout import FailureCount
from pam_tfa.core.suspension import WITHOUT_END_S, Suspension

from .builders import PROJECT, a_record, a_state, a_store

ROW_BYTES = 16
BLOCK = 4096


def documented_file() -> bytes:
    """Rebuild the file that the page shows, as `hexdump -C` prints it."""
    page = (PROJECT / "docs" / "RECORDS.md").read_text()
    content, row = b"", b""
    for line in page.split("```")[1].splitlines():
        if line in ("", "*"):
            continue
        offset = int(line[:8], 16)
        content += row * ((offset - len(content)) // ROW_BYTES)
        row = bytes.fromhex(line[8:].partition("|")[0])
        content += row
    return content


def test_documented_file_is_read_as_described(tmp_path: Path) -> None:
    """The example is a record of this version, down to each field."""
    store = a_store(tmp_path)
    path = Path(store.users_dir, "alice.json")
    path.write_bytes(documented_file())
    path.chmod(0o600)
    expected = a_state(58_666_666)._replace(
        suspension=Suspension(1_760_000_000, WITHOUT_END_S, "phone lost"),
        codes=FailureCount(2, 1_760_000_123),
        backup_used=0b101,
    )
    assert store.load("alice", 1000) == (a_record(), expected, False)


def test_documented_offsets_hold() -> None:
    """A program that follows the page, and nothing else, finds every field."""
    content = documented_file()
    line, checksum, padding = content[:BLOCK].split(b"\n", 2)
    assert checksum == b"sha256:" + hashlib.sha256(line).hexdigest().encode()
    assert padding.strip(b" ") == b"\n"
    slot = content[BLOCK : 2 * BLOCK]
    assert struct.unpack_from(">8sQQ", slot) == (b"PTFASTA1", 3, 1)
    assert struct.unpack_from(">QQH10s", slot, 24) == (
        1_760_000_000,
        2**64 - 1,
        10,
        b"phone lost",
    )
    assert struct.unpack_from(">IQ", slot, 298) == (2, 1_760_000_123)
    assert struct.unpack_from(">QIH", slot, 334) == (0b101, 0, 1)
    assert struct.unpack_from(">qQhqH12x", slot, 348) == (58_666_666, 0, 0, -1, 0)
    assert struct.unpack_from(">I", slot, 4092) == (zlib.crc32(slot[:4092]),)
