"""The rules of CLINICAL.md §3 for a person's record, each told as what happens to somebody.

Anna and Ben have not seen each other's entries unless one names the other's.
"""

from __future__ import annotations

import pytest

from conflict.errors import ValueRefused
from conflict.slot import CATALOGUE
from conflict.statement import Draft, Json
from tests.conflict.conflict_said import (
    ANNA,
    BEN,
    allergy,
    blood,
    folded,
    readings,
    say,
    shown,
    the_finding,
    values,
)

MONDAY, TUESDAY = "2026-11-23", "2026-11-24"


def refused(slot: str, value: Json) -> tuple[str, ...]:
    """Problems that an author is told of at entry."""
    with pytest.raises(ValueRefused) as caught:
        CATALOGUE[slot].check(Draft(slot=slot, value=value))
    return caught.value.problems


def fits(slot: str, value: Json) -> bool:
    """Whether an author may save it."""
    CATALOGUE[slot].check(Draft(slot=slot, value=value))
    return True


# Who it is ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slot", "seen", "guessed"),
    [
        ("name", {"family": "Doe"}, {"family": "Dough"}),
        ("sex", {"code": "female"}, {"code": "male"}),
        ("nationality", {"country": "USA"}, {"country": "Canada"}),
        ("rank", {"grade": "E-4"}, {"grade": "E-5"}),
    ],
)
def test_a_card_scan_stands_before_what_a_medic_saw(slot: str, seen: Json, guessed: Json) -> None:
    card = say(slot, {**seen, "evidence": "card-scan"})
    guess = say(slot, {**guessed, "evidence": "observed"}, card, by=BEN)
    assert values(card, guess)[0] == card.value, "a weaker one replaces nothing, even by name"
    assert the_finding(card, guess).rule == "evidence-differs"


def test_two_dod_ids_on_one_person_are_a_hazard() -> None:
    one = say("dod_id", {"number": "9000000001", "evidence": "tag"})
    other = say("dod_id", {"number": "9000000002", "evidence": "card-scan"}, by=BEN)
    hazard = the_finding(one, other)
    assert (hazard.kind, hazard.severity) == ("hazard", "high")


def test_all_identifiers_are_kept_and_none_is_retired_unseen() -> None:
    wristband = {"system": "wristband", "value": "WB-1", "status": "active"}
    mrn = {"system": "mrn", "value": "77", "status": "active"}
    assert values(say("identifier", wristband), say("identifier", mrn, by=BEN)) == [mrn, wristband]
    gone = say("identifier", {**mrn, "status": "retired"}, by=BEN)
    assert shown(say("identifier", mrn), gone)[0] == (mrn, "disputed")


def test_a_trauma_identity_stays_when_the_name_is_learned() -> None:
    trauma: Json = {"system": "trauma-identity", "value": "T-0147", "name": "Trauma Quebec"}
    identity = say("identifier", trauma)
    name = say("name", {"family": "Doe", "evidence": "card-scan"}, by=BEN)
    views = folded(identity, name).views
    assert views["identifier"].readings[0].value == trauma
    assert not folded(identity, name).findings


# Allergies and blood type ------------------------------------------------------------------------


def test_nkda_never_hides_an_allergy_written_by_somebody_else() -> None:
    penicillin = say("allergy", allergy("penicillin", category="drug"))
    nkda = say("allergy", allergy(None, "none-known-drug"), by=BEN, ms=9)
    assert shown(penicillin, nkda) == [(penicillin.value, "stands"), (nkda.value, "inactive")]
    assert the_finding(penicillin, nkda).rule == "none-known-denied"
    assert "no known drug allergies" in the_finding(penicillin, nkda).text


def test_an_allergy_that_one_refutes_and_one_confirms_is_active_and_disputed() -> None:
    yes = say("allergy", allergy("latex", verification="confirmed"))
    no = say("allergy", allergy("latex", "refuted"), by=BEN)
    assert shown(yes, no) == [(yes.value, "disputed")]


def test_what_says_two_things_of_one_allergy_is_refused_at_entry() -> None:
    assert refused("allergy", allergy("penicillin", "none-known"))[0].startswith("substance")
    assert refused("allergy", allergy("latex", "refuted", verification="confirmed"))
    assert fits("allergy", {"code": "716186003", "status": "none-known"})
    assert fits("allergy", {"substance": "latex"}), "no field is required"


def test_nothing_written_on_allergies_means_not_asked() -> None:
    assert CATALOGUE["allergy"].absent == "not asked"
    assert all(slot.basis for slot in CATALOGUE.values())


def test_blood_type_disagreement_means_universal_products_only() -> None:
    tag = say("blood_type", blood("A", "+", "tag"))
    lab = say("blood_type", blood("O", "+", "two-lab-samples"), by=BEN)
    unknown = {"abo": "unknown", "rh": "unknown", "discrepant": True}
    assert shown(tag, lab)[0] == (unknown, "discrepant")
    assert the_finding(tag, lab).kind == "hazard"
    assert CATALOGUE["blood_type"].absent == "unknown: universal products only"
    seen = say("blood_type", lab.value, tag, by=BEN)
    assert shown(tag, seen) == [(lab.value, "stands")], "a stronger method replaces what it names"


def test_a_tag_and_the_persons_own_word_are_worth_the_same() -> None:
    tag = say("blood_type", blood("A", "+", "tag"))
    word = say("blood_type", blood("B", "+", "self"), tag, by=BEN)
    assert values(tag, word) == [word.value]
    assert values(word, say("blood_type", blood("A", "+", "tag"), word)) == [tag.value]


# Problems and medications ------------------------------------------------------------------------

ASTHMA = {"key": "asthma", "display": "Asthma", "status": "active"}
DRUG = {"key": "ertapenem", "display": "Ertapenem 1 g", "status": "active", "dose": "1"}


def test_a_problem_resolved_while_another_amends_it_stays_active() -> None:
    written = say("problem", ASTHMA)
    amended = say("problem", {**ASTHMA, "display": "Asthma, exercise induced"}, written)
    resolved = say("problem", {**ASTHMA, "status": "resolved"}, written, by=BEN)
    (reading,) = readings(written, amended, resolved)
    assert (reading.value, reading.state) == (amended.value, "disputed")
    assert the_finding(written, amended, resolved).rule == "item-denied"


def test_a_problem_that_has_ended_is_not_active() -> None:
    assert refused("problem", {**ASTHMA, "abatement": MONDAY})[0].startswith("status: resolved")
    assert refused("problem", {**ASTHMA, "abatement": MONDAY, "status": None})
    for status in ("resolved", "inactive", "remission", "refuted"):
        assert fits("problem", {**ASTHMA, "abatement": MONDAY, "status": status})


def test_where_a_problem_was_written_down_contradicts_nothing() -> None:
    here = say("problem", {**ASTHMA, "episode": "episode-one"})
    there = say("problem", {**ASTHMA, "episode": "episode-two"}, by=BEN)
    assert len(readings(here, there)) == 1
    assert not folded(here, there).findings


def test_what_one_entry_left_out_is_shown_from_the_other() -> None:
    dosed = say("medication", DRUG)
    bare = say("medication", {"key": "Ertapenem", "status": "active"}, by=BEN, ms=2)
    assert values(dosed, bare) == [{**DRUG, "key": "Ertapenem"}]


def test_a_drug_stopped_for_a_reaction_is_stopped_and_proposes_an_allergy() -> None:
    stop: Json = {**DRUG, "status": "stopped", "reason": "adverse-reaction", "reaction": "hives"}
    active = say("medication", DRUG, ms=9)
    stopped = say("medication", stop, by=BEN)
    done = say("medication", {**DRUG, "status": "completed"}, by=BEN)
    assert shown(active, stopped, done) == [
        (stop, "inactive"),
        (DRUG, "stopped?"),
        (done.value, "also"),
    ]
    proposals = [one for one in folded(active, stopped).findings if one.rule == "leads-to"]
    (proposal,) = proposals
    assert (proposal.kind, proposal.severity) == ("hazard", "high")
    assert proposal.closing.slot == "allergy"
    assert proposal.closing.value == {
        "substance": "ertapenem",
        "status": "active",
        "category": "drug",
        "verification": "unconfirmed",
        "reactions": ["hives"],
    }
    assert fits("allergy", proposal.closing.value)


def test_a_dose_change_beside_a_stop_shows_stopped_question_mark() -> None:
    written = say("medication", DRUG)
    changed = say("medication", {**DRUG, "dose": "2"}, written)
    stopped = say("medication", {**DRUG, "status": "stopped"}, written, by=BEN)
    assert shown(written, changed, stopped) == [(changed.value, "stopped?")]
    assert the_finding(written, changed, stopped).severity == "high"


def test_two_doses_of_one_drug_are_disputed_and_nobody_stopped_it() -> None:
    one, other = say("medication", DRUG), say("medication", {**DRUG, "dose": "2"}, by=BEN)
    assert {state for _, state in shown(one, other)} == {"disputed"}


# Immunisations -----------------------------------------------------------------------------------

FLU = {"code": "140", "display": "influenza", "status": "completed"}


def test_one_vaccine_written_twice_on_a_day_may_be_one_dose() -> None:
    anna = say("immunisation", FLU, at=MONDAY)
    ben = say("immunisation", FLU, by=BEN, at="2026-11-23T15:00Z")
    assert the_finding(anna, ben).rule == "written-twice"
    later = say("immunisation", FLU, by=BEN, at="2026-12-23")
    assert not folded(anna, later).findings


def test_a_dose_seen_given_outranks_one_that_was_told() -> None:
    told = say("immunisation", FLU, at=MONDAY)
    given = say("immunisation", {**FLU, "primary_source": True}, by=BEN, at=MONDAY)
    assert {state: value for value, state in shown(told, given)} == {
        "stands": given.value,
        "also": FLU,
    }


def test_a_vaccine_given_and_not_done_on_one_day_counts_as_due() -> None:
    given = say("immunisation", FLU, at="2026-11-23T09:00Z")
    refused_it = say("immunisation", {**FLU, "status": "not-done"}, by=BEN, at=MONDAY)
    assert [state for _, state in shown(given, refused_it)] == ["stands", "stands"]
    found_it = the_finding(given, refused_it)
    assert found_it.rule == "given-and-not-done"
    assert "counts as due" in found_it.text
    assert not folded(given, say("immunisation", refused_it.value, by=BEN, at=TUESDAY)).findings
    late = say("immunisation", FLU, at="2026-11-23T23:30Z")
    same_night = say("immunisation", refused_it.value, by=BEN, at="2026-11-24T02:30+03:00")
    assert the_finding(late, same_night).rule == "given-and-not-done"


def test_vaccines_without_a_code_are_not_taken_for_one() -> None:
    one, other = ({"display": name, "status": "completed"} for name in ("flu", "anthrax"))
    anna, ben = say("immunisation", one, at=MONDAY), say("immunisation", other, by=BEN, at=MONDAY)
    assert not folded(anna, ben).findings
    denied = say("immunisation", {**other, "status": "not-done"}, by=BEN, at=MONDAY)
    assert not folded(anna, denied).findings


# Directives, flags, consent ----------------------------------------------------------------------

DNR = {"kind": "dnr", "signed": True, "signed_by": "Ruiz", "verified": True, "verified_by": "Cho"}
FULL = {"kind": "full-treatment"}


def test_a_dnr_beside_a_revocation_means_full_treatment() -> None:
    dnr = say("directive", DNR)
    renewed = say("directive", {**DNR, "limits": "no intubation"}, dnr)
    for other in (FULL, {"kind": "revocation"}):
        beside = say("directive", other, dnr, by=BEN)
        assert shown(dnr, renewed, beside)[0] == (FULL, "safer")
        assert the_finding(dnr, renewed, beside).severity == "high"


def test_a_revocation_by_somebody_who_saw_the_dnr_needs_no_signature() -> None:
    dnr = say("directive", DNR)
    revoked = say("directive", {"kind": "revocation"}, dnr, by=BEN)
    assert shown(dnr, revoked) == [({"kind": "revocation"}, "stands")]
    assert not folded(dnr, revoked).findings


@pytest.mark.parametrize(
    "lacking", [{"signed": None}, {"signed": False}, {"verified": False}, {"verified": "yes"}]
)
def test_an_unsigned_dnr_is_not_in_force(lacking: dict[str, Json]) -> None:
    dnr = say("directive", {**DNR, **lacking})
    assert shown(dnr) == [(FULL, "safer"), (dnr.value, "not-in-force")]
    assert the_finding(dnr).rule == "not-in-force"


def test_a_directive_of_a_kind_that_is_not_known_here_is_not_in_force() -> None:
    assert shown(say("directive", {**DNR, "kind": "dnr-2"}))[0] == (FULL, "safer")


def test_an_isolation_flag_leaves_only_by_one_who_saw_it() -> None:
    isolation = {"kind": "isolation", "status": "active", "details": ["measles"]}
    raised = say("flag", isolation)
    removed = {"kind": "isolation", "status": "removed"}
    unseen = say("flag", removed, by=BEN, ms=9)
    assert shown(raised, unseen) == [(isolation, "disputed")]
    assert shown(raised, say("flag", removed, raised, by=BEN)) == [(removed, "inactive")]


def test_what_two_say_of_one_contamination_is_joined() -> None:
    one = say("flag", {"kind": "contaminated-chemical", "details": ["nerve agent"]})
    other = say("flag", {"kind": "contaminated-chemical", "details": ["skin blisters"]}, by=BEN)
    (reading,) = readings(one, other)
    assert reading.value["details"] == ["nerve agent", "skin blisters"]


def test_the_most_restrictive_consent_wins() -> None:
    about = {"about": "blood-products"}
    granted = say("consent", {**about, "decision": "granted"}, ms=9)
    restricted = say("consent", {**about, "decision": "restricted"}, by=BEN)
    no = say("consent", {**about, "decision": "refused"}, by=BEN)
    assert [value["decision"] for value in values(granted, restricted, no)] == [
        "refused",
        "restricted",
        "granted",
    ]
    assert shown(granted, no)[0][1] == "safer"
    other = say("consent", {"about": "photography", "decision": "granted"}, by=BEN)
    assert not folded(granted, other).findings


# Notes and links ---------------------------------------------------------------------------------


def test_signed_text_stays_beside_its_correction() -> None:
    note = say("note", {"text": "BP 90/60", "signed": True})
    better = say("note", {"text": "BP 190/60", "signed": True}, note)
    assert shown(note, better) == [(better.value, "stands"), (note.value, "amended")]
    draft = say("note", {"text": "draft"})
    assert shown(draft, say("note", {"text": "final"}, draft)) == [({"text": "final"}, "stands")]


def test_addenda_follow_their_note_whatever_the_clocks_said() -> None:
    note = say("note", {"text": "note", "signed": True}, ms=900)
    other = say("note", {"text": "other"}, by=BEN, ms=500)
    first = say("note", {"text": "first", "addendum_to": note.id}, by=BEN, ms=3)
    second = say("note", {"text": "second", "addendum_to": first.id}, ms=2)
    written = (note, other, first, second)
    assert [value["text"] for value in values(*written)] == ["other", "note", "first", "second"]
    better = say("note", {"text": "corrected", "signed": True}, note, ms=950)
    texts = [value["text"] for value in values(*written, better)]
    assert texts == ["other", "corrected", "first", "second", "note"]


def test_addenda_that_name_each_other_or_nothing_are_shown() -> None:
    one = say("note", {"text": "one"})
    other = say("note", {"text": "other", "addendum_to": one.id}, by=BEN)
    one = one._replace(value={"text": "one", "addendum_to": other.id})
    lost = say("note", {"text": "lost", "addendum_to": "not held"}, by=ANNA)
    itself = say("note", {"text": "itself"})
    itself = itself._replace(value={"text": "itself", "addendum_to": itself.id})
    assert len(shown(one, other, lost, itself)) == 4


def test_a_link_and_its_denial_stay_a_link_with_all_its_evidence() -> None:
    here = {
        "document": "person-x",
        "relation": "same-person",
        "evidence": ["DoD ID"],
        "score": "31",
    }
    one = say("link", here)
    other = say("link", {**here, "evidence": ["wristband"], "score": "12", "reason": "met"}, by=BEN)
    (reading,) = readings(one, other)
    assert reading.value["evidence"] == ["DoD ID", "wristband"]
    assert not folded(one, other).findings
    denied = say("link", {"document": "person-x", "relation": "not-same-person"}, by=BEN)
    assert shown(one, denied)[0] == (here, "disputed")
