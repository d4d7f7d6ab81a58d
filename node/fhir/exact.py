"""JSON that keeps numbers as they were written: 36.60 stays 36.60, 1.0 is not 1.

One text of a resource (keys sorted, no white space, numbers and strings as given) is what is
hashed and what is kept verbatim, so two exports of one resource that differ in white space or in
the order of fields are one record on every node.
"""

from __future__ import annotations

import hashlib
import json
import re
from decimal import Decimal, InvalidOperation
from json.encoder import encode_basestring
from typing import Any

from node.fhir import limits
from node.fhir.errors import ResourceRefused

Json = Any
"""None, bool, str, `Digits`, list or dict of the same."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_DIGITS_MAX = 40
_EXPONENT_MAX = 20


class Digits:
    """A JSON number as its own text."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Digits) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Digits({self.text!r})"

    def decimal(self) -> Decimal | None:
        """Its value; None for numbers too long or too large to be a measurement."""
        if len(self.text) > _DIGITS_MAX:
            return None
        try:
            value = Decimal(self.text)
        except InvalidOperation:
            return None
        return value if abs(value.adjusted()) <= _EXPONENT_MAX else None


class Twice(dict[str, Json]):
    """An object that names one field twice: keeping one would drop the other."""


class NotANumber:
    """NaN or Infinity, which JSON does not have."""


def parse(text: str) -> Json:
    """Parsed JSON. Raises ValueError, and RecursionError when nested without end."""
    return json.loads(
        text,
        parse_float=Digits,
        parse_int=Digits,
        parse_constant=lambda _: NotANumber(),
        object_pairs_hook=_object,
    )


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    body = dict(pairs)
    return body if len(body) == len(pairs) else Twice(body)


def exact_text(value: Json) -> str:
    """The one text of a value. Raises `ResourceRefused`."""
    out: list[str] = []
    _write(value, out, 0)
    text = "".join(out)
    if _SURROGATE.search(text):
        text = _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)
    return text


def digest(text: str) -> str:
    """SHA-256 of a text's UTF-8, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def _write(value: Json, out: list[str], depth: int) -> None:
    if depth > limits.RESOURCE_DEPTH_MAX:
        raise ResourceRefused("too-deep", f"nested over {limits.RESOURCE_DEPTH_MAX} levels")
    if isinstance(value, str):
        out.append(encode_basestring(value))
    elif isinstance(value, dict):
        _write_object(value, out, depth)
    elif isinstance(value, list):
        out.append("[")
        for place, item in enumerate(value):
            if place:
                out.append(",")
            _write(item, out, depth + 1)
        out.append("]")
    else:
        out.append(_scalar(value))


def _write_object(body: dict[str, Json], out: list[str], depth: int) -> None:
    if isinstance(body, Twice):
        raise ResourceRefused("field-twice", "one field is given twice in one object")
    out.append("{")
    for place, name in enumerate(sorted(body)):
        out.append("," if place else "")
        out.append(encode_basestring(name))
        out.append(":")
        _write(body[name], out, depth + 1)
    out.append("}")


def _scalar(value: Json) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Digits):
        return value.text
    raise ResourceRefused("not-a-number", "NaN or Infinity, which JSON does not have")
