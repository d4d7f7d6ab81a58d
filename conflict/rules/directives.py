"""Code status of a casualty: a directive counts only where every linked record has it in force.

It is never inferred and never carried onto a linked record: until somebody verifies it there too,
it is full treatment. CLINICAL.md §3 DNR / directives.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from conflict.finding import Act, Closing, Finding, Kind, Severity, finding
from conflict.fold import Folded
from conflict.identity import DocumentKind, document_text
from conflict.policies import by_record_time, field_of
from conflict.policies.comparing import compared, said, text_of
from conflict.records import DIRECTIVE, LINK
from conflict.records.directives import FULL_TREATMENT, UNLIMITED, in_force
from conflict.rule import Derived, Facts, Rule
from conflict.rules.currency import names_of
from conflict.slot import Reading
from conflict.statement import Json, Statement

_PERSON = f"{DocumentKind.PERSON.name.lower()}-"


class Carried(NamedTuple):
    """A directive in force in some records of a person: the readings, the records without it, and the
    links to these.
    """

    readings: tuple[Reading, ...]
    elsewhere: tuple[str, ...]
    links: tuple[Statement, ...]


def _limiting(person: Folded) -> Reading | None:
    """The directive of one record that takes something away and is in force there."""
    shown = person.readings(DIRECTIVE.name)
    if not shown or shown[0].state != "stands" or not in_force(shown[0].value):
        return None
    return None if field_of(shown[0].statements[0], "kind") in UNLIMITED else shown[0]


def _carried(facts: Facts) -> Carried:
    held = {document_text(one.document): _limiting(one) for one in facts.persons()}
    readings = tuple(reading for _, reading in sorted(held.items()) if reading)
    joined = _linked_persons(facts)
    without = {name for name, reading in held.items() if reading is None} | joined.keys() - held
    links = [link for name in sorted(without) for link in joined.get(name, ())]
    return Carried(readings, tuple(sorted(without)), tuple(links))


def _linked_persons(facts: Facts) -> dict[str, list[Statement]]:
    """Person documents that a link joins to the chart, held or not, and the links that say so."""
    found: dict[str, list[Statement]] = {}
    for reading in facts.active(LINK.name):
        name = text_of(reading.statements[0], "document")
        if name.startswith(_PERSON):
            found.setdefault(name, []).extend(reading.statements)
    return found


def _one_directive(found: Carried) -> bool:
    said_alike = {compared(one.statements[0], ("kind", "limits")) for one in found.readings}
    return not found.elsewhere and len(said_alike) == 1


def _not_carried(facts: Facts) -> Iterator[Finding]:
    found = _carried(facts)
    if not found.readings or _one_directive(found):
        return
    statements = _written(facts)
    yield finding(
        "directive-not-carried",
        Kind.HAZARD,
        Severity.HIGH,
        DIRECTIVE.name,
        (*statements, *found.links),
        f"Full treatment: a directive is in force in {len(found.readings)} of "
        f"{len(found.readings) + len(found.elsewhere)} linked records only, or they differ: "
        f"{said(DIRECTIVE, statements)}",
        Closing(
            Act.RECORD,
            DIRECTIVE.name,
            "verify the document again and write it into each linked record, or unlink them",
        ),
    )


def _written(facts: Facts) -> list[Statement]:
    found = {
        one.name: one for reading in facts.active(DIRECTIVE.name) for one in reading.statements
    }
    return by_record_time(found.values())


DIRECTIVE_NOT_CARRIED = Rule(
    name="directive-not-carried",
    plain="A directive that is in force in one linked record and not in another: full treatment",
    basis="CLINICAL.md §3: never carried onto a linked record without re-verification",
    find=_not_carried,
)


def _code_status(facts: Facts) -> Json:
    if not facts.persons():
        return None
    found = _carried(facts)
    statements = names_of(_written(facts))
    if not found.readings:
        return {**FULL_TREATMENT, "because": "no directive is in force", "statements": statements}
    if not _one_directive(found):
        because = "a directive is not in force in every linked record"
        return {**FULL_TREATMENT, "because": because, "statements": statements}
    first = found.readings[0].statements[0]
    status: dict[str, Json] = {"kind": field_of(first, "kind")}
    if limits := field_of(first, "limits"):
        status["limits"] = limits
    because = "signed and verified in every linked record"
    return {**status, "because": because, "statements": statements}


CODE_STATUS = Derived(
    name="code_status",
    plain="Code status: the directive that counts, full treatment unless one is in force everywhere",
    basis="CLINICAL.md §3 DNR / directives",
    compute=_code_status,
)
