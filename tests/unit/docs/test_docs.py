"""The documentation says what is so: links, options, verbs, and the tests that it names."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "etc/**/*.md")
    for path in CHECKOUT.glob(pattern)
    if path.is_file()
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
TEST_NAME = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
SCENARIOS = re.compile(r"test_scenarios\.py::test_scenario` \(([^)]*)\)")
OPTION = re.compile(r"`([a-z_]+)=?[A-Z]*`")


def page(name: str) -> str:
    """Read a page of the checkout."""
    return (CHECKOUT / name).read_text(encoding="utf-8")


def without_code_blocks(text: str) -> str:
    """Drop fenced blocks, in which brackets are not links."""
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(text: str) -> set[str]:
    """Name the anchors of a page's headings, as GitHub and GitLab make them."""
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


def table_below(text: str, heading: str) -> list[str]:
    """Return the first cell of each row of the first table below a heading."""
    section = text.split(f"\n{heading}\n", 1)[1]
    rows = re.search(r"(?:^\|.*\n)+", section, flags=re.MULTILINE)
    assert rows is not None
    return [re.split(r"(?<!\\)\|", line)[1].strip() for line in rows.group().splitlines()[2:]]


def words_of_native_options() -> tuple[set[str], set[str]]:
    """Return the words that native/options.c honours and those that it refuses by name."""
    source = page("native/options.c")
    tables = source.split("refused_options[] = {", 1)
    refused = tables[1].split("};", 1)[0]
    rest = tables[0] + tables[1].split("};", 1)[1]
    honoured = set(re.findall(r'\{"([a-z_]+)", WIRE_OPTION_', rest))
    honoured |= set(re.findall(r'strcmp\(word, "([a-z_]+)"\)', rest))
    honoured |= set(re.findall(r'value_of\(word, "([a-z_]+)="\)', rest))
    return honoured, set(re.findall(r'\{"([a-z_]+)=?",', refused))


def verbs_of_the_command() -> set[str]:
    """Return the verbs that `pam-tfa --help` lists."""
    command = [sys.executable, "-B", "-m", "pam_tfa.cli", "--help"]
    shown = subprocess.run(
        command, cwd=CHECKOUT, check=True, text=True, stdout=subprocess.PIPE, env={"LC_ALL": "C"}
    ).stdout
    verbs = shown.split("Verbs:\n", 1)[1].split("\n\n", 1)[0]
    return {line.split()[0] for line in verbs.splitlines()}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_relative_link_resolves(path: Path) -> None:
    """A link inside the checkout leads to a file, and its fragment to a heading."""
    for target in LINK.findall(without_code_blocks(path.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, fragment = target.partition("#")
        linked = (path.parent / name).resolve() if name else path
        assert linked.exists(), f"{target} leads nowhere"
        assert linked.is_relative_to(CHECKOUT), f"{target} leads out of the checkout"
        if fragment:
            assert fragment in anchors(linked.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_page_names_nothing_outside_the_checkout(path: Path) -> None:
    """No page refers to what a reader of the repository does not have."""
    text = path.read_text(encoding="utf-8")
    for outside in ("../shared", "/work/", "/root/.", "EVIDENCE", "PRODUCT.md"):
        assert outside not in text


def test_every_test_in_the_threats_ledger_exists() -> None:
    """Each `file::test` that THREATS.md names is defined."""
    named = TEST_NAME.findall(page("docs/THREATS.md"))
    assert named
    for file_name, test_name in named:
        tree = ast.parse(page(file_name))
        defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert test_name in defined, f"{file_name}::{test_name}"


def test_every_row_of_the_threats_ledger_names_a_test() -> None:
    """No attack stands in the ledger without a test that holds it."""
    ledger = page("docs/THREATS.md").split("\n## Ledger\n", 1)[1]
    rows = [line for line in ledger.splitlines() if re.match(r"\| (?!attack|failure|---)", line)]
    assert len(rows) > 20
    for row in rows:
        assert TEST_NAME.search(row), row
        assert row.count(" | ") == 3, row


def test_every_scenario_in_the_threats_ledger_exists() -> None:
    """Each scenario that THREATS.md names has its file."""
    lists = SCENARIOS.findall(page("docs/THREATS.md"))
    assert lists
    for name in re.findall(r"`([\w-]+)`", " ".join(lists)):
        assert (CHECKOUT / f"tests/pam/scenarios/{name}.toml").is_file(), name


def test_options_of_the_module_are_those_in_the_readme() -> None:
    """README's table has each option that the module honours, and no other one."""
    honoured, _ = words_of_native_options()
    readme = page("README.md")
    cells = table_below(readme, "### Options of pam_tfa.so")
    in_table = {word for cell in cells for word in OPTION.findall(cell)}
    beside = set(re.findall(r"also `([a-z_]+)=?[A-Z]*`", readme))
    assert in_table | beside == honoured


def test_refused_options_are_those_in_the_readme() -> None:
    """README names each option that the module refuses by name, and no other one."""
    _, refused = words_of_native_options()
    section = page("README.md").split("Every other word refuses the login", 1)[1].split("\n\n")[0]
    assert set(re.findall(r"`([a-z_]+)=?`", section)) == refused


def test_verbs_of_the_command_are_those_in_the_readme() -> None:
    """README's table has each verb that the command lists, and no other one."""
    cells = table_below(page("README.md"), "### The command")
    named = {word for cell in cells for word in re.findall(r"`([a-z-]+)", cell)}
    assert named == verbs_of_the_command()
