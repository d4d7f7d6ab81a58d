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
_QUOTED = re.compile(r'"[^"]*"')
_AT_LINE = re.compile(r"\(at line (\d+),")
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
        except tomllib.TOMLDecodeError as fault:
            line = found[1] if (found := _AT_LINE.search(str(fault))) else "1"
            raise BadScenario(f"{path}:{line}: is not TOML: {fault}") from fault
        except UnicodeDecodeError as fault:
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
        except BadScenario:
            raise
        except BadRequest as fault:
            raise self.bad(key, str(fault).partition(": ")[2]) from fault

    def _typed(self, key: str, kind: type[Value], default: Value, wanted: str) -> Value:
        found = self.values.get(key, default)
        if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
            raise self.bad(key, f"is {wanted}")
        return found

    # Where ------------------------------------------------------------------------------------

    def bad(self, key: str, why: str) -> BadScenario:
        """An error about a key; about the table, if it is empty."""
        name = f"{self.head}.{key}" if self.head and key else key or self.head
        return BadScenario(
            f"{self.path}:{line_of(self.text, self.head, self.number, key)}: {name} {why}"
        )


def line_of(text: str, head: str, number: int, key: str) -> int:
    """Where a key of the `number`-th table of a name stands; if it is not there, where the table is."""
    inner = f"{head}.{key}" if head else key
    here, count, table = "", -1, 0
    for at, line in enumerate(text.splitlines(), 1):
        if found := _HEAD.match(line):
            name = found[1].replace('"', "")
            count = count + 1 if name == head else count
            here = name
            if name == inner:
                return at
            if (name, count) == (head, number):
                table = at
        elif (here, max(count, 0)) == (head, number) and _says(line, key):
            return at
    return table or _inline(text, head, number)


def _says(line: str, key: str) -> bool:
    """Whether a line gives a key its value, or one in it (`a.role = …`)."""
    return bool(key) and bool(re.match(rf"\s*\"?{re.escape(key)}\"?\s*[=.]", line))


def _inline(text: str, head: str, number: int) -> int:
    """The same of a table that is a value: `a = { … }`, or the `number`-th of `at = [ { … }, … ]`."""
    outer, _, own = head.rpartition(".")
    lines = text.splitlines()
    begin = line_of(text, outer, 0, own) if head else 1
    count = -1
    for at in range(begin, len(lines) + 1):
        count += len(re.findall(r"\{", _QUOTED.sub("", lines[at - 1])))
        if count >= number:
            return at
    return begin


def nearest(name: str, known: Iterable[str]) -> str:
    """` (did you mean x?)`, or what there is."""
    known = sorted(known)
    if not known:
        return ""
    found = difflib.get_close_matches(name, known, 1, 0.6)
    return f"; did you mean {found[0]}?" if found else f"; there are {', '.join(known)}"
