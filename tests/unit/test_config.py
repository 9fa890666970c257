"""The configuration: every key optional, everything else an error that says where and why."""

from pathlib import Path

import pytest

from pam_tfa.config import DEFAULT_SEAL_KEY_PATH, DEFAULT_STORE_DIR, load_config, parse_config
from pam_tfa.core.errors import ConfigError

SHIPPED = Path(__file__).resolve().parents[2] / "etc" / "config.toml"


def test_empty_file_is_all_defaults() -> None:
    """No key has to be there."""
    config = parse_config(b"", "c")
    assert (config.unenrolled, config.issuer) == (None, None)
    assert (config.store_dir, config.seal_key_path) == (DEFAULT_STORE_DIR, DEFAULT_SEAL_KEY_PATH)


def test_shipped_file_is_valid_and_skips_the_unenrolled() -> None:
    """A fresh installation locks nobody out."""
    assert parse_config(SHIPPED.read_bytes(), "c").unenrolled == "skip"


def test_each_key_is_read() -> None:
    """What the file says is what the program uses."""
    config = parse_config(
        b'unenrolled = "deny"\nissuer = "example"\n[paths]\nstore = "/s"\nseal_key = "/k"', "c"
    )
    assert (config.unenrolled, config.issuer) == ("deny", "example")
    assert (config.store_dir, config.seal_key_path) == ("/s", "/k")


@pytest.mark.parametrize(
    ("content", "where", "reason"),
    [
        (b"\nunenrolled = maybe", "", "line 2"),
        (b'\n\nissuer = "\xff"', "line 3", "UTF-8"),
        (b'unenrolled = "maybe"', "unenrolled", '"skip", "deny" or "enroll"'),
        (b"unenrolled = true", "unenrolled", '"skip"'),
        (b'unenroled = "deny"', "unenroled", "unenrolled"),
        (b'issuer = ""', "issuer", "1 to 32"),
        (b'issuer = "a:b"', "issuer", "colon"),
        (b'issuer = "a\\nb"', "issuer", "printable"),
        (b"issuer = 1", "issuer", "printable"),
        (b"paths = 1", "paths", "[paths]"),
        (b"paths = " + b"[" * 100_000, "", "nested too deeply"),
        (b'[paths]\nstore = "var"', "paths.store", "absolute"),
        (b"[paths]\nseal_key = 1", "paths.seal_key", "absolute"),
        (b'[paths]\nkey = "/k"', "paths.key", "paths.seal_key"),
        (b'unenrolled = "skip"\nunenrolled = "deny"', "", "overwrite"),
    ],
)
def test_error_names_file_key_and_reason(content: bytes, where: str, reason: str) -> None:
    """Who made the mistake can find it."""
    with pytest.raises(ConfigError) as raised:
        parse_config(content, "/etc/c.toml")
    assert raised.value.path == "/etc/c.toml"
    assert raised.value.key_or_line == where
    assert reason in raised.value.reason


def test_missing_file_is_an_error_only_where_it_was_asked_for(tmp_path: Path) -> None:
    """`config=PATH` must be there."""
    with pytest.raises(ConfigError, match="no such file"):
        load_config(str(tmp_path / "config.toml"))


@pytest.mark.parametrize("damage", ["mode", "owner", "directory", "fifo", "link"])
def test_file_that_others_can_write_is_refused(tmp_path: Path, damage: str) -> None:
    """It decides who is asked for a code."""
    import os

    path = tmp_path / "config.toml"
    path.write_text('unenrolled = "skip"')
    if damage == "mode":
        path.chmod(0o666)
    elif damage == "owner":
        os.chown(path, 4711, 0)
    else:
        path.unlink()
        if damage == "directory":
            path.mkdir()
        elif damage == "fifo":
            os.mkfifo(path)
        else:
            path.symlink_to(SHIPPED)
    with pytest.raises(ConfigError):
        load_config(str(path))
