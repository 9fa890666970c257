"""The configuration file, validated as a whole. tomllib is imported only where its text is new."""

from __future__ import annotations

import os

from pam_tfa.config_cache import keep, read_cached
from pam_tfa.core.errors import ConfigError, StoreUnavailableError
from pam_tfa.store.directory import ROOT_UID, NotThereError, open_trusted_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    Unenrolled = Literal["skip", "deny", "enroll"]

DEFAULT_PATH = "/etc/pam-tfa/config.toml"
DEFAULT_STORE_DIR = "/var/lib/pam-tfa/users"
DEFAULT_SEAL_KEY_PATH = "/etc/pam-tfa/seal.key"
MAX_CONFIG_BYTES = 1 << 20
MAX_ISSUER_CHARACTERS = 32

_KEYS = ("unenrolled", "issuer", "paths")
_PATH_KEYS = ("store", "seal_key")


class Config:
    """What the file says; None where it is silent and no default is the same for everybody."""

    __slots__ = ("issuer", "path", "seal_key_path", "store_dir", "unenrolled")

    def __init__(
        self,
        path: str = DEFAULT_PATH,
        unenrolled: Unenrolled | None = None,
        issuer: str | None = None,
        store_dir: str = DEFAULT_STORE_DIR,
        seal_key_path: str = DEFAULT_SEAL_KEY_PATH,
    ) -> None:
        self.path = path
        self.unenrolled = unenrolled
        self.issuer = issuer
        self.store_dir = store_dir
        self.seal_key_path = seal_key_path


def load_config(
    path: str | None = None, trusted_uid: int = ROOT_UID, *, cache_path: str | None = None
) -> Config:
    """Read the configuration.

    Args:
        path: absolute; None for the default place, where the file may be absent (then every
            key has its default). A path that was asked for must be there.
        trusted_uid: the user beside root who may own the file.
        cache_path: where its parsed text is kept, see config_cache; None for nowhere.

    Raises: ConfigError, naming the file, the key or line, and the reason.
    """
    where = path or DEFAULT_PATH
    try:
        content = _read(where, trusted_uid)
    except NotThereError as error:
        if path is None:
            return Config()
        raise ConfigError(where, "", "no such file") from error
    except StoreUnavailableError as error:
        raise ConfigError(where, "", error.reason) from error
    except OSError as error:
        raise ConfigError(where, "", os.strerror(error.errno or 0)) from error
    if cache_path is None:
        return parse_config(content, where)
    values = read_cached(cache_path, content, trusted_uid)
    if values is None:
        values = _parse(content, where)
        keep(cache_path, content, values, trusted_uid)
    return _validate(values, where)


def parse_config(content: bytes, path: str) -> Config:
    """Validate a configuration's bytes.

    Args:
        content: TOML, UTF-8.
        path: the file's name, for errors.

    Raises: ConfigError.
    """
    return _validate(_parse(content, path), path)


def _parse(content: bytes, path: str) -> Mapping[str, object]:
    import tomllib

    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(path, f"line {line}", "is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(path, "", f"is not TOML: {error}") from error
    except RecursionError:
        raise ConfigError(path, "", "is not TOML that anybody writes: nested too deeply") from None


def _read(path: str, trusted_uid: int) -> bytes:
    descriptor = open_trusted_file(path, trusted_uid)
    try:
        content = b""
        while chunk := os.read(descriptor, MAX_CONFIG_BYTES + 1 - len(content)):
            content += chunk
    finally:
        os.close(descriptor)
    if len(content) > MAX_CONFIG_BYTES:
        raise ConfigError(path, "", f"is longer than {MAX_CONFIG_BYTES} bytes")
    return content


def _validate(values: Mapping[str, object], path: str) -> Config:
    _refuse_unknown(values, _KEYS, "", path)
    paths = values.get("paths", {})
    if not isinstance(paths, dict):
        raise ConfigError(path, "paths", "must be a table: write [paths] on a line of its own")
    _refuse_unknown(paths, _PATH_KEYS, "paths.", path)
    return Config(
        path,
        _unenrolled(values.get("unenrolled"), path),
        _issuer(values.get("issuer"), path),
        _place(paths.get("store", DEFAULT_STORE_DIR), "paths.store", path),
        _place(paths.get("seal_key", DEFAULT_SEAL_KEY_PATH), "paths.seal_key", path),
    )


def _refuse_unknown(
    values: Mapping[str, object], known: tuple[str, ...], prefix: str, path: str
) -> None:
    for key in values:
        if key not in known:
            names = ", ".join(prefix + name for name in known)
            raise ConfigError(path, prefix + key, f"there is no such key; there are {names}")


def _unenrolled(value: object, path: str) -> Unenrolled | None:
    if value is None or value == "skip" or value == "deny" or value == "enroll":
        return value
    raise ConfigError(path, "unenrolled", 'must be "skip", "deny" or "enroll"')


def _issuer(value: object, path: str) -> str | None:
    if value is None:
        return None
    # A colon separates issuer and account in an otpauth URI's label.
    if (
        isinstance(value, str)
        and 0 < len(value) <= MAX_ISSUER_CHARACTERS
        and value.isprintable()
        and ":" not in value
    ):
        return value
    reason = f"must be 1 to {MAX_ISSUER_CHARACTERS} printable characters without a colon"
    raise ConfigError(path, "issuer", reason)


def _place(value: object, key: str, path: str) -> str:
    if isinstance(value, str) and value.startswith("/") and value.isprintable():
        return value
    raise ConfigError(path, key, "must be an absolute path")
