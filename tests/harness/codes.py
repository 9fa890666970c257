"""One-time codes from the RFCs' formulas: independent of the product and of its library."""

from __future__ import annotations

import hashlib
import hmac
import struct

DIGESTS = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512}


def hotp(secret: bytes, counter: int, digits: int = 6, algorithm: str = "sha1") -> str:
    """Return the HOTP value of a counter (RFC 4226 section 5.3)."""
    digest = hmac.new(secret, struct.pack(">Q", counter), DIGESTS[algorithm]).digest()
    offset = digest[-1] & 0x0F
    (number,) = struct.unpack(">I", digest[offset : offset + 4])
    return str((number & 0x7FFFFFFF) % 10**digits).zfill(digits)


def code_outside(taken: set[str], digits: int = 6) -> str:
    """Return a code that is none of those taken."""
    return next(
        code for code in (str(n).zfill(digits) for n in range(10**digits)) if code not in taken
    )
