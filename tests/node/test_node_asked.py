"""What units were given on their own word, on a garrison that took it from enrolled devices."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from conflict.identity import (
    DocumentId,
    DocumentKind,
    document_from_source,
    document_text,
    node_text,
    parse_document,
)
from conflict.membership import joining
from conflict.scope import scope_id
from conflict.statement import Draft
from node.belonging import Belonging
from node.desk import Relation, Save
from node.engine import Engine
from node.local_desk import LocalDesk
from node.workers import InlineWorkers
from storage import MemoryStore, Store
from sync.effects import Hold
from sync.trust.authority import Revoke
from tests.conflict.conflict_lab import LabAuthor
from tests.node.node_lab import NOW_MS, PATIENCE_S, Clock, idle, note, open_sql, pulse
from tests.theatre import Authority

BAS, ROLE2 = "BAS-2", "ROLE2-A"
CODES: dict[str, list[str] | None] = {"garrison": None, "bas": [BAS], "role2": [ROLE2]}
Row = dict[str, Any]


class Device(NamedTuple):
    """An enrolled device, its clock, and what it is asked by."""

    engine: Engine
    desk: LocalDesk
    clock: Clock

    def writes(self, document: DocumentId, *drafts: Draft) -> None:
        """A minute later."""
        self.clock.now_ms += 60_000
        self.desk.save([Save(document, drafts or (pulse(80),))])

    def joins(self, code: str, *documents: DocumentId) -> None:
        self.writes(scope_id(code), *(joining(one) for one in documents))

    def tells(self, other: Device) -> None:
        """All that it holds, in the order of ids."""
        for one in self.engine.store.listing(None, 1000):
            found, _ = self.engine.store.runs(one.document, {}, 1 << 26)
            told = Hold(1, self.engine.key.node, tuple(found), ())
            other.engine.hold(told).result(PATIENCE_S)
        idle(other.engine)

    def asked(self) -> list[Row]:
        rows: list[Row] = self.desk.asked()["asked"]
        return rows


class Lab(NamedTuple):
    authority: Authority
    garrison: Device
    bas: Device
    role2: Device


@pytest.fixture(params=["memory", "sqlite"])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    def open_store(name: str) -> Store:
        memory = request.param == "memory"
        return MemoryStore(bytes(16)) if memory else open_sql(tmp_path / f"{name}.db")

    with_all = _devices(open_store)
    yield with_all
    for device in with_all[1:]:
        device.engine.close()


def _devices(open_store: Callable[[str], Store], codes: dict[str, list[str] | None] = CODES) -> Lab:
    authority = Authority()
    keys = {name: LabAuthor(seed).key for seed, name in enumerate(codes, 1)}
    for name, key in keys.items():
        role = "garrison" if name == "garrison" else "field"
        authority.enrol(key, name, role, codes[name])
    return Lab(authority, *(_device(authority, open_store(name), keys[name]) for name in codes))


def _device(authority: Authority, store: Store, key: Any) -> Device:
    clock = Clock(NOW_MS)
    engine = Engine(
        key=key,
        store=store,
        workers=InlineWorkers(),
        now_ms=clock,
        entropy=random.Random(key.node).randbytes,
        belonging=authority.admit(Belonging(store, key), key),
    )
    return Device(engine, LocalDesk(engine, "n", "field"), clock)


def wristband(number: str) -> tuple[DocumentId, DocumentId]:
    """Person and episode that follow from a number."""
    kinds = DocumentKind.PERSON, DocumentKind.EPISODE
    person, episode = (document_from_source(kind, "wristband", number) for kind in kinds)
    return person, episode


def casualty(device: Device, number: str) -> tuple[DocumentId, DocumentId]:
    device.clock.now_ms += 60_000
    made = device.desk.new_casualty("Ruiz", number)
    device.writes(parse_document(made["person"]), Draft(slot="name", value={"family": "OKAFOR"}))
    return parse_document(made["person"]), parse_document(made["episode"])


def told(rows: list[Row]) -> set[tuple[str, str]]:
    return {(one["document"], one["unit"]) for one in rows}


def of(code: str, *documents: DocumentId) -> set[tuple[str, str]]:
    return {(document_text(one), code) for one in documents}


def test_a_record_that_a_unit_names_on_its_own_word_is_listed_with_who_asked(lab: Lab) -> None:
    theirs = casualty(lab.role2, "W-1")
    lab.role2.tells(lab.garrison)
    assert lab.garrison.asked() == []
    lab.bas.clock.now_ms += 3_600_000
    lab.bas.joins(BAS, *theirs)
    lab.bas.tells(lab.garrison)
    rows = lab.garrison.asked()
    assert told(rows) == of(BAS, *theirs)
    device = {"node": node_text(lab.bas.engine.key.node), "name": "bas"}
    wrote = {"node": node_text(lab.role2.engine.key.node), "name": "role2"}
    for row in rows:
        assert {name: row[name] for name in device} == device
        assert (row["units"], row["wrote"]) == ([ROLE2], [wrote])
        assert row["recorded_ms"] == lab.bas.clock.now_ms
        assert row["label"].startswith("OKAFOR")
        assert row["statement"].startswith(document_text(scope_id(BAS)))


def test_the_medic_who_reads_the_wristband_is_listed_and_the_unit_that_began_is_not(
    lab: Lab,
) -> None:
    begun = casualty(lab.bas, "W-1")
    lab.bas.tells(lab.garrison)
    again = casualty(lab.role2, "W-1")
    assert begun == again
    lab.role2.tells(lab.garrison)
    assert told(lab.garrison.asked()) == of(ROLE2, *begun)
    assert {tuple(one["units"]) for one in lab.garrison.asked()} == {(BAS,)}


def test_what_a_garrison_joined_is_not_listed_and_its_word_settles_a_row(lab: Lab) -> None:
    first, second = casualty(lab.role2, "W-1"), casualty(lab.role2, "W-2")
    lab.role2.tells(lab.garrison)
    lab.garrison.joins(BAS, *first)
    assert lab.garrison.asked() == []
    lab.bas.joins(BAS, *first, *second)
    lab.bas.tells(lab.garrison)
    assert told(lab.garrison.asked()) == of(BAS, *second)
    lab.garrison.joins(BAS, *second)
    assert lab.garrison.asked() == []


def test_what_a_unit_writes_and_garrison_writes_in_it_too_is_its_own(lab: Lab) -> None:
    person, episode = casualty(lab.bas, "W-1")
    lab.bas.tells(lab.garrison)
    lab.garrison.writes(episode, note("seen"))
    lab.garrison.writes(person, note("seen"))
    assert lab.garrison.asked() == []


def test_what_nobodys_unit_had_but_garrison_wrote_is_listed(lab: Lab) -> None:
    theirs = casualty(lab.garrison, "W-1")
    lab.bas.joins(BAS, *theirs)
    lab.bas.tells(lab.garrison)
    rows = lab.garrison.asked()
    assert told(rows) == of(BAS, *theirs)
    assert {tuple(one["units"]) for one in rows} == {()}


def test_an_episode_of_ones_own_that_names_a_person_of_others_is_listed(lab: Lab) -> None:
    person, _ = casualty(lab.role2, "W-1")
    lab.role2.tells(lab.garrison)
    own = document_from_source(DocumentKind.EPISODE, "test", "own")
    value = {"document": document_text(person), "relation": "casualty"}
    lab.bas.writes(own, Draft(slot="link", value=value, by="Mallory"))
    lab.bas.tells(lab.garrison)
    (row,) = lab.garrison.asked()
    assert (row["document"], row["unit"], row["by"]) == (document_text(person), BAS, "Mallory")
    assert row["statement"].startswith(document_text(own))


def test_a_person_that_garrison_linked_is_not_listed(lab: Lab) -> None:
    person, _ = casualty(lab.role2, "W-1")
    own, _ = casualty(lab.bas, "W-2")
    lab.role2.tells(lab.garrison)
    lab.bas.tells(lab.garrison)
    episode = wristband("W-2")[1]
    value = {"document": document_text(person), "relation": "casualty"}
    lab.garrison.writes(episode, Draft(slot="link", value=value, by="Chen"))
    assert lab.garrison.engine.store.scopes([person])[person] == {scope_id(BAS), scope_id(ROLE2)}
    assert lab.garrison.asked() == []
    lab.garrison.desk.link(Relation(person, own, "Chen"))
    assert lab.garrison.asked() == []


def test_newest_first(lab: Lab) -> None:
    some = [casualty(lab.role2, f"W-{number}")[1] for number in range(4)]
    lab.role2.tells(lab.garrison)
    for one in reversed(some):
        lab.bas.joins(BAS, one)
    lab.bas.tells(lab.garrison)
    found = [one["document"] for one in lab.garrison.asked()]
    episodes = [one for one in found if one.startswith("episode")]
    assert episodes == [document_text(one) for one in some]
    assert len(found) == 8  # each with its person


def test_a_device_of_both_units_moves_a_casualty_and_one_that_vouches_for_itself_does_not() -> None:
    codes = {"garrison": None, "bas": [BAS, "DENTAL"], "role2": [ROLE2, BAS]}
    lab = _devices(lambda _: MemoryStore(bytes(16)), codes)
    own = casualty(lab.role2, "W-1")
    lab.role2.joins(BAS, *own)
    theirs = casualty(lab.garrison, "W-2")
    lab.role2.tells(lab.garrison)
    lab.bas.joins(BAS, *theirs)
    lab.bas.joins("DENTAL", *theirs)
    lab.bas.tells(lab.garrison)
    assert told(lab.garrison.asked()) == of(BAS, *theirs) | of("DENTAL", *theirs)
    for device in lab[1:]:
        device.engine.close()


def test_what_a_revoked_device_asked_for_and_is_shown_stays_listed(lab: Lab) -> None:
    theirs = casualty(lab.role2, "W-1")
    lab.role2.tells(lab.garrison)
    lab.bas.joins(BAS, *theirs)
    lab.bas.tells(lab.garrison)
    lab.authority.say(Revoke(lab.role2.engine.key.node, "lost"))
    lab.garrison.engine.belonging.add(lab.authority.entries)
    assert told(lab.garrison.asked()) == of(BAS, *theirs)


def test_a_node_of_no_theatre_lists_nothing() -> None:
    key = LabAuthor(9).key
    clock = Clock()
    engine = Engine(
        key=key,
        store=MemoryStore(bytes(16)),
        workers=InlineWorkers(),
        now_ms=clock,
        entropy=random.Random(1).randbytes,
    )
    assert LocalDesk(engine, "n", "field").asked() == {"asked": [], "more": 0}
    engine.close()
