"""What a node lets go, by hand and by policy: charts together, decisions stay, writing goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conflict.identity import DocumentId, DocumentKind, NodeId, document_text
from conflict.statement import Draft
from node.desk import Relation, Save
from node.engine import Engine
from node.errors import BadRequest, NotFound
from node.hold_policy import HoldPolicy
from node.hold_set import HoldSet
from node.local_desk import LocalDesk
from sync.ports import Receipt
from tests.node.node_lab import (
    NOW_MS,
    Clock,
    actors,
    assert_peers_would_take,
    document,
    idle,
    note,
    open_sql,
    pulse,
    running,
    shown,
)

GARRISON = NodeId(b"role3garrison16!")
DAY_MS = 86_400_000
ANNA, EPISODE, OTHER = document(1, DocumentKind.PERSON), document(2), document(3)
UNIT = document(4, DocumentKind.UNIT)


@pytest.fixture(name="clock")
def _clock() -> Clock:
    return Clock()


@pytest.fixture(name="engine")
def _engine(tmp_path: Path, clock: Clock) -> Iterator[Engine]:
    with running(open_sql(tmp_path / "a.db"), clock=clock) as own:
        own.store.trust([GARRISON])
        yield own


@pytest.fixture(name="desk")
def _desk(engine: Engine) -> LocalDesk:
    return LocalDesk(engine, "alpha", "field", called={GARRISON: "role3"})


@pytest.fixture(name="casualty")
def _casualty(engine: Engine, desk: LocalDesk) -> LocalDesk:
    """Anna with an episode, at the garrison."""
    name = Draft(slot="name", value={"family": "Okafor", "given": "Ada"}, by="Ruiz")
    desk.save([Save(ANNA, (name,)), Save(EPISODE, (note("one"), note("two")))])
    desk.link(Relation(ANNA, EPISODE, "Ruiz"))
    claimed(engine)
    return desk


def claimed(engine: Engine) -> None:
    """The garrison says that it holds everything."""
    idle(engine)
    held = [one.document for one in engine.store.listing(None, 1000)]
    claims = [Receipt(one.lane, one.held.short) for at in held for one in engine.store.lanes(at)]
    with engine.store.write() as transaction:
        transaction.save_receipts(GARRISON, bytes(16), claims, 1)


def away(engine: Engine) -> set[DocumentId]:
    held = [one.document for one in engine.store.listing(None, 1000)]
    return set(engine.store.shed_documents(held))


def names(found: Any, what: str) -> list[str]:
    return [one["document"] for one in found[what]]


# --- by hand ---------------------------------------------------------------------------------------


def test_a_chart_goes_together(engine: Engine, casualty: LocalDesk) -> None:
    found = casualty.shed([EPISODE])
    assert sorted(names(found, "shed")) == sorted(map(document_text, (ANNA, EPISODE)))
    assert found["kept"] == []
    assert found["freed_bytes"] > 500
    assert away(engine) == {ANNA, EPISODE}


def test_one_document_that_must_stay_keeps_its_chart(engine: Engine, casualty: LocalDesk) -> None:
    casualty.save([Save(EPISODE, (note("not at the garrison"),))])
    found = casualty.shed([ANNA])
    assert [(one["document"], one["code"]) for one in found["kept"]] == [
        (document_text(EPISODE), "not-at-garrison")
    ]
    assert "sync, then try again" in found["kept"][0]["words"]
    assert away(engine) == set()


def test_what_waits_for_a_decision_stays(engine: Engine, casualty: LocalDesk) -> None:
    for category in ("immediate", "delayed"):
        casualty.save(
            [Save(EPISODE, (Draft(slot="triage", value={"category": category}, by="A"),))]
        )
    claimed(engine)
    assert casualty.findings()
    found = casualty.shed([ANNA])
    assert [one["code"] for one in found["kept"]] == ["review"]
    assert away(engine) == set()


def test_a_dry_run_changes_nothing_and_says_what_would_go(
    engine: Engine, casualty: LocalDesk
) -> None:
    before = engine.store.counts(), engine.store.projection(ANNA), actors(engine, ANNA)
    tried = casualty.shed([ANNA], dry_run=True)
    assert (engine.store.counts(), engine.store.projection(ANNA), actors(engine, ANNA)) == before
    done = casualty.shed([ANNA])
    assert (tried["shed"], tried["freed_bytes"]) == (done["shed"], done["freed_bytes"])


def test_without_documents_and_age_nothing_is_guessed(casualty: LocalDesk) -> None:
    with pytest.raises(BadRequest, match="--older-than"):
        casualty.shed([])


def test_a_garrison_is_refused(engine: Engine, casualty: LocalDesk) -> None:
    garrison = LocalDesk(engine, "role3", "garrison")
    with pytest.raises(BadRequest, match="a garrison lets nothing go"):
        garrison.shed([ANNA])


# --- what is said of it ----------------------------------------------------------------------------


def test_it_stays_in_lists_and_its_chart_says_where_it_is(casualty: LocalDesk) -> None:
    label = casualty.find("okafor")[0]["label"]
    casualty.shed([ANNA])
    row = casualty.find("okafor")[0]
    assert (row["label"], row["shed_ms"]) == (label, NOW_MS)
    chart = casualty.chart(EPISODE)
    assert chart["documents"] == []
    assert chart["label"] == label
    assert set(chart["not_held"]) == set(map(document_text, (ANNA, EPISODE)))
    known = {one["document"]: one for one in chart["shed"]}
    episode = known[document_text(EPISODE)]
    assert episode["statements"] == 3
    assert [one["name"] for one in episode["at"]] == ["role3"]
    status = casualty.status()
    assert (status["documents"], status["shed"], status["wanted"]) == (2, 2, 0)


def test_custody_counts_the_garrison_and_safe_to_wipe_is_as_before(casualty: LocalDesk) -> None:
    before = casualty.custody(), casualty.record_custody(ANNA)
    casualty.shed([ANNA])
    assert casualty.custody() == before[0]
    after = casualty.record_custody(ANNA)
    assert len(after["shed"]) == 2
    for name in ("statements", "changes", "at_garrison", "holders"):
        assert after[name] == before[1][name]


def test_the_same_person_is_looked_for_among_what_is_here(casualty: LocalDesk) -> None:
    twin = document(9, DocumentKind.PERSON)
    name = Draft(slot="name", value={"family": "Okafor", "given": "Ada"}, by="Ruiz")
    casualty.save([Save(twin, (name,))])
    casualty.shed([ANNA])
    casualty.candidates(twin)
    with pytest.raises(NotFound, match="fetch it"):
        casualty.candidates(ANNA)


# --- writing goes on -------------------------------------------------------------------------------


def test_the_same_process_writes_on_under_another_actor(
    engine: Engine, casualty: LocalDesk
) -> None:
    before = actors(engine, EPISODE)
    label = casualty.find("okafor")[0]["label"]
    casualty.shed([EPISODE])
    casualty.save([Save(EPISODE, (pulse(80),)), Save(OTHER, (pulse(81),))])
    assert len(actors(engine, EPISODE) - before) == 1
    assert shown(engine, EPISODE) == [{"pulse": 80}]
    assert_peers_would_take(engine, EPISODE)
    chart = casualty.chart(EPISODE)
    assert [one["document"] for one in chart["documents"]] == [document_text(EPISODE)]
    assert {one["document"] for one in chart["shed"]} == set(map(document_text, (ANNA, EPISODE)))
    assert casualty.find("okafor")[0]["label"] == label
    assert casualty.custody()["changes"] == 2


def test_what_was_written_since_goes_with_the_next_shedding(
    engine: Engine, casualty: LocalDesk
) -> None:
    casualty.shed([EPISODE])
    casualty.save([Save(EPISODE, (pulse(80),))])
    assert casualty.shed([EPISODE])["kept"][0]["code"] == "not-at-garrison"
    claimed(engine)
    assert names(casualty.shed([EPISODE]), "shed") == [document_text(EPISODE)]
    assert shown_nothing(engine)


def shown_nothing(engine: Engine) -> bool:
    row = engine.store.projection(EPISODE)
    return row is not None and row.body == b""


def test_fetching_is_remembered_and_says_why_it_waits(engine: Engine, casualty: LocalDesk) -> None:
    assert casualty.fetch(ANNA)["wanted"] == []
    casualty.shed([ANNA])
    found = casualty.fetch(EPISODE)
    assert sorted(found["wanted"]) == sorted(map(document_text, (ANNA, EPISODE)))
    assert "not running" in found["cause"]
    status = casualty.status()
    assert (status["wanted"], engine.shedding.wanted) == (2, 2)
    assert any("2 records to be fetched" in words for words in status["state"])
    with pytest.raises(NotFound):
        casualty.fetch(document(77))


# --- by policy -------------------------------------------------------------------------------------


def test_what_did_not_change_for_so_long_goes(
    engine: Engine, casualty: LocalDesk, clock: Clock
) -> None:
    casualty.save([Save(OTHER, (pulse(70),))])
    clock.now_ms += 20 * DAY_MS
    casualty.save([Save(EPISODE, (pulse(71),)), Save(UNIT, (note("roster"),))])
    claimed(engine)
    clock.now_ms += 15 * DAY_MS
    found = casualty.shed([], 30 * DAY_MS / 1000)  # Anna's episode is younger, so she stays too
    assert names(found, "shed") == [document_text(OTHER)]
    clock.now_ms += 20 * DAY_MS
    found = casualty.shed([], 30 * DAY_MS / 1000)
    assert set(names(found, "shed")) == set(map(document_text, (ANNA, EPISODE)))
    assert found["kept"] == []
    assert away(engine) == {ANNA, EPISODE, OTHER}


def hold_set(engine: Engine, desk: LocalDesk) -> HoldSet:
    assert desk.hold is not None
    return desk.hold


def test_above_the_quota_the_longest_unchanged_goes_until_it_is_kept(
    engine: Engine, desk: LocalDesk, clock: Clock
) -> None:
    for number in range(40):
        clock.now_ms += DAY_MS
        many = tuple(note(f"{number} {'x' * 2000}") for _ in range(10))
        desk.save([Save(document(100 + number), many)])
    claimed(engine)
    used = engine.store.used_bytes()
    outcome = hold_set(engine, desk).keep_to(HoldPolicy(quota_bytes=used - 300_000))
    gone = [document for document, _, _ in outcome.let_go]
    assert gone == [document(100 + number) for number in range(len(gone))]
    assert 0 < len(gone) < 40
    assert engine.store.used_bytes() <= used - 300_000
    assert hold_set(engine, desk).keep_to(HoldPolicy(quota_bytes=used - 300_000)).let_go == []


def test_the_policy_is_kept_to_in_the_background(
    engine: Engine, casualty: LocalDesk, clock: Clock
) -> None:
    clock.now_ms += 40 * DAY_MS
    done: list[object] = []
    engine.shedding.on_news(done.append)
    hold = hold_set(engine, casualty)
    hold.begin(HoldPolicy(age_ms=30 * DAY_MS), period_s=0.01)
    for _ in range(6000):
        if done:
            break
        engine.save([])  # a local save goes first, whatever is let go
    hold.stop()
    assert away(engine) == {ANNA, EPISODE}
