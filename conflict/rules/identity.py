"""What two records of one person must not say differently: blood type and DoD ID."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from conflict.finding import Act, Closing, Finding, Kind, Severity, finding, who_when
from conflict.policies import by_record_time
from conflict.policies.comparing import compared
from conflict.records import BLOOD_TYPE, DOD_ID
from conflict.rule import Facts, Rule
from conflict.slot import Slot


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
