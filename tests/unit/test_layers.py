"""Imports point inward: cli, service, host -> login, enrollment -> store -> core."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "pam_tfa"
# What may be imported from where; an inner layer never names an outer one.
LAYERS = {"core": 0, "store": 1, "locale": 0, "cli": 3, "service": 3, "host": 3}
MIDDLE = 2  # the modules right in the package: flows, configuration, events
INNER_MODULES = {"events": 0}
PURE = {
    "__future__", "base64", "collections", "hashlib", "hmac", "json", "math", "pam_tfa",
    "struct", "typing",
}  # fmt: skip
# Loaded before the helper prompts, and what none of them may pull in.
GATE = "pam_tfa.service.helper"
HEAVY = (
    "typing",
    "re",
    "json",
    "dataclasses",
    "enum",
    "hashlib",
    "pyotp",
    "cryptography",
    "tomllib",
)


def layer_of(module: str) -> int:
    """Return how far out a module of the package is."""
    part = module.split(".")[1] if "." in module else ""
    return LAYERS.get(part, INNER_MODULES.get(part, MIDDLE))


def imports_of(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, at its top or inside a function.

    Imports for type checking alone are free: they don't exist at run time.
    """
    tree = ast.parse(path.read_text())
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for body in node.body
        for inner in ast.walk(body)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def modules() -> list[Path]:
    """Return every Python file of the package."""
    return sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_imports_nothing_further_out(path: Path) -> None:
    """Neither at the top nor later."""
    name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    own = layer_of(name)
    for imported in imports_of(path):
        if imported.startswith("pam_tfa."):
            assert layer_of(imported) <= own, f"{name} imports {imported}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "core").glob("*.py")), ids=lambda p: p.name)
def test_core_is_pure(path: Path) -> None:
    """No clock, files, sockets, randomness or logging."""
    assert {each.split(".")[0] for each in imports_of(path)} <= PURE


def test_helper_imports_nothing_heavy_before_it_prompts() -> None:
    """Every login waits for what is imported there."""
    code = (
        f"import sys; sys.path[:0] = [{str(PACKAGE.parent)!r}]; import {GATE}; "
        f"print(*(set({HEAVY!r}) & set(sys.modules)))"
    )
    loaded = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.split() == []
