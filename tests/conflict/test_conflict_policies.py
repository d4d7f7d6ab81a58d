"""CLINICAL.md §3 as sentences: identity, events, corrections, imports, and what cannot be read."""

from __future__ import annotations

import pytest

from conflict.clock import Stamp
from conflict.document import Entry
from conflict.fold import fold
from conflict.identity import ActorId, StatementId, statement_id
from conflict.statement import Draft, Json, Source, Statement, encode
from tests.conflict.conflict_lab import EPISODE
from tests.conflict.conflict_said import ANNA, BEN, error, folded, say, shown

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
    other = say(
        "medication_given", {**KETAMINE, "drug": "ketamine "}, by=BEN, at="2026-11-23T14:13Z"
    )
    assert len(shown(one, other)) == 2
    (found,) = folded(one, other).findings
    assert found.kind == "possible-duplicate"
    assert set(found.statements) == {one.name, other.name}


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
    assert set(found.statements) == {one.name, other.name}


def test_a_correction_of_what_another_marked_as_an_error_is_disputed() -> None:
    first = say("vitals", {"pulse": 200})
    void, corrected = error(first), say("vitals", {"pulse": 120}, first, by=BEN)
    assert shown(first, void, corrected) == [({"pulse": 120}, "disputed")]
    (found,) = folded(first, void, corrected).findings
    assert set(found.statements) == {void.name, corrected.name}


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
    assert closed.closed_by == (resolution.name,)
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
    assert set(found.statements) == {one.name, other.name}
    elsewhere = say("vitals", {"pulse": 90}, by=BEN, source=Source("other", "Observation/1", "h2"))
    assert not folded(one, elsewhere).findings


@pytest.mark.parametrize("corrects", [0, 1])
@pytest.mark.parametrize("voids", [False, True])
def test_a_correction_of_one_copy_of_an_import_holds_for_its_copies(
    corrects: int, voids: bool
) -> None:
    """Which copy has the smaller id is chance; what the corrector meant is not."""
    copies = (
        say("vitals", {"pulse": 800}, source=EHR),
        say("vitals", {"pulse": 800}, by=BEN, source=EHR),
    )
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
