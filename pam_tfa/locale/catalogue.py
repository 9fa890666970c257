"""Translations of what the command says.

``python -m pam_tfa.locale.compile`` makes the .mo files; without them the .po files are read.
"""

from __future__ import annotations

import io
import os
from typing import IO, Final, Literal, Protocol

Language = Literal["en", "de"]
DOMAIN: Final = "pam_tfa"


class Catalogue(Protocol):
    """What gettext's translations and ours have in common."""

    def gettext(self, message: str) -> str:
        """Return the translation of message, or message itself."""

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Return the translation for n things, or the English form for n."""


class English:
    """The language that the messages are written in; costs no import of gettext (9 ms)."""

    def gettext(self, message: str) -> str:
        """Return message."""
        return message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Return one of the two messages."""
        return msgid1 if n == 1 else msgid2


def load_catalogue(language: Language) -> Catalogue:
    """Load the messages of one of the two languages.

    The path is made of constants alone: gettext's own search takes path components from LANGUAGE
    and its relatives, which belong to whoever started a root process.

    Returns: the catalogue, or English where its files are missing.
    """
    if language == "en":
        return English()
    stream = _open_mo(language)
    if stream is None:
        return English()
    import gettext

    with stream:
        return gettext.GNUTranslations(stream)


def _open_mo(language: Language) -> IO[bytes] | None:
    here = os.path.dirname(os.path.abspath(__file__))
    path = os.path.join(here, language, "LC_MESSAGES", DOMAIN)
    try:
        return open(path + ".mo", "rb")
    except FileNotFoundError:
        pass
    from pam_tfa.locale.compile import encode_mo
    from pam_tfa.locale.po import parse_po

    try:
        with open(path + ".po", encoding="utf-8") as stream:
            return io.BytesIO(encode_mo(parse_po(stream.read())))
    except FileNotFoundError:
        return None
