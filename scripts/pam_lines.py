"""Find the lines of PAM files that name pam_tfa.so, and take them out without opening a hole.

usage: pam_lines.py list                       exit status 1 where there are any
       pam_lines.py undo --backups DIRECTORY   changes all files or none

Deleting a line can do harm: in ``auth [success=1 default=ignore] pam_unix.so`` the number counts lines, and with
the decoy line behind it gone, a wrong password would reach pam_permit. So, file by file:

- a decoy, which always refuses, becomes ``requisite pam_deny.so``, which always refuses;
- where a line of the file counts lines, any other one becomes ``[default=ignore] pam_permit.so``, which decides nothing;
- elsewhere a line is commented out;
- where what is left of the auth lines asks nobody for anything, and for options that move the password about, the
  answer depends on what the administrator wants: nothing is changed and the line is named.

Runs with the system's Python alone (python3 -I), because the product's own is about to be removed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import time
from pathlib import Path
from typing import NamedTuple

MODULE = "pam_tfa.so"
# libpam(7), pam.conf(5): one file a service in these directories, or one file for all.
PAM_DIRECTORIES = (Path("/etc/pam.d"), Path("/usr/lib/pam.d"))
PAM_CONF = Path("/etc/pam.conf")
FACILITIES = ("auth", "account", "password", "session")
# Modules that succeed without asking for a password, a key or anything else.
UNASKING_MODULES = frozenset(
    f"pam_{name}.so"
    for name in (
        "cap", "debug", "deny", "echo", "env", "exec", "faildelay", "faillock", "gnome_keyring", "group", "keyinit",
        "kwallet5", "lastlog", "limits", "mail", "motd", "nologin", "permit", "securetty", "shells", "succeed_if",
        "tfa", "time", "umask", "warn", "wheel",
    )
)  # fmt: skip
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

    Source: pam.conf(5).
    """
    rules = []
    pending: list[str] = []
    for number, line in enumerate(content.splitlines()):
        pending.append(line)
        if line.endswith("\\"):
            continue
        text = " ".join(part.removesuffix("\\") for part in pending)
        rules.append(_parse_rule(number - len(pending) + 1, text, with_service=with_service))
        pending = []
    if pending:
        text = " ".join(part.removesuffix("\\") for part in pending)
        rules.append(
            _parse_rule(len(content.splitlines()) - len(pending), text, with_service=with_service)
        )
    return rules


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
    module = os.path.basename(rest[0]) if rest else ""
    return Rule(first, text, facility, " ".join(control), module, tuple(rest[1:]))


def pam_files() -> list[Path]:
    """Every file that libpam may read rules from."""
    files = [PAM_CONF] if PAM_CONF.is_file() else []
    for directory in PAM_DIRECTORIES:
        if directory.is_dir():
            files += sorted(path for path in directory.iterdir() if path.is_file())
    return files


def read_rules(path: Path) -> list[Rule]:
    """Read one PAM file. Bytes that are not UTF-8 stand in comments and come through unharmed."""
    content = path.read_text(encoding="utf-8", errors="surrogateescape")
    return parse_rules(content, with_service=path == PAM_CONF)


def rules_of_ours(rules: list[Rule]) -> list[Rule]:
    """Those rules that name the module."""
    return [rule for rule in rules if rule.module == MODULE]


def undone(path: Path, rules: list[Rule]) -> dict[int, str]:
    """Decide what each of our rules becomes.

    Returns: new text by index of the rule's first line.

    Raises: UndoError, where no rule says what is safe.
    """
    counted = any(COUNTING_CONTROL.search(rule.control) for rule in rules)
    replacements = {}
    for rule in rules_of_ours(rules):
        replacements[rule.first] = _replacement(path, rule, counted=counted)
    if any(rule.facility == "auth" for rule in rules_of_ours(rules)) and not _still_asks(rules):
        first = rules_of_ours(rules)[0]
        raise UndoError(
            path,
            first.first + 1,
            "without pam_tfa.so nothing in this file asks for a password; change the file by hand, "
            "together with AuthenticationMethods in sshd_config where sshd uses it.",
        )
    return replacements


def _replacement(path: Path, rule: Rule, *, counted: bool) -> str:
    moved = PASSWORD_OPTIONS.intersection(rule.arguments)
    if path == PAM_CONF:
        raise UndoError(path, rule.first + 1, "lines of pam.conf have to be changed by hand.")
    if rule.facility == "auth" and moved:
        option = min(moved)
        raise UndoError(
            path,
            rule.first + 1,
            f"{option} takes part in how the password is read; change the file by hand.",
        )
    if rule.facility == "auth" and "decoy" in rule.arguments:
        return f"auth requisite pam_deny.so # pam_tfa was removed; before: {rule.text.strip()}"
    if counted:
        return f"{rule.facility} [default=ignore] pam_permit.so # pam_tfa was removed; before: {rule.text.strip()}"
    return f"# pam_tfa was removed; before: {rule.text.strip()}"


def _still_asks(rules: list[Rule]) -> bool:
    for rule in rules:
        if rule.facility == "include" or (
            rule.facility == "auth" and rule.control in {"include", "substack"}
        ):
            return True
        if rule.facility == "auth" and rule.module not in UNASKING_MODULES:
            return True
    return False


def rewritten(path: Path, replacements: dict[int, str]) -> str:
    """The file's new content. Continuation lines of a replaced rule go."""
    lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    result = []
    index = 0
    while index < len(lines):
        if index not in replacements:
            result.append(lines[index])
        else:
            result.append(replacements[index])
            while lines[index].endswith("\\") and index + 1 < len(lines):
                index += 1
        index += 1
    return "\n".join(result) + "\n"


def replace_file(path: Path, content: str) -> None:
    """Replace a file at once, durably, keeping owner and mode: a login reads the old one or the new one."""
    before = path.stat()
    # libpam reads a file by the service's name; no service is called like this one.
    new = path.with_name(f".{path.name}.pam-tfa-new")
    with new.open("w", encoding="utf-8", errors="surrogateescape") as file:
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
    planned: dict[Path, dict[int, str]] = {}
    errors = []
    for path in pam_files():
        rules = read_rules(path)
        if rules_of_ours(rules):
            try:
                # A link's target is the file; replacing the link would part the two.
                planned[path.resolve()] = undone(path, rules)
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
    replace_file(path, rewritten(path, replacements))
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
