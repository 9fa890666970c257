"""Changes of the key file: whole, private, durable, and no key lost that is not named."""

import stat
from pathlib import Path

import pytest

from pam_tfa.core.errors import NotDurableError, SealKeyDamagedError, SealKeyMissingError
from pam_tfa.store.key_file import add_seal_key, create_seal_key, drop_seal_keys, read_keys


def a_key_file(parent: Path) -> str:
    """Make a key file as an installation does."""
    path = str(parent / "seal.key")
    assert create_seal_key(path)
    return path


def test_new_key_stands_first_and_the_old_one_stays(tmp_path: Path) -> None:
    """The first one seals; each opens."""
    path = a_key_file(tmp_path)
    before = read_keys(path)
    new = add_seal_key(path)
    after = read_keys(path)
    assert list(after) == [new, *before]
    assert after[new] not in before.values()
    assert {each: after[each] for each in before} == before


def test_changed_key_file_is_private_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """Mode 0600 whatever the umask; no unfinished file."""
    path = a_key_file(tmp_path)
    add_seal_key(path)
    drop_seal_keys((), path)
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["seal.key"]


def test_only_named_keys_are_dropped_and_never_the_active_one(tmp_path: Path) -> None:
    """A line that was added meanwhile stays."""
    path = a_key_file(tmp_path)
    (first,) = read_keys(path)
    second = add_seal_key(path)
    third = add_seal_key(path)
    drop_seal_keys((first, third, "unknown"), path)
    assert list(read_keys(path)) == [third, second]


@pytest.mark.parametrize("change", [add_seal_key, lambda path: drop_seal_keys((), path)])
def test_key_file_that_is_missing_or_damaged_is_not_replaced(
    tmp_path: Path, change: object
) -> None:
    """A new key would hide that the old one is lost."""
    assert callable(change)
    path = tmp_path / "seal.key"
    with pytest.raises(SealKeyMissingError):
        change(str(path))
    assert not path.exists()
    path.write_bytes(b"something else\n")
    path.chmod(0o600)
    with pytest.raises(SealKeyDamagedError):
        change(str(path))
    assert path.read_bytes() == b"something else\n"


def test_failing_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sealed with a key that may be gone after a power cut."""
    path = a_key_file(tmp_path)
    before = Path(path).read_bytes()

    def fail(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(NotDurableError):
        add_seal_key(path)
    assert Path(path).read_bytes() == before
