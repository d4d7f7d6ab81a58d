"""What one author may make a node hold: named limits, typed refusals, and nobody else pays."""

from __future__ import annotations

from pathlib import Path

import pytest

from conflict.lane import LaneRun
from node import quotas
from node.desk import Save
from node.engine import Engine
from node.quotas import AUTHOR_QUOTA
from sync.effects import Hold, HoldDone
from sync.ports import Precedence
from tests.conflict.conflict_lab import LabAuthor, vitals_lane
from tests.node.node_lab import NOW_MS, document, idle, open_sql, pulse, running

LIAR, HONEST = LabAuthor(1), LabAuthor(2)


def offer(engine: Engine, *runs: LaneRun) -> HoldDone:
    effect = Hold(1, HONEST.node, runs, (), Precedence.ROUTINE)
    return engine.hold(effect).result(60)


def run(author: LabAuthor, number: int, changes: int = 1) -> LaneRun:
    vitals_lane(author, changes, document(number))
    return author.run(document(number))


def codes(done: HoldDone) -> list[str]:
    return [one.code for one in done.applied.set_aside]


def test_refused_lanes_count_for_their_author_alone_and_others_and_local_saves_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quotas, "REFUSED_LANES_MAX_PER_AUTHOR", 3)
    store = open_sql(tmp_path / "a.db")
    with store.write() as transaction:
        for number in range(10, 13):
            one = run(LIAR, number)
            transaction.hold([one], LIAR.node, NOW_MS)
            transaction.refuse_admission(one.lane.document, LIAR.actor, 1, "bad-key", "x")
    with running(store) as engine:
        done = offer(engine, run(LIAR, 13), run(HONEST, 13))
        assert codes(done) == [AUTHOR_QUOTA]
        assert "REFUSED_LANES_MAX_PER_AUTHOR" in done.applied.set_aside[0].detail
        assert [one.lane.actor for one in done.applied.held] == [HONEST.actor]
        engine.save([Save(document(13), (pulse(80),))])
        idle(engine)
        with engine.store.write() as transaction:
            transaction.retry_admission(document(10))
        assert codes(offer(engine, run(LIAR, 14))) == [], "a retry gives room again"


def test_an_author_that_signs_without_end_is_stopped_at_a_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quotas, "HELD_CHANGES_MAX_PER_AUTHOR", 10)
    with running(open_sql(tmp_path / "a.db")) as engine:
        assert codes(offer(engine, run(LIAR, 20, 6))) == []
        assert codes(offer(engine, LIAR.run(document(20)))) == [], "what is held counts once"
        assert codes(offer(engine, run(LIAR, 21, 6))) == []
        done = offer(engine, run(LIAR, 22), run(HONEST, 22))
        assert codes(done) == [AUTHOR_QUOTA]
        assert "HELD_CHANGES_MAX_PER_AUTHOR" in done.applied.set_aside[0].detail
        for _ in range(12):
            engine.save([Save(document(23), (pulse(80),))])
    with running(open_sql(tmp_path / "a.db")) as engine:
        assert codes(offer(engine, run(LIAR, 24))) == [AUTHOR_QUOTA], "counted again at a start"
        own = engine.store.runs(document(23), {}, 1 << 20)[0]
        assert codes(offer(engine, *own)) == [], "our own lanes come back without end"
