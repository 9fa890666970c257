"""That someone is not enrolled is only said by a store that proves that it is there."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pam_tfa.core.errors import StoreUnavailableError
from pam_tfa.store.files import FileStore

from .builders import a_store, an_enrolled_store, last_step_of, run_in_private_mounts

NOBODY = 65534
Breaking = Callable[[Path], object]


def use_in_every_way(store: FileStore, account_name: str = "nobody-enrolled") -> list[str]:
    """Return the paths of the errors of every way to use a store, of which none may succeed."""
    paths = []
    for use in (
        lambda: store.suspension_of(account_name),
        lambda: store.load(account_name),
        lambda: store.transaction(account_name).__enter__(),
        lambda: list(store.entries()),
    ):
        with pytest.raises(StoreUnavailableError) as caught:
            use()
        paths.append(caught.value.path)
    return paths


def replace_by(make: Breaking) -> Breaking:
    """Return a way to break a file: remove it, and make something else in its place."""

    def breaking(path: Path) -> None:
        path.unlink()
        make(path)
        if not path.is_symlink():
            path.chmod(0o600)

    return breaking


SENTINEL_DEFECTS: list[tuple[str, Breaking]] = [
    ("gone", os.unlink),
    ("empty", lambda path: os.truncate(path, 0)),
    ("cut short", lambda path: os.truncate(path, 20)),
    ("longer", lambda path: path.write_bytes(path.read_bytes() + b"\n")),
    ("of another format", lambda path: path.write_text(f"pam-tfa-store/2 {'a' * 32}\n")),
    ("without an id", lambda path: path.write_text(f"pam-tfa-store/1 {' ' * 32}\n")),
    ("with an id in capitals", lambda path: path.write_text(f"pam-tfa-store/1 {'A' * 32}\n")),
    ("readable by all", lambda path: path.chmod(0o644)),
    ("of another owner", lambda path: os.chown(path, NOBODY, -1)),
    ("a link", replace_by(lambda path: path.symlink_to("elsewhere"))),
    ("a directory", replace_by(lambda path: path.mkdir())),
    ("a fifo", replace_by(os.mkfifo)),
]


@pytest.mark.parametrize(
    "breaking", [pytest.param(case[1], id=case[0]) for case in SENTINEL_DEFECTS]
)
def test_store_with_a_broken_sentinel_is_unavailable(tmp_path: Path, breaking: Breaking) -> None:
    """Owner, mode, type and content all have to be what the store wrote."""
    store = a_store(tmp_path)
    sentinel = Path(store.users_dir, ".store")
    breaking(sentinel)
    assert use_in_every_way(store) == [str(sentinel)] * 4


def test_missing_store_is_unavailable(tmp_path: Path) -> None:
    """A directory that is gone says nothing about who is enrolled."""
    store = an_enrolled_store(tmp_path)
    shutil.rmtree(store.users_dir)
    use_in_every_way(store)


def test_empty_store_is_unavailable(tmp_path: Path) -> None:
    """What an unmounted disk leaves behind is an empty directory."""
    store = FileStore(str(tmp_path / "users"))
    (tmp_path / "users").mkdir(mode=0o700)
    use_in_every_way(store)


def test_store_that_is_mounted_over_is_unavailable(tmp_path: Path) -> None:
    """The empty file system over it is not taken for the store."""
    store = an_enrolled_store(tmp_path)
    finished = run_in_private_mounts(
        'mount -t tmpfs -o mode=0700 none "$1"; cd "$2"; exec "$3" -I -S -c "$4" "$1"',
        store.users_dir,
        str(Path(__file__).parents[3]),
        shutil.which("python3") or "",
        "import sys; sys.path.insert(0, '.')\n"
        "from pam_tfa.store.files import FileStore\n"
        "FileStore(sys.argv[1]).suspension_of('alice')",
    )
    assert finished.returncode == 1
    assert "StoreUnavailableError" in finished.stderr
    assert last_step_of(store) == -1


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o777, 0o1777, 0o500])
def test_directory_that_is_not_roots_alone_is_refused(tmp_path: Path, mode: int) -> None:
    """File names tell who is enrolled, and a writable directory lets anyone enrol."""
    store = a_store(tmp_path)
    Path(store.users_dir).chmod(mode)
    assert use_in_every_way(store) == [store.users_dir] * 4


def test_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    """Its owner could put any record there."""
    store = a_store(tmp_path)
    os.chown(store.users_dir, NOBODY, -1)
    assert use_in_every_way(store) == [store.users_dir] * 4


def test_directory_above_that_others_write_is_refused(tmp_path: Path) -> None:
    """Whoever can write it can put a store of their own in place."""
    store = a_store(tmp_path)
    tmp_path.chmod(0o777)
    assert use_in_every_way(store) == [str(tmp_path)] * 4


@pytest.mark.parametrize("defect", ["gone", "mode", "owner", "fifo"])
def test_broken_lock_file_makes_the_store_unavailable(tmp_path: Path, defect: str) -> None:
    """Without the one permanent lock file two logins could use one code."""
    store = an_enrolled_store(tmp_path)
    lock = Path(store.users_dir, ".lock")
    if defect == "mode":
        lock.chmod(0o666)
    elif defect == "owner":
        os.chown(lock, NOBODY, -1)
    else:
        lock.unlink()
    if defect == "fifo":
        os.mkfifo(lock, 0o600)
    for use in (lambda: store.suspension_of("alice"), lambda: store.load("alice")):
        with pytest.raises(StoreUnavailableError, match=r"\.lock"):
            use()


def test_initialising_does_not_mend_a_foreign_sentinel(tmp_path: Path) -> None:
    """What is there and was not written by the store is for the administrator to judge."""
    store = a_store(tmp_path)
    Path(store.users_dir, ".store").write_text("something else\n")
    with pytest.raises(StoreUnavailableError):
        store.initialize()


def test_each_store_has_an_id_of_its_own(tmp_path: Path) -> None:
    """Two stores can be told apart."""
    first, second = FileStore(str(tmp_path / "a")), FileStore(str(tmp_path / "b"))
    assert first.initialize() != second.initialize()
