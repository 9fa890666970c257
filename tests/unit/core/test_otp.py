"""One-time codes are those of the RFCs and of oathtool."""

import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pam_tfa.core.otp import generate_code, matching_factors
from pam_tfa.core.otp_parameters import OTP_ALGORITHMS, OTP_DIGITS, OtpParameters
from tests.unit.core.builders import HOTP, a_secret

_VECTORS = Path(__file__).resolve().parents[2] / "vectors"
_RFC_4226: dict[str, Any] = json.loads((_VECTORS / "rfc4226_appendix_d.json").read_text())
_RFC_6238: dict[str, Any] = json.loads((_VECTORS / "rfc6238_appendix_b.json").read_text())
_CODES_PER_PROCESS = 25


@pytest.mark.parametrize("vector", _RFC_4226["codes"])
def test_hotp_codes_are_those_of_rfc_4226(vector: dict[str, Any]) -> None:
    """Every test value of RFC 4226 appendix D comes out."""
    parameters = OtpParameters("hotp", _RFC_4226["algorithm"], _RFC_4226["digits"], 0)
    secret = _RFC_4226["secret_ascii"].encode()
    assert generate_code(secret, parameters, vector["counter"]) == vector["code"].encode()


@pytest.mark.parametrize("vector", _RFC_6238["codes"])
def test_totp_codes_are_those_of_rfc_6238(vector: dict[str, Any]) -> None:
    """Every test value of RFC 6238 appendix B comes out."""
    period_s = _RFC_6238["period_s"]
    parameters = OtpParameters("totp", vector["algorithm"], _RFC_6238["digits"], period_s)
    secret = _RFC_6238["secrets_ascii"][vector["algorithm"]].encode()
    code = generate_code(secret, parameters, vector["time_s"] // period_s)
    assert code == vector["code"].encode()


def test_codes_agree_with_oathtool(campaign: bool) -> None:
    """Secrets, parameters and times at random give what oathtool gives (2,000; 100,000)."""
    if shutil.which("oathtool") is None:
        pytest.fail("oathtool is missing: apt-get install oathtool")
    chosen = random.Random()
    processes = (100_000 if campaign else 2_000) // _CODES_PER_PROCESS
    for _ in range(processes):
        _agree_with_oathtool(chosen)


def _agree_with_oathtool(chosen: random.Random) -> None:
    algorithm = chosen.choice(OTP_ALGORITHMS)
    period_s = chosen.choice((30, 60, chosen.randint(10, 120)))
    parameters = OtpParameters("totp", algorithm, chosen.choice(OTP_DIGITS), period_s)
    secret = chosen.randbytes(chosen.randint(14, 128))
    first = chosen.randrange(2 ** chosen.randint(1, 28))
    mode = [f"--totp={algorithm}", f"-s{period_s}s", f"-N@{first * period_s}"]
    if algorithm == "sha1" and chosen.random() < 0.5:
        parameters = OtpParameters("hotp", algorithm, parameters.digits, 0)
        first = chosen.randrange(2 ** chosen.randint(1, 62))
        mode = ["--hotp", f"-c{first}"]
    window = f"-w{_CODES_PER_PROCESS - 1}"
    command = ["oathtool", *mode, f"-d{parameters.digits}", window, "-"]
    said = subprocess.run(command, input=secret.hex().encode(), capture_output=True, check=True)
    ours = [generate_code(secret, parameters, first + each) for each in range(_CODES_PER_PROCESS)]
    assert ours == said.stdout.split(), (secret.hex(), parameters, first)


def test_matching_returns_every_candidate_with_the_code() -> None:
    """A candidate that occurs twice is found twice: no candidate is passed over."""
    code = generate_code(a_secret(), HOTP, 7)
    assert matching_factors(a_secret(), HOTP, [7, 8, 7, 9], code) == [7, 7]


@pytest.mark.parametrize("code", [b"", b"1", b"1234567", "²23456".encode(), b"\xff" * 6])
def test_bytes_that_are_no_code_match_nothing(code: bytes) -> None:
    """Bytes of any kind are compared without an error."""
    assert matching_factors(a_secret(), HOTP, range(10), code) == []
