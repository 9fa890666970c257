"""The language of the command, and the part of the environment that it takes it from."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final

from pam_tfa.locale.catalogue import Catalogue, English, Language, load_catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

LOCALE_VARIABLES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")
# A name below /usr/share/zoneinfo. glibc also takes ":/any/file" here, and TZDIR moves the whole
# directory.
ZONE_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*", re.ASCII)


class _Current:
    """The language of this run; a process of the command has one."""

    catalogue: Catalogue = English()


def _(message: str) -> str:
    """Translate a message into the language of this run."""
    return _Current.catalogue.gettext(message)


def ngettext(one: str, many: str, n: int) -> str:
    """Translate a message that counts n things."""
    return _Current.catalogue.ngettext(one, many, n)


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for it, which its tools look for
    """Mark a message that is translated where it is used."""
    return message


def choose_language(environment: Mapping[str, str]) -> Language:
    """Choose between the two languages there are, as glibc reads the variables.

    Only a comparison is made with what the environment says: no file name is ever built from it.
    """
    locale = next(filter(None, map(environment.get, LOCALE_VARIABLES)), "")
    if _base(locale) in ("", "C", "POSIX"):
        return "en"
    for wanted in [*environment.get("LANGUAGE", "").split(":"), locale]:
        if _base(wanted) == "de":
            return "de"
        if _base(wanted) == "en":
            break
    return "en"


def _base(locale: str) -> str:
    return re.split(r"[_.@]", locale, maxsplit=1)[0]


def settle_environment(environment: MutableMapping[str, str]) -> None:
    """Set the language of this run; remove what would choose files for a root process.

    argparse's own messages go through gettext.find(), which makes a path of LANGUAGE; "C" there
    ends the search before a file is opened.
    """
    _Current.catalogue = load_catalogue(choose_language(environment))
    environment["LANGUAGE"] = "C"
    environment.pop("TZDIR", None)
    if not ZONE_NAME.fullmatch(environment.get("TZ", "UTC")):
        del environment["TZ"]
    time.tzset()
