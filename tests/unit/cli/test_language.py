"""English and German, complete; nothing of the environment but those two words is used."""

import ast
import gettext
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pam_tfa.cli.language import choose_language
from pam_tfa.cli.verbs import VERBS
from pam_tfa.locale import catalogue
from pam_tfa.locale.compile import compile_catalogues, encode_mo
from pam_tfa.locale.extract import TEMPLATE, extract_messages, render_template
from pam_tfa.locale.po import PoError, parse_po
from tests.unit.cli.command import ACCOUNT, Place, run

LOCALE = Path(catalogue.__file__).parent
GERMAN = LOCALE / "de" / "LC_MESSAGES" / "pam_tfa.po"
GERMAN_ENVIRONMENT = {"LANG": "de_DE.UTF-8"}
FIELD = re.compile(r"\{(\w*)\}")


def test_template_is_what_the_source_says() -> None:
    """`python -m pam_tfa.locale.extract` was run after the last change of a text."""
    assert TEMPLATE.read_text(encoding="utf-8") == render_template(extract_messages())


def test_german_is_complete() -> None:
    """No message is missing, fuzzy or left over."""
    entries = parse_po(GERMAN.read_text(encoding="utf-8"))
    translated = {entry.msgid for entry in entries if entry.msgid}
    assert translated == {message.msgid for message in extract_messages()}
    assert not [entry.msgid for entry in entries if entry.fuzzy]
    assert not [entry.msgid for entry in entries if not entry.msgstr or not all(entry.msgstr)]


def test_german_has_the_fields_of_the_english_text() -> None:
    """A field that is missing or misspelt would end the command with an exception."""
    for entry in parse_po(GERMAN.read_text(encoding="utf-8")):
        allowed = set(FIELD.findall(entry.msgid + entry.msgid_plural))
        for text in entry.msgstr:
            assert set(FIELD.findall(text)) == allowed, entry.msgid


def test_texts_of_logins_are_ascii_in_german_too() -> None:
    """OpenSSH's client shows umlauts in a conversation as octal numbers."""
    of_logins = {
        message.msgid
        for message in extract_messages()
        if message.file_name.endswith("locale/login.py")
    }
    entries = parse_po(GERMAN.read_text(encoding="utf-8"))
    german = [text for entry in entries if entry.msgid in of_logins for text in entry.msgstr]
    assert len(german) == len(of_logins)
    assert all(text.isascii() and len(text) < 200 for text in german)


def test_help_fits_80_columns_in_both_languages() -> None:
    """Texts are laid out by hand."""
    for environment in ({}, GERMAN_ENVIRONMENT):
        for verb in VERBS:
            shown = run(verb, "--help", environment=environment).stdout
            assert max(map(len, shown.splitlines())) <= 84, (verb, environment)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "de"),
        ({"LANG": "de"}, "de"),
        ({"LANG": "de_AT@euro"}, "de"),
        ({"LANG": "den"}, "en"),
        ({"LANG": "fr_FR.UTF-8"}, "en"),
        ({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "de_DE.UTF-8"}, "de"),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": ""}, "de"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "fr:de:en"}, "de"),
        ({"LANG": "de_DE.UTF-8", "LANGUAGE": "fr:en:de"}, "en"),
        ({"LANG": "C", "LANGUAGE": "de"}, "en"),
        ({"LANG": "C.UTF-8", "LANGUAGE": "de"}, "en"),
        ({"LANG": "../../de"}, "en"),
        ({"LANG": "de/../../../tmp"}, "en"),
    ],
)
def test_language_is_one_of_two_words(environment: dict[str, str], expected: str) -> None:
    """As glibc reads the variables."""
    assert choose_language(environment) == expected


def test_german_run(place: Place) -> None:
    """Answer, error and plural in German."""
    environment = GERMAN_ENVIRONMENT
    assert "nicht eingerichtet" in place.run("status", ACCOUNT, environment=environment).stdout
    refused = place.run("disable", ACCOUNT, "--until", "x", environment=environment)
    assert refused.exit_status == 2
    assert "--until ist eine Dauer" in refused.stderr
    place.run("enroll", ACCOUNT, "--no-confirm", "--qr=none")
    shown = place.run("disable", ACCOUNT, "--until", "2d", environment=environment).stdout
    assert "noch 2 Tage" in shown
    assert place.run("status", ACCOUNT).stdout.startswith("Account:")


def test_json_is_the_same_in_every_language(place: Place) -> None:
    """Programs read it."""
    english = place.run("status", ACCOUNT, "--json").stdout
    assert place.run("status", ACCOUNT, "--json", environment=GERMAN_ENVIRONMENT).stdout == english


def test_no_file_name_comes_from_the_environment(tmp_path: Path) -> None:
    """argparse asks gettext, which would make a path of LANGUAGE; glibc one of TZ."""
    evil = tmp_path / "evil"
    watch = (
        "import sys, os\n"
        "opened = []\n"
        "sys.addaudithook(lambda e, a: opened.append(str(a[0])) if e == 'open' else None)\n"
        "from pam_tfa.cli.__main__ import main\n"
        "main(['enroll', '--help']); main(['disable', 'x', '--until', 'y']); main(['x', '--y'])\n"
        "print(os.environ.get('TZ'), os.environ.get('TZDIR'), file=sys.stderr)\n"
        "assert not [each for each in opened if 'evil' in each], opened\n"
    )
    hostile = {
        "LANGUAGE": f"../../../../../../..{evil}:de",
        "LC_ALL": f"de_DE/../../../../../../../..{evil}",
        "LANG": str(evil),
        "TZ": f":{evil}",
        "TZDIR": str(evil),
        "TEXTDOMAINDIR": str(evil),
    }
    result = subprocess.run(
        [sys.executable, "-c", watch],
        env={**hostile, "PATH": os.environ["PATH"], "PYTHONPATH": str(LOCALE.parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr.splitlines()[-1] == "None None"


def test_compiled_catalogue_is_what_gettext_reads(tmp_path: Path) -> None:
    """The .mo file and the .po file say the same."""
    directory = tmp_path / "de" / "LC_MESSAGES"
    directory.mkdir(parents=True)
    (directory / "pam_tfa.po").write_bytes(GERMAN.read_bytes())
    (written,) = compile_catalogues(tmp_path)
    with written.open("rb") as stream:
        compiled = gettext.GNUTranslations(stream)
    assert compiled.gettext("Suspended") == "Ausgesetzt"
    assert compiled.ngettext("{n} day", "{n} days", 1) == "{n} Tag"
    assert compiled.ngettext("{n} day", "{n} days", 0) == "{n} Tage"
    assert compiled.gettext("no such message") == "no such message"


def test_fuzzy_and_empty_entries_are_left_out() -> None:
    """English is better than a guess."""
    header = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n'
    text = header + '\n#, fuzzy\nmsgid "a"\nmsgstr "b"\n\nmsgid "c"\nmsgstr ""\n'
    compiled = gettext.GNUTranslations(io.BytesIO(encode_mo(parse_po(text))))
    assert compiled.gettext("a") == "a"
    assert compiled.gettext("c") == "c"


@pytest.mark.parametrize("text", ["msgid a", 'msgfoo "a"', 'msgid "a', "msgid 3"])
def test_po_file_that_is_none_names_the_line(text: str) -> None:
    """A build must not go on with half a catalogue."""
    with pytest.raises(PoError, match="line 1"):
        parse_po(text)


def test_texts_for_people_are_in_cli_and_locale_alone() -> None:
    """Nothing else marks messages."""
    package = LOCALE.parent
    for path in package.rglob("*.py"):
        if path.relative_to(package).parts[0] in ("cli", "locale"):
            continue
        calls = [
            node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
        ]
        assert not [node for node in calls if getattr(node.func, "id", "") in ("_", "ngettext")]
