"""What is written here and what comes from peers is urgent as its slots say, also by other slots later."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from conflict.clock import Stamp
from conflict.fold import Catalogue
from conflict.identity import DocumentId
from conflict.lane import LaneRun
from conflict.slot import CATALOGUE, Urgency
from conflict.statement import Draft
from node.desk import Save
from node.engine import Engine
from node.workers import InlineWorkers
from sync.ports import Precedence
from tests.conflict.conflict_lab import LabAuthor
from tests.node.node_lab import EPISODE, KEY, NOW_MS, document, hold, idle, note, open_sql, pulse

TOURNIQUET = Draft(slot="tourniquet", value={"action": "applied", "limb": "left-leg"}, by="Ruiz")
INJURY = Draft(slot="injury", value={"type": "burn"}, by="Ruiz")


def precedence(engine: Engine, at: DocumentId = EPISODE) -> list[Precedence]:
    """Of each lane of a document, for a peer that has none of them."""
    lacking, _ = engine.store.lacking([(at, {})], NOW_MS)
    return [one.precedence for one in lacking]


def test_an_urgent_save_makes_its_lane_urgent_at_once(engine: Engine) -> None:
    engine.save([Save(EPISODE, (pulse(80),))])
    assert precedence(engine) == [Precedence.ROUTINE]
    engine.save([Save(EPISODE, (INJURY,)), Save(document(2), (note("calm"),))])
    assert precedence(engine) == [Precedence.SUMMARY]
    engine.save([Save(EPISODE, (TOURNIQUET,))])
    engine.save([Save(EPISODE, (pulse(81),))])
    assert precedence(engine) == [Precedence.URGENT]
    assert [lane.document for lane in engine.store.urgent(NOW_MS, 9)] == [EPISODE]
    assert precedence(engine, document(2)) == [Precedence.ROUTINE]


def test_what_peers_wrote_is_urgent_once_it_is_admitted(engine: Engine) -> None:
    peer = LabAuthor(1)
    peer.write(EPISODE, TOURNIQUET, rec=Stamp(NOW_MS + 5, 0))
    peer.write(EPISODE, pulse(70), rec=Stamp(NOW_MS + 6, 0))
    hold(engine, peer.run(EPISODE), source=peer)
    idle(engine)
    [lane] = engine.store.urgent(NOW_MS, 9)
    assert lane.actor == peer.actor
    assert engine.store.urgent(NOW_MS + 6, 9) == []


def judged(path: Path, catalogue: Catalogue, seed: int, *runs: LaneRun) -> set[DocumentId]:
    """Documents that are urgent to a node that starts with this catalogue and folds all again."""
    engine = Engine(
        key=KEY,
        store=open_sql(path),
        workers=InlineWorkers(catalogue),
        now_ms=lambda: NOW_MS,
        entropy=random.Random(seed).randbytes,
        catalogue=catalogue,
    )
    with engine.store.write() as transaction:
        transaction.hold(runs, None, NOW_MS)
        transaction.fold_again()
    idle(engine)
    found = {lane.document for lane in engine.store.urgent(0, 9)}
    engine.close()
    return found


def test_another_catalogue_judges_everything_again(path: Path) -> None:
    changed = {
        **CATALOGUE,
        "tourniquet": replace(CATALOGUE["tourniquet"], urgency=Urgency.ROUTINE),
        "vitals": replace(CATALOGUE["vitals"], urgency=Urgency.URGENT),
    }
    peer = LabAuthor(1)
    peer.write(document(2), TOURNIQUET, rec=Stamp(NOW_MS, 0))
    peer.write(document(3), pulse(70), rec=Stamp(NOW_MS, 0))
    assert judged(path, CATALOGUE, 1, peer.run(document(2)), peer.run(document(3))) == {document(2)}
    assert judged(path, changed, 2) == {document(3)}
    assert judged(path, CATALOGUE, 3) == {document(2)}
