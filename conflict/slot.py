"""Slots: named places in a document kind, each one declaration of value shape and merge policy.

Declarations live in `records/`; importing that package fills the catalogue. What a slot's policy
returns is a view: readings that each name their statements, and findings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from conflict.errors import ValueRefused
from conflict.finding import Finding
from conflict.identity import DocumentKind, StatementId
from conflict.shape import Group
from conflict.statement import Draft, Json, Statement


class Reading(NamedTuple):
    """One shown value. `state`: stands, safer, also, disputed, inactive, discrepant.

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
        if first.at:
            body["at"] = first.at
        if self.state != "stands":
            body["state"] = self.state
        if slot and (problems := list(slot.shape.problems(_fields(self.value), ""))):
            body["problems"] = problems
        return body


class View(NamedTuple):
    """What a policy makes of one slot's statements."""

    readings: tuple[Reading, ...]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """A slot's statements with what replaced them: `superseded[id]` are the statements naming id."""

    statements: Sequence[Statement]
    superseded: Mapping[StatementId, Sequence[Statement]]

    def standing(self) -> list[Statement]:
        """Statements that are not void and that nobody replaced."""
        return [
            one for one in self.statements if one.void is None and one.id not in self.superseded
        ]


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


def _plain(value: Json) -> str:
    if isinstance(value, dict):
        return " ".join(_plain(inner) for inner in value.values() if inner is not None)
    if isinstance(value, list):
        return ", ".join(_plain(inner) for inner in value)
    return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """`kinds`: the document kinds it belongs to. `plain`: what a clinician calls it.

    `words` turns a value into the text that findings and lists show.
    """

    name: str
    kinds: tuple[DocumentKind, ...]
    plain: str
    policy: Policy
    shape: Group
    words: Callable[[Json], str] = field(default=_plain)

    def check(self, draft: Draft) -> None:
        """Refuse at entry what is outside the shape. Raises `ValueRefused`."""
        if draft.void is not None:
            if not draft.void.strip():
                raise ValueRefused(self.name, ("void: a reason expected, none given",))
            return
        if problems := tuple(self.shape.problems(_fields(draft.value), "")):
            raise ValueRefused(self.name, problems)


CATALOGUE: dict[str, Slot] = {}


def declare(slot: Slot) -> Slot:
    """Enter a slot in the catalogue. Names are unique over all kinds."""
    if slot.name in CATALOGUE:
        raise ValueError(f"slot {slot.name} is declared twice")
    CATALOGUE[slot.name] = slot
    return slot
