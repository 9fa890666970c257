"""What may lie in the product's directories between two logins, and what is too much."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.harness.installation import CONFIG, RUN_DIR, SLOTS_DIR, USERS_DIR

if TYPE_CHECKING:
    from pathlib import Path

STORE_FILES = {".lock", ".store"}
CONFIG_FILES = {"config.toml", "seal.key"}
# The cache lasts until the next boot; a new one is another login's, or is removed by the next one
# that has to write it (tests/unit/test_config_cache.py).
RUN_FILES = {"slots", "config.cache", "config.cache.new"}
SLOT_FILES = {str(number) for number in range(8)}  # permanent; their locks are the kernel's


def leftovers(account_name: str = "") -> set[str]:
    """Return files that a killed process left: temporary ones, lock files, sockets.

    Args:
        account_name: of the store, look at this account's files alone; others are in use.
    """
    return (
        {
            str(path)
            for path in USERS_DIR.iterdir()
            if account_name in path.name and not _is_expected_in_store(path)
        }
        | _others(CONFIG.parent, CONFIG_FILES)
        | _others(SLOTS_DIR, SLOT_FILES)
        | _others(RUN_DIR, RUN_FILES)
    )


def _is_expected_in_store(path: Path) -> bool:
    return path.name in STORE_FILES or (path.suffix == ".json" and not path.name.startswith("."))


def _others(directory: Path, expected: set[str]) -> set[str]:
    if not directory.is_dir():
        return set()
    return {str(path) for path in directory.iterdir() if path.name not in expected}
