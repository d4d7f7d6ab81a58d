"""Co-signatures in what is shown: which entries a provider co-signed, which changed since, which wait.

A co-signature counts when its author was signed in as a provider. It names statements, so whatever is
corrected afterwards is not co-signed, and that is said beside the correction. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from conflict.identity import StatementId, document_text
from conflict.records import COSIGN, NOTE, SOAP
from conflict.statement import Json, Statement

if TYPE_CHECKING:
    from conflict.slot import History, Reading, View

PROVIDER = "provider"
NOTES = (NOTE.name, SOAP.name)
"""Slots whose entries wait for a co-signature when somebody else than a provider wrote them."""

Cosigned = Mapping[StatementId, Statement]


def cosigned(views: Mapping[str, View]) -> Cosigned:
    """By statement, the first co-signature that names it."""
    found: dict[StatementId, Statement] = {}
    view = views.get(COSIGN.name)
    for reading in view.readings if view else ():
        one = reading.statements[0]
        named = one.value.get("statements") if isinstance(one.value, dict) else None
        if one.by_role != PROVIDER or not isinstance(named, list):
            continue
        place = f"{document_text(one.document)}/"
        for name in named:
            if isinstance(name, str):
                found.setdefault(StatementId(name.removeprefix(place)), one)
    return found


def marked(
    body: dict[str, Json], reading: Reading, history: History, by: Cosigned
) -> dict[str, Json]:
    """A reading's JSON with who co-signed it, or what it replaced."""
    one = reading.statements[0]
    if own := by.get(one.id):
        return body | {"cosigned": _said(own)}
    before = (by[name] for name in history.line(one) if name in by)
    if earlier := next(before, None):
        return body | {"changed_since_cosigned": _said(earlier)}
    return body


def _said(one: Statement) -> dict[str, Json]:
    return {"by": one.by, "statement": one.id, **({"at": one.at} if one.at else {})}


def waiting(slots: Mapping[str, Iterable[Mapping[str, Json]]]) -> Iterator[tuple[str, Json]]:
    """Slot and reading of the notes in a document's JSON that wait for a provider's co-signature."""
    for name in NOTES:
        for reading in slots.get(name, ()):
            role = reading.get("by_role")
            if role and role != PROVIDER and "cosigned" not in reading:
                yield name, reading
