"""Events that belong after another one (an addendum after its note), whatever their clocks said."""

from __future__ import annotations

from collections.abc import Sequence

from conflict.identity import StatementId, document_text
from conflict.policies.comparing import field_of, reference
from conflict.slot import History
from conflict.statement import Statement


def in_causal_order(standing: Sequence[Statement], history: History, field: str) -> list[Statement]:
    """Each statement after the one that its `field` names, else in the order given.

    To name one that was since corrected is to name its correction. Circles are cut where they begin.
    """
    after: dict[StatementId, list[Statement]] = {}
    roots: list[Statement] = []
    places = {one.id: place for place, one in enumerate(standing)}
    known: dict[StatementId, StatementId | None] = {}
    for one in standing:
        target = _meant(one, history, field, places, known) if field_of(one, field) else None
        (roots if target is None else after.setdefault(target, [])).append(one)
    ordered: dict[StatementId, Statement] = {}
    for root in (*roots, *standing):
        waiting = [root]
        while waiting:
            one = waiting.pop()
            if one.id not in ordered:
                ordered[one.id] = one
                waiting.extend(reversed(after.get(one.id, ())))
    return list(ordered.values())


def _meant(
    one: Statement,
    history: History,
    field: str,
    places: dict[StatementId, int],
    known: dict[StatementId, StatementId | None],
) -> StatementId | None:
    """The first standing statement that a reference means; None for itself or another document's."""
    document, _, text = reference(one, field_of(one, field)).partition("/")
    if document != document_text(one.document):
        return None
    identity = StatementId(text)
    if identity not in known:
        known[identity] = _today(identity, history, places)
    found = known[identity]
    return None if found == one.id else found


def _today(
    identity: StatementId, history: History, places: dict[StatementId, int]
) -> StatementId | None:
    """What stands for a statement, corrections followed."""
    waiting, seen = [identity], set[StatementId]()
    found: list[StatementId] = []
    while waiting:
        key = waiting.pop()
        if key in seen:
            continue
        seen.add(key)
        if key in places:
            found.append(key)
        waiting.extend(heir.id for heir in history.superseded.get(key, ()))
    return min(found, key=places.__getitem__, default=None)
