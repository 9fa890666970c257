"""A scanner reads the QR code off the rendered terminal."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pam_tfa.cli.qr import Ink, draw_ascii, draw_half_blocks, make_modules, size_of
from pam_tfa.core.otp_parameters import OtpParameters
from pam_tfa.otpauth import LONGEST_URI, provisioning_uri
from tests.unit.cli.screen import RenderedScreen, Theme

SECRET = bytes(range(20))
URI_OF_115 = (
    "otpauth://totp/web1.example:alice-01?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    "&issuer=web1.example&digits=8&period=60"
)
INKS = [Ink(colour=True), Ink(colour=True, cube=True)]


def test_uri_of_115_characters_is_45_by_23() -> None:
    """The size that leaves one row of 24 for the prompt."""
    assert len(URI_OF_115) == 115
    assert size_of(make_modules(URI_OF_115), "utf8") == (45, 23)
    assert size_of(make_modules("x" * LONGEST_URI), "utf8") == (45, 23)
    assert size_of(make_modules("x" * (LONGEST_URI + 1)), "utf8")[1] > 23


@pytest.mark.parametrize("ink", INKS)
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_half_blocks_are_read_on_every_theme(ink: Ink, theme: Theme) -> None:
    """Black on white whatever the terminal's own colours are."""
    screen = RenderedScreen(80, 24, theme)
    screen.show(draw_half_blocks(make_modules(URI_OF_115), ink))
    assert screen.codes() == [URI_OF_115]


@pytest.mark.parametrize("ink", INKS)
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_ascii_form_is_read_on_every_theme(ink: Ink, theme: Theme) -> None:
    """Wider and higher than 80 x 24, for terminals without block characters."""
    screen = RenderedScreen(100, 50, theme)
    lines = draw_ascii(make_modules(URI_OF_115), ink)
    assert all(line.isascii() for line in lines)
    screen.show(lines)
    assert screen.codes() == [URI_OF_115]


def test_plain_half_blocks_are_dark_on_paper() -> None:
    """Without colours a block is ink: right in a file, a mail, on a light terminal."""
    screen = RenderedScreen(80, 24, "light")
    lines = draw_half_blocks(make_modules(URI_OF_115), Ink(colour=False))
    assert not any("\x1b" in line for line in lines)
    screen.show(lines)
    assert screen.codes() == [URI_OF_115]


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=32)


@settings(max_examples=30)
@given(
    user=NAMES,
    issuer=NAMES.map(lambda text: text.replace(":", "_")),
    otp=st.builds(
        OtpParameters,
        st.just("totp"),
        st.sampled_from(["sha1", "sha256", "sha512"]),
        st.sampled_from([6, 8]),
        st.integers(10, 120),
    ),
)
def test_uri_fits_the_screen_or_only_the_name_is_too_long(
    user: str, issuer: str, otp: OtpParameters
) -> None:
    """Whatever is shortened, secret and account name are whole, and a scanner reads it."""
    uri, shortened = provisioning_uri(SECRET, otp, user, issuer)
    assert uri.isascii()
    assert "secret=AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQT" in uri
    if len(uri) > LONGEST_URI:
        shortest, _ = provisioning_uri(SECRET, otp, user, issuer[:1])
        assert shortened
        assert len(shortest) > LONGEST_URI - 9 * 8
    screen = RenderedScreen(100, 60)
    screen.show(draw_half_blocks(make_modules(uri), INKS[1]))
    assert screen.codes() == [uri]


def test_ordinary_uri_is_whole() -> None:
    """Issuer in the label and as a parameter; defaults are left out."""
    uri, shortened = provisioning_uri(SECRET, OtpParameters(), "alice", "web1")
    assert not shortened
    assert uri == ("otpauth://totp/web1:alice?secret=AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQT&issuer=web1")


def test_long_host_name_loses_the_issuer_parameter_first() -> None:
    """The label still tells where the entry belongs."""
    uri, shortened = provisioning_uri(SECRET, OtpParameters(digits=8), "alice", "h" * 32)
    assert shortened
    assert len(uri) <= LONGEST_URI
    assert "issuer=" not in uri
    assert "h" * 32 in uri
