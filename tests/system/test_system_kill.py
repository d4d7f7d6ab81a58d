"""SIGKILL of either side in the middle of a sync, on the real thing: two processes, two stores."""

from __future__ import annotations

import random
from pathlib import Path

from node.app import open_desk
from node.config import load
from node.demo.stage import Actor, stage
from node.desk import Save
from node.sim import bench_charts
from tests.cli.cli_lab import store_of

DOCUMENTS = 1_000
KILLS = 50


def test_fifty_kills_in_the_middle_of_a_sync_lose_nothing_and_damage_nothing(
    tmp_path: Path,
) -> None:
    moments = random.Random("kill")
    with stage(tmp_path, ("garrison", "alpha")) as actors:
        source, sink = actors["garrison"], actors["alpha"]
        acknowledged = _populate(source)
        enrolled = (sink.home.root / "store.db").read_bytes()  # and nothing else in it
        for actor in (source, sink):
            actor.start()
            actor.desk.pause(paused=True)
        landed = held = 0
        while landed < KILLS:
            if held == DOCUMENTS:  # the sync came to its end: the next one starts from nothing
                _empty(sink, enrolled)
                held = 0
            victim, other = (sink, source) if landed % 2 else (source, sink)
            held, unfinished = _kill_in_sync(victim, other, sink, held, moments)
            landed += unfinished
        for actor in (source, sink):
            actor.desk.pause(paused=False)
        assert sink.desk.sync("garrison", 120)["equal"]
        assert sink.desk.status()["digest"] == source.desk.status()["digest"]
        assert sink.desk.status()["documents"] == DOCUMENTS
        while sink.desk.status()["waiting"]:
            pass
        for document, ids in acknowledged.items():
            assert set(ids) <= set(sink.desk.statements(document))


def _kill_in_sync(
    victim: Actor, other: Actor, sink: Actor, held: int, moments: random.Random
) -> tuple[int, bool]:
    """Let the sync go on for a random while, kill, check the dead store.

    Documents held at the sink, and whether the kill came while some were still to hold or to open.
    """
    wanted = held + 1 + moments.randrange(60)
    for actor in (victim, other):
        actor.desk.pause(paused=False)
    while (status := sink.desk.status())["documents"] < min(wanted, DOCUMENTS):
        pass
    unfinished = status["documents"] < DOCUMENTS or status["waiting"] > 0
    victim.kill()
    other.desk.pause(paused=True)
    documents = _intact(victim)
    victim.start()
    victim.desk.pause(paused=True)
    return documents if victim is sink else int(sink.desk.status()["documents"]), unfinished


def _empty(actor: Actor, store: bytes) -> None:
    actor.stop()
    for file in actor.home.root.glob("store.db*"):
        file.unlink()
    (actor.home.root / "store.db").write_bytes(store)
    actor.start()
    actor.desk.pause(paused=True)


def _populate(actor: Actor) -> dict[bytes, list[str]]:
    charts = bench_charts(3, DOCUMENTS)
    saves = [Save(document, drafts) for document, changes in charts for drafts in changes]
    with open_desk(actor.home, load(actor.home).settings) as desk:
        ids = desk.import_saves(saves)
    acknowledged: dict[bytes, list[str]] = {}
    for save, given in zip(saves, ids, strict=True):
        acknowledged.setdefault(save.document, []).extend(given)
    return acknowledged


def _intact(actor: Actor) -> int:
    """The dead node's store, opened as a restart opens it, passes its check; documents in it."""
    store = store_of(actor.home.root)
    try:
        assert store.check() == []
        return store.summary().documents
    finally:
        store.close()
