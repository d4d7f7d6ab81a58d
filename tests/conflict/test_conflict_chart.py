"""Charts: hazards over linked documents, and what is known but not held."""

from __future__ import annotations

from conflict import records
from conflict.chart import chart
from conflict.clock import Stamp
from conflict.document import Entry
from conflict.identity import ActorId, DocumentKind, document_text, new_document
from conflict.statement import Draft, encode
from tests.conflict.conflict_lab import EPISODE, PERSON
from tests.conflict.conflict_said import ANNA, allergy, blood

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
        EPISODE: entries(
            Draft(slot="medication_given", value={"drug": "Morphine, IV"}), link(PERSON)
        ),
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
        PERSON: entries(
            Draft(slot="blood_type", value=blood("A", "+", "lab")), link(other, "same-person")
        ),
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
