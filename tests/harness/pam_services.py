"""PAM files of the test namespace."""

from __future__ import annotations

import itertools
from pathlib import Path

from tests.harness.installation import require_namespace

PAM_D = Path("/etc/pam.d")
# What the stacks below answer where the module says PAM_IGNORE: no code of the module's own, and
# what libpam itself makes of a stack in which nothing but PAM_IGNORE was said.
IGNORED = 6  # PAM_PERM_DENIED

_numbers = itertools.count(1)


def a_service(*lines: str, name: str | None = None, directory: Path = PAM_D) -> str:
    """Write a PAM file and return the service's name.

    Another directory than PAM's own is for clients that start with pam_start_confdir().
    """
    require_namespace()
    name = name or f"tfa-test{next(_numbers)}"
    (directory / name).write_text("".join(f"{line}\n" for line in lines))
    return name


def remove_service(name: str) -> None:
    """Remove a PAM file."""
    (PAM_D / name).unlink(missing_ok=True)


def a_module_service(*options: str, name: str | None = None, password: bool = False) -> str:
    """Write a service whose result is the module's own, with IGNORED for PAM_IGNORE.

    Each option is one word to the module, whatever is in it; with `password`, pam_unix asks first.
    """
    lines = ["auth requisite pam_unix.so nodelay"] if password else []
    lines += telling_lines("auth", *options)
    return a_service(*lines, "account required pam_permit.so", name=name)


def a_misplaced_service(*options: str, name: str | None = None) -> str:
    """Write a service in which the module stands under every type of line, alone."""
    kinds = ("auth", "account", "session", "password")
    return a_service(*(line for kind in kinds for line in telling_lines(kind, *options)), name=name)


def telling_lines(kind: str, *options: str) -> list[str]:
    """Return lines that tell the module's result, silently; IGNORED for PAM_IGNORE."""
    return [
        f"{kind} [success=2 ignore=1 default=die] pam_tfa.so {_words(options)}",
        f"{kind} requisite pam_deny.so",
        f"{kind} [success=die default=die] pam_localuser.so file=/dev/null",
        f"{kind} [default=done] pam_permit.so",
    ]


def _words(options: tuple[str, ...]) -> str:
    """Write words as pam.conf(5) takes them: in brackets where one holds a space."""
    quoted = (
        "[" + option.replace("]", "\\]") + "]" if set(option) & set(" \t[") else option
        for option in options
    )
    return " ".join(quoted)
