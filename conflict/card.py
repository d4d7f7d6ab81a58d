"""The DD Form 1380 as one plain value: from a filled card to statements, and back from a chart.

A card is blocks, a block is rows, a row is the values of its boxes: a form has one place for a name,
a chart may hold two, and nothing is dropped. Boxes are named as the fields of the slot that keeps
them. CLINICAL.md §1.1, edition JUL 2025.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from conflict import records
from conflict.chart import Chart
from conflict.errors import ValueRefused
from conflict.identity import DocumentKind, document_kind
from conflict.policies import Events, Keyed, Ranked, Single
from conflict.policies.comparing import moment_of, text_of
from conflict.rule import WITHOUT_EFFECT
from conflict.rules.administrations import given
from conflict.slot import Reading, Slot
from conflict.statement import Draft, Json, Statement, canonical
from conflict.wording import raw

Row = Mapping[str, Json]
Card = Mapping[str, Sequence[Row]]

TIME = "time"
"""The box of a row that is the statement's own clinical time."""

_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block of the form: its rows are statements of one slot in a document of one kind.

    `boxes`: by field of the slot, the label on the form. `timed`: each row has a time of its own, as
    on the form or beside it. `rows_max`: rows for which the form has room, None where it is prose or
    not known. `always`: field values of every such statement that the form does not print.
    """

    name: str
    label: str
    slot: Slot
    boxes: Mapping[str, str]
    kind: DocumentKind = DocumentKind.EPISODE
    timed: bool = False
    rows_max: int | None = None
    always: Mapping[str, Json] = field(default_factory=dict)

    def names(self) -> tuple[str, ...]:
        """Boxes of a row, `time` last."""
        return (*self.boxes, TIME) if self.timed else tuple(self.boxes)


def _of_person(name: str, label: str, slot: Slot, /, **boxes: str) -> Block:
    return Block(name=name, label=label, slot=slot, boxes=boxes, kind=DocumentKind.PERSON)


def _done(name: str, label: str, slot: Slot, /, **boxes: str) -> Block:
    return Block(name=name, label=label, slot=slot, boxes=boxes, timed=True)


def _said(name: str, label: str, slot: Slot, /, **boxes: str) -> Block:
    return Block(name=name, label=label, slot=slot, boxes=boxes)


CARD_FIELDS = (
    _said("form", "DD Form 1380", records.CARD, edition="Edition", status="Status"),
    _of_person("battle_roster", "Battle roster #", records.BATTLE_ROSTER, number="Battle roster #"),
    _said("evacuation", "EVAC", records.EVACUATION, precedence="EVAC"),
    _of_person("name", "Name", records.NAME, family="Last", given="First"),
    Block(
        name="last4",
        label="Last 4",
        slot=records.IDENTIFIER,
        boxes={"value": "Last 4"},
        kind=DocumentKind.PERSON,
        always={"system": "ssn-last-4"},
    ),
    _of_person("sex", "Sex", records.SEX, code="Sex"),
    _said(
        "injury_time",
        "Date and time of injury",
        records.INJURY_TIME,
        time="Date, time",
        approximate="About",
        description="How the time is known",
    ),
    _of_person("service", "Service", records.SERVICE, code="Service"),
    _of_person("unit", "Unit", records.UNIT, name="Unit"),
    _of_person("allergies", "Allergies", records.ALLERGY, substance="Allergy", status="NKDA"),
    _said(
        "mechanism",
        "Mechanism of injury",
        records.MECHANISM,
        mechanisms="All that apply",
        other="Other",
    ),
    _said(
        "injuries",
        "Injury",
        records.INJURY,
        region="Where",
        view="Figure",
        x="Across",
        y="Down",
        type="Injury",
        burn_percent="Burn %",
        mechanisms="Line to mechanism",
    ),
    _done(
        "tourniquets",
        "TQ",
        records.TOURNIQUET,
        action="Applied, converted, removed",
        kind="Extremity, junctional, truncal",
        limb="Limb",
        type="Type",
        tightness="Hasty, deliberate",
        reason="Why",
    ),
    Block(
        name="vitals",
        label="Signs and symptoms",
        slot=records.VITALS,
        boxes={
            "pulse": "Pulse rate",
            "pulse_site": "Pulse location",
            "systolic": "BP, systolic",
            "diastolic": "BP, diastolic",
            "systolic_method": "BP, P for palpated",
            "respiration": "Respiratory rate",
            "spo2": "Pulse ox %",
            "avpu": "AVPU",
            "pain": "Pain 0-10",
        },
        timed=True,
        rows_max=4,
    ),
    _done(
        "dressings",
        "C: dressing",
        records.CIRCULATION,
        dressing="Hemostatic, pressure, other",
        type="Type",
        site="Where",
    ),
    _done("airway", "A", records.AIRWAY, what="Intact, NPA, CRIC, ET-Tube, SGA", type="Type"),
    _done(
        "breathing",
        "B",
        records.BREATHING,
        what="O2, Needle-D, Chest-Tube, Chest-Seal",
        type="Type",
        site="Where",
        flow="O2 L/min",
    ),
    _done(
        "fluids",
        "C: fluid",
        records.FLUID,
        product="Fluid",
        name="Name",
        volume="Volume",
        route="Route",
    ),
    _done(
        "blood",
        "C: blood product",
        records.BLOOD_PRODUCT,
        product="Blood product",
        name="Name",
        unit_number="Unit #",
        abo="ABO",
        rh="Rh",
        volume="Volume",
        route="Route",
    ),
    _done(
        "medications",
        "Meds",
        records.MEDICATION_GIVEN,
        category="Analgesic, antibiotic, other",
        drug="Name",
        dose="Dose",
        unit="Unit",
        route="Route",
        adverse_reaction="Reaction",
    ),
    _done(
        "other",
        "Other",
        records.OTHER_CARE,
        what="Pill pack, eye shield, splint, hypothermia prevention",
        type="Type",
        site="Where",
    ),
    _said("notes", "Notes", records.NOTE, title="Title", text="Notes"),
    _said(
        "first_responder", "First responder", records.FIRST_RESPONDER, name="Name", last4="Last 4"
    ),
)
"""The form in its own order, front then back."""

CARD_BLOCKS: Mapping[str, Block] = {block.name: block for block in CARD_FIELDS}
HEADER = ("form", "battle_roster", "name", "last4")
"""Blocks that every continuation page repeats: whose page it is."""


def card_drafts(card: Card, by: str, at: str | None) -> list[tuple[DocumentKind, Draft]]:
    """What the author of a card says, each with the kind of document that it goes to.

    A timed row without a time was done at a time that nobody wrote down: it gets none. `at` is when
    the rest was said. Raises `ValueRefused` for a block that the form does not have; what a box may
    hold is checked where the draft is saved.
    """
    if unknown := sorted(card.keys() - CARD_BLOCKS.keys()):
        raise ValueRefused("card", tuple(f"{name[:60]}: no such block" for name in unknown))
    return [
        (block.kind, _draft(block, row, by, at))
        for block in CARD_FIELDS
        for row in card.get(block.name, ())
    ]


def _draft(block: Block, row: Row, by: str, at: str | None) -> Draft:
    value = {**block.always, **{name: given for name, given in row.items() if given is not None}}
    time = value.pop(TIME, None) if block.timed else at
    return Draft(slot=block.slot.name, value=value, by=by, at=time)


def card_of(chart: Chart) -> Card:
    """The card of everything in a chart that has a place on it and counts; empty blocks are absent.

    Blocks of one value have the more cautious, or the better evidenced, first and what else is said
    after it. Rows that differ in
    nothing are one where a second copy adds nothing (a name), and two where it might (a dose).
    """
    rows = {block.name: list(_rows(block, chart)) for block in CARD_FIELDS}
    return {name: found for name, found in rows.items() if found}


def _rows(block: Block, chart: Chart) -> Iterator[Row]:
    seen: set[str] = set()
    for reading in _shown(block, chart):
        row = _row(block, reading)
        if not row.keys() & block.boxes.keys():
            continue
        text = canonical(row)
        if text not in seen or isinstance(block.slot.policy, Events):
            seen.add(text)
            yield row


def _shown(block: Block, chart: Chart) -> list[Reading]:
    found = [
        reading
        for folded in chart.documents
        if document_kind(folded.document) is block.kind
        for reading in folded.readings(block.slot.name)
        if reading.state not in WITHOUT_EFFECT and _belongs(block, reading) and _was(block, reading)
    ]
    policy = block.slot.policy
    if isinstance(policy, Single):
        found.sort(key=lambda one: policy.place(one.statements[0]))
    elif isinstance(policy, Ranked):
        found.sort(key=lambda one: policy.rank(one.statements[0]))
    elif isinstance(policy, Keyed):
        found.sort(key=_written)
    elif block.timed:
        found.sort(key=_when)
    return found


def _belongs(block: Block, reading: Reading) -> bool:
    value = reading.value
    return isinstance(value, dict) and all(
        value.get(name) == wanted for name, wanted in block.always.items()
    )


def _was(block: Block, reading: Reading) -> bool:
    """Whether what the entry names was done: a drug that was refused has no place among those given."""
    return block.slot is not records.MEDICATION_GIVEN or given(reading.statements[0])


def _written(reading: Reading) -> tuple[object, ...]:
    first = reading.statements[0]
    return first.rec, first.document, first.id


def _when(reading: Reading) -> tuple[object, ...]:
    """Clinical time first; what has none comes last."""
    moment = moment_of(reading.statements[0])
    return moment.earliest if moment else _LAST, *_written(reading)


def _row(block: Block, reading: Reading) -> Row:
    first = reading.statements[0]
    row = {name: reading.value[name] for name in block.boxes if reading.value.get(name) is not None}
    if block.slot is records.MEDICATION_GIVEN and (doubt := _not_plainly_given(first)):
        row["drug"] = f"{raw(row.get('drug') or 'a drug')} ({doubt})"
    return row | ({TIME: first.at} if block.timed and first.at and TIME not in row else {})


def _not_plainly_given(one: Statement) -> str:
    """A status for which the form has no box and that does not say that all of it was given."""
    status = text_of(one, "status")
    return "" if status in records.treatment.GIVEN else status


def pages(card: Card) -> list[Card]:
    """The card as sheets: the first as it is, each further one with whose it is and the rows for
    which the form has no room (vital signs: four columns a sheet).
    """
    sheets: list[dict[str, Sequence[Row]]] = [{**card}]
    for block in CARD_FIELDS:
        rows = card.get(block.name, ())
        if block.rows_max is None or len(rows) <= block.rows_max:
            continue
        for number, start in enumerate(range(0, len(rows), block.rows_max)):
            if number == len(sheets):
                sheets.append({name: card[name] for name in HEADER if name in card})
            sheets[number][block.name] = rows[start : start + block.rows_max]
    return list(sheets)
