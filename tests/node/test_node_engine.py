"""A save is durable and shown when it returns; no failure leads to a number used twice."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import orjson
import pytest
from sqlalchemy import event

from conflict import limits
from conflict.clock import Stamp
from conflict.errors import BadStatement, ValueRefused
from conflict.identity import Lane
from conflict.statement import Draft
from node import authoring
from node.authoring import CLOCK_SETTING
from node.desk import Save
from node.engine import Engine, Growth
from node.errors import BadRequest
from storage.errors import CommitUncertain, DiskFull
from storage.memory import MemoryStore
from sync.ports import Precedence
from tests.conflict import conflict_lab as lab
from tests.conflict.conflict_lab import LabAuthor
from tests.contracts.store_samples import limit_pages
from tests.node.node_lab import (
    EPISODE,
    NOW_MS,
    Clock,
    actors,
    assert_peers_would_take,
    assert_shown_is_the_fold,
    document,
    from_peer,
    hold,
    idle,
    note,
    open_sql,
    pulse,
    running,
    shown,
    stamps,
    stored,
)

# Saving --------------------------------------------------------------------------------------


def test_a_save_is_durable_and_shown_when_it_returns(engine: Engine, path: Path) -> None:
    engine.save([Save(EPISODE, (pulse(80), note("walks")))])
    other = open_sql(path)
    assert other.entries(EPISODE) == engine.store.entries(EPISODE)
    assert other.projection(EPISODE) == engine.store.projection(EPISODE)
    assert shown(engine, EPISODE) == [{"pulse": 80}]
    assert shown(engine, EPISODE, "note") == [{"text": "walks"}]
    assert other.dirty_documents() == []
    other.close()
    assert_peers_would_take(engine, EPISODE)


def test_the_ids_returned_are_those_of_the_statements_stored(engine: Engine) -> None:
    other = document(2)
    ids = engine.save([Save(EPISODE, (pulse(80), pulse(81))), Save(other, (pulse(82),))])
    again = engine.save([Save(EPISODE, (pulse(83),)), Save(EPISODE, (pulse(84), pulse(85)))])
    assert [len(one) for one in ids + again] == [2, 1, 1, 2]
    assert stored(engine, EPISODE) == [*ids[0], *again[0], *again[1]]
    assert stored(engine, other) == ids[1]
    body = orjson.loads(engine.store.projection(EPISODE).body)  # type: ignore[union-attr]
    by_id = {one["statements"][0]: one["value"]["pulse"] for one in body["slots"]["vitals"]}
    assert [by_id[one] for one in (*ids[0], *again[0], *again[1])] == [80, 81, 83, 84, 85]


def test_several_saves_in_one_document_are_one_lane_and_one_change_each(engine: Engine) -> None:
    for rate in range(3):
        engine.save([Save(EPISODE, (pulse(rate),)), Save(EPISODE, (pulse(rate),))])
    (lane,) = engine.store.lanes(EPISODE)
    assert (lane.held.length, lane.admitted, lane.statements) == (6, 6, 6)
    assert_peers_would_take(engine, EPISODE)


def test_a_correction_replaces_what_its_author_was_shown(engine: Engine) -> None:
    ((first,),) = engine.save([Save(EPISODE, (pulse(800 % 351),))])
    engine.save([Save(EPISODE, (pulse(80, supersedes=(first,)),))])
    assert shown(engine, EPISODE) == [{"pulse": 80}]


def test_one_bad_value_refuses_the_whole_call_before_anything_is_written(engine: Engine) -> None:
    before = engine.store.summary(), engine.store.counts()
    good = Save(EPISODE, (pulse(80),))
    with pytest.raises(ValueRefused, match="pulse"):
        engine.save([good, Save(EPISODE, (pulse("fast"),))])
    with pytest.raises(BadRequest, match="is no slot"):
        engine.save([good, Save(EPISODE, (Draft(slot="vital", value={}),))])
    assert (engine.store.summary(), engine.store.counts()) == before
    engine.save([good])
    engine.save([good])
    (lane,) = engine.store.lanes(EPISODE)
    assert lane.held.length == 2


@pytest.mark.parametrize(
    "drafts", [(), (note("x" * 11_000),) * 6, (note("é" * 9_000),)], ids=["none", "sum", "one"]
)
def test_a_save_that_cannot_be_written_leaves_nothing_behind(
    engine: Engine, drafts: tuple[Draft, ...]
) -> None:
    engine.save([Save(EPISODE, (pulse(80),))])
    before = engine.store.summary(), engine.store.counts(), engine.store.projection(EPISODE)
    with pytest.raises(BadStatement):
        engine.save([Save(EPISODE, (pulse(81),)), Save(document(2), drafts)])
    after = engine.store.summary(), engine.store.counts(), engine.store.projection(EPISODE)
    assert after == before
    engine.save([Save(EPISODE, (pulse(82),))])
    assert shown(engine, EPISODE) == [{"pulse": 80}, {"pulse": 82}]
    assert_peers_would_take(engine, EPISODE)


def test_blobs_are_durable_with_the_save_that_names_them(engine: Engine) -> None:
    photo = b"photo" * 100
    name = hashlib.sha256(photo).digest()
    blob = {"hash": name.hex(), "bytes": len(photo), "media": "image/png"}
    engine.save([Save(EPISODE, (Draft(slot="source", value={"blob": blob}),))], [photo])
    assert engine.store.blob(name) == photo
    assert engine.store.blobs_wanted(5) == []


def test_whoever_listens_hears_what_grew_and_from_whom(engine: Engine) -> None:
    heard: list[Growth] = []
    stop = engine.on_grown(heard.append)
    ((mine,),) = engine.save([Save(EPISODE, (pulse(80),))])
    peer = LabAuthor(1)
    lab.vitals_lane(peer, 2, EPISODE)
    hold(engine, peer.run(EPISODE), source=peer)
    hold(engine, peer.run(EPISODE), source=peer)
    stop()
    engine.save([Save(EPISODE, (pulse(81),))])
    own = Lane(EPISODE, engine.store.lanes(EPISODE)[0].lane.actor)
    theirs = Lane(EPISODE, peer.actor)
    assert {one.lane for one in engine.store.lanes(EPISODE)} >= {own, theirs}
    ours, foreign = heard
    ((lane, first),) = ours.lanes
    assert (lane.actor.hex(), first, ours.source) == (mine.partition(".")[0], 1, None)
    assert foreign == Growth(((theirs, 1),), peer.node, Precedence.ROUTINE)


# Many saves -----------------------------------------------------------------------------------


def test_a_full_lane_goes_on_in_a_new_actor(engine: Engine) -> None:
    count = limits.LANE_CHANGES_MAX + 10
    ids = engine.save_all(Save(EPISODE, (pulse(n % 300),)) for n in range(count))
    ids += engine.save([Save(EPISODE, (pulse(1),)), Save(document(2), (pulse(2),))])[:1]
    first, second = sorted(engine.store.lanes(EPISODE), key=lambda lane: -lane.held.length)
    assert (first.held.length, second.held.length) == (limits.LANE_CHANGES_MAX, 11)
    assert first.lane.actor != second.lane.actor
    assert {one for (one,) in ids} == set(stored(engine, EPISODE))
    assert len(shown(engine, EPISODE)) == count + 1
    (elsewhere,) = engine.store.lanes(document(2))
    assert elsewhere.lane.actor == second.lane.actor
    assert_peers_would_take(engine, EPISODE)


def test_other_documents_lanes_go_on_when_one_is_full(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LANE_CHANGES_MAX", 3)
    other = document(2)
    engine.save([Save(other, (pulse(1),))])
    for _ in range(4):
        engine.save([Save(EPISODE, (pulse(2),))])
    engine.save([Save(other, (pulse(3),))])
    (lane,) = engine.store.lanes(other)
    assert lane.held.length == 2
    assert sorted(one.held.length for one in engine.store.lanes(EPISODE)) == [1, 3]
    assert_peers_would_take(engine, other)


def test_a_lane_closed_for_want_of_room_is_reopened_where_it_ended(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authoring, "LANES_OPEN_MAX", 2)
    documents = [document(number) for number in range(5)]
    for store in (open_sql(path), MemoryStore(bytes(16))):
        with running(store) as engine:
            for turn in range(3):
                for number, at in enumerate(documents):
                    engine.save([Save(at, (pulse(turn), note(f"{number}")))])
            engine.save([Save(at, (pulse(3),)) for at in documents])
            for at in documents:
                (lane,) = engine.store.lanes(at)
                assert (lane.held.length, lane.admitted, lane.statements) == (4, 4, 7)
                assert len(shown(engine, at)) == 4
                assert_peers_would_take(engine, at)
                assert_shown_is_the_fold(engine.store, at)


def test_a_reopened_lane_that_is_full_goes_on_in_a_new_actor(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authoring, "LANES_OPEN_MAX", 1)
    monkeypatch.setattr(limits, "LANE_CHANGES_MAX", 2)
    for rate in range(5):
        engine.save([Save(EPISODE, (pulse(rate),))])
        engine.save([Save(document(2), (pulse(rate),))])
    assert sorted(lane.held.length for lane in engine.store.lanes(EPISODE)) == [1, 2, 2]
    assert len(shown(engine, EPISODE)) == 5
    assert_peers_would_take(engine, EPISODE)


# Commits that fail ------------------------------------------------------------------------------


def test_a_full_disk_stores_nothing_and_retires_the_actor(path: Path) -> None:
    store = open_sql(path)
    with running(store) as engine:
        engine.save([Save(EPISODE, (pulse(80),))])
        old = actors(engine, EPISODE)
        before = store.summary(), store.counts(), store.projection(EPISODE), stored(engine, EPISODE)
        limit_pages(store, extra=3)
        with pytest.raises(DiskFull) as caught:
            engine.save(
                [Save(EPISODE, (pulse(81),)), Save(document(2), (note("x" * 11_000),) * 4)]
                + [Save(document(number), (note("x" * 11_000),)) for number in range(3, 9)]
            )
        assert caught.value.retryable
        after = store.summary(), store.counts(), store.projection(EPISODE), stored(engine, EPISODE)
        assert after == before
        limit_pages(store, extra=10_000)
        ((again,),) = engine.save([Save(EPISODE, (pulse(82),))])
        assert bytes.fromhex(again.partition(".")[0]) not in old
        assert again.endswith(".1")
        assert len(actors(engine, EPISODE)) == 2
        assert shown(engine, EPISODE) == [{"pulse": 80}, {"pulse": 82}]
        assert_peers_would_take(engine, EPISODE)


def test_a_commit_that_may_have_happened_never_leads_to_a_number_used_twice(path: Path) -> None:
    """The worst case: it did happen, and its author was told that it failed."""
    store = open_sql(path)
    with running(store) as engine:
        engine.save([Save(EPISODE, (pulse(80),))])

        armed = [True]

        def fail(connection) -> None:  # type: ignore[no-untyped-def]
            if threading.current_thread().name == "writer" and armed:
                armed.clear()
                connection.exec_driver_sql("COMMIT")
                connection.exec_driver_sql("SELECT * FROM no_such_table")

        event.listen(store.engine, "commit", fail)
        with pytest.raises(CommitUncertain):
            engine.save([Save(EPISODE, (pulse(81),))])
        assert shown(engine, EPISODE) == [{"pulse": 80}, {"pulse": 81}]
        engine.save([Save(EPISODE, (pulse(81),))])
        engine.save([Save(EPISODE, (pulse(82),))])
        lanes = {lane.lane.actor: lane.held.length for lane in store.lanes(EPISODE)}
        assert sorted(lanes.values()) == [2, 2]
        assert_peers_would_take(engine, EPISODE)


# Restarts and clocks ---------------------------------------------------------------------------


@pytest.mark.parametrize("back_ms", [0, 1, 86_400_000 * 365 * 10])
def test_a_restart_takes_a_new_actor_and_a_later_stamp_even_if_the_clock_went_back(
    path: Path, back_ms: int
) -> None:
    with running(open_sql(path), seed=1, clock=Clock()) as engine:
        engine.save([Save(EPISODE, (pulse(80), pulse(81)))])
        before, old = stamps(engine, EPISODE), actors(engine, EPISODE)
    with running(open_sql(path), seed=2, clock=Clock(NOW_MS - back_ms)) as engine:
        engine.save([Save(EPISODE, (pulse(82),))])
        assert len(actors(engine, EPISODE) - old) == 1
        after = set(stamps(engine, EPISODE)) - set(before)
        assert min(after) > max(before)
        assert shown(engine, EPISODE)[-1] == {"pulse": 82}
        assert_shown_is_the_fold(engine.store, EPISODE)


def test_what_is_written_after_reading_a_peer_is_stamped_later_than_it(path: Path) -> None:
    """The hybrid clock follows a peer up to five minutes ahead, across a restart too."""
    clock = Clock()
    ahead = Stamp(NOW_MS + 4 * 60_000, 7)
    with running(open_sql(path), clock=clock) as engine:
        peer, run = from_peer(1, ahead)
        hold(engine, run, source=peer)
        idle(engine)
        assert engine.store.setting(CLOCK_SETTING) == ahead.text().encode()
    with running(open_sql(path), seed=2, clock=clock) as engine:
        engine.save([Save(EPISODE, (pulse(80),))])
        assert sorted(stamps(engine, EPISODE)) == [ahead, Stamp(ahead.ms, 8)]


def test_a_peer_whose_clock_runs_ahead_moves_nobody(engine: Engine) -> None:
    far = Stamp(NOW_MS + 6 * 60_000, 0)
    peer, run = from_peer(1, far)
    hold(engine, run, source=peer)
    idle(engine)
    engine.save([Save(EPISODE, (pulse(80),))])
    assert sorted(stamps(engine, EPISODE)) == [Stamp(NOW_MS, 0), far]
    assert len(shown(engine, EPISODE)) == 2
