"""One-time codes, made by pyotp and compared here.

pyotp's own verify() normalizes Unicode and stops at the first match; ours compares ASCII bytes
and always makes every candidate, so that time tells nothing about which one matched.
Source: RFC 4226 section 5 (HOTP); RFC 6238 section 4 (TOTP is HOTP over a step number).
"""

import hashlib
from base64 import b32encode
from collections.abc import Iterable
from hmac import compare_digest

import pyotp

from pam_tfa.core.otp_parameters import OtpParameters

_DIGESTS = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512}


def generate_code(secret: bytes, parameters: OtpParameters, moving_factor: int) -> bytes:
    """Return the code for a step number (TOTP) or counter (HOTP), as ASCII digits.

    Args:
        secret: MIN_SECRET_BYTES to MAX_SECRET_BYTES bytes.
        parameters: the authenticator's.
        moving_factor: 0 to 2^64-1.

    Source: RFC 4226 section 5.3.
    """
    return _generator(secret, parameters).at(moving_factor).encode()


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
    generator = _generator(secret, parameters)
    return [each for each in candidates if compare_digest(generator.at(each).encode(), code)]


def _generator(secret: bytes, parameters: OtpParameters) -> pyotp.HOTP:
    return pyotp.HOTP(
        s=b32encode(secret).decode(),
        digits=parameters.digits,
        digest=_DIGESTS[parameters.algorithm],
    )
