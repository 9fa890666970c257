"""Strict reading of JSON: exact types, every key exactly once, none unknown.

Refusals name the field by its path and never carry a value, not even in a chained exception.
"""

import json
from typing import Never, TypeVar

from pam_tfa.core.errors import RecordFormatError

Choice = TypeVar("Choice", bound=str)


class JsonObject:
    """One JSON object whose keys are taken one by one."""

    def __init__(self, value: object, path: str) -> None:
        """Wrap a parsed value.

        Args:
            value: what the JSON parser made.
            path: where it stands, "" for the whole line.

        Raises:
            RecordFormatError: the value isn't an object.
        """
        if not isinstance(value, dict):
            raise RecordFormatError(path, "not an object")
        self._left: dict[str, object] = dict(value)
        self._path = path

    def path(self, key: str) -> str:
        """Return the dotted path of a key, or with "" of the object itself."""
        return f"{self._path}.{key}".strip(".")

    def text(self, key: str) -> str:
        """Take a string."""
        value = self._take(key)
        if type(value) is not str:
            self._refuse(key, "not a string")
        return value

    def choice(self, key: str, choices: tuple[Choice, ...]) -> Choice:
        """Take a string that is one of a few."""
        value = self.text(key)
        chosen = next((choice for choice in choices if choice == value), None)
        if chosen is None:
            self._refuse(key, "none of " + ", ".join(choices))
        return chosen

    def integer(self, key: str, minimum: int, maximum: int) -> int:
        """Take an integer within bounds, both inclusive; true and false are none."""
        value = self._take(key)
        if type(value) is not int or not minimum <= value <= maximum:
            self._refuse(key, f"not an integer of {minimum} to {maximum}")
        return value

    def octets(self, key: str, shortest: int, longest: int) -> bytes:
        """Take bytes, written as lower-case hexadecimal digits."""
        return self._octets(self._take(key), key, shortest, longest)

    def octet_strings(self, key: str, length: int) -> tuple[bytes, ...]:
        """Take a list of byte strings of one length."""
        return tuple(self._octets(each, key, length, length) for each in self._list(key))

    def child(self, key: str) -> "JsonObject":
        """Take an object."""
        return JsonObject(self._take(key), self.path(key))

    def children(self, key: str) -> "list[JsonObject]":
        """Take a list of objects."""
        path = self.path(key)
        return [JsonObject(each, f"{path}[{i}]") for i, each in enumerate(self._list(key))]

    def refuse_unknown(self) -> None:
        """Refuse keys that nobody took."""
        if self._left:
            raise RecordFormatError(self._path, "has unknown keys")

    def _take(self, key: str) -> object:
        if key not in self._left:
            self._refuse(key, "missing")
        return self._left.pop(key)

    def _list(self, key: str) -> list[object]:
        value = self._take(key)
        if not isinstance(value, list):
            self._refuse(key, "not a list")
        return value

    def _octets(self, value: object, key: str, shortest: int, longest: int) -> bytes:
        octets = _from_hex(value)
        if octets is None or not shortest <= len(octets) <= longest:
            self._refuse(key, f"not {shortest} to {longest} bytes in lower-case hexadecimal")
        return octets

    def _refuse(self, key: str, reason: str) -> Never:
        raise RecordFormatError(self.path(key), reason)


def parse_json_object(line: bytes) -> JsonObject:
    """Parse one JSON object.

    Raises:
        RecordFormatError: not UTF-8, not JSON, not an object, nested without end, or a key twice.
    """
    try:
        value = json.loads(line.decode(), object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError):
        value = None  # refused below: a JSONDecodeError holds the whole text
    return JsonObject(value, "")


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise RecordFormatError("", "has a key twice")
    return content


def _from_hex(value: object) -> bytes | None:
    if type(value) is not str:
        return None
    try:
        octets = bytes.fromhex(value)
    except ValueError:
        return None
    return octets if octets.hex() == value else None  # fromhex also takes spaces and capitals
