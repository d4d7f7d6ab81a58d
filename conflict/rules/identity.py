"""Several records of one person: what stops their hand-off, and which one is the active one.

Nothing here merges records: a person links them, and each stays as it is. CLINICAL.md §1.6, §3. What
they must not say differently: `records_apart.py`.
"""

from __future__ import annotations

from conflict.finding import Finding
from conflict.fold import Folded
from conflict.identity import document_text
from conflict.policies.comparing import field_of
from conflict.records import BIRTH_DATE, DOD_ID, NAME
from conflict.records.identity import EVIDENCE
from conflict.rule import Derived, Facts
from conflict.rules.records_apart import DOD_IDS_ACROSS_RECORDS
from conflict.statement import Json


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
