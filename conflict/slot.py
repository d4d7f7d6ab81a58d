"""Slots: named places in a document kind, each one declaration of value shape and merge policy.

Declarations live in `records/`; importing that package fills the catalogue. What a slot's policy
returns is a view: readings that each name their statements, and findings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple, Protocol

from conflict.errors import ValueRefused
from conflict.finding import Finding
from conflict.identity import DocumentKind, StatementId
from conflict.shape import Group, Moment
from conflict.statement import Draft, Json, Statement
from conflict.wording import in_words

WORDS_CHARS_MAX = 400


STATES = {
    "stands": "what holds",
    "safer": "shown because it is the more cautious of readings that differ",
    "also": "said as well, by statements that nobody replaced",
    "disputed": "holds, and somebody denies it or corrected it otherwise",
    "stopped?": "holds, and somebody says that it was stopped",
    "discrepant": "unknown, because the evidence differs",
    "not-in-force": "written, without effect until signed and verified",
    "inactive": "held once, or denied",
    "amended": "signed text as it was, before a correction",
}
"""Every state of a reading."""


class Reading(NamedTuple):
    """One shown value. `state`: a key of `STATES`.

    `statements` names every statement behind the value, the one whose author and time are shown
    first.
    """

    value: Json
    statements: tuple[Statement, ...]
    state: str = "stands"

    def body(self, slot: Slot | None) -> dict[str, Json]:
        """JSON form; `problems` where a peer's value is outside its slot's shape."""
        first = self.statements[0]
        ids: list[Json] = [one.id for one in self.statements]
        body: dict[str, Json] = {"value": self.value, "statements": ids, "by": first.by}
        for name in ("at", "by_role", "entered_by"):
            if said := getattr(first, name):
                body[name] = said
        if self.state != "stands":
            body["state"] = self.state
        if slot and (problems := list(slot.problems(self.value))):
            body["problems"] = problems
        return body


class View(NamedTuple):
    """What a policy makes of one slot's statements."""

    readings: tuple[Reading, ...]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """A slot's statements with what replaced them, in force (`standing.py`).

    `superseded[id]`: statements naming id; `struck[id]`: those that mark it as entered in error.
    """

    statements: Sequence[Statement]
    superseded: Mapping[StatementId, Sequence[Statement]]
    struck: Mapping[StatementId, Sequence[Statement]] = field(default_factory=dict)

    def standing(self) -> list[Statement]:
        """Statements that are not void and that nobody replaced."""
        return [
            one for one in self.statements if one.void is None and one.id not in self.superseded
        ]

    def line(self, one: Statement) -> tuple[StatementId, ...]:
        """A statement and everything that it replaced, corrections of corrections included.

        Marking only the last of a line as entered in error brings the one before it back.
        """
        by_id = {each.id: each for each in self.statements}
        found: dict[StatementId, None] = {}
        waiting = [one.id]
        while waiting:
            key = waiting.pop()
            if key in found or key not in by_id or by_id[key].void is not None:
                continue
            found[key] = None
            waiting.extend(by_id[key].supersedes)
        return tuple(found)


class Urgency(IntEnum):
    """How soon what a slot says is needed elsewhere: what goes first over a thin link (DESIGN §5.5)."""

    URGENT = 1  # somebody must act on it within minutes
    SUMMARY = 2  # who the casualty is and how bad
    ROUTINE = 3


class Policy(Protocol):
    """A merge rule: pure, and independent of the order of its input."""

    @property
    def family(self) -> str:
        """events, single, ranked, keyed or derived."""
        ...

    def view(self, slot: Slot, history: History) -> View:
        """Fold one slot."""
        ...


def _fields(value: Json) -> Json:
    """No value at all is a value without fields; anything else is what it is."""
    return {} if value is None else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """`kinds`: the document kinds it belongs to. `plain`: what a clinician calls it.

    `wording` turns a value into the text that findings and lists show, where naming its fields in
    order (`wording.py`) is not how it is said. `absent`: what it means that nothing was written.
    `rule` names what fields say that cannot be true together. `urgency`: how soon it must travel.
    `basis`: form, standard or source.
    """

    name: str
    kinds: tuple[DocumentKind, ...]
    plain: str
    policy: Policy
    shape: Group
    wording: Callable[[Mapping[str, Json]], str] | None = None
    absent: str = ""
    rule: Callable[[Mapping[str, Json]], Iterator[str]] | None = None
    urgency: Urgency = Urgency.ROUTINE
    basis: str = ""

    def words(self, value: Json) -> str:
        """The value as a clinician would read it out; whatever a peer wrote has words."""
        own = self.wording(value) if self.wording and isinstance(value, dict) else ""
        return (own or in_words(self.shape, value) or "nothing")[:WORDS_CHARS_MAX]

    def problems(self, value: Json) -> Iterator[str]:
        """What is outside the shape: field, limit, what was given."""
        fields = _fields(value)
        yield from self.shape.problems(fields, "")
        if self.rule and isinstance(fields, dict):
            yield from self.rule(fields)

    def check(self, draft: Draft) -> None:
        """Refuse at entry what is outside the shape. Raises `ValueRefused`."""
        if draft.void is not None:
            if not draft.void.strip():
                raise ValueRefused(self.name, ("void: a reason expected, none given",))
            return
        when = () if draft.at is None else Moment().problems(draft.at, "at")
        if problems := (*when, *self.problems(draft.value)):
            raise ValueRefused(self.name, problems)


CATALOGUE: dict[str, Slot] = {}


def declare(slot: Slot) -> Slot:
    """Enter a slot in the catalogue. Names are unique over all kinds."""
    if slot.name in CATALOGUE:
        raise ValueError(f"slot {slot.name} is declared twice")
    CATALOGUE[slot.name] = slot
    return slot
