"""The otpauth URI: how a secret gets into an authenticator app.

Source: https://github.com/google/google-authenticator/wiki/Key-Uri-Format
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pam_tfa.core.otp_parameters import OtpParameters

# 134 bytes are the most that a QR code of version 6, level L, holds (ISO/IEC 18004, table 7). With
# a border of two it is 45 modules high: 23 rows of half blocks, which leaves one of a terminal's 24
# rows for the prompt.
LONGEST_URI: Final = 134
SHORTEST_ISSUER: Final = 8
DIGESTS: Final = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512}


def secret_text(secret: bytes) -> str:
    """Encode a secret as base32 without padding, the form that every app takes by hand."""
    return base64.b32encode(secret).decode().rstrip("=")


def provisioning_uri(
    secret: bytes, otp: OtpParameters, account_name: str, issuer: str
) -> tuple[str, bool]:
    """Make the URI for a new secret, at counter 0 where it is HOTP.

    A long one is shortened until its QR code fits a terminal of 24 rows: first the issuer
    parameter goes, which repeats the label's first half, then the end of the issuer. The account's
    name stays whole.

    Args:
        secret: the shared secret.
        otp: its parameters.
        account_name: the account on this host.
        issuer: what tells this host from others in the app's list.

    Returns: the URI, ASCII, longer than LONGEST_URI only where the account's name makes it so;
        and whether the issuer was shortened.
    """
    first, *shorter = candidates = list(_candidates(secret, otp, account_name, issuer))
    uri = next((each for each in candidates if len(each) <= LONGEST_URI), shorter[-1])
    return uri, uri != first


def _candidates(secret: bytes, otp: OtpParameters, account_name: str, issuer: str) -> Iterator[str]:
    # Bytes of a name that are no UTF-8 can't be percent-encoded by pyotp.
    name = account_name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    yield _uri(secret, otp, name, issuer)
    for length in range(len(issuer), min(len(issuer), SHORTEST_ISSUER) - 1, -1):
        yield _uri(secret, otp, f"{issuer[:length]}:{name}", None)


def _uri(secret: bytes, otp: OtpParameters, name: str, issuer: str | None) -> str:
    import pyotp  # 27 ms, and only an enrolment needs it

    text, digest = secret_text(secret), DIGESTS[otp.algorithm]
    if otp.type == "hotp":
        hotp = pyotp.HOTP(text, digits=otp.digits, digest=digest)
        return hotp.provisioning_uri(name=name, issuer_name=issuer, initial_count=0)
    totp = pyotp.TOTP(text, digits=otp.digits, digest=digest, interval=otp.period_s)
    return totp.provisioning_uri(name=name, issuer_name=issuer)
