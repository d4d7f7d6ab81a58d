"""The card's form as a browser without JavaScript sends it to a real API: what it saves, and how often."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conflict.identity import DocumentId, parse_document
from conflict.statement import Draft
from node.desk import Save
from node.errors import SavedAlready
from storage import MemoryStore
from tests.http.http_lab import Lab, lab
from tests.node.node_lab import document, note, open_sql, running
from tests.web.test_web_pages import cookie, send


class Card:
    """A card in one browser."""

    def __init__(self, api: Lab) -> None:
        self.api = api
        made: Any = api.local.new_casualty("SGT Ruiz", "W-1")
        self.person, self.episode = (parse_document(made[name]) for name in ("person", "episode"))
        self.path = f"/web/casualty/{made['person']}"
        self._cookie = cookie(api)
        self.text = ""
        self.read()

    def read(self) -> str:
        status, _, self.text = send(self.api, "GET", self.path, Cookie=self._cookie)
        assert status == 200, self.text
        return self.text

    def hidden(self) -> list[tuple[str, str]]:
        form = self.text.partition('id="card"')[2]
        found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)
        return [(name, html.unescape(value)) for name, value in found]

    def post(self, do: str, shown: list[tuple[str, str]] | None = None, **typed: str) -> str:
        """Press a button; the page that follows."""
        fields = [*(shown if shown is not None else self.hidden()), ("do", do), *typed.items()]
        status, headers, text = send(self.api, "POST", self.path, fields, Cookie=self._cookie)
        if status == 303:
            _, _, text = send(self.api, "GET", headers["Location"], Cookie=self._cookie)
        self.text = text
        return text

    def said(self, slot: str) -> list[Any]:
        chart: Any = self.api.local.chart(self.person)
        return [one for each in chart["documents"] for one in each["slots"].get(slot, ())]


@pytest.fixture
def card() -> Iterator[Card]:
    with lab() as api:
        yield Card(api)


def test_one_tap_is_one_entry_by_who_acts_at_the_time_that_was_chosen(card: Card) -> None:
    card.post("treat:ketamine-im", offset="30")
    (given,) = card.said("medication_given")
    assert given["value"] == {
        "drug": "Ketamine",
        "dose": "50",
        "unit": "mg",
        "route": "IM",
        "category": "analgesic",
    }
    assert given["by"]
    entry = next(one for one in timeline(card) if one["slot"] == "medication_given")
    assert 30 <= (entry["recorded_ms"] - at_ms(entry["at"])) / 60_000 < 32


def timeline(card: Card) -> list[Any]:
    return card.api.local.timeline(card.person)


def at_ms(text: str) -> float:
    from conflict.clinical_time import instants

    return instants(text).earliest.timestamp() * 1000


def test_a_form_that_is_sent_twice_is_one_dose_and_says_so(card: Card) -> None:
    form = card.hidden()
    card.post("treat:fentanyl", form)
    text = card.post("treat:fentanyl", form)
    assert "saved already" in text
    assert len(card.said("medication_given")) == 1
    card.post("treat:fentanyl")
    assert len(card.said("medication_given")) == 2


def test_a_form_replaces_what_it_showed_and_nothing_that_came_meanwhile(card: Card) -> None:
    card.post("triage:delayed")
    shown = card.hidden()
    meanwhile = Draft(slot="triage", value={"category": "immediate"}, by="CPT Chen")
    card.api.local.save([Save(card.episode, (meanwhile,))])
    card.post("triage:minimal", shown)
    assert {one["value"]["category"] for one in card.said("triage")} == {"immediate", "minimal"}
    text = card.read()
    assert "SAFER READING" in text
    assert text.count("CPT Chen") >= 2  # in the finding, and beside its value
    card.post("triage:delayed")  # both were shown
    assert [one["value"]["category"] for one in card.said("triage")] == ["delayed"]
    assert "replaced later" in card.read()


def test_what_is_unusual_is_asked_once_and_kept_while_the_rest_is_saved_at_once(card: Card) -> None:
    text = card.post("save", pulse="900", systolic="92", note="talks")
    assert "Pulse 900 /min is unusual" in text
    assert card.said("vitals")[0]["value"] == {"systolic": 92}
    assert 'value="900"' in text
    card.post("save", pulse="900")
    assert {one["value"]["text"] for one in card.said("note")} == {"talks", "As typed: Pulse 900"}
    card.post("save", pulse="12")
    card.post("save", pulse="12")
    assert {"pulse": 12} in [one["value"] for one in card.said("vitals")]


def test_a_tap_keeps_what_is_half_typed(card: Card) -> None:
    text = card.post("treat:npa", pulse="8", note="half a sen", avpu="V")
    assert [one["value"] for one in card.said("airway")] == [{"what": "npa"}]
    assert not card.said("vitals")
    assert not card.said("note")
    assert 'value="8"' in text
    assert ">half a sen</textarea>" in text


def test_undo_marks_the_last_entry_and_the_timeline_still_shows_it(card: Card) -> None:
    text = card.post("hurt:back:left-arm")
    undo = html.unescape(re.findall(r'name="do" value="(undo:[^"]+)"', text)[0])
    text = card.post(undo)
    assert not card.said("injury")
    assert "entered in error" in text
    assert [one["state"] for one in timeline(card) if one["slot"] == "injury"] == ["mark", "struck"]


def test_undo_reaches_no_other_casualty(card: Card) -> None:
    other: DocumentId = document(5)
    ((name,),) = card.api.local.save([Save(other, (note("theirs"),))])
    from conflict.identity import document_text

    card.post(f"undo:{document_text(other)}/{name}")
    chart: Any = card.api.local.chart(other)
    assert chart["documents"][0]["slots"]["note"]


def test_an_allergy_goes_to_the_person_and_is_shown_at_the_head(card: Card) -> None:
    assert "Allergies: not asked" in card.read()
    assert "Morphine" in card.post("save", allergy="Morphine")
    assert card.said("allergy")[0]["value"] == {"status": "active", "substance": "Morphine"}


def test_a_person_without_an_episode_gets_one_with_the_first_tap(card: Card) -> None:
    from conflict.identity import DocumentKind, document_text

    lone = document(9, DocumentKind.PERSON)
    name = Draft(slot="name", value={"family": "Okafor"}, by="SGT Ruiz")
    card.api.local.save([Save(lone, (name,))])
    card.path = f"/web/casualty/{document_text(lone)}"
    card.read()
    card.post("treat:tq-left-leg")
    chart: Any = card.api.local.chart(lone)
    assert len(chart["documents"]) == 2
    assert "Tourniquets on" in card.read()


@pytest.mark.parametrize(
    "do", ["treat:none", "hurt:side:head", "removed:left-leg=x", "undo:x", "no"]
)
def test_a_button_that_the_card_does_not_have_saves_nothing(card: Card, do: str) -> None:
    before = card.api.local.status()["statements"]
    assert "Nothing was" in card.post(do)
    assert card.api.local.status()["statements"] == before


def test_a_used_form_stays_used_after_a_restart(tmp_path: Path) -> None:
    save = Save(document(1), (note("one dose"),), "form-1")
    with running(open_sql(tmp_path / "a.db")) as engine:
        engine.save([save])
    with running(open_sql(tmp_path / "a.db"), seed=2) as engine:
        with pytest.raises(SavedAlready):
            engine.save([save])
        engine.save([save._replace(once="form-2")])
        assert len(engine.store.entries(document(1))) == 2


def test_a_form_whose_save_was_refused_can_be_sent_again() -> None:
    with running(MemoryStore(bytes(16))) as engine:
        bad = Draft(slot="triage", value={"category": "walking"}, by="Ruiz")
        with pytest.raises(Exception, match="walking"):
            engine.save([Save(document(1), (bad,), "form-1")])
        engine.save([Save(document(1), (note("x"),), "form-1")])


def test_the_list_has_the_most_urgent_first_and_finds_by_wristband(card: Card) -> None:
    card.post("triage:minimal")
    card.post("save", pulse="118", systolic="92", diastolic="60", avpu="V")
    for band, category in (("W-2", "immediate"), ("W-3", "expectant"), ("W-4", "")):
        made: Any = card.api.local.new_casualty("SGT Ruiz", band)
        if category:
            draft = Draft(slot="triage", value={"category": category}, by="SGT Ruiz")
            card.api.local.save([Save(parse_document(made["episode"]), (draft,))])
    door = cookie(card.api)
    text = send(card.api, "GET", "/", Cookie=door)[2]
    assert [text.index(f"W-{one}") for one in (2, 4, 1, 3)] == sorted(
        text.index(f"W-{one}") for one in range(1, 5)
    )
    assert "P 118 · BP 92/60 · V" in text
    found = send(card.api, "GET", "/?q=w-3", Cookie=door)[2]
    assert "W-3" in found
    assert "W-2" not in found
    status, headers, _ = send(card.api, "POST", "/web/casualty", {"wristband": "w-1"}, Cookie=door)
    assert (status, headers["Location"]) == (303, card.path)
