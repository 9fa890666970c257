"""Collect the messages of the source: ``python -m pam_tfa.locale.extract`` writes messages.pot.

A message is the literal argument of ``_()``, ``N_()`` or ``ngettext()``.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE: Final = Path(__file__).resolve().parent.parent
TEMPLATE: Final = Path(__file__).resolve().parent / "messages.pot"
HEADER: Final = (
    "Project-Id-Version: pam-tfa\n"
    "MIME-Version: 1.0\n"
    "Content-Type: text/plain; charset=UTF-8\n"
    "Content-Transfer-Encoding: 8bit\n"
)


class Message(NamedTuple):
    """A message of the source and the file that it was first seen in."""

    msgid: str
    msgid_plural: str
    file_name: str


def extract_messages(package: Path = PACKAGE) -> list[Message]:
    """Find the messages of all modules of a package, each once, in the order of files and lines."""
    found: dict[tuple[str, str], Message] = {}
    for path in sorted(package.rglob("*.py")):
        for msgid, plural in _calls(ast.parse(path.read_text(encoding="utf-8"))):
            message = Message(msgid, plural, path.relative_to(package.parent).as_posix())
            found.setdefault((msgid, plural), message)
    return list(found.values())


def _calls(tree: ast.AST) -> Iterator[tuple[str, str]]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for node in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        name = getattr(node.func, "id", "")
        texts = [text for argument in node.args if (text := _literal(argument))]
        if name in ("_", "N_") and texts:
            yield texts[0], ""
        elif name == "ngettext" and len(texts) == 2:
            yield texts[0], texts[1]


def _literal(argument: ast.expr) -> str:
    value = argument.value if isinstance(argument, ast.Constant) else None
    return value if isinstance(value, str) else ""


def render_template(messages: list[Message]) -> str:
    """Render messages as the text of a .pot file."""
    blocks = ['msgid ""\nmsgstr ""\n' + _lines(HEADER)]
    for message in messages:
        block = f"#: {message.file_name}\nmsgid {_quoted(message.msgid)}\n"
        if message.msgid_plural:
            block += f'msgid_plural {_quoted(message.msgid_plural)}\nmsgstr[0] ""\nmsgstr[1] ""\n'
        else:
            block += 'msgstr ""\n'
        blocks.append(block)
    return "\n".join(blocks)


def _quoted(text: str) -> str:
    if "\n" not in text.rstrip("\n"):
        return json.dumps(text, ensure_ascii=False)
    return '""\n' + _lines(text).rstrip("\n")


def _lines(text: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


if __name__ == "__main__":
    TEMPLATE.write_text(render_template(extract_messages()), encoding="utf-8")
