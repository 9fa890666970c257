"""What the two ends of a one-time password agree on, and its allowed values."""

from typing import Literal, NamedTuple

from pam_tfa.core.errors import RecordFormatError

OtpType = Literal["totp", "hotp"]
OtpAlgorithm = Literal["sha1", "sha256", "sha512"]

OTP_TYPES: tuple[OtpType, ...] = ("totp", "hotp")
OTP_ALGORITHMS: tuple[OtpAlgorithm, ...] = ("sha1", "sha256", "sha512")
OTP_DIGITS = (6, 8)
# NIST SP 800-63B-4 section 3.1.4.1 wants a new code at least every two minutes; below ten
# seconds nobody types a code in time.
MIN_PERIOD_S = 10
MAX_PERIOD_S = 120
# NIST SP 800-63B-4 section 3.1.4.1: keys of at least 112 bits. RFC 4226 section 4 recommends 160.
MIN_SECRET_BYTES = 14
DEFAULT_SECRET_BYTES = 20
MAX_SECRET_BYTES = 128


class OtpParameters(NamedTuple):
    """The public parameters of an authenticator.

    Attributes:
        type: "totp" (RFC 6238) or "hotp" (RFC 4226).
        algorithm: hash function under the HMAC.
        digits: length of a code, 6 or 8.
        period_s: length of a TOTP step, MIN_PERIOD_S to MAX_PERIOD_S seconds; 0 for HOTP.
    """

    type: OtpType = "totp"
    algorithm: OtpAlgorithm = "sha1"
    digits: int = 6
    period_s: int = 30


def check_otp_parameters(parameters: OtpParameters, path: str = "") -> None:
    """Refuse parameters outside the allowed values.

    Args:
        parameters: of any values.
        path: where they stand in a record, for the error.

    Raises:
        RecordFormatError: names the parameter.
    """
    broken = _broken_rule(parameters)
    if broken is not None:
        name, reason = broken
        raise RecordFormatError(f"{path}.{name}".strip("."), reason)


def _broken_rule(parameters: OtpParameters) -> tuple[str, str] | None:
    if parameters.type not in OTP_TYPES:
        return "type", "neither totp nor hotp"
    if parameters.algorithm not in OTP_ALGORITHMS:
        return "algorithm", "none of sha1, sha256, sha512"
    if parameters.digits not in OTP_DIGITS:
        return "digits", "neither 6 nor 8"
    if parameters.type == "hotp" and parameters.period_s != 0:
        return "period_s", "not 0, though HOTP has no period"
    if parameters.type == "totp" and not MIN_PERIOD_S <= parameters.period_s <= MAX_PERIOD_S:
        return "period_s", f"not {MIN_PERIOD_S} to {MAX_PERIOD_S}"
    return None
