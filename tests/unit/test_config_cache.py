"""The cache of the configuration's text: it answers for that very text, or not at all."""

import marshal
import os
from pathlib import Path

import pytest

from pam_tfa.config import load_config
from pam_tfa.config_cache import keep, read_cached
from pam_tfa.core.errors import ConfigError

TEXT = b'unenrolled = "deny"\n'


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Return where a cache may lie."""
    return tmp_path / "config.cache"


def write_config(tmp_path: Path, text: bytes) -> Path:
    """Write a configuration as root would."""
    path = tmp_path / "config.toml"
    path.write_bytes(text)
    path.chmod(0o644)
    return path


def test_kept_text_is_known_and_no_other(cache: Path) -> None:
    """Not even one that differs in its last byte."""
    keep(str(cache), TEXT, {"unenrolled": "deny"})
    assert read_cached(str(cache), TEXT) == {"unenrolled": "deny"}
    assert read_cached(str(cache), TEXT + b"\n") is None
    assert read_cached(str(cache), TEXT[:-1]) is None
    assert [each.name for each in cache.parent.iterdir()] == [cache.name]


def test_changed_file_is_parsed_at_once(tmp_path: Path, cache: Path) -> None:
    """Also where size and time of the file stay what they were."""
    path = write_config(tmp_path, TEXT)
    assert load_config(str(path), cache_path=str(cache)).unenrolled == "deny"
    before = path.stat()
    path.write_bytes(TEXT.replace(b"deny", b"skip"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert load_config(str(path), cache_path=str(cache)).unenrolled == "skip"


def test_cached_text_is_validated_as_a_parsed_one_is(tmp_path: Path, cache: Path) -> None:
    """An error is the same error each time, and values of another version are held to ours."""
    path = write_config(tmp_path, b'unenrolled = "maybe"\n')
    for _ in range(2):
        with pytest.raises(ConfigError, match="unenrolled"):
            load_config(str(path), cache_path=str(cache))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100,
        b"not marshal",
        marshal.dumps(("pam-tfa-config-cache/0", TEXT, {"unenrolled": "skip"})),
        marshal.dumps((1, 2, 3)),
        marshal.dumps("text"),
        marshal.dumps(("x", TEXT, {}))[:-3],
    ],
)
def test_what_is_no_cache_is_not_believed(tmp_path: Path, cache: Path, content: bytes) -> None:
    """The file is parsed, and the cache made anew."""
    cache.write_bytes(content)
    cache.chmod(0o600)
    path = write_config(tmp_path, TEXT)
    assert load_config(str(path), cache_path=str(cache)).unenrolled == "deny"
    assert read_cached(str(cache), TEXT) == {"unenrolled": "deny"}


def test_bit_that_flips_anywhere_in_the_cache_is_seen(cache: Path) -> None:
    """Else a value that the file does not have would decide, or refuse everybody."""
    keep(str(cache), TEXT, {"unenrolled": "skip"})
    content = cache.read_bytes()
    for number in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[number // 8] ^= 1 << number % 8
        cache.write_bytes(flipped)
        assert read_cached(str(cache), TEXT) is None


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o602])
def test_cache_that_others_can_touch_is_not_believed(cache: Path, mode: int) -> None:
    """Its mode is 0600, nothing else."""
    keep(str(cache), TEXT, {"unenrolled": "skip"})
    cache.chmod(mode)
    assert read_cached(str(cache), TEXT) is None


def test_cache_of_another_owner_is_not_believed(cache: Path) -> None:
    """Root's alone."""
    keep(str(cache), TEXT, {"unenrolled": "skip"})
    os.chown(cache, 12345, 12345)
    assert read_cached(str(cache), TEXT) is None


def test_linked_cache_is_neither_read_nor_written_through(tmp_path: Path, cache: Path) -> None:
    """A link in its place leads nowhere."""
    other = tmp_path / "other"
    keep(str(other), TEXT, {"unenrolled": "skip"})
    cache.symlink_to(other)
    assert read_cached(str(cache), TEXT) is None
    keep(str(cache), b"x", {})
    assert read_cached(str(other), TEXT) == {"unenrolled": "skip"}


def test_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    """No directory, or a path through a file."""
    path = write_config(tmp_path, TEXT)
    for cache_path in (tmp_path / "missing" / "cache", path / "cache"):
        assert load_config(str(path), cache_path=str(cache_path)).unenrolled == "deny"


def test_new_file_that_was_left_behind_is_cleared(cache: Path) -> None:
    """By the next login; the one after that caches again."""
    left = cache.with_name(cache.name + ".new")
    left.write_bytes(b"half")
    keep(str(cache), TEXT, {"unenrolled": "deny"})
    assert read_cached(str(cache), TEXT) is None
    keep(str(cache), TEXT, {"unenrolled": "deny"})
    assert read_cached(str(cache), TEXT) == {"unenrolled": "deny"}


def test_values_that_cannot_be_kept_are_parsed_each_time(tmp_path: Path, cache: Path) -> None:
    """TOML has dates, which marshal can't write; they are an unknown key here."""
    path = write_config(tmp_path, b"since = 2026-11-23\n")
    with pytest.raises(ConfigError, match="since"):
        load_config(str(path), cache_path=str(cache))
    assert not cache.exists()
