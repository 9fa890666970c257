"""One-time codes: made here, because the lines of the RFC are few, and compared as ASCII bytes.

pyotp makes them too, but importing it is a tenth of a login with the helper (docs/adr/0008), and
its verify() normalizes Unicode and stops at the first match. Here every candidate is made, so
that time tells nothing about which one matched.
Source: RFC 4226 section 5 (HOTP); RFC 6238 section 4 (TOTP is HOTP over a step number).
"""

import hmac
from collections.abc import Iterable

from pam_tfa.core.otp_parameters import OtpParameters

_MOVING_FACTOR_BYTES = 8


def generate_code(secret: bytes, parameters: OtpParameters, moving_factor: int) -> bytes:
    """Return the code for a step number (TOTP) or counter (HOTP), as ASCII digits.

    Args:
        secret: MIN_SECRET_BYTES to MAX_SECRET_BYTES bytes.
        parameters: the authenticator's.
        moving_factor: 0 to 2^64-1.

    Source: RFC 4226 section 5.3; RFC 6238 section 1.2 for SHA-256 and SHA-512.
    """
    message = moving_factor.to_bytes(_MOVING_FACTOR_BYTES, "big")
    digest = hmac.digest(secret, message, parameters.algorithm)
    offset = digest[-1] & 0xF
    truncated = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return b"%0*d" % (parameters.digits, truncated % 10**parameters.digits)


def matching_factors(
    secret: bytes, parameters: OtpParameters, candidates: Iterable[int], code: bytes
) -> list[int]:
    """Return those candidate step numbers or counters whose code is the given one.

    Args:
        secret: MIN_SECRET_BYTES to MAX_SECRET_BYTES bytes.
        parameters: the authenticator's.
        candidates: moving factors of 0 to 2^64-1; each is evaluated.
        code: any bytes.
    """
    return [
        each
        for each in candidates
        if hmac.compare_digest(generate_code(secret, parameters, each), code)
    ]
