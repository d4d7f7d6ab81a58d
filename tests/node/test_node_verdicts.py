"""Verdicts that may change: a worker's death is asked again at each start; a slot has its kinds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from conflict.clock import Stamp
from conflict.identity import DocumentKind
from node.desk import Save
from node.engine import Engine
from node.errors import BadRequest
from node.opened import LaneVerdict, Opened
from node.workers import KILLED
from storage.shapes import DocumentWork
from tests.node.node_lab import (
    EPISODE,
    document,
    from_peer,
    hold,
    idle,
    open_sql,
    pulse,
    running,
    shown,
)


class Deadly:
    """Workers that die of every lane."""

    width = 1

    def open(self, batch: Sequence[DocumentWork]) -> list[Opened]:
        """Each lane killed its worker."""
        return [Opened(work.document, tuple(map(_killed, work.lanes)), None) for work in batch]

    def close(self) -> None:
        """Nothing to let go of."""


def _killed(lane: object) -> LaneVerdict:
    return LaneVerdict(lane.actor, len(lane.changes), (), KILLED, "took too long")  # type: ignore[attr-defined]


def test_a_lane_that_killed_its_worker_is_opened_again_at_the_next_start(path: Path) -> None:
    peer, run = from_peer(5, Stamp(1, 0))
    with running(open_sql(path), workers=Deadly()) as engine:
        hold(engine, run, source=peer)
        idle(engine)
        assert engine.store.refused((KILLED,)) == [EPISODE]
        assert shown(engine, EPISODE) == []
    with running(open_sql(path)) as engine:
        idle(engine)
        assert engine.store.refused((KILLED,)) == []
        assert shown(engine, EPISODE) == [{"pulse": 65}]


def test_a_slot_of_another_kind_of_document_is_refused_before_anything_is_written(
    engine: Engine,
) -> None:
    person = document(1, DocumentKind.PERSON)
    with pytest.raises(BadRequest, match="belongs in a document of kind episode"):
        engine.save([Save(EPISODE, (pulse(70),)), Save(person, (pulse(70),))])
    assert engine.store.summary().documents == 0
