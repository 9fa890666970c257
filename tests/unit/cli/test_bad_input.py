"""Bad input: exit 2, one sentence that says what is wrong and what would be right, no change."""

import pytest

from tests.unit.cli.command import ACCOUNT, Place, run

BAD_INPUT = [
    ("no verb", [], "A verb is missing"),
    ("unknown verb", ["stats"], "did you mean status?"),
    ("nonsense verb", ["xyzzy"], "`pam-tfa --help` lists them"),
    ("empty verb", [""], "There is no verb ''"),
    ("verb with escape", ["st\x1b[2Jatus"], "st\\x1b[2Jatus"),
    ("unknown option", ["enroll", ACCOUNT, "--replaec"], "did you mean --replace?"),
    ("nonsense option", ["enroll", ACCOUNT, "--xyzzy"], "`pam-tfa enroll --help` lists"),
    ("abbreviated option", ["enroll", ACCOUNT, "--rep"], "enroll has no option '--rep'"),
    ("secret in argv", ["enroll", ACCOUNT, "--secret", "ABC"], "has no option '--secret'"),
    ("too many operands", ["status", ACCOUNT, "x"], "'x' is one argument too many"),
    ("operand for list", ["list", ACCOUNT], "is one argument too many"),
    ("missing user", ["reset"], "reset needs the name of an account"),
    ("missing user", ["unlock"], "unlock needs the name of an account"),
    ("missing user", ["enable"], "enable needs the name of an account"),
    ("empty user", ["status", ""], "USER is empty"),
    ("newline in user", ["reset", "a\nb"], "no control characters, not 'a\\x0ab'"),
    ("direction mark in user", ["reset", "a\u202eb"], "not 'a\\u202eb'"),
    ("wrong type", ["enroll", ACCOUNT, "--type", "sms"], "--type is totp or hotp, not 'sms'"),
    ("wrong digits", ["enroll", ACCOUNT, "--digits", "7"], "--digits is 6 or 8, not '7'"),
    ("arabic digits", ["enroll", ACCOUNT, "--digits", "٦"], "--digits is 6 or 8"),
    ("algorithm", ["enroll", ACCOUNT, "--algorithm", "md5"], "sha1, sha256 or sha512, not 'md5'"),
    ("period 0", ["enroll", ACCOUNT, "--period", "0"], "from 10 to 120, not '0'"),
    ("negative period", ["enroll", ACCOUNT, "--period=-30"], "from 10 to 120, not '-30'"),
    ("long period", ["enroll", ACCOUNT, "--period", "121"], "from 10 to 120, not '121'"),
    ("huge period", ["enroll", ACCOUNT, "--period", "9" * 5000], "from 10 to 120"),
    ("period text", ["enroll", ACCOUNT, "--period", "3³"], "from 10 to 120"),
    ("no value", ["enroll", ACCOUNT, "--period"], "--period needs a number of seconds"),
    ("no value", ["disable", ACCOUNT, "--until"], "--until needs a date"),
    ("no value", ["disable", ACCOUNT, "--reason"], "--reason needs a few words"),
    ("no value", ["status", "--config"], "--config needs the path"),
    ("value for a flag", ["status", ACCOUNT, "--json=1"], "--json takes no value"),
    ("hotp period", ["enroll", ACCOUNT, "--type=hotp", "--period=30"], "--period belongs to"),
    ("json prompts", ["enroll", ACCOUNT, "--json"], "needs --no-confirm"),
    ("json qr", ["enroll", ACCOUNT, "--json", "--no-confirm", "--qr=utf8"], "no QR code"),
    ("twice", ["enroll", ACCOUNT, "--digits=6", "--digits=8"], "--digits is given twice"),
    ("past", ["disable", ACCOUNT, "--until", "2020-01-01"], "must lie in the future"),
    ("no such day", ["disable", ACCOUNT, "--until", "2027-02-30"], "--until is a duration"),
    ("no unit", ["disable", ACCOUNT, "--until", "30"], "--until is a duration"),
    ("zero", ["disable", ACCOUNT, "--until", "0d"], "must lie in the future"),
    ("negative", ["disable", ACCOUNT, "--until=-3d"], "--until is a duration"),
    ("word", ["disable", ACCOUNT, "--until", "tomorrow"], "--until is a duration"),
    ("far", ["disable", ACCOUNT, "--until", "99999d"], "at most ten years"),
    ("very far", ["disable", ACCOUNT, "--until", "9999-12-31"], "at most ten years"),
    ("year 0", ["disable", ACCOUNT, "--until", "0000-01-01"], "--until is a duration"),
    ("empty until", ["disable", ACCOUNT, "--until", ""], "--until is a duration"),
    ("newline", ["disable", ACCOUNT, "--until", "3d\n"], "--until is a duration"),
    ("control character", ["disable", ACCOUNT, "--reason", "a\x1b[2Jb"], "not 'a\\x1b[2Jb'"),
    ("line break", ["disable", ACCOUNT, "--reason", "a\nb"], "--reason is one line"),
    ("not UTF-8", ["disable", ACCOUNT, "--reason", "a\udcffb"], "--reason is one line"),
    ("long reason", ["disable", ACCOUNT, "--reason", "ä" * 129], "at most 256 bytes"),
    ("empty reason", ["disable", ACCOUNT, "--reason", " "], "--reason needs a few words"),
    ("no action", ["seal-key"], "seal-key needs what to do"),
    ("wrong action", ["seal-key", "roll"], "seal-key is rotate or status, not 'roll'"),
    ("too much", ["seal-key", "rotate", "x"], "is one argument too many"),
    ("no names", ["rename"], "rename needs two names: pam-tfa rename OLD NEW."),
    ("one name", ["rename", ACCOUNT], "rename needs two names: pam-tfa rename OLD NEW."),
    ("three names", ["rename", ACCOUNT, "b", "c"], "'c' is one argument too many"),
    ("empty name", ["rename", ACCOUNT, ""], "is empty"),
    ("escape in name", ["rename", "a\x1b", ACCOUNT], "not 'a\\x1b'"),
    ("operand", ["prune", ACCOUNT], "is one argument too many"),
    ("contradiction", ["prune", "--yes", "--dry-run"], "give one of them"),
    ("qr form", ["enroll", ACCOUNT, "--qr", "png"], "auto, utf8, ascii or none, not 'png'"),
]


@pytest.mark.parametrize(("_what", "arguments", "said"), BAD_INPUT)
def test_bad_input_is_refused_in_one_sentence_and_changes_nothing(
    place: Place, _what: str, arguments: list[str], said: str
) -> None:
    """Exit status 2, one line on standard error, the store byte for byte as before."""
    place.run("enroll", ACCOUNT, "--no-confirm", "--qr=none")
    before = place.snapshot()
    result = place.run(*arguments)
    assert result.exit_status == 2
    assert said in result.stderr
    assert result.stderr.startswith("pam-tfa: ")
    assert result.stderr.count("\n") == 1
    assert result.stderr.rstrip()[-1] in ".?"
    assert result.stdout == ""
    assert result.log == []
    assert place.snapshot() == before


@pytest.mark.parametrize("path", ["/nonexistent/config.toml", "", "/"])
def test_configuration_that_is_not_there_is_bad_input(path: str) -> None:
    """--config must name a file."""
    result = run("status", ACCOUNT, "--config", path)
    assert result.exit_status == 2
    assert "--config needs the path of a configuration file" in result.stderr


def test_usage_is_checked_before_permission(place: Place) -> None:
    """Somebody without permission learns of his slip first."""
    assert place.run("disable", ACCOUNT, "--until", "x", euid=1000).exit_status == 2
