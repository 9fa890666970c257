"""What the helper imports before its prompt stays small: every login waits for it."""

import ast
from pathlib import Path

from .builders import an_enrolled_store, run_python

ALLOWED = frozenset(
    {"os", "os.path", "posixpath", "genericpath", "stat", "sys", "errno", "fcntl", "struct"}
    | {"zlib", "time", "pwd", "select", "syslog", "collections", "__future__"}
)
# What `import collections` brings along.
ALLOWED_BELOW = frozenset({"keyword", "operator", "reprlib", "itertools", "heapq", "abc"})

IMPORT_THE_GATE = """
before = set(sys.modules)
import pam_tfa.store.files
import pam_tfa.store.names
import pam_tfa.store.slots
import pam_tfa.store.directory
print(sorted(set(sys.modules) - before))
"""

USE_THE_GATE = """
from pam_tfa.store.files import FileStore
store = FileStore(sys.argv[1])
before = set(sys.modules)
print(type(store.suspension_of("alice", 1000)).__name__)
print(sorted(set(sys.modules) - before))
"""


def test_gate_imports_little() -> None:
    """No json, typing, re, enum, dataclasses, hashlib, logging, cryptography."""
    imported = set(ast.literal_eval(run_python(IMPORT_THE_GATE)))
    foreign = {name for name in imported if not name.startswith(("pam_tfa", "_"))}
    foreign |= imported & {"_json", "_hashlib", "_sre", "_ctypes"}
    assert foreign <= ALLOWED | ALLOWED_BELOW
    ours = {name for name in imported if name.startswith("pam_tfa.core.")}
    assert ours <= {"pam_tfa.core.errors", "pam_tfa.core.suspension"}


def test_gate_imports_nothing_more_while_it_works(tmp_path: Path) -> None:
    """The common case, enrolled and not suspended, is decided with what is there."""
    store = an_enrolled_store(tmp_path)
    result, imported = run_python(USE_THE_GATE, store.users_dir).splitlines()
    assert result == "Enrolled"
    assert ast.literal_eval(imported) == []
