"""Two records of which one says that they belong together and the other that they do not.

They stay one chart, because an allergy in either counts, until a person links or unlinks them again.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from conflict.errors import BadIdentity
from conflict.finding import Act, Closing, Finding, Kind, Severity, finding
from conflict.fold import Folded
from conflict.identity import DocumentId, parse_document
from conflict.policies.comparing import by_record_time, field_of, said, text_of
from conflict.records import LINK
from conflict.records.shared import DENIED_LINKS
from conflict.rule import Facts, Rule
from conflict.statement import Statement


def _denied(facts: Facts) -> Iterator[Finding]:
    links = {one.document: _links(one) for one in facts.folds}
    for here, there in combinations(sorted(links), 2):
        both = [*links[here].get(there, ()), *links[there].get(here, ())]
        saying = {_item(one) for one in both if not _denies(one)}
        denying = {_item(one) for one in both if _denies(one)}
        if denying and saying - denying:
            yield _finding(both)


def _links(folded: Folded) -> dict[DocumentId, list[Statement]]:
    """Standing statements about links, by the document that they name however it is spelt."""
    found: dict[DocumentId, dict[str, Statement]] = {}
    for reading in folded.readings(LINK.name):
        for one in reading.statements:
            if other := linked_document(field_of(one, "document")):
                found.setdefault(other, {})[one.id] = one
    return {other: list(statements.values()) for other, statements in found.items()}


def linked_document(text: object) -> DocumentId | None:
    """The document that a link names; None where a peer wrote something else."""
    try:
        return parse_document(text) if isinstance(text, str) else None
    except BadIdentity:
        return None


def _item(one: Statement) -> tuple[DocumentId, str]:
    """What one item of a document's list is about: that differs within one is its slot's finding."""
    return one.document, text_of(one, "document")


def _denies(one: Statement) -> bool:
    return field_of(one, "relation") in DENIED_LINKS.values()


def _finding(both: list[Statement]) -> Finding:
    ordered = by_record_time(both)
    return finding(
        "link-denied",
        Kind.CONTRADICTION,
        Severity.HIGH,
        LINK.name,
        ordered,
        f"One record says that they belong together, the other that they do not: "
        f"{said(LINK, ordered)}",
        Closing(Act.RESOLVE, LINK.name, "link or unlink the two records again"),
    )


LINK_DENIED = Rule(
    name="link-denied",
    plain="Of two records, one says that they belong together and the other that they do not",
    basis="CLINICAL.md §3 same person?: a link is a person's, and so is its undoing",
    find=_denied,
)
