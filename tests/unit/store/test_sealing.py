"""A copy of the records alone is worth nothing, and no mistake with the key is silent."""

import base64
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pam_tfa.core.errors import (
    SealError,
    SealKeyDamagedError,
    SealKeyMissingError,
    StoreUnavailableError,
    WrongSealKeyError,
)
from pam_tfa.core.records import associated_data
from pam_tfa.store.sealing import SealKeyring, create_seal_key

SECRET = b"12345678901234567890"
OWNER = associated_data("alice", 1000, "a1")
NOBODY = 65534
KEY_A, KEY_B = bytes(range(32)), bytes(range(32, 64))


def a_key_file(parent: Path, *keys: tuple[str, bytes], name: str = "seal.key") -> str:
    """Write a key file of these ids and keys."""
    lines = [f"{key_id} {base64.b64encode(key).decode()}\n" for key_id, key in keys]
    return written(parent / name, "pam-tfa-seal-key/1\n" + "".join(lines))


def written(path: Path, content: str) -> str:
    """Write a private file."""
    path.write_text(content)
    path.chmod(0o600)
    return str(path)


def a_keyring(parent: Path, *keys: tuple[str, bytes]) -> SealKeyring:
    """Return the keys as they are read from a file."""
    return SealKeyring.load(a_key_file(parent, *(keys or (("k1", KEY_A),))))


def test_sealed_secret_is_unsealed(tmp_path: Path) -> None:
    """The key that was made at installation opens what it sealed, also after a restart."""
    path = str(tmp_path / "seal.key")
    assert create_seal_key(path)
    sealed = SealKeyring.load(path).seal(SECRET, OWNER)
    assert SealKeyring.load(path).unseal(sealed, OWNER) == SECRET


def test_secret_is_not_seen_in_its_sealed_form(tmp_path: Path) -> None:
    """Neither bytes nor repr show it."""
    sealed = a_keyring(tmp_path).seal(SECRET, OWNER)
    assert SECRET not in sealed.ciphertext
    assert "12345" not in repr(sealed)


def test_same_secret_is_sealed_differently_each_time(tmp_path: Path) -> None:
    """A nonce is never used twice, so equal secrets do not show."""
    keyring = a_keyring(tmp_path)
    first, second = keyring.seal(SECRET, OWNER), keyring.seal(SECRET, OWNER)
    assert first.nonce != second.nonce
    assert first.ciphertext != second.ciphertext


@pytest.mark.parametrize(
    "other",
    [("bob", 1000, "a1"), ("alice", 1001, "a1"), ("alice", 1000, "a2"), ("alice1", 0, "00a1")],
)
def test_secret_moved_to_another_record_does_not_open(
    tmp_path: Path, other: tuple[str, int, str]
) -> None:
    """Whoever can write records can't give an account a secret that they know."""
    keyring = a_keyring(tmp_path)
    sealed = keyring.seal(SECRET, OWNER)
    with pytest.raises(WrongSealKeyError):
        keyring.unseal(sealed, associated_data(*other))


def test_any_changed_bit_is_found(tmp_path: Path) -> None:
    """The secret is authenticated, not only hidden."""
    keyring = a_keyring(tmp_path)
    sealed = keyring.seal(SECRET, OWNER)
    for position in range(len(sealed.ciphertext)):
        changed = bytearray(sealed.ciphertext)
        changed[position] ^= 1
        with pytest.raises(WrongSealKeyError):
            keyring.unseal(sealed._replace(ciphertext=bytes(changed)), OWNER)


@pytest.mark.parametrize(
    ("nonce", "ciphertext"), [(b"", b"c" * 36), (b"n" * 12, b""), (b"n" * 13, b"c" * 36)]
)
def test_malformed_sealed_secret_does_not_open(
    tmp_path: Path, nonce: bytes, ciphertext: bytes
) -> None:
    """Lengths that the cipher does not take are the same refusal."""
    keyring = a_keyring(tmp_path)
    sealed = keyring.seal(SECRET, OWNER)._replace(nonce=nonce, ciphertext=ciphertext)
    with pytest.raises(WrongSealKeyError):
        keyring.unseal(sealed, OWNER)


def test_first_key_seals_and_every_key_opens(tmp_path: Path) -> None:
    """While keys are rotated, old and new secrets are both good."""
    old = a_keyring(tmp_path, ("old", KEY_A)).seal(SECRET, OWNER)
    both = a_keyring(tmp_path, ("new", KEY_B), ("old", KEY_A))
    assert both.unseal(old, OWNER) == SECRET
    assert both.seal(SECRET, OWNER).key_id == both.active_key_id == "new"


def test_key_of_another_id_is_the_wrong_key(tmp_path: Path) -> None:
    """A key file that was made anew says so, instead of looking like a damaged record."""
    sealed = a_keyring(tmp_path, ("k1", KEY_A)).seal(SECRET, OWNER)
    with pytest.raises(WrongSealKeyError, match="holds no key k1"):
        a_keyring(tmp_path, ("k2", KEY_A)).unseal(sealed, OWNER)


def test_other_key_of_the_same_id_is_the_wrong_key(tmp_path: Path) -> None:
    """The id is only a name."""
    sealed = a_keyring(tmp_path, ("k1", KEY_A)).seal(SECRET, OWNER)
    with pytest.raises(WrongSealKeyError, match="does not open"):
        a_keyring(tmp_path, ("k1", KEY_B)).unseal(sealed, OWNER)


def test_missing_key_file_is_told_as_such(tmp_path: Path) -> None:
    """It may be restored from a backup; nothing may be made in its place."""
    with pytest.raises(SealKeyMissingError):
        SealKeyring.load(str(tmp_path / "seal.key"))
    with pytest.raises(SealKeyMissingError):
        SealKeyring.load(str(tmp_path / "absent" / "seal.key"))


GOOD_LINE = "k1 " + base64.b64encode(KEY_A).decode()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "pam-tfa-seal-key/1\n",
        f"pam-tfa-seal-key/2\n{GOOD_LINE}\n",
        f"{GOOD_LINE}\n",
        f"pam-tfa-seal-key/1\n{GOOD_LINE}",
        f"pam-tfa-seal-key/1\n{GOOD_LINE[:-5]}\n",
        f"pam-tfa-seal-key/1\n{GOOD_LINE} \n",
        f"pam-tfa-seal-key/1\n{GOOD_LINE}\n\n",
        f"pam-tfa-seal-key/1\n{GOOD_LINE}\n{GOOD_LINE}\n",
        f"pam-tfa-seal-key/1\nk1 {base64.b64encode(KEY_A + b'x').decode()}\n",
        f"pam-tfa-seal-key/1\n{GOOD_LINE.replace('k1', '../k1')}\n",
        f"pam-tfa-seal-key/1\n{GOOD_LINE.replace('k1', 'k' * 65)}\n",
        f"pam-tfa-seal-key/1\n{GOOD_LINE[2:]}\n",
        "pam-tfa-seal-key/1\n" + "x" * 70_000 + "\n",
        "\0" * 100,
    ],
)
def test_garbage_in_the_key_file_is_told_as_such(tmp_path: Path, content: str) -> None:
    """A cut or edited file is damaged, and never a key of zeros; the error shows no key."""
    path = written(tmp_path / "seal.key", content)
    with pytest.raises(SealKeyDamagedError) as caught:
        SealKeyring.load(path)
    shown = repr(caught.value) + str(caught.value) + repr(caught.value.__context__)
    assert GOOD_LINE[3:20] not in shown


def test_key_file_cut_at_any_byte_is_damaged(tmp_path: Path) -> None:
    """No prefix of a key file is a key file."""
    path = a_key_file(tmp_path, ("k1", KEY_A))
    for length in range(Path(path).stat().st_size - 1, -1, -1):
        os.truncate(path, length)
        with pytest.raises(SealKeyDamagedError):
            SealKeyring.load(path)


def replace_by_a_link(path: Path) -> None:
    """Put a link to the key in its place."""
    path.rename(path.with_name("real"))
    path.symlink_to("real")


def replace_by_a_fifo(path: Path) -> None:
    """Put a fifo in the key's place."""
    path.unlink()
    os.mkfifo(path, 0o600)


@pytest.mark.parametrize(
    ("breaking", "reason"),
    [
        (lambda path: path.chmod(0o640), "mode 0640"),
        (lambda path: path.chmod(0o644), "mode 0644"),
        (lambda path: os.chown(path, NOBODY, -1), "owned by uid 65534"),
        (lambda path: path.parent.chmod(0o777), "mode 0777"),
        (replace_by_a_link, "symbolic link"),
        (replace_by_a_fifo, "fifo"),
    ],
)
def test_key_that_others_could_read_or_replace_is_refused(
    tmp_path: Path, breaking: Callable[[Path], object], reason: str
) -> None:
    """The key file is checked as a record is."""
    path = a_key_file(tmp_path, ("k1", KEY_A))
    breaking(Path(path))
    with pytest.raises(SealKeyDamagedError, match=reason):
        SealKeyring.load(path)


def test_new_key_is_roots_alone(tmp_path: Path) -> None:
    """Whatever the umask, and with nothing left beside it."""
    before = os.umask(0)
    try:
        create_seal_key(str(tmp_path / "seal.key"))
    finally:
        os.umask(before)
    assert os.listdir(tmp_path) == ["seal.key"]
    assert stat.S_IMODE((tmp_path / "seal.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", ["key", "empty file", "dangling link", "directory"])
def test_what_is_there_is_never_overwritten(tmp_path: Path, kind: str) -> None:
    """Every secret on the host hangs on the key: a second installation keeps it."""
    path = tmp_path / "seal.key"
    if kind == "key":
        a_key_file(tmp_path, ("k1", KEY_A))
    elif kind == "empty file":
        path.touch()
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to("nowhere")
    before = path.lstat()
    assert create_seal_key(str(path)) is False
    assert path.lstat() == before
    assert os.listdir(tmp_path) == ["seal.key"]


def test_of_simultaneous_installations_one_makes_the_key(tmp_path: Path) -> None:
    """All others find it."""
    path = str(tmp_path / "seal.key")
    outcomes: list[bool] = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(create_seal_key(path))) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 15 + [True]
    SealKeyring.load(path)


def test_leftover_of_a_killed_installation_is_removed(tmp_path: Path) -> None:
    """It is no key, and does not stand in the way of one."""
    (tmp_path / ".seal.key.new").write_text("half a key")
    assert create_seal_key(str(tmp_path / "seal.key"))
    assert os.listdir(tmp_path) == ["seal.key"]


def test_key_is_not_made_where_others_write(tmp_path: Path) -> None:
    """They could put their own in its place."""
    tmp_path.chmod(0o777)
    with pytest.raises(StoreUnavailableError):
        create_seal_key(str(tmp_path / "seal.key"))


def test_no_key_is_shown(tmp_path: Path) -> None:
    """A keyring in a traceback or a log line shows ids alone."""
    keyring = a_keyring(tmp_path, ("k1", KEY_A), ("k2", KEY_B))
    assert repr(keyring) == "SealKeyring(k1, k2)"
    assert not any(isinstance(getattr(keyring, name), bytes) for name in keyring.__slots__)


def test_refusal_carries_no_secret(tmp_path: Path) -> None:
    """Nor does the exception behind it, which a log might print."""
    keyring = a_keyring(tmp_path)
    sealed = keyring.seal(SECRET, OWNER)
    with pytest.raises(SealError) as caught:
        keyring.unseal(sealed, b"other")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
