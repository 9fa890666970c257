"""Whoever starts su chooses its limit of file sizes; a state is saved whole or not at all."""

from pathlib import Path

import pytest

from .builders import an_enrolled_store, last_step_of, leftovers, run_python

SAVE_UNDER_LIMIT = """
import resource, signal
sys.path.insert(0, sys.argv[2])
from store.builders import save_last_step
from pam_tfa.store.files import FileStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
store = FileStore(sys.argv[1] + "/users")
for last_step in (7, 8, 9):
    save_last_step(store, last_step)
"""


ENROLL_UNDER_LIMIT = """
import resource, signal
sys.path.insert(0, sys.argv[2])
from store.builders import enroll
from pam_tfa.core.errors import NotDurableError
from pam_tfa.store.files import FileStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
try:
    enroll(FileStore(sys.argv[1] + "/users"), "bob")
except NotDurableError:
    print("refused")
"""


@pytest.mark.parametrize("limit_bytes", [0, 1, 6000, 10240, 12287, 12288])
def test_state_is_saved_whole_under_any_limit(tmp_path: Path, limit_bytes: int) -> None:
    """A limit inside a slot would tear every write to it."""
    store = an_enrolled_store(tmp_path)
    tests = str(Path(__file__).parents[1])
    run_python(SAVE_UNDER_LIMIT, str(tmp_path), tests, str(limit_bytes))
    assert last_step_of(store) == 9
    stored = store.load("alice")
    assert stored is not None
    assert not stored.damaged


@pytest.mark.parametrize("limit_bytes", [0, 6000, 12287])
def test_record_that_the_limit_would_cut_is_refused(tmp_path: Path, limit_bytes: int) -> None:
    """A new file can't be larger than the caller allows; nothing of it is left."""
    store = an_enrolled_store(tmp_path)
    tests = str(Path(__file__).parents[1])
    assert run_python(ENROLL_UNDER_LIMIT, str(tmp_path), tests, str(limit_bytes)) == "refused\n"
    assert store.load("bob") is None
    assert leftovers(store) == []
