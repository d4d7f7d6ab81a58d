"""Several records of one person: what they must not say differently, and which one is the active one.

Nothing here merges records: a person links them, and each stays as it is. CLINICAL.md §1.6, §3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from conflict.finding import Act, Closing, Finding, Kind, Severity, finding, who_when
from conflict.fold import Folded
from conflict.identity import document_text
from conflict.policies import by_record_time
from conflict.policies.comparing import compared, field_of
from conflict.records import BIRTH_DATE, BLOOD_TYPE, DOD_ID, NAME
from conflict.records.identity import EVIDENCE
from conflict.rule import Derived, Facts, Rule
from conflict.slot import Slot
from conflict.statement import Json


def _differing(facts: Facts, *, slot: Slot, fields: Sequence[str], text: str) -> Iterator[Finding]:
    persons = facts.persons()
    if len(persons) < 2:
        return  # one record's own disagreement is its slot's finding
    statements = {
        one.name: one
        for person in persons
        for reading in person.readings(slot.name)
        for one in reading.statements
    }
    if len({compared(one, fields) for one in statements.values()}) > 1:
        ordered = by_record_time(statements.values())
        said = "; ".join(f"{who_when(one)} {slot.words(one.value)}" for one in ordered)
        yield finding(
            f"{slot.name}-across-records",
            Kind.HAZARD,
            Severity.HIGH,
            slot.name,
            ordered,
            f"{text}: {said}",
            Closing(Act.RESOLVE, "link", "unlink the records, or mark the wrong entry as an error"),
        )


BLOOD_ACROSS_RECORDS = Rule(
    name="blood-across-records",
    plain="Linked records with different blood types: universal products only",
    basis="Mil Med 1999;164:785: tags or cards were wrong in 34 of 923 soldiers",
    find=partial(
        _differing, slot=BLOOD_TYPE, fields=("abo", "rh"), text="Blood type differs between records"
    ),
)

DOD_IDS_ACROSS_RECORDS = Rule(
    name="dod-ids-across-records",
    plain="Two DoD IDs on one person: no hand-off to another health system until it is settled",
    basis="CLINICAL.md §1.6, §3",
    find=partial(_differing, slot=DOD_ID, fields=("number",), text="Two DoD IDs on one person"),
)


def handoff_stops(facts: Facts) -> tuple[Finding, ...]:
    """What stops handing the record to another health system: two DoD IDs, in one record or across
    linked ones.

    A resolution in words does not lift it, for there are still two: one must be marked as entered in
    error, or the records unlinked.
    """
    within = (
        one for folded in facts.folds for one in folded.findings if one.rule == "evidence-differs"
    )
    found = [one for one in within if one.slot == DOD_ID.name]
    return tuple(sorted([*found, *DOD_IDS_ACROSS_RECORDS.find(facts)], key=lambda one: one.id))


def _active_record(facts: Facts) -> Json:
    persons = facts.persons()
    if not persons:
        return None
    texts = sorted((_strength(one), document_text(one.document)) for one in persons)
    strength, first = texts[0]
    evidence = EVIDENCE[strength] if strength < len(EVIDENCE) else "none"
    return {"document": first, "evidence": evidence, "among": sorted(text for _, text in texts)}


def _strength(person: Folded) -> int:
    """Rank of the best evidence for who this is; the length of the list where there is none."""
    given = (
        field_of(one, "evidence")
        for slot in (DOD_ID, NAME, BIRTH_DATE)
        for reading in person.readings(slot.name)
        for one in reading.statements
    )
    ranks = (EVIDENCE.index(one) for one in given if one in EVIDENCE)
    return min(ranks, default=len(EVIDENCE))


ACTIVE_RECORD = Derived(
    name="active_record",
    plain="Of linked records of one person, the one that new entries go to: the best identified",
    basis="FHIR R4 Patient.link: updates go to the active record; CLINICAL.md §3",
    compute=_active_record,
)
