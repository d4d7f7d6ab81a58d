"""Generated casualties are repeatable, plausible to every slot's shape, and varied."""

import os
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path

import pytest

from conflict.clinical_time import instants
from conflict.identity import DocumentKind, document_kind, document_text
from conflict.records import (
    ALLERGY,
    BLOOD_TYPE,
    DOD_ID,
    INJURY,
    INJURY_TIME,
    LINK,
    MEDICATION_GIVEN,
    NAME,
    TOURNIQUET,
    TRIAGE,
    VITALS,
)
from conflict.slot import CATALOGUE
from conflict.statement import Draft
from node.sim import Casualty, casualties, stream

START = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
ASKED_FIRST = {
    "card",
    "encounter",
    "evacuation",
    "first_responder",
    "injury",
    "injury_time",
    "location",
    "mechanism",
    "triage",
}
DIGEST = """
import hashlib
from datetime import UTC, datetime
from itertools import islice
from node.sim import bench_charts, casualties, contradictions, stream
start = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
made = list(casualties(5, 40, start))
more = [(contradictions(5, one), list(islice(stream(5, one, start), 9))) for one in made]
print(hashlib.sha256(repr((made, more, list(bench_charts(5, 9)))).encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def many() -> list[Casualty]:
    return list(casualties(20, 200, START))


def drafts_of(casualty: Casualty) -> list[Draft]:
    return [draft for save in casualty.saves for draft in save.drafts]


def test_every_process_makes_the_same_whatever_its_hash_seed() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            cwd=ROOT,
            check=True,
            capture_output=True,
        ).stdout
        for hash_seed in ("0", "1", "4711")
    }
    assert len(digests) == 1


def test_another_seed_makes_other_casualties(many: list[Casualty]) -> None:
    others = {one.person for one in casualties(21, 200, START)}
    assert others.isdisjoint({one.person for one in many})
    assert next(casualties(21, 1, START)).said(VITALS) != many[0].said(VITALS)


def test_a_casualty_does_not_depend_on_how_many_are_asked_for(many: list[Casualty]) -> None:
    assert list(casualties(20, 7, START)) == many[:7]


def test_the_start_moves_times_and_nothing_else(many: list[Casualty]) -> None:
    later = next(casualties(20, 1, START + timedelta(hours=5)))
    for old, new in zip(drafts_of(many[0]), drafts_of(later), strict=True):
        assert instants(new.at or "").earliest - instants(old.at or "").earliest == timedelta(
            hours=5
        )
        assert new.slot == old.slot
        if new.slot == INJURY_TIME.name:
            then, now = (instants(one.value["time"]).earliest for one in (old, new))
            assert now - then == timedelta(hours=5)
        else:
            assert new.value == old.value


def test_a_start_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        next(casualties(1, 1, START.replace(tzinfo=None)))


def test_every_draft_passes_the_check_of_its_slot(many: list[Casualty]) -> None:
    for one in many:
        for draft in drafts_of(one):
            CATALOGUE[draft.slot].check(draft)


def test_a_draft_goes_to_a_document_of_its_slots_kind(many: list[Casualty]) -> None:
    for one in many:
        assert document_kind(one.person) is DocumentKind.PERSON
        assert document_kind(one.episode) is DocumentKind.EPISODE
        for save in one.saves:
            assert save.document in (one.person, one.episode)
            kinds = {kind for draft in save.drafts for kind in CATALOGUE[draft.slot].kinds}
            assert document_kind(save.document) in kinds
            assert all(
                document_kind(save.document) in CATALOGUE[draft.slot].kinds for draft in save.drafts
            )


def test_a_save_is_of_one_author_and_one_moment_and_saves_are_in_order(
    many: list[Casualty],
) -> None:
    for one in many:
        assert all(len({(draft.by, draft.at) for draft in save.drafts}) == 1 for save in one.saves)
        moments = [save.drafts[0].at or "" for save in one.saves]
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", moment) for moment in moments)
        assert all(early < late for early, late in pairwise(moments))
        assert instants(moments[0]).earliest > START


def test_both_documents_of_a_casualty_link_to_each_other(many: list[Casualty]) -> None:
    for one in many:
        linked = {
            (save.document, draft.value["document"], draft.value["relation"])
            for save in one.saves
            for draft in save.drafts
            if draft.slot == LINK.name
        }
        assert linked == {
            (one.person, document_text(one.episode), "casualty"),
            (one.episode, document_text(one.person), "casualty"),
        }


def test_every_casualty_has_what_the_card_asks_first(many: list[Casualty]) -> None:
    for one in many:
        slots = {draft.slot for draft in drafts_of(one)}
        assert slots >= ASKED_FIRST
        assert slots & {"circulation", "airway", "breathing", "blood_product", "other_care"}
        assert 1 <= len(one.said(INJURY)) <= 3
        assert 1 <= len(one.said(VITALS)) <= 4


def test_no_drug_is_given_against_a_recorded_allergy(many: list[Casualty]) -> None:
    for one in many:
        allergic = {draft.value.get("substance") for draft in one.said(ALLERGY)}
        cared = list(islice(stream(3, one, START), 12))
        given = [
            draft for save in cared for draft in save.drafts if draft.slot == "medication_given"
        ]
        drugs = {draft.value["drug"] for draft in (*one.said(MEDICATION_GIVEN), *given)}
        assert drugs.isdisjoint(allergic)


def test_two_hundred_casualties_are_varied(many: list[Casualty]) -> None:
    triage = Counter(one.said(TRIAGE)[0].value["category"] for one in many)
    assert set(triage) == {"immediate", "delayed", "minimal", "expectant"}
    drugs = {draft.value["drug"] for one in many for draft in one.said(MEDICATION_GIVEN)}
    wanted = {"Ketamine", "Morphine", "TXA", "Ertapenem", "Moxifloxacin", "Calcium chloride"}
    assert drugs >= wanted
    assert any("OTFC" in drug for drug in drugs)
    statuses = {draft.value["status"] for one in many for draft in one.said(ALLERGY)}
    assert statuses == {"active", "none-known-drug"}
    nameless = sum(not one.said(NAME) for one in many)
    assert 5 <= nameless <= 60
    assert 20 <= sum(bool(one.said(TOURNIQUET)) for one in many) <= 150
    for slot in (DOD_ID, BLOOD_TYPE):
        assert 50 <= sum(bool(one.said(slot)) for one in many) <= 190
    assert {len(one.said(VITALS)) for one in many} == {1, 2, 3, 4}
    done = {draft.slot for one in many for draft in drafts_of(one)}
    assert done >= {"circulation", "airway", "breathing", "fluid", "blood_product", "other_care"}
    assert done >= {"medication_given", "mist", "note"}


def test_a_battle_roster_number_is_two_initials_and_four_digits(many: list[Casualty]) -> None:
    for one in many:
        said = {draft.slot: draft.value for draft in drafts_of(one)}
        if name := said.get("name"):
            start = name["given"][0] + name["family"][0]
            assert re.fullmatch(start + r"\d{4}", said["battle_roster"]["number"])


def test_numbers_of_one_seed_are_never_shared(many: list[Casualty]) -> None:
    numbers = [draft.value["number"] for one in many for draft in one.said(DOD_ID)]
    assert len(set(numbers)) == len(numbers)
