"""CLINICAL.md §3 as sentences: what two medics who have not met yet can and cannot do to each other."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conflict import records
from conflict.chart import chart
from conflict.clock import Stamp
from conflict.document import Entry
from conflict.fold import Folded, fold_statements
from conflict.identity import (
    ActorId,
    DocumentKind,
    StatementId,
    document_text,
    new_document,
    statement_id,
)
from conflict.policies import Single
from conflict.slot import CATALOGUE, Reading
from conflict.statement import Draft, Json, Source, Statement, canonical, encode
from tests.conflict.conflict_lab import EPISODE, PERSON
from tests.conflict.conflict_values import histories, lanes_of, plain_text

ANNA, BEN = ActorId(b"a" * 16), ActorId(b"b" * 16)
_COUNT = {ANNA: 0, BEN: 0}


def say(
    slot: str,
    value: Json,
    *names: Statement,
    by: ActorId = ANNA,
    at: str | None = None,
    void: str | None = None,
    source: Source | None = None,
    ms: int = 1,
) -> Statement:
    """A statement by Anna or Ben that names `names`."""
    _COUNT[by] += 1
    return Statement(
        id=statement_id(by, _COUNT[by]),
        slot=slot,
        value=value,
        by="Anna" if by == ANNA else "Ben",
        rec=Stamp(ms, 0),
        at=at,
        supersedes=tuple(one.id for one in names),
        void=void,
        source=source,
    )


def error(target: Statement, by: ActorId = ANNA) -> Statement:
    return say(target.slot, None, target, by=by, void="wrong casualty")


def folded(*statements: Statement) -> Folded:
    person = {one.slot for one in statements} & {
        name for name, slot in CATALOGUE.items() if slot.kinds == (DocumentKind.PERSON,)
    }
    return fold_statements(PERSON if person else EPISODE, statements)


def readings(*statements: Statement) -> list[Reading]:
    slot = statements[0].slot
    view = folded(*statements).views.get(slot)
    return list(view.readings) if view else []


def shown(*statements: Statement) -> list[tuple[Json, str]]:
    return [(one.value, one.state) for one in readings(*statements)]


# Triage and evacuation: the safer reading ----------------------------------------------------

SAFER = {
    "triage": ("category", ("immediate", "delayed", "minimal", "expectant")),
    "evacuation": (
        "precedence",
        ("urgent-surgical", "urgent", "priority", "routine", "convenience"),
    ),
}
PAIRS = [
    (slot, field, high, low)
    for slot, (field, codes) in SAFER.items()
    for high, low in combinations(codes, 2)
]


@pytest.mark.parametrize(("slot", "field", "high", "low"), PAIRS)
@pytest.mark.parametrize("later", [1, 1_000_000])
def test_the_safer_of_two_concurrent_decisions_is_shown_and_both_are_listed(
    slot: str, field: str, high: str, low: str, later: int
) -> None:
    one = say(slot, {field: high}, ms=1)
    other = say(slot, {field: low}, by=BEN, ms=later)
    assert shown(one, other) == [({field: high}, "safer"), ({field: low}, "also")]
    (found,) = folded(one, other).findings
    assert set(found.statements) == {one.id, other.id}
    assert found.kind == "contradiction"
    assert high in found.text
    assert low in found.text


@pytest.mark.parametrize(("slot", "field", "high", "low"), PAIRS)
def test_a_downgrade_by_someone_who_saw_the_higher_one_stands_alone(
    slot: str, field: str, high: str, low: str
) -> None:
    one = say(slot, {field: high})
    assert shown(one, say(slot, {field: low}, one, by=BEN)) == [({field: low}, "stands")]


def test_expectant_never_wins_over_anything_by_merge() -> None:
    expectant = say("triage", {"category": "expectant"}, by=BEN, ms=9)
    for value in ({"category": "minimal"}, {"category": "delayed"}, {"category": "immediate"}):
        first, *_ = shown(say("triage", value), expectant)
        assert first == (value, "safer")


def test_two_who_agree_make_one_reading_that_names_both() -> None:
    one, other = say("triage", {"category": "delayed"}), say("triage", {"category": "delayed"}, by=BEN)
    (reading,) = readings(one, other)
    assert {each.id for each in reading.statements} == {one.id, other.id}
    assert not folded(one, other).findings


@pytest.mark.parametrize("slot", sorted(SAFER))
@given(data=st.data())
@settings(deadline=None, max_examples=100)
def test_what_names_nothing_never_lowers_what_is_shown(slot: str, data: st.DataObject) -> None:
    """The law of hazards for triage and evacuation, over any history."""
    field, codes = SAFER[slot]
    policy = CATALOGUE[slot].policy
    assert isinstance(policy, Single)
    assert (policy.field, policy.safer) == (field, codes)
    before = _statements(data, slot)
    value = {field: data.draw(st.sampled_from(codes))}
    new = say(slot, value, by=data.draw(st.sampled_from((ANNA, BEN))), ms=data.draw(st.integers(0, 9)))
    old, now = shown(*before), shown(*before, new)
    ranks = [codes.index(one[field]) for one, _ in old if isinstance(one, dict) and one.get(field)]
    first = now[0][0]
    assert isinstance(first, dict)
    assert codes.index(first[field]) == min([*ranks, codes.index(value[field])])


def _statements(data: st.DataObject, slot: str) -> list[Statement]:
    from conflict.fold import statements_of

    found, _ = statements_of(lanes_of(data.draw(histories(CATALOGUE[slot]))))
    return found


# Allergies -----------------------------------------------------------------------------------


def allergy(substance: str | None, status: str = "active", **more: Json) -> dict[str, Json]:
    return {"status": status, **more} | ({} if substance is None else {"substance": substance})


@pytest.mark.parametrize("negative", ["refuted", "inactive", "resolved"])
@pytest.mark.parametrize("later", [1, 1_000_000])
def test_a_positive_allergy_beats_every_concurrent_negative(negative: str, later: int) -> None:
    yes = say("allergy", allergy("penicillin"))
    no = say("allergy", allergy(" Penicillin", negative), by=BEN, ms=later)
    assert shown(yes, no) == [(allergy("penicillin"), "disputed")]
    (reading,) = readings(yes, no)
    assert {one.id for one in reading.statements} == {yes.id, no.id}
    (found,) = folded(yes, no).findings
    assert set(found.statements) == {yes.id, no.id}


@pytest.mark.parametrize("status", ["none-known-drug", "none-known"])
def test_a_later_nkda_never_removes_an_allergy(status: str) -> None:
    yes = say("allergy", allergy("penicillin"), ms=1)
    none = say("allergy", allergy(None, status), by=BEN, ms=1_000_000)
    assert shown(yes, none) == [
        (allergy("penicillin"), "stands"),
        (allergy(None, status), "inactive"),
    ]
    assert len(folded(yes, none).findings) == 1


def test_only_a_statement_about_that_allergy_removes_it() -> None:
    yes = say("allergy", allergy("penicillin"))
    other = say("allergy", allergy("latex"), by=BEN)
    refuted = say("allergy", allergy("penicillin", "refuted"), yes, by=BEN)
    assert shown(yes, other, refuted) == [
        (allergy("latex"), "stands"),
        (allergy("penicillin", "refuted"), "inactive"),
    ]
    assert shown(yes, other, error(yes)) == [(allergy("latex"), "stands")]


def test_what_was_concurrent_with_an_entry_in_error_survives_it() -> None:
    yes, again = say("allergy", allergy("latex")), say("allergy", allergy("latex"), by=BEN)
    (reading,) = readings(yes, again, error(yes))
    assert [one.id for one in reading.statements] == [again.id]
    assert reading.state == "stands"


def test_details_of_one_allergy_join_and_the_worse_one_wins() -> None:
    low = allergy("latex", reactions=["rash"], criticality="low", verification="confirmed")
    high = allergy("latex", reactions=["shock"], criticality="high", verification="unconfirmed")
    unsure = allergy("latex", criticality="unable-to-assess")
    for order in ((low, high, unsure), (unsure, high, low), (high, low, unsure)):
        said = [
            say("allergy", value, by=who, ms=place)
            for place, (value, who) in enumerate(zip(order, (ANNA, BEN, ANNA), strict=True))
        ]
        (reading,) = readings(*said)
        assert reading.value == allergy(
            "latex", reactions=["rash", "shock"], criticality="high", verification="confirmed"
        )


def test_allergies_without_a_name_are_never_taken_for_one() -> None:
    one = say("allergy", {"code": "7980", "status": "active"})
    other = say("allergy", {"code": "2670", "status": "active"}, by=BEN)
    nothing = say("allergy", {"substance": "  ", "code": "1191", "status": "active"}, by=BEN)
    assert {value["code"] for value, _ in shown(one, other, nothing)} == {"7980", "2670", "1191"}


@pytest.mark.parametrize("slot", ["problem", "medication"])
def test_items_without_a_key_are_never_taken_for_one(slot: str) -> None:
    one = say(slot, {"display": "first", "status": "active"})
    other = say(slot, {"display": "second", "status": "active"}, by=BEN)
    assert {value["display"] for value, _ in shown(one, other)} == {"first", "second"}


@pytest.mark.parametrize(
    "odd",
    [
        {"criticality": []},
        {"criticality": {"a": 1}},
        {"verification": [1]},
        {"reactions": 5},
        {"reactions": True},
        {"reactions": "rash"},
        {"reactions": {"rash": 1}},
        {"reactions": [[], {}]},
    ],
)
def test_odd_details_of_a_peer_do_not_hide_an_allergy(odd: dict[str, Json]) -> None:
    one = say("allergy", allergy("latex", reactions=["shock"], criticality="high"))
    other = say("allergy", allergy("latex", **odd), by=BEN)
    (reading,) = readings(one, other)
    assert isinstance(reading.value, dict)
    assert reading.value["criticality"] == "high"
    assert "shock" in reading.value["reactions"]


CRITICALITY = ("high", "unable-to-assess", "low")


@given(data=st.data())
@settings(deadline=None, max_examples=150)
def test_what_names_nothing_never_takes_an_allergy_away_or_makes_it_milder(
    data: st.DataObject,
) -> None:
    statements = [one for one in _statements(data, "allergy") if one.source is None]
    status = st.sampled_from(("active", "refuted", "resolved", "none-known-drug", "none-known"))
    new = say(
        "allergy",
        {
            "substance": data.draw(st.sampled_from(("penicillin", "morphine", "DOE", ""))),
            "status": data.draw(status),
            "criticality": data.draw(st.sampled_from(CRITICALITY)),
            "reactions": data.draw(st.lists(plain_text, max_size=2)),
        },
        ms=data.draw(st.integers(0, 9)),
    )
    before, after = _active(statements), _active([*statements, new])
    assert before.keys() <= after.keys()
    for substance, (criticality, reactions) in before.items():
        assert after[substance][0] <= criticality
        assert after[substance][1] >= reactions


def _active(statements: list[Statement]) -> dict[str, tuple[int, set[str]]]:
    """Shown allergies: by statement that stands for each, how grave and which reactions."""
    found: dict[str, tuple[int, set[str]]] = {}
    for reading in readings(*statements) if statements else ():
        if reading.state == "inactive" or not isinstance(reading.value, dict):
            continue
        level = reading.value.get("criticality")
        grave = CRITICALITY.index(level) if level in CRITICALITY else len(CRITICALITY)
        for one in reading.statements:
            if one.value["status"] == "active" if "status" in one.value else True:
                found[one.id] = (grave, set(map(canonical, reading.value.get("reactions") or [])))
    return found


# Blood type ----------------------------------------------------------------------------------


def blood(abo: str, rh: str, method: str) -> dict[str, Json]:
    return {"abo": abo, "rh": rh, "method": method}


UNKNOWN = {"abo": "unknown", "rh": "unknown", "discrepant": True}


@pytest.mark.parametrize("method", ["two-lab-samples", "lab", "field-card", "tag", "self"])
@pytest.mark.parametrize("other", [("B", "+"), ("A", "-"), ("unknown", "+")])
def test_any_disagreement_on_blood_is_unknown_and_a_hazard(
    method: str, other: tuple[str, str]
) -> None:
    one = say("blood_type", blood("A", "+", "two-lab-samples"))
    two = say("blood_type", blood(*other, method), by=BEN)
    first, *rest = shown(one, two)
    assert first == (UNKNOWN, "discrepant")
    assert {state for _, state in rest} == {"also"}
    (found,) = folded(one, two).findings
    assert (found.kind, found.severity) == ("hazard", "high")


def test_a_weaker_method_never_replaces_a_stronger_even_when_it_names_it() -> None:
    lab = say("blood_type", blood("A", "+", "lab"))
    tag = say("blood_type", blood("B", "+", "tag"), lab, by=BEN)
    assert shown(lab, tag)[0] == (UNKNOWN, "discrepant")
    assert shown(tag, say("blood_type", blood("A", "+", "lab"), tag)) == [
        (blood("A", "+", "lab"), "stands")
    ]


@given(data=st.data())
@settings(deadline=None, max_examples=150)
def test_what_names_nothing_never_makes_a_blood_type_look_safer(data: st.DataObject) -> None:
    statements = [one for one in _statements(data, "blood_type") if one.source is None]
    value = blood(
        data.draw(st.sampled_from(("A", "O"))), "+", data.draw(st.sampled_from(("lab", "tag")))
    )
    before = shown(*statements) if statements else []
    after = shown(*statements, say("blood_type", value, ms=data.draw(st.integers(0, 9))))
    if before and before[0][1] == "discrepant":
        assert after[0] == (UNKNOWN, "discrepant")
    elif before:
        old = before[0][0]
        assert isinstance(old, dict)
        same = (old.get("abo"), old.get("rh")) == (value["abo"], value["rh"])
        assert (after[0][1] == "stands") == same
        assert same or after[0] == (UNKNOWN, "discrepant")


# Identity -------------------------------------------------------------------------------------


def test_a_card_scan_outranks_a_guess_whoever_wrote_last() -> None:
    card = say("name", {"family": "DOE", "given": "John", "evidence": "card-scan"}, ms=1)
    guess = say("name", {"family": "Roe", "evidence": "observed"}, card, by=BEN, ms=9)
    assert shown(card, guess) == [(card.value, "stands"), (guess.value, "also")]
    (found,) = folded(card, guess).findings
    assert found.severity == "low"


def test_two_names_of_one_rank_are_a_graver_finding() -> None:
    one = say("name", {"family": "DOE", "evidence": "tag"})
    other = say("name", {"family": "ROE", "evidence": "tag"}, by=BEN)
    (found,) = folded(one, other).findings
    assert found.severity == "medium"


def test_two_dod_ids_are_a_grave_finding() -> None:
    one = say("dod_id", {"number": "1234567890", "evidence": "card-scan"})
    other = say("dod_id", {"number": "1234567891", "evidence": "self"}, by=BEN)
    (found,) = folded(one, other).findings
    assert found.severity == "high"


# Events -----------------------------------------------------------------------------------------

KETAMINE = {"drug": "Ketamine", "dose": "50", "unit": "mg", "route": "IM"}


def test_a_drug_written_twice_by_two_is_kept_twice_and_flagged() -> None:
    one = say("medication_given", KETAMINE, at="2026-11-23T13:58Z")
    other = say("medication_given", {**KETAMINE, "drug": "ketamine "}, by=BEN, at="2026-11-23T14:13Z")
    assert len(shown(one, other)) == 2
    (found,) = folded(one, other).findings
    assert found.kind == "possible-duplicate"
    assert set(found.statements) == {one.id, other.id}


@pytest.mark.parametrize(
    ("value", "by", "at"),
    [
        (KETAMINE, BEN, "2026-11-23T14:14Z"),
        (KETAMINE, ANNA, "2026-11-23T13:58Z"),
        (KETAMINE, BEN, None),
        (KETAMINE | {"route": "IV"}, BEN, "2026-11-23T13:58Z"),
    ],
)
def test_a_second_dose_later_by_the_same_hand_or_another_way_is_no_duplicate(
    value: Json, by: ActorId, at: str | None
) -> None:
    one = say("medication_given", KETAMINE, at="2026-11-23T13:58Z")
    assert not folded(one, say("medication_given", value, by=by, at=at)).findings


def test_a_second_tourniquet_on_one_limb_is_another_tourniquet() -> None:
    value = {"action": "applied", "limb": "left-leg"}
    assert len(shown(say("tourniquet", value), say("tourniquet", value, by=BEN))) == 2


def test_one_entry_corrected_in_two_ways_is_disputed() -> None:
    first = say("vitals", {"pulse": 200})
    one = say("vitals", {"pulse": 120}, first)
    other = say("vitals", {"pulse": 102}, first, by=BEN)
    assert {state for _, state in shown(first, one, other)} == {"disputed"}
    (found,) = folded(first, one, other).findings
    assert set(found.statements) == {one.id, other.id}


def test_a_correction_of_what_another_marked_as_an_error_is_disputed() -> None:
    first = say("vitals", {"pulse": 200})
    void, corrected = error(first), say("vitals", {"pulse": 120}, first, by=BEN)
    assert shown(first, void, corrected) == [({"pulse": 120}, "disputed")]
    (found,) = folded(first, void, corrected).findings
    assert set(found.statements) == {void.id, corrected.id}


def test_who_settles_two_corrections_by_naming_both_closes_the_dispute() -> None:
    first = say("vitals", {"pulse": 200})
    void, other = error(first), say("vitals", {"pulse": 102}, first, by=BEN)
    settled = say("vitals", {"pulse": 120}, first, void, other)
    assert shown(first, void, other, settled) == [({"pulse": 120}, "stands")]
    assert not folded(first, void, other, settled).findings


# Findings and their closing ------------------------------------------------------------------


def test_a_new_contradicting_statement_opens_a_new_finding() -> None:
    one = say("triage", {"category": "immediate"})
    other = say("triage", {"category": "delayed"}, by=BEN)
    (found,) = folded(one, other).findings
    resolution = say("resolution", {"finding": found.id, "decision": "recheck"})
    (closed,) = folded(one, other, resolution).findings
    assert closed.closed_by == (resolution.id,)
    third = say("triage", {"category": "minimal"}, by=BEN)
    (opened,) = folded(one, other, resolution, third).findings
    assert opened.id != found.id
    assert not opened.closed_by


# Imports -----------------------------------------------------------------------------------------

EHR = Source("ehr", "Observation/1", "h1")


def test_the_same_import_on_two_nodes_folds_into_one() -> None:
    one = say("vitals", {"pulse": 80}, source=EHR)
    other = say("vitals", {"pulse": 80}, by=BEN, source=EHR)
    assert shown(one, other) == [({"pulse": 80}, "stands")]
    assert not folded(one, other).findings


def test_different_content_under_one_source_id_is_a_finding() -> None:
    one = say("vitals", {"pulse": 80}, source=EHR)
    other = say("vitals", {"pulse": 90}, by=BEN, source=EHR._replace(content_hash="h2"))
    assert len(shown(one, other)) == 2
    (found,) = folded(one, other).findings
    assert found.kind == "source-differs"
    assert set(found.statements) == {one.id, other.id}
    elsewhere = say("vitals", {"pulse": 90}, by=BEN, source=Source("other", "Observation/1", "h2"))
    assert not folded(one, elsewhere).findings


@pytest.mark.parametrize("corrects", [0, 1])
@pytest.mark.parametrize("voids", [False, True])
def test_a_correction_of_one_copy_of_an_import_holds_for_its_copies(
    corrects: int, voids: bool
) -> None:
    """Which copy has the smaller id is chance; what the corrector meant is not."""
    copies = (say("vitals", {"pulse": 800}, source=EHR), say("vitals", {"pulse": 800}, by=BEN, source=EHR))
    mine = copies[corrects]
    corrected = error(mine) if voids else say("vitals", {"pulse": 80}, mine)
    assert shown(*copies, corrected) == ([] if voids else [({"pulse": 80}, "stands")])
    assert not folded(*copies, corrected).findings


def test_one_source_record_at_two_times_is_two_readings() -> None:
    one = say("vitals", {"pulse": 80}, source=EHR, at="2026-11-23T13:58Z")
    other = say("vitals", {"pulse": 80}, by=BEN, source=EHR, at="2026-11-24T13:58Z")
    assert len(shown(one, other)) == 2


# What cannot be read ----------------------------------------------------------------------------


@pytest.mark.parametrize("value", [[], 0, False, "", "x", [1], {"pulse": "fast"}, {"other": 1}])
def test_a_value_outside_its_shape_is_shown_with_its_problems(value: Json) -> None:
    body = folded(say("vitals", value)).body()["slots"]["vitals"]
    assert [one["value"] for one in body] == [value]
    assert body[0]["problems"]


def test_a_statement_with_unreadable_fields_is_listed_and_stops_nothing() -> None:
    from conflict.fold import fold

    good = Entry("vitals", 1, encode(Draft(slot="vitals", value={"pulse": 80}), Stamp(1, 0)))
    bad = [Entry("vitals", n, text) for n, text in ((2, '{"rec":"x","value":1}'), (3, "{}"))]
    body = fold(EPISODE, {ANNA: [good, *bad]}).body()
    assert body["unreadable"] == [f"vitals/{ANNA.hex()}.{n}" for n in (2, 3)]
    assert [one["value"] for one in body["slots"]["vitals"]] == [{"pulse": 80}]


def test_a_statement_cannot_replace_itself() -> None:
    identity = statement_id(ANNA, 9_999)
    own = Statement(
        id=identity,
        slot="triage",
        value={"category": "immediate"},
        by="",
        rec=Stamp(1, 0),
        supersedes=(identity,),
    )
    assert shown(own) == [({"category": "immediate"}, "stands")]


def test_naming_what_is_not_here_yet_is_no_fault() -> None:
    unseen = StatementId("cc" * 16 + ".7")
    one = Statement(
        id=statement_id(ANNA, 9_998),
        slot="triage",
        value={"category": "minimal"},
        by="",
        rec=Stamp(1, 0),
        supersedes=(unseen,),
    )
    assert shown(one) == [({"category": "minimal"}, "stands")]


# Charts --------------------------------------------------------------------------------------------

OTHER_EPISODE = new_document(DocumentKind.EPISODE, b"another episode")


def entries(*drafts: Draft) -> dict[ActorId, list[Entry]]:
    return {
        ANNA: [
            Entry(draft.slot, number, encode(draft, Stamp(1, number)))
            for number, draft in enumerate(drafts, 1)
        ]
    }


def link(to: bytes, relation: str = "casualty") -> Draft:
    return Draft(
        slot=records.LINK.name,
        value={"document": document_text(to), "relation": relation},  # type: ignore[arg-type]
    )


def test_an_allergy_in_one_document_and_the_drug_in_another_are_a_hazard_of_the_chart() -> None:
    held = {
        PERSON: entries(Draft(slot="allergy", value=allergy("morphine"))),
        EPISODE: entries(Draft(slot="medication_given", value={"drug": "Morphine, IV"}), link(PERSON)),
    }
    found = chart(held).findings  # type: ignore[arg-type]
    assert [(one.kind, one.severity) for one in found] == [("hazard", "high")]
    assert "morphine" in found[0].text.lower()
    assert not chart({PERSON: held[PERSON]}).findings  # type: ignore[dict-item]


def test_what_a_chart_names_but_does_not_hold_is_said() -> None:
    held = {EPISODE: entries(link(PERSON), link(OTHER_EPISODE, "same-episode"))}
    assert chart(held).not_held == tuple(sorted((PERSON, OTHER_EPISODE)))  # type: ignore[arg-type]
    undone = {EPISODE: entries(link(PERSON, "not-same-person"))}
    assert chart(undone).not_held == ()  # type: ignore[arg-type]


def test_two_blood_types_on_two_linked_persons_are_a_hazard() -> None:
    other = new_document(DocumentKind.PERSON, b"another person!")
    held = {
        PERSON: entries(Draft(slot="blood_type", value=blood("A", "+", "lab")), link(other, "same-person")),
        other: entries(Draft(slot="blood_type", value=blood("B", "+", "lab"))),
    }
    found = chart(held).findings  # type: ignore[arg-type]
    assert [(one.kind, one.slot) for one in found] == [("hazard", "blood_type")]


def test_a_link_to_what_is_no_document_stops_nothing() -> None:
    odd = [
        Draft(slot="link", value={"document": text, "relation": "casualty"})
        for text in ("", "nowhere", "kind9999-aaaaaaaaaaaaaaaaaaaaaaaa", 5, None, [])
    ]
    assert chart({EPISODE: entries(*odd)}).not_held == ()  # type: ignore[arg-type]
