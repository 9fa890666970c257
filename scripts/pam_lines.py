"""Find the lines of PAM files that name pam_tfa.so, and take them out without opening a hole.

usage: pam_lines.py list                       exit status 1 where there are any
       pam_lines.py undo --backups DIRECTORY   changes all files or none

Deleting a line can do harm: in ``auth [success=1 default=ignore] pam_unix.so`` the number counts
lines, and with the decoy behind it gone, a wrong password would reach pam_permit. So:

- a decoy, which always refuses, becomes pam_deny.so with the same control;
- in a file that counts lines, or that another file includes and may count, any other line becomes
  ``[default=ignore] pam_permit.so``, which decides nothing;
- elsewhere a line is commented out;
- where what is left of the auth lines asks nobody for anything, and for options that move the
  password about, only the administrator knows what is wanted: no file is changed, and the line
  is named.

Runs with the system's Python alone (python3 -I): the product's own is about to be removed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

MODULE = "pam_tfa.so"
# libpam(7), pam.conf(5): one file a service in these directories, or one file for all.
PAM_DIRECTORIES = (Path("/etc/pam.d"), Path("/usr/lib/pam.d"))
PAM_CONF = Path("/etc/pam.conf")
FACILITIES = ("auth", "account", "password", "session")
# Modules that succeed without asking for a password, a key or anything else.
UNASKING_MODULES = frozenset(
    f"pam_{name}.so"
    for name in (
        *("cap", "debug", "deny", "echo", "env", "exec", "faildelay", "faillock", "gnome_keyring"),
        *("group", "keyinit", "kwallet5", "lastlog", "limits", "mail", "motd", "nologin", "permit"),
        *("securetty", "shells", "succeed_if", "tfa", "time", "umask", "warn", "wheel"),
    )
)
PASSWORD_OPTIONS = frozenset(
    ("forward_pass", "split_pass", "use_split", "try_first_pass", "use_first_pass", "app_password")
)
COUNTING_CONTROL = re.compile(r"\[[^\]]*=\s*[0-9]+[^\]]*\]")


class Rule(NamedTuple):
    """One rule of a PAM file: a line, or several joined by backslashes."""

    first: int  # index of its first line
    text: str  # its lines, joined
    facility: (
        str  # "auth", ...; "include" for @include; "" for what is none (comments, empty lines)
    )
    control: str
    module: str  # file name without its directory
    arguments: tuple[str, ...]


class UndoError(Exception):
    """A line can't be taken out by rule."""

    def __init__(self, path: Path, number: int, reason: str) -> None:
        super().__init__(f"{path}:{number}: {reason}")


def parse_rules(content: str, *, with_service: bool) -> list[Rule]:
    """Split a PAM file into its rules.

    Args:
        content: the file.
        with_service: each line begins with a service's name, as in /etc/pam.conf.

    Source: pam.conf(5); Linux-PAM 1.5.2, _pam_assemble_line: a backslash in a comment does not
    continue the line.
    """
    rules = []
    pending: list[str] = []
    lines = content.split("\n")
    for number, line in enumerate(lines):
        pending.append(line)
        if _continues(line) and number + 1 < len(lines):
            continue
        text = " ".join(part.removesuffix("\\") for part in pending)
        rules.append(_parse_rule(number - len(pending) + 1, text, with_service=with_service))
        pending = []
    return rules


def _continues(line: str) -> bool:
    return line.endswith("\\") and "#" not in line


def _parse_rule(first: int, text: str, *, with_service: bool) -> Rule:
    words = text.split("#", 1)[0].split()
    if with_service:
        words = words[1:]
    if words and words[0].lower() == "@include":
        return Rule(first, text, "include", "", "", tuple(words[1:]))
    facility = words[0].lstrip("-").lower() if words else ""
    if facility not in FACILITIES:
        return Rule(first, text, "", "", "", ())
    rest = words[1:]
    control = rest[:1]
    if control and control[0].startswith("["):
        end = next((index for index, word in enumerate(rest) if word.endswith("]")), len(rest) - 1)
        control = rest[: end + 1]
    rest = rest[len(control) :]
    module = Path(rest[0]).name if rest else ""
    return Rule(first, text, facility, " ".join(control), module, tuple(rest[1:]))


def pam_files() -> list[Path]:
    """List the files that libpam may read rules from."""
    files = [PAM_CONF] if PAM_CONF.is_file() else []
    for directory in PAM_DIRECTORIES:
        if directory.is_dir():
            files += sorted(path for path in directory.iterdir() if path.is_file())
    return files


def read_content(path: Path) -> str:
    """Read one PAM file; bytes that are not UTF-8 come through unharmed."""
    return path.read_bytes().decode("utf-8", errors="surrogateescape")


def read_rules(path: Path) -> list[Rule]:
    """Read and parse one PAM file."""
    return parse_rules(read_content(path), with_service=path == PAM_CONF)


def rules_of_ours(rules: list[Rule]) -> list[Rule]:
    """Pick the rules that name the module, also where the rest of the line makes no sense."""
    return [rule for rule in rules if MODULE in rule.text.split("#", 1)[0]]


def included_names(files: Iterable[Path]) -> set[str]:
    """Name the files that are included by another one."""
    names: set[str] = set()
    for path in files:
        for rule in read_rules(path):
            if rule.facility == "include":
                names.update(rule.arguments)
            elif rule.control in {"include", "substack"}:
                names.add(rule.module)
    return names


def undone(path: Path, rules: list[Rule], *, included: bool) -> dict[int, str]:
    """Decide what each of our rules becomes.

    Args:
        path: the file, for errors.
        rules: its rules.
        included: whether another file includes it.

    Returns: new text by index of the rule's first line.

    Raises: UndoError, where no rule says what is safe.
    """
    ours = rules_of_ours(rules)
    counted = included or any(COUNTING_CONTROL.search(rule.control) for rule in rules)
    replacements = {rule.first: _replacement(path, rule, counted=counted) for rule in ours}
    if any(rule.facility == "auth" for rule in ours) and not _still_asks(rules):
        raise UndoError(
            path,
            ours[0].first + 1,
            "without pam_tfa.so nothing in this file asks for a password. Change the file by hand, "
            "together with AuthenticationMethods in sshd_config where sshd uses it.",
        )
    return replacements


def _replacement(path: Path, rule: Rule, *, counted: bool) -> str:
    moved = PASSWORD_OPTIONS.intersection(rule.arguments)
    note = f"# pam_tfa was removed; before: {rule.text.strip()}"
    if path == PAM_CONF or rule.module != MODULE:
        raise UndoError(path, rule.first + 1, "change this line by hand.")
    if rule.facility == "auth" and moved:
        reason = f"{min(moved)} takes part in how the password is read; change the file by hand."
        raise UndoError(path, rule.first + 1, reason)
    if rule.facility == "auth" and "decoy" in rule.arguments:
        return f"auth {rule.control} pam_deny.so {note}"
    if counted:
        return f"{rule.facility} [default=ignore] pam_permit.so {note}"
    return note


def _still_asks(rules: list[Rule]) -> bool:
    for rule in rules:
        if rule.facility == "include" or (
            rule.facility == "auth" and rule.control in {"include", "substack"}
        ):
            return True
        if rule.facility == "auth" and rule.module not in UNASKING_MODULES:
            return True
    return False


def rewritten(content: str, replacements: dict[int, str]) -> str:
    """Put replacements in place of rules; the continuation lines of a replaced rule go."""
    result = []
    continued = False
    for index, line in enumerate(content.split("\n")):
        if index in replacements:
            result.append(replacements[index])
        elif not continued:
            result.append(line)
        continued = (continued or index in replacements) and _continues(line)
    return "\n".join(result)


def replace_file(path: Path, content: str) -> None:
    """Replace a file at once and durably, keeping owner and mode: a login reads either version."""
    before = path.stat()
    # libpam reads a file by the service's name; no service is called like this one.
    new = path.with_name(f".{path.name}.pam-tfa-new")
    with new.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        os.fchmod(file.fileno(), before.st_mode & 0o7777)
        os.fchown(file.fileno(), before.st_uid, before.st_gid)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)


def list_lines() -> int:
    """Print each line that names the module; returns 1 where there is one."""
    found = False
    for path in pam_files():
        for rule in rules_of_ours(read_rules(path)):
            print(f"{path}:{rule.first + 1}: {rule.text.strip()}")
            found = True
    return 1 if found else 0


def undo(backups: Path) -> int:
    """Take the module out of every PAM file; returns the exit status."""
    files = pam_files()
    included = included_names(files)
    planned: dict[Path, dict[int, str]] = {}
    errors = []
    for path in files:
        rules = read_rules(path)
        if rules_of_ours(rules):
            try:
                # A link's target is the file; replacing the link would part the two.
                planned[path.resolve()] = undone(path, rules, included=path.name in included)
            except UndoError as error:
                errors.append(str(error))
    if errors:
        print("\n".join(errors), file=sys.stderr)
        return 1
    keep = backups / time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    for path, replacements in planned.items():
        _undo_one(path, replacements, keep)
    return 0


def _undo_one(path: Path, replacements: dict[int, str], keep: Path) -> None:
    keep.mkdir(mode=0o700, parents=True, exist_ok=True)
    backup = keep / path.name
    shutil.copy2(path, backup)
    replace_file(path, rewritten(read_content(path), replacements))
    print(f"Took pam_tfa.so out of {path} (as it was: {backup})")


def main(argv: list[str] | None = None) -> int:
    """Run one of the two commands; returns the exit status."""
    parser = argparse.ArgumentParser(description="Lines of PAM files that name pam_tfa.so.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="print them; exit status 1 where there are any")
    undo_parser = commands.add_parser("undo", help="take them out")
    undo_parser.add_argument("--backups", type=Path, required=True, metavar="DIRECTORY")
    arguments = parser.parse_args(argv)
    return list_lines() if arguments.command == "list" else undo(arguments.backups)


if __name__ == "__main__":
    sys.exit(main())
