"""Reading tables strictly: an unknown key or a wrong value is an error with file, line and key.

`tomllib` forgets where things stood; a line is found again by the key and the table that it is in.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from node.errors import BadRequest

Value = TypeVar("Value")
_HEAD = re.compile(r"\s*\[\[?\s*([\w.\"-]+)\s*\]\]?")


class BadScenario(BadRequest):
    """A scenario that cannot be played: the message says where and why."""

    code = "bad-scenario"


class Table(NamedTuple):
    """A table of a file. `head`: its name, empty at the top; `number`: of an array's, from 0."""

    path: Path
    text: str
    head: str
    number: int
    values: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> Table:
        """The whole file. Raises `BadScenario`."""
        try:
            text = path.read_text(encoding="utf-8")
            return cls(path, text, "", 0, tomllib.loads(text))
        except OSError as fault:
            raise BadScenario(f"{path} cannot be read: {fault.strerror}") from fault
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
            raise BadScenario(f"{path} is not TOML: {fault}") from fault

    def only(self, known: Iterable[str]) -> None:
        """Raises `BadScenario` for the first key that is not known."""
        known = list(known)
        for key in self.values:
            if key not in known:
                raise self.bad(key, f"is not known here{nearest(key, known)}")

    def table(self, name: str) -> Table:
        """An inner table; without values if it is not there."""
        head = f"{self.head}.{name}" if self.head else name
        found = self.values.get(name, {})
        if not isinstance(found, dict):
            raise self.bad(name, "is a table: write it as one")
        return Table(self.path, self.text, head, 0, found)

    def tables(self, name: str) -> list[Table]:
        """An array of tables."""
        found = self.values.get(name, [])
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise self.bad(name, f"is an array of tables: write [[{name}]]")
        return [Table(self.path, self.text, name, at, one) for at, one in enumerate(found)]

    def text_of(self, key: str, default: str = "") -> str:
        """A text."""
        return self._typed(key, str, default, "a text in quotes")

    def number_of(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number within limits."""
        found = self._typed(key, int, default, "a whole number")
        if not low <= found <= high:
            raise self.bad(key, f"is {found:,}; the limits are {low:,} to {high:,}")
        return found

    def flag_of(self, key: str, *, default: bool) -> bool:
        """True or false."""
        return self._typed(key, bool, default, "true or false")

    def texts_of(self, key: str) -> tuple[str, ...]:
        """Texts."""
        found = self._typed(key, list, [], "a list of texts")
        if not all(isinstance(one, str) for one in found):
            raise self.bad(key, "is a list of texts")
        return tuple(found)

    def quantity_of(self, key: str, read: Callable[[str, str], Value], default: Value) -> Value:
        """A quantity with its unit, such as `10min`."""
        if key not in self.values:
            return default
        try:
            return read(key, self._typed(key, str, "", "a text with a unit, in quotes"))
        except BadRequest as fault:
            raise self.bad(key, str(fault).partition(": ")[2]) from fault

    def _typed(self, key: str, kind: type[Value], default: Value, wanted: str) -> Value:
        found = self.values.get(key, default)
        if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
            raise self.bad(key, f"is {wanted}")
        return found

    # Where ------------------------------------------------------------------------------------

    def bad(self, key: str, why: str) -> BadScenario:
        """An error about a key."""
        name = f"{self.head}.{key}" if self.head else key
        return BadScenario(f"{self.path}:{self._line(key)}: {name} {why}")

    def _line(self, key: str) -> int:
        head, number = "", -1
        inner = f"{self.head}.{key}" if self.head else key
        first = 1
        for at, line in enumerate(self.text.splitlines(), 1):
            if found := _HEAD.match(line):
                number = number + 1 if found[1] == head else 0
                head = found[1].replace('"', "")
                if (head, number) == (self.head, self.number):
                    first = at
                if head == inner:
                    return at
            elif (head, max(number, 0)) == (self.head, self.number):
                if re.match(rf"\s*\"?{re.escape(key)}\"?\s*=", line):
                    return at
            elif self._inline(line, key):
                return at
        return first

    def _inline(self, line: str, key: str) -> bool:
        """Whether a line is this table, written as one, with that key in it."""
        own = re.escape(self.head.rpartition(".")[2])
        return bool(re.match(rf"\s*\"?{own}\"?\s*=.*\b{re.escape(key)}\b", line))


def nearest(name: str, known: Iterable[str]) -> str:
    """` (did you mean x?)`, or what there is."""
    known = sorted(known)
    found = difflib.get_close_matches(name, known, 1, 0.6)
    return f"; did you mean {found[0]}?" if found else f"; there are {', '.join(known)}"
