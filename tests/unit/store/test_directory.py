"""Only what root alone could have put there is opened."""

import os
from pathlib import Path

import pytest

from pam_tfa.core.errors import StoreUnavailableError
from pam_tfa.store.directory import NotThereError, open_trusted_directory, open_trusted_file

NOBODY = 65534


def a_directory(path: Path, *, mode: int = 0o755, uid: int = 0) -> Path:
    """Make a directory of this mode and owner."""
    path.mkdir()
    path.chmod(mode)
    os.chown(path, uid, -1)
    return path


def a_file(path: Path, *, mode: int = 0o644, uid: int = 0) -> Path:
    """Make a file of this mode and owner."""
    path.write_text("content")
    path.chmod(mode)
    os.chown(path, uid, -1)
    return path


def open_and_close_directory(path: Path | str, trusted_uid: int = 0) -> None:
    """Open a trusted directory for nothing."""
    os.close(open_trusted_directory(str(path), trusted_uid))


def test_directory_of_root_is_opened(tmp_path: Path) -> None:
    """What is opened is the directory itself."""
    a_directory(tmp_path / "a")
    opened = open_trusted_directory(str(tmp_path / "a"))
    try:
        assert os.fstat(opened).st_ino == (tmp_path / "a").stat().st_ino
    finally:
        os.close(opened)


def test_sticky_directory_above_is_allowed() -> None:
    """In /tmp anyone can make entries, but nobody can replace root's."""
    open_and_close_directory("/tmp")


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777])
@pytest.mark.parametrize("below", ["", "/b"])
def test_directory_that_others_write_is_refused(tmp_path: Path, mode: int, below: str) -> None:
    """Whoever can write a directory can replace what is in it, at any level."""
    outer = a_directory(tmp_path / "a", mode=mode)
    a_directory(outer / "b")
    with pytest.raises(StoreUnavailableError, match=f"mode {mode:04o}") as caught:
        open_and_close_directory(f"{outer}{below}")
    assert caught.value.path == str(outer)


@pytest.mark.parametrize("below", ["", "/b"])
def test_directory_of_another_user_is_refused(tmp_path: Path, below: str) -> None:
    """Its owner could replace what is in it."""
    outer = a_directory(tmp_path / "a")
    a_directory(outer / "b")
    os.chown(outer, NOBODY, -1)
    with pytest.raises(StoreUnavailableError, match="owned by uid 65534"):
        open_and_close_directory(f"{outer}{below}")


def test_directory_of_the_trusted_user_is_opened(tmp_path: Path) -> None:
    """Tests and images may trust another user beside root."""
    open_and_close_directory(a_directory(tmp_path / "a", uid=NOBODY), trusted_uid=NOBODY)


@pytest.mark.parametrize("target", ["real", "../a/./real/", "{absolute}/real"])
def test_link_of_root_above_the_last_component_is_followed(tmp_path: Path, target: str) -> None:
    """/var may be a link to another disk."""
    outer = a_directory(tmp_path / "a")
    a_directory(outer / "real")
    inner = a_directory(outer / "real" / "inner")
    (outer / "link").symlink_to(target.format(absolute=outer))
    opened = open_trusted_directory(f"{outer}/link/inner")
    try:
        assert os.fstat(opened).st_ino == inner.stat().st_ino
    finally:
        os.close(opened)


def test_link_of_another_user_is_refused(tmp_path: Path) -> None:
    """In a sticky directory anyone can place a link that root did not."""
    a_directory(tmp_path / "real")
    a_directory(tmp_path / "real" / "inner")
    (tmp_path / "link").symlink_to("real")
    os.chown(tmp_path / "link", NOBODY, -1, follow_symlinks=False)
    with pytest.raises(StoreUnavailableError, match="owned by uid 65534"):
        open_and_close_directory(tmp_path / "link" / "inner")


def test_last_component_is_not_followed(tmp_path: Path) -> None:
    """The store itself must be where its path says."""
    a_directory(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(StoreUnavailableError, match="is a symbolic link"):
        open_and_close_directory(tmp_path / "link")


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    """A path that never ends is an error, not a hang."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(StoreUnavailableError, match="too many symbolic links"):
        open_and_close_directory(tmp_path / "a" / "inner")


@pytest.mark.parametrize("path", ["", "relative", "/var/../etc", "..", "/tmp/a\0b"])
def test_path_that_is_not_plain_is_refused(path: str) -> None:
    """Only absolute paths without '..' mean the same for everyone."""
    with pytest.raises(StoreUnavailableError, match="not an absolute path"):
        open_and_close_directory(path)


def test_file_in_place_of_a_directory_is_refused(tmp_path: Path) -> None:
    """The message says what it is instead."""
    a_file(tmp_path / "a")
    with pytest.raises(StoreUnavailableError, match="is a regular file, not a directory"):
        open_and_close_directory(tmp_path / "a" / "b")


def test_missing_directory_is_told_apart(tmp_path: Path) -> None:
    """A missing one has an error of its own, with the component that is missing."""
    with pytest.raises(NotThereError) as caught:
        open_and_close_directory(tmp_path / "a" / "b")
    assert caught.value.path == str(tmp_path / "a")


def test_name_too_long_for_the_system_is_an_error_of_the_store(tmp_path: Path) -> None:
    """Every error of the system becomes one of this tree."""
    with pytest.raises(StoreUnavailableError, match="too long"):
        open_and_close_directory(tmp_path / ("a" * 300))


def test_trusted_file_is_opened(tmp_path: Path) -> None:
    """A configuration file may be readable for all."""
    a_file(tmp_path / "config.toml")
    opened = open_trusted_file(str(tmp_path / "config.toml"))
    assert os.read(opened, 100) == b"content"
    os.close(opened)


@pytest.mark.parametrize(
    ("mode", "uid", "private", "reason"),
    [
        (0o664, 0, False, "others can write"),
        (0o646, 0, False, "others can write"),
        (0o644, NOBODY, False, "owned by uid 65534"),
        (0o644, 0, True, "mode 0644, not 0600"),
        (0o400, 0, True, "mode 0400, not 0600"),
        (0o4600, 0, True, "mode 4600, not 0600"),
    ],
)
def test_file_that_is_not_roots_alone_is_refused(
    tmp_path: Path, mode: int, uid: int, private: bool, reason: str
) -> None:
    """Owner and mode are checked on the file that was opened."""
    path = a_file(tmp_path / "file", uid=uid)
    path.chmod(mode)
    with pytest.raises(StoreUnavailableError, match=reason):
        open_trusted_file(str(path), private=private)


def test_missing_file_is_told_apart(tmp_path: Path) -> None:
    """Whether a missing configuration is an error is the caller's decision."""
    with pytest.raises(NotThereError):
        open_trusted_file(str(tmp_path / "file"))


def test_link_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    """A link is not followed, wherever it leads."""
    a_file(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(StoreUnavailableError, match="symbolic link"):
        open_trusted_file(str(tmp_path / "link"))


@pytest.mark.parametrize("kind", ["fifo", "directory"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    """A fifo without a writer would block a login for ever."""
    path = tmp_path / "file"
    os.mkfifo(path, 0o600) if kind == "fifo" else path.mkdir(0o600)
    with pytest.raises(StoreUnavailableError, match=f"is a {kind}"):
        open_trusted_file(str(path))


def test_no_descriptor_is_left_open_by_a_refusal(tmp_path: Path) -> None:
    """A daemon meets a broken store at every login."""
    a_file(tmp_path / "file", uid=NOBODY)
    (tmp_path / "link").symlink_to("file")
    before = os.listdir("/proc/self/fd")
    for name in ("file", "link", "absent", "absent/file", "file/below"):
        with pytest.raises(StoreUnavailableError):
            open_trusted_file(str(tmp_path / name))
    assert os.listdir("/proc/self/fd") == before
