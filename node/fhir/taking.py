"""A resource from which a mapper takes what its statement carries; what stays was not carried.

Mappers work on a copy and remove each field they put into a statement. Whatever is left decides
whether the original is kept beside it, so no list of "fields we map" can fall out of step. Nothing
here raises: a field of the wrong type is simply not taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from conflict.clinical_time import instants
from conflict.errors import BadTime
from node.fhir.exact import Digits, Json

UNKNOWN = "?"
"""A code that is given but that its table does not know."""

_TERMINOLOGY = (
    "http://terminology.hl7.org/CodeSystem/",
    "http://hl7.org/fhir/",
    "http://terminology.hl7.org/",
)


class Part:
    """One object of a resource, or an empty one where there is none."""

    __slots__ = ("body",)

    def __init__(self, body: Json = None) -> None:
        self.body: dict[str, Json] = body if isinstance(body, dict) else {}

    def peek(self, name: str) -> Json:
        """A field, left where it is."""
        return self.body.get(name)

    def text(self, name: str, chars_max: int = 400) -> str:
        """Take a text that is not blank and fits; else empty, and it stays."""
        value = self.body.get(name)
        if isinstance(value, str) and value.strip() and len(value) <= chars_max:
            del self.body[name]
            return value
        return ""

    def moment(self, name: str) -> str:
        """Take a clinical time exactly as given; else empty, and it stays."""
        value = self.body.get(name)
        if not isinstance(value, str):
            return ""
        try:
            instants(value)
        except BadTime:
            return ""
        return self.text(name)

    def first_moment(self, *names: str) -> str:
        """The first readable time of `names`; others are taken only where they say the same."""
        for name in names:
            if value := self.moment(name):
                self.drop_equal(value, *names)
                return value
        return ""

    def flag(self, name: str) -> bool | None:
        """Take true or false."""
        value = self.body.get(name)
        if not isinstance(value, bool):
            return None
        del self.body[name]
        return value

    def whole(self, name: str, low: int, high: int) -> int | None:
        """Take an integer in `low`..`high`."""
        value = self.body.get(name)
        number = value.decimal() if isinstance(value, Digits) else None
        if number is None or number != int(number) or not low <= number <= high:
            return None
        del self.body[name]
        return int(number)

    def decimal(self, name: str) -> str:
        """Take a number of at most nine digits before and after its point, as text."""
        value = self.body.get(name)
        plain = plain_decimal(value) if isinstance(value, Digits) else ""
        if plain:
            del self.body[name]
        return plain

    def child(self, name: str) -> Part:
        """The object in a field."""
        return Part(self.body.get(name))

    def each(self, name: str) -> list[Part]:
        """The objects in a list field, or the one object where a list was expected."""
        value = self.body.get(name)
        items = value if isinstance(value, list) else [value]
        return [Part(item) for item in items if isinstance(item, dict)]

    def first(self, name: str) -> Part:
        """The first object in a list field."""
        return next(iter(self.each(name)), Part())

    def drop(self, *names: str) -> None:
        """Count fields as carried."""
        for name in names:
            self.body.pop(name, None)

    def drop_equal(self, value: Json, *names: str) -> None:
        """Count fields as carried where they only repeat `value`."""
        for name in names:
            if name in self.body and self.body[name] == value:
                del self.body[name]

    def left(self) -> bool:
        """Whether anything was not taken."""
        return _content(self.body)


class Concept(NamedTuple):
    """Words, code and code system of a CodeableConcept, each perhaps empty."""

    display: str
    code: str
    system: str

    @property
    def name(self) -> str:
        """Words, or the code where there are none."""
        return self.display or self.code

    @property
    def key(self) -> str:
        """What identifies the concept: its code in its system, else its words."""
        return f"{self.system}|{self.code}" if self.code else self.display.strip().lower()


def concept(part: Part, chars_max: int = 300) -> Concept:
    """Take the text and the first coding of a CodeableConcept; further codings stay."""
    coding = part.first("coding")
    code = coding.text("code", 40)
    system = coding.text("system", 120) if code else ""
    display = part.text("text", chars_max) or coding.text("display", chars_max)
    coding.drop_equal(display, "display")
    return Concept(display, code, system)


def words(part: Part, chars_max: int) -> str:
    """Take only the words of a CodeableConcept, for a slot that has no room for its code."""
    coding = part.first("coding")
    said = part.text("text", chars_max) or coding.text("display", chars_max)
    coding.drop_equal(said, "display")
    return said or coding.text("code", chars_max)


def status(part: Part, name: str, table: Mapping[str, str]) -> str:
    """Take a status, a code or a CodeableConcept, and translate it.

    Empty where none is given; `UNKNOWN`, and it stays, where `table` has no such code.
    """
    value = part.peek(name)
    if isinstance(value, str):
        return table[part.text(name)] if value in table else UNKNOWN
    coding = part.child(name).first("coding")
    code = coding.peek("code")
    if not isinstance(code, str):
        return UNKNOWN if value else ""
    if code not in table:
        return UNKNOWN
    drop_code(coding)
    if str(part.child(name).peek("text")).lower() == code:
        part.child(name).drop("text")
    return table[code]


def drop_code(coding: Part) -> None:
    """Count a coding of HL7's own terminology as carried by its code."""
    if str(coding.peek("system") or _TERMINOLOGY[0]).startswith(_TERMINOLOGY):
        coding.drop("system", "code", "display")


def plain_decimal(number: Digits) -> str:
    """A number as the record writes it, its zeros kept; empty where it is too long."""
    value = number.decimal()
    if value is None:
        return ""
    text = number.text if "e" not in number.text.lower() else format(value, "f")
    before, _, after = text.lstrip("-").partition(".")
    return text if len(before) <= 9 and len(after) <= 9 else ""


def copied(value: Json) -> Json:
    """A copy whose objects and lists may be changed."""
    if isinstance(value, dict):
        return {name: copied(inner) for name, inner in value.items()}
    return [copied(inner) for inner in value] if isinstance(value, list) else value


def _content(value: Json) -> bool:
    if isinstance(value, dict):
        return any(_content(inner) for inner in value.values())
    if isinstance(value, list):
        return any(_content(inner) for inner in value)
    return value is not None
