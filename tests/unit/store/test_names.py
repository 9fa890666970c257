"""File names for account names: no path, no two accounts in one file."""

import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pam_tfa.store.names import (
    account_name_bytes,
    account_name_of,
    is_record_file_name,
    record_file_name,
    unfinished_file_name,
)

ACCOUNT_NAMES = st.one_of(st.binary(min_size=1, max_size=300).map(os.fsdecode), st.text("aA%./~"))


@pytest.mark.parametrize("name", ["alice", "Alice", "svc-backup_2", "a.b", "1000"])
def test_plain_name_is_seen_in_the_file_name(name: str) -> None:
    """An administrator finds the file of a plain name by that name."""
    assert record_file_name(name) == f"{name}.json"


@pytest.mark.parametrize(
    ("name", "file_name"),
    [
        ("../x", "%2E.%2Fx.json"),
        ("a/../root", "a%2F..%2Froot.json"),
        (".", "%2E.json"),
        ("..", "%2E..json"),
        (".store", "%2Estore.json"),
        ("/etc/passwd", "%2Fetc%2Fpasswd.json"),
        ("a\nb", "a%0Ab.json"),
        ("\x1b[2J", "%1B%5B2J.json"),
        ("\u202eecila", "%E2%80%AEecila.json"),
        (os.fsdecode(b"caf\xe9"), "caf%E9.json"),
        ("DOM\\user", "DOM%5Cuser.json"),
        ("user@realm", "user%40realm.json"),
        ("%2E", "%252E.json"),
        ("~", "%7E.json"),
        ("a\0b", "a%00b.json"),
    ],
)
def test_hostile_name_becomes_a_plain_file_name(name: str, file_name: str) -> None:
    """What could mean something to a path, a terminal or this encoding is escaped."""
    assert record_file_name(name) == file_name


def test_names_in_other_case_have_other_files() -> None:
    """Linux tells alice from Alice, and so does the store."""
    assert record_file_name("alice") != record_file_name("ALICE")


@pytest.mark.parametrize("length", [201, 65536])
def test_long_name_is_hashed(length: int) -> None:
    """A name of 64 KB has a file name of fixed length, and another one than its neighbour."""
    file_name = record_file_name("a" * length)
    assert file_name.startswith("~")
    assert len(file_name) == len("~") + 64 + len(".json")
    assert file_name != record_file_name("a" * (length + 1))


def test_longest_plain_name_is_kept() -> None:
    """200 bytes still stand as they are."""
    assert record_file_name("a" * 200) == "a" * 200 + ".json"


@pytest.mark.parametrize("name", ["", "\ud800", "\udcc3\udca9"])
def test_impossible_name_is_refused(name: str) -> None:
    """Empty text, and surrogates that no bytes decode to, name no account."""
    with pytest.raises(ValueError, match=r"account name|surrogates"):
        record_file_name(name)


@given(first=ACCOUNT_NAMES, second=ACCOUNT_NAMES)
@example(first="a%2F", second="a/")
@example(first="~" + "0" * 64, second="a" * 201)
def test_no_two_accounts_share_a_file(first: str, second: str) -> None:
    """The encoding is injective."""
    if first and second and first != second:
        assert record_file_name(first) != record_file_name(second)


@given(name=ACCOUNT_NAMES)
def test_every_file_name_is_one_plain_component(name: str) -> None:
    """No name leaves the directory, hides, or is longer than a file system allows."""
    if not name:
        return
    file_name = record_file_name(name)
    assert is_record_file_name(file_name)
    assert "/" not in file_name
    assert file_name.isascii()
    assert file_name.isprintable()
    assert len(unfinished_file_name(file_name)) <= 255


@given(name=ACCOUNT_NAMES)
def test_unfinished_file_is_never_a_record(name: str) -> None:
    """What a killed writer left is not taken for someone's record."""
    if name:
        assert not is_record_file_name(unfinished_file_name(record_file_name(name)))


@given(name_bytes=st.binary(min_size=1))
def test_name_stands_for_the_bytes_of_nss(name_bytes: bytes) -> None:
    """Undecodable bytes survive the way through Python's text."""
    name = name_bytes.decode("utf-8", "surrogateescape")
    assert account_name_bytes(name) == name_bytes


@given(ACCOUNT_NAMES)
def test_file_name_tells_its_account_or_nothing(account_name: str) -> None:
    """A digest tells nothing."""
    try:
        file_name = record_file_name(account_name)
    except ValueError:
        return
    assert account_name_of(file_name) == (None if file_name.startswith("~") else account_name)


@pytest.mark.parametrize(
    "file_name", ["%.json", "%zz.json", "a%2.json", "%61.json", ".json", "ä.json"]
)
def test_name_that_the_store_does_not_make_tells_nothing(file_name: str) -> None:
    """Whoever put such a file there."""
    assert account_name_of(file_name) is None
