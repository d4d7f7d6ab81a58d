"""A move between two casualties warns in both charts until its entry stands in exactly one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum

from conflict.finding import Act, Closing, Finding, Kind, Severity, finding, who_when
from conflict.fold import Folded
from conflict.identity import DocumentId, document_text
from conflict.moving import moved_from, moved_to, moves, origin_document
from conflict.policies.comparing import by_record_time
from conflict.rule import Facts, Rule
from conflict.rules.moments import Key, identity_of
from conflict.slot import CATALOGUE, History
from conflict.statement import Statement

Held = Mapping[DocumentId, Folded]


class _Copy(Enum):
    """What is known of a moved entry in the document that it went to."""

    MISSING = "the copy there is not held here"
    STRUCK = "entered in error there too"
    PLACED = "stands there, or was moved on from there"


def _unfinished(facts: Facts) -> Iterator[Finding]:
    held = {**facts.beside, **{one.document: one for one in facts.folds}}
    for one, voids in _moved(facts):
        yield from _left(one, voids, held)
    for one in _copies(facts):
        yield from _arrived(one, held)


def _moved(facts: Facts) -> list[tuple[Statement, list[Statement]]]:
    """Moved statements of the chart, with everything that marks them as entered in error."""
    found: dict[Key, tuple[Statement, list[Statement]]] = {}
    for one, void in facts.struck():
        found.setdefault(identity_of(one), (one, []))[1].append(void)
    return [(one, voids) for one, voids in found.values() if any(moves(one, v) for v in voids)]


def _copies(facts: Facts) -> Iterator[Statement]:
    """Statements that were moved here, those left out that were entered in error since."""
    for folded in facts.folds:
        for history in folded.histories.values():
            for one in history.statements:
                if moved_from(one) and one.void is None and one.id not in history.struck:
                    yield one


def _left(one: Statement, voids: Sequence[Statement], held: Held) -> Iterator[Finding]:
    """What is wrong with where a statement went."""
    marks = by_record_time(void for void in voids if moves(one, void))
    states = {target: _state(held.get(target), one.name) for target in _targets(marks)}
    for void in marks:
        target = moved_to(void)
        if target and states[target] is _Copy.MISSING:
            words = f"moved to {document_text(target)}; {_Copy.MISSING.value}"
            yield _warning(
                "move-unfinished", (one, void), f"marked as another casualty's and {words}"
            )
    going = sorted(target for target, state in states.items() if state is not _Copy.STRUCK)
    if len(going) > 1:
        words = f"moved to {_places(going)}: it is one casualty's only"
        yield _warning("moved-to-several", (one, *marks), words, Severity.HIGH)
    if not going and len(marks) == len(voids):
        words = f"moved to {_places(sorted(states))} and entered in error there: it is in no chart"
        yield _warning("moved-nowhere", (one, *marks), words)


def _places(documents: Sequence[DocumentId]) -> str:
    return " and ".join(map(document_text, documents))


def _targets(marks: Sequence[Statement]) -> set[DocumentId]:
    return {target for void in marks if (target := moved_to(void))}


def _state(folded: Folded | None, name: str) -> _Copy:
    """What a document makes of the copies of a statement that it got; the best of several."""
    found = {
        _Copy.PLACED if one.id not in history.struck or _on(one, history) else _Copy.STRUCK
        for history in (folded.histories.values() if folded else ())
        for one in history.statements
        if moved_from(one) == name
    }
    return next((state for state in (_Copy.PLACED, _Copy.STRUCK) if state in found), _Copy.MISSING)


def _on(one: Statement, history: History) -> bool:
    return any(moves(one, void) for void in history.struck[one.id])


def _arrived(one: Statement, held: Held) -> Iterator[Finding]:
    """What is wrong with where a copy came from."""
    place, _, identity = moved_from(one).partition("/")
    origin = held.get(origin_document(one) or DocumentId(b""))
    words = f"moved here from {place}"
    if origin is None:
        yield _warning("move-origin-not-held", (one,), f"{words}, which is not held here")
        return
    found = _original(origin, identity)
    if found is None:
        yield _warning("move-origin-not-held", (one,), f"{words}, where the original is not held")
        return
    original, history = found
    if _stands(original, history):
        still = f"{words}, where it still stands"
        yield _warning("moved-still-stands", (one,), still, Severity.HIGH)
    elsewhere = _elsewhere(original, history, one.document, held)
    if elsewhere:
        also = f"{words}, and moved to {_places(elsewhere)} too: it is one casualty's only"
        yield _warning("moved-to-several", (one,), also, Severity.HIGH)


def _original(origin: Folded, identity: str) -> tuple[Statement, History] | None:
    for history in origin.histories.values():
        for one in history.statements:
            if one.id == identity:
                return one, history
    return None


def _stands(one: Statement, history: History) -> bool:
    """Whether it stands itself, or a correction that nobody moved with it."""
    waiting, seen = [one], {one.id}
    while waiting:
        last = waiting.pop()
        if last.id not in history.superseded:
            return True
        heirs = (each for each in history.superseded[last.id] if each.void is None)
        waiting += [each for each in heirs if each.id not in seen]
        seen.update(each.id for each in waiting)
    return False


def _elsewhere(
    original: Statement, history: History, here: DocumentId, held: Held
) -> list[DocumentId]:
    """Other documents that a statement went to as well, unless its copy there is known as an error."""
    marks = [void for void in history.struck.get(original.id, ()) if moves(original, void)]
    others = sorted(_targets(marks) - {here})
    return [one for one in others if _state(held.get(one), original.name) is not _Copy.STRUCK]


def _warning(
    rule: str, statements: Sequence[Statement], why: str, severity: Severity = Severity.MEDIUM
) -> Finding:
    one = statements[0]
    slot = CATALOGUE.get(one.slot)
    said = slot.words(one.value) if slot else one.slot
    plain = slot.plain if slot else one.slot
    text = f"{plain}: {who_when(one)} wrote {said}; {why}"
    closing = Closing(Act.RESOLVE, one.slot, _CLOSED_BY[rule])
    return finding(rule, Kind.HAZARD, severity, one.slot, statements, text, closing)


_CLOSED_BY = {
    "move-unfinished": "sync with a node that holds both records",
    "move-origin-not-held": "sync with a node that holds both records",
    "moved-still-stands": "sync, or mark the one that is wrong as entered in error",
    "moved-to-several": "mark every copy but the right one as entered in error, and withdraw the "
    "mark that moved it there",
    "moved-nowhere": "withdraw the mark that moved it, or say why it is in no chart",
}


MOVE_UNFINISHED = Rule(
    name="move-unfinished",
    plain="A moved entry that does not stand in exactly one chart: one half of the move is not held "
    "here, it still stands where it was, it went to two casualties, or to none",
    basis="CLINICAL.md §3, entered in error",
    find=_unfinished,
)
