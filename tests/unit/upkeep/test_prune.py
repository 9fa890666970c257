"""Records of accounts that are gone, and a name service that merely looks so."""

from pathlib import Path

import pytest

from pam_tfa.dialogue import Account
from pam_tfa.store.files import FileStore
from pam_tfa.upkeep import Leftover, Leftovers, NameService, find_leftovers, remove_leftovers
from tests.unit.store.builders import a_record, a_state, a_store

ROOT = Account("root", 0)


class Names:
    """A name service whose accounts a test takes away."""

    def __init__(self, *accounts: Account) -> None:
        self.accounts = [ROOT, *accounts]
        self.silent: tuple[str, ...] = ()

    def service(self) -> NameService:
        """Return it in the form that upkeep asks."""
        return NameService(
            lambda name: next((each for each in self.accounts if each.name == name), None),
            lambda uid: next((each for each in self.accounts if each.uid == uid), None),
            lambda _living: self.silent,
        )


def an_enrolled_store(parent: Path, **uids: int) -> FileStore:
    """Return a store with these accounts' records."""
    store = a_store(parent, lock_wait_s=0.2)
    for name, uid in uids.items():
        with store.transaction(name) as transaction:
            transaction.replace(a_record(name, uid=uid), a_state())
    return store


def find(store: FileStore, names: Names) -> Leftovers:
    """Look for leftovers."""
    return find_leftovers(store, names.service(), lambda _records: None)


def remove(store: FileStore, names: Names, found: Leftovers) -> list[str]:
    """Remove what was found; return whose records went."""
    removed: list[Leftover] = []
    remove_leftovers(store, names.service(), found.gone, removed.append)
    return [each.account_name for each in removed]


def test_source_of_accounts_that_says_nothing_is_named(tmp_path: Path) -> None:
    """Half of the accounts come from a directory service that is down."""
    names = Names(Account("alice", 1))
    names.silent = ("sss",)
    store = an_enrolled_store(tmp_path, alice=1)
    assert find(store, names).silent_sources == ()
    store = an_enrolled_store(tmp_path / "other", alice=1, bob=2)
    assert find(store, names).silent_sources == ("sss",)


def test_record_whose_uid_found_a_holder_meanwhile_stays(tmp_path: Path) -> None:
    """It is a renamed account's, whose factor would be gone."""
    names = Names(Account("alice", 1))
    store = an_enrolled_store(tmp_path, alice=1, bob=2)
    found = find(store, names)
    names.accounts.append(Account("bobby", 2))
    assert remove(store, names, found) == []


def test_account_under_a_completed_name_is_renamed_not_gone(tmp_path: Path) -> None:
    """The name service knows alice as alice@example.com."""
    store = an_enrolled_store(tmp_path, alice=1)
    full = Account("alice@example.com", 1)
    service = NameService(
        {"alice": full, "root": ROOT}.get, {1: full, 0: ROOT}.get, lambda _living: ()
    )
    found = find_leftovers(store, service, lambda _records: None)
    assert found.renamed == (Leftover("alice", 1, "alice@example.com"),)
    assert found.gone == ()


def test_record_without_an_account_is_found_and_removed(tmp_path: Path) -> None:
    """The others stay."""
    store = an_enrolled_store(tmp_path, alice=1000, bob=1001)
    names = Names(Account("alice", 1000))
    found = find(store, names)
    assert (found.records, found.name_service_doubt) == (2, False)
    assert found.gone == (Leftover("bob", 1001, None),)
    assert remove(store, names, found) == ["bob"]
    assert list(store.names()) == ["alice"]


def test_renamed_account_is_told_apart(tmp_path: Path) -> None:
    """Its uid has another name now: that is a matter for `rename`."""
    store = an_enrolled_store(tmp_path, alice=1000)
    found = find(store, Names(Account("alicia", 1000)))
    assert found.gone == ()
    assert found.renamed == (Leftover("alice", 1000, "alicia"),)


def test_damaged_record_is_never_removed(tmp_path: Path) -> None:
    """Nobody knows whose it is."""
    store = an_enrolled_store(tmp_path, alice=1000, bob=1001)
    Path(store.users_dir, "bob.json").chmod(0o644)
    names = Names(Account("alice", 1000))
    found = find(store, names)
    assert len(found.damaged) == 1
    assert remove(store, names, found) == []
    assert Path(store.users_dir, "bob.json").exists()


@pytest.mark.parametrize(
    ("known", "doubt"),
    [((), True), (("alice",), True), (("alice", "bob"), False), (("alice", "bob", "carol"), False)],
)
def test_name_service_that_misses_most_accounts_is_doubted(
    tmp_path: Path, known: tuple[str, ...], doubt: bool
) -> None:
    """A directory service that is down says "no such user" too."""
    uids = {"alice": 1000, "bob": 1001, "carol": 1002}
    store = an_enrolled_store(tmp_path, **uids)
    names = Names(*(Account(each, uids[each]) for each in known))
    assert find(store, names).name_service_doubt is doubt


def test_name_service_that_does_not_know_root_is_doubted(tmp_path: Path) -> None:
    """Even where every record has its account."""
    store = an_enrolled_store(tmp_path, alice=1000)
    names = Names(Account("alice", 1000))
    names.accounts.remove(ROOT)
    assert find(store, names).name_service_doubt


def test_account_that_is_back_keeps_its_record(tmp_path: Path) -> None:
    """Each one is asked for once more before it goes."""
    store = an_enrolled_store(tmp_path, alice=1000, bob=1001, carol=1002)
    names = Names(Account("alice", 1000), Account("carol", 1002))
    found = find(store, names)
    names.accounts.append(Account("bob", 1001))
    assert remove(store, names, found) == []


def test_name_service_that_fails_meanwhile_ends_the_removals(tmp_path: Path) -> None:
    """Nothing more goes once root is unknown."""
    store = an_enrolled_store(tmp_path, alice=1000, bob=1001)
    names = Names(Account("alice", 1000))
    found = find(store, names)
    names.accounts.clear()
    assert remove(store, names, found) == []
    assert list(store.names()) == ["alice", "bob"]
