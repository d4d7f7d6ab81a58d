"""Shapes of slot values: field types with their limits, checked at entry.

No clinical field is ever required: an absent or null field fits every shape. A value that a peer
wrote outside its shape is not dropped: the fold shows it with the problems found here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Protocol

from conflict.clinical_time import instants
from conflict.errors import BadTime
from conflict.statement import Json

_DECIMAL = re.compile(r"-?\d{1,9}(\.\d{1,9})?", re.ASCII)
UNKNOWN_NAMED_MAX = 8  # unknown fields that are named one by one
_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?", re.ASCII)


class Field(Protocol):
    """One typed place in a value."""

    def problems(self, value: Json, path: str) -> Iterator[str]:
        """Each: field, limit, what was given."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """Free text up to `chars_max` characters."""

    chars_max: int = 400
    pattern: str | None = None
    hint: str = ""

    def problems(self, value: Json, path: str) -> Iterator[str]:
        """See `Field`."""
        if not isinstance(value, str):
            yield f"{path}: text expected, {_kind(value)} given"
        elif len(value) > self.chars_max:
            yield f"{path}: at most {self.chars_max} characters, {len(value)} given"
        elif self.pattern and not re.fullmatch(self.pattern, value, re.ASCII):
            yield f"{path}: {self.hint or self.pattern} expected"


@dataclass(frozen=True, slots=True)
class Reference:
    """Another statement: its id when it is of the same document, else `<document>/<id>`."""

    chars_max: int = 120

    def problems(self, value: Json, path: str) -> Iterator[str]:
        """See `Field`."""
        yield from Text(self.chars_max).problems(value, path)


@dataclass(frozen=True, slots=True)
class Code:
    """One of a closed list of codes."""

    values: tuple[str, ...]

    def problems(self, value: Json, path: str) -> Iterator[str]:
        """See `Field`."""
        if value not in self.values:
            yield f"{path}: one of {', '.join(self.values)} expected, {str(value)[:40]!r} given"


@dataclass(frozen=True, slots=True)
class Whole:
    """An integer in `low`..`high`, in `unit`."""

    low: int
    high: int
    unit: str = ""

    def problems(self, value: Json, path: str) -> Iterator[str]:
        """See `Field`."""
        if not isinstance(value, int) or isinstance(value, bool):
            yield f"{path}: whole number expected, {_kind(value)} given"
        elif not self.low <= value <= self.high:
            yield f"{path}: {self.low} to {self.high} {self.unit} expected, {value} given"


@cache
def _bound(text: str) -> Decimal:
    return Decimal(text)


@dataclass(frozen=True, slots=True)
class Number:
    """A decimal in `low`..`high`, written as a JSON string so that 36.60 stays 36.60."""

    low: str
    high: str
    unit: str = ""

    def problems(self, value: Json, path: str) -> Iterator[str]:
        """See `Field`."""
        try:
            fits = isinstance(value, str) and _DECIMAL.fullmatch(value) is not None
            if not fits:
                yield f'{path}: a decimal written as text ("36.6") expected, {_kind(value)} given'
            elif not _bound(self.low) <= Decimal(value) <= _bound(self.high):
                yield f"{path}: {self.low} to {self.high} {self.unit} expected, {value} given"
        except InvalidOperation:
            yield f"{path}: a decimal expected"


@dataclass(frozen=True, slots=True)
class Moment:
    """A clinical time (`clinical_time.py`)."""

    def problems(self, value: Json, path: str) -> Iterator[str]:
        """See `Field`."""
        try:
            instants(value if isinstance(value, str) else "")
        except BadTime as fault:
            yield f"{path}: {fault}"


@dataclass(frozen=True, slots=True)
class Day:
    """A calendar date, `2026-11-23`; year or year and month alone where no more is known."""

    def problems(self, value: Json, path: str) -> Iterator[str]:
        """See `Field`."""
        try:
            text = value if isinstance(value, str) and _DATE.fullmatch(value) else ""
            date.fromisoformat(text + "-01-01"[len(text) - 10 :] if len(text) in {4, 7} else text)
        except ValueError:
            yield f"{path}: a date such as 1999-04-30 expected"


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def problems(self, value: Json, path: str) -> Iterator[str]:
        """See `Field`."""
        if not isinstance(value, bool):
            yield f"{path}: true or false expected, {_kind(value)} given"


@dataclass(frozen=True, slots=True)
class Many:
    """A list of up to `items_max` of one field type."""

    item: Field
    items_max: int = 40

    def problems(self, value: Json, path: str) -> Iterator[str]:
        """See `Field`."""
        if not isinstance(value, list):
            yield f"{path}: a list expected, {_kind(value)} given"
            return
        if len(value) > self.items_max:
            yield f"{path}: at most {self.items_max} items, {len(value)} given"
        for place, item in enumerate(value[: self.items_max], 1):
            yield from self.item.problems(item, f"{path}[{place}]")


@dataclass(frozen=True, slots=True)
class Anything:
    """Any JSON: for content kept verbatim."""

    def problems(self, value: Json, path: str) -> Iterator[str]:  # noqa: ARG002  the shared signature
        """See `Field`."""
        yield from ()


@dataclass(frozen=True, slots=True)
class Group:
    """Named fields. An unknown field is a problem at entry and kept when a peer wrote it."""

    fields: Mapping[str, Field] = field(default_factory=dict)

    def problems(self, value: Json, path: str) -> Iterator[str]:
        """See `Field`."""
        if not isinstance(value, dict):
            yield f"{path or 'value'}: fields expected, {_kind(value)} given"
            return
        dot = f"{path}." if path else ""
        if not value.keys() <= self.fields.keys():
            yield from self._unknown(value, path, dot)
        for name, inner in value.items():
            if inner is not None and (known := self.fields.get(name)) is not None:
                yield from known.problems(inner, dot + name)

    def _unknown(self, value: Mapping[str, Json], path: str, dot: str) -> Iterator[str]:
        unknown = [name for name in value if name not in self.fields]
        for name in unknown[:UNKNOWN_NAMED_MAX]:
            yield f"{dot}{name[:60]}: unknown; known are {', '.join(self.fields)}"
        if len(unknown) > UNKNOWN_NAMED_MAX:
            yield f"{path or 'value'}: {len(unknown)} unknown fields"


def _kind(value: Json) -> str:
    return type(value).__name__
