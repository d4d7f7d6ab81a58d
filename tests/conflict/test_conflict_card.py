"""A DD Form 1380 is a round trip: every box of it, through change bytes and a fold, and back."""

from __future__ import annotations

from itertools import chain, cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conflict.card import (
    CARD_BLOCKS,
    CARD_FIELDS,
    HEADER,
    Block,
    Card,
    card_drafts,
    card_of,
    pages,
)
from conflict.chart import Chart, chart_of
from conflict.errors import ValueRefused
from conflict.fold import fold_statements
from conflict.identity import DocumentKind, new_document
from conflict.rule import Facts
from conflict.statement import Json, Statement
from tests.conflict.card_filled import AT, BY, changes_of, chart_from, filled_card
from tests.conflict.conflict_lab import EPISODE, PERSON
from tests.conflict.conflict_said import ANNA, BEN, allergy, error, say
from tests.conflict.conflict_values import any_json

WITHOUT_A_BOX = {
    "battle_roster": {"evidence"},
    "name": {"evidence"},
    "sex": {"evidence"},
    "service": {"evidence"},
    "unit": {"evidence"},
    "identifier": {"name", "issuer", "status", "evidence"},
    "allergy": {
        "code",
        "system",
        "category",
        "reactions",
        "criticality",
        "verification",
    },
    "injury": {"code", "system"},
    "tourniquet": {"of"},
    "vitals": {
        "mean_pressure",
        "temperature",
        "gcs",
        "gcs_eye",
        "gcs_verbal",
        "gcs_motor",
        "etco2",
        "glucose",
        "weight",
        "height",
        "bmi",
        "head_circumference",
    },
    "fluid": {"of_order"},
    "blood_product": {"of_order"},
    "medication_given": {"code", "system", "status", "of_order"},
    "note": {"signed", "signed_by", "addendum_to"},
}
"""Codes, evidence, references, and what belongs on the prolonged care sheet."""

OTHER_PERSON = new_document(DocumentKind.PERSON, b"another persons")
OTHER_EPISODE = new_document(DocumentKind.EPISODE, b"another episode")


def charted(*statements: Statement, kind: DocumentKind = DocumentKind.EPISODE) -> Chart:
    """The chart of one document that holds these."""
    home = PERSON if kind is DocumentKind.PERSON else EPISODE
    return chart_of(Facts((fold_statements(home, statements),)))


def card_from(card: Card) -> Card:
    """The card of whoever received what its author wrote."""
    return card_of(chart_from((ANNA, changes_of(card, ANNA))))


# The round trip ---------------------------------------------------------------------------------


def test_a_filled_card_is_the_same_after_it_was_written_sent_admitted_and_folded() -> None:
    chart = chart_from((ANNA, changes_of(filled_card(), ANNA)))
    assert card_of(chart) == filled_card()
    assert not chart.findings
    assert not any(folded.unknown or folded.unreadable for folded in chart.documents)


def test_every_box_of_the_form_is_filled_on_the_filled_card() -> None:
    card = filled_card()
    assert card.keys() == CARD_BLOCKS.keys()
    for block in CARD_FIELDS:
        filled = {name for row in card[block.name] for name, given in row.items() if given}
        assert filled == set(block.names()), block.name


@pytest.mark.parametrize("block", CARD_FIELDS, ids=lambda block: block.name)
def test_each_box_alone_comes_back_and_leaves_no_trace_of_the_others(block: Block) -> None:
    for row in filled_card()[block.name]:
        for name in set(row) & set(block.boxes):
            card = {block.name: [{name: row[name]}]}
            assert card_from(card) == card


@pytest.mark.parametrize("block", CARD_FIELDS, ids=lambda block: block.name)
def test_every_field_of_the_forms_slots_has_a_box_or_is_known_to_have_none(block: Block) -> None:
    assert block.kind in block.slot.kinds
    fields = set(block.slot.shape.fields)
    boxes = set(block.boxes) | set(block.always)
    assert fields - boxes == WITHOUT_A_BOX.get(block.slot.name, set())


def test_a_row_without_a_time_was_done_at_a_time_that_nobody_wrote_down() -> None:
    card: Card = {"dressings": [{"dressing": "pressure"}], "notes": [{"text": "Cold"}]}
    (_, note), (_, dressing) = sorted(card_drafts(card, BY, AT), key=lambda one: one[1].slot)[::-1]
    assert (note.at, dressing.at) == (AT, None)


def test_a_block_that_the_form_does_not_have_is_refused() -> None:
    with pytest.raises(ValueRefused, match="horoscope: no such block"):
        card_drafts({"horoscope": []}, BY, AT)


# More than a form has room for ------------------------------------------------------------------


def test_columns_of_signs_beyond_the_fourth_go_on_a_page_that_says_whose_it_is() -> None:
    card = filled_card()
    first, second = pages(card)
    assert [len(page["vitals"]) for page in (first, second)] == [4, 2]
    assert [*first["vitals"], *second["vitals"]] == card["vitals"]
    assert second.keys() == {*HEADER, "vitals"}
    assert {**first, "vitals": card["vitals"]} == card


def test_nine_columns_take_three_pages_and_four_take_one() -> None:
    column = filled_card()["vitals"][0]
    assert [len(page["vitals"]) for page in pages({"vitals": [column] * 9})] == [4, 4, 1]
    assert pages({"vitals": [column] * 4}) == [{"vitals": [column] * 4}]


def test_rows_are_in_the_order_of_their_times_and_what_has_none_comes_last() -> None:
    times = ("2026-11-23T14:10Z", None, "2026-11-23T13:10Z")
    said = [say("airway", {"what": "npa"}, at=time) for time in times]
    rows = card_of(charted(*said))["airway"]
    assert [row.get("time") for row in rows] == [times[2], times[0], None]


# What two people wrote --------------------------------------------------------------------------


def test_two_precedences_are_both_on_the_card_the_more_urgent_first() -> None:
    """In one episode or in two."""
    low, high = ("routine", "urgent")
    one, other = (say("evacuation", {"precedence": code}) for code in (low, high))
    rows = [{"precedence": high}, {"precedence": low}]
    assert card_of(charted(one, other))["evacuation"] == rows
    folds = (fold_statements(EPISODE, [one]), fold_statements(OTHER_EPISODE, [other]))
    assert card_of(chart_of(Facts(folds)))["evacuation"] == rows
    assert card_of(chart_of(Facts(folds[::-1])))["evacuation"] == rows


def test_two_names_are_both_on_the_card_the_better_evidenced_first() -> None:
    heard = say("name", {"family": "ROE", "evidence": "observed"})
    read = say("name", {"family": "DOE", "evidence": "tag"}, by=BEN)
    rows = card_of(charted(heard, read, kind=DocumentKind.PERSON))["name"]
    assert rows == [{"family": "DOE"}, {"family": "ROE"}]
    folds = (fold_statements(PERSON, [heard]), fold_statements(OTHER_PERSON, [read]))
    assert card_of(chart_of(Facts(folds)))["name"] == rows


def test_two_who_wrote_the_same_name_make_one_row_and_two_doses_make_two() -> None:
    names = [say("name", {"family": "DOE"}, by=by) for by in (ANNA, BEN)]
    assert card_of(charted(*names, kind=DocumentKind.PERSON))["name"] == [{"family": "DOE"}]
    doses = [say("medication_given", {"drug": "Ketamine"}, by=by) for by in (ANNA, BEN)]
    assert len(card_of(charted(*doses))["medications"]) == 2


def test_nkda_is_not_on_the_card_beside_an_allergy() -> None:
    nkda, latex = say("allergy", allergy(None, "none-known-drug")), say("allergy", allergy("latex"))
    assert card_of(charted(nkda, kind=DocumentKind.PERSON))["allergies"] == [
        {"status": "none-known-drug"}
    ]
    drug = say("allergy", allergy("morphine", category="drug"), by=BEN)
    rows = card_of(charted(nkda, latex, drug, kind=DocumentKind.PERSON))["allergies"]
    assert [row["substance"] for row in rows] == ["latex", "morphine"]


def test_what_was_entered_in_error_is_not_on_the_card() -> None:
    wrong = say("tourniquet", {"action": "applied", "limb": "left-leg"})
    assert "tourniquets" in card_of(charted(wrong))
    assert "tourniquets" not in card_of(charted(wrong, error(wrong)))


def test_an_identifier_of_another_system_is_no_last_4() -> None:
    wristband = say("identifier", {"system": "wristband", "value": "4711"})
    assert "last4" not in card_of(charted(wristband, kind=DocumentKind.PERSON))


def test_signs_that_the_form_has_no_box_for_make_no_column() -> None:
    assert "vitals" not in card_of(charted(say("vitals", {"temperature": "36.60"}, at=AT)))


@given(data=st.data())
@settings(deadline=None, max_examples=100)
def test_no_json_whatever_from_a_peer_stops_the_card(data: st.DataObject) -> None:
    block = data.draw(st.sampled_from(CARD_FIELDS))
    fields = st.dictionaries(st.sampled_from(block.names()), any_json)
    values: list[Json] = data.draw(st.lists(any_json | fields, max_size=4))
    said = [
        say(block.slot.name, value, by=by)
        for value, by in zip(values, cycle((ANNA, BEN)), strict=False)
    ]
    folds = tuple(fold_statements(home, said) for home in (PERSON, EPISODE))
    card = card_of(chart_of(Facts(folds)))
    assert len(list(chain(*card.values()))) <= len(said) * 2
    assert pages(card)
