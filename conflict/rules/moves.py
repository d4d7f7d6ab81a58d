"""A move between two casualties warns in both charts until both of its halves are here."""

from __future__ import annotations

from collections.abc import Iterator

from conflict.finding import Act, Closing, Finding, Kind, Severity, finding, who_when
from conflict.fold import Folded
from conflict.identity import DocumentId, document_text
from conflict.moving import moved_from, moved_to, origin_document
from conflict.rule import Facts, Rule
from conflict.slot import CATALOGUE
from conflict.statement import Statement


def _unfinished(facts: Facts) -> Iterator[Finding]:
    by_document = dict(facts.beside) | {one.document: one for one in facts.folds}
    for one, void in facts.struck():
        target = moved_to(void)
        if target and not _has_copy(by_document.get(target), one.name):
            yield _warning(
                one,
                (one, void),
                f"marked as another casualty's and moved to {document_text(target)}; the copy there "
                "is not held here",
            )
    for one in _copies(facts):
        if why := _not_left(one, by_document.get(_origin(one))):
            yield _warning(one, (one,), why)


def _copies(facts: Facts) -> Iterator[Statement]:
    """Statements that were moved here, those left out that were entered in error since."""
    for folded in facts.folds:
        for history in folded.histories.values():
            for one in history.statements:
                if moved_from(one) and one.id not in history.struck:
                    yield one


def _origin(one: Statement) -> DocumentId:
    return origin_document(one) or DocumentId(b"")


def _has_copy(folded: Folded | None, name: str) -> bool:
    if folded is None:
        return False
    return any(
        moved_from(one) == name
        for history in folded.histories.values()
        for one in history.statements
    )


def _not_left(one: Statement, origin: Folded | None) -> str:
    """What is wrong with the other half of a copy; empty where it is in place."""
    place, _, identity = moved_from(one).partition("/")
    if origin is None:
        return f"moved here from {place}, which is not held here"
    if any(struck.id == identity for struck, _ in origin.struck):
        return ""
    if any(
        identity == other.id
        for history in origin.histories.values()
        for other in history.statements
    ):
        return f"moved here from {place}, where it still stands"
    return f"moved here from {place}, where the original is not held"


def _warning(one: Statement, statements: tuple[Statement, ...], why: str) -> Finding:
    slot = CATALOGUE.get(one.slot)
    said = slot.words(one.value) if slot else one.slot
    plain = slot.plain if slot else one.slot
    return finding(
        "move-unfinished",
        Kind.HAZARD,
        Severity.MEDIUM,
        one.slot,
        statements,
        f"{plain}: {who_when(one)} wrote {said}; {why}",
        Closing(Act.RESOLVE, one.slot, "sync with a node that holds both records"),
    )


MOVE_UNFINISHED = Rule(
    name="move-unfinished",
    plain="One half of a move between two casualties is not held here",
    basis="CLINICAL.md §3, entered in error",
    find=_unfinished,
)
