"""A device that exists twice, or lost what it wrote: noticed on the node itself, nothing is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from conflict.identity import NodeId
from conflict.lane import LaneRun
from node.acquaintance import Acquaintance
from node.desk import Save
from node.engine import Engine
from node.twins import SHOWN_MS, own_of, twin_words
from storage import CommitUncertain, SqlStore
from sync.effects import Hold
from sync.errors import DeviceTwice, SamePeer
from sync.handshake import Greeting, Handshake
from sync.link_profile import LinkProfile
from tests.node.node_lab import KEY, NOW_MS, Clock, document, idle, note, open_sql, running
from tests.sync.session_lab import Keys

HERE = document(1)
PEER = NodeId(b"peer" * 4)


def own_runs(engine: Engine) -> list[LaneRun]:
    return engine.store.runs(HERE, {}, 1 << 20)[0]


def bring(engine: Engine, *runs: LaneRun) -> None:
    engine.hold(Hold(1, PEER, runs, ())).result(60)
    idle(engine)


def words(engine: Engine) -> str:
    return "\n".join(twin_words(engine.store, [], engine.now_ms()))


def texts(engine: Engine) -> set[str]:
    found = engine.store.entries(HERE).values()
    return {entry.text.split('"text":"')[1].split('"')[0] for some in found for entry in some}


def test_own_records_from_elsewhere_begin_one_new_epoch_and_are_said(tmp_path: Path) -> None:
    clock = Clock()
    with running(open_sql(tmp_path / "other.db"), seed=2) as other:
        other.save([Save(HERE, (note("there"),))])
        first = own_runs(other)
        other.save([Save(document(2), (note("more"),))])
        second = other.store.runs(document(2), {}, 1 << 20)[0]
    with running(open_sql(tmp_path / "a.db"), seed=3, clock=clock) as engine:
        before = engine.store.epoch()
        engine.save([Save(HERE, (note("here"),))])
        assert words(engine) == ""
        bring(engine, *first)
        renewed = engine.store.epoch()
        assert renewed > before
        assert engine.epoch == renewed
        bring(engine, *second)
        assert engine.store.epoch() == renewed  # once in a life
        assert own_of(engine.store).lanes == 2
        assert words(engine).startswith("Stopped: records of this device came from peers")
        assert texts(engine) == {"here", "there"}
        clock.now_ms += SHOWN_MS + 1
        assert words(engine) == ""


def test_after_a_restore_that_was_noticed_they_are_what_was_lost(tmp_path: Path) -> None:
    with running(open_sql(tmp_path / "other.db"), seed=2) as other:
        other.save([Save(HERE, (note("lost"),))])
        lost = own_runs(other)
    with running(open_sql(tmp_path / "a.db"), seed=3, epoch_began=True) as engine:
        epoch = engine.store.epoch()
        bring(engine, *lost)
        assert engine.store.epoch() == epoch
        assert words(engine) == ""


def test_a_process_whose_twin_writes_in_its_name_goes_on_as_another_actor(tmp_path: Path) -> None:
    """A machine that was suspended and copied with the process in it: same actor, same nonce."""
    with running(open_sql(tmp_path / "a.db"), seed=5) as one:
        one.save([Save(HERE, (note("both"),))])
    shutil.copy(tmp_path / "a.db", tmp_path / "b.db")
    with (
        running(open_sql(tmp_path / "c.db"), seed=7) as one,
        running(open_sql(tmp_path / "d.db"), seed=7) as other,
    ):
        one.save([Save(HERE, (note("one"),))])
        other.save([Save(HERE, (note("other"),))])
        other.save([Save(HERE, (note("other 2"),))])
        assert own_runs(one)[0].lane == own_runs(other)[0].lane
        bring(one, *own_runs(other))
        assert len(one.store.forked()) == 1
        assert "signed two histories" in words(one)
        one.save([Save(HERE, (note("afterwards"),))])
        assert texts(one) == {"one", "other", "other 2", "afterwards"}
        assert len(one.store.vectors([HERE])[HERE]) == 3
        bring(other, *own_runs(one))
        assert one.store.summary() == other.store.summary()
        assert one.store.projection(HERE) == other.store.projection(HERE)


@pytest.mark.parametrize("back_ms", [0, 10**10])
def test_an_actor_is_new_at_every_start_also_on_a_restored_store_and_an_earlier_clock(
    tmp_path: Path, back_ms: int
) -> None:
    path, backup = tmp_path / "a.db", tmp_path / "backup.db"
    actors = []
    for life in range(3):
        if life == 2:
            shutil.copy(backup, path)
        with running(open_sql(path), seed=life, clock=Clock(NOW_MS - life * back_ms)) as engine:
            actors.append(engine._author._actor)
            engine.save([Save(HERE, (note(str(life)),))])
        if life == 0:
            shutil.copy(path, backup)
    assert len(set(actors)) == 3


def test_an_actor_is_retired_when_a_commit_is_uncertain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_sql(tmp_path / "a.db")
    with running(store) as engine:
        engine.save([Save(HERE, (note("before"),))])
        before = engine._author._actor
        taken = SqlStore.write

        def uncertain(self: SqlStore) -> object:
            monkeypatch.setattr(SqlStore, "write", taken)
            raise CommitUncertain("the disk said no")

        monkeypatch.setattr(SqlStore, "write", uncertain)
        with pytest.raises(CommitUncertain):
            engine.save([Save(HERE, (note("uncertain"),))])
        assert engine._author._actor != before
        engine.save([Save(HERE, (note("after"),))])
        assert len(engine.store.vectors([HERE])[HERE]) == 2


def test_a_peer_that_comes_back_in_an_earlier_epoch_exists_twice_or_was_rolled_back(
    tmp_path: Path,
) -> None:
    one = Acquaintance(PEER, "alpha")
    store = open_sql(tmp_path / "a.db")
    for epoch in (b"1" * 16, b"2" * 16):
        one.answers_in(epoch, NOW_MS)
        assert list(twin_words(store, [one], NOW_MS)) == []
    one.answers_in(b"1" * 16, NOW_MS)
    again = Acquaintance(PEER, "alpha")
    again.recall(one.remembered())
    [said] = twin_words(store, [again], NOW_MS)
    assert said.startswith("Stopped: alpha exists twice, or was rolled back")
    store.close()


def shaken(epochs: tuple[bytes, bytes]) -> type[Exception] | None:
    keys = Keys()
    keys.add(KEY)
    sides = [
        Handshake(
            signer=KEY,
            keyring=keys,
            greeting=Greeting(
                epoch=epoch, nonce=bytes([at]) * 16, catalogue=1, clock_ms=1, sketch_key=b"key4"
            ),
            leader=not at,
            certified=None,
        )
        for at, epoch in enumerate(epochs)
    ]
    hellos = [side.hello(LinkProfile.lan()) for side in sides]
    try:
        sides[0].on_hello(hellos[1])
        sides[1].on_hello(hellos[0])
        sides[0].on_proof(sides[1].proof(None))
    except (DeviceTwice, SamePeer) as fault:
        return type(fault)
    return None


def test_two_copies_that_meet_know_it_once_it_is_proved() -> None:
    assert shaken((b"1" * 16, b"2" * 16)) is DeviceTwice
    assert shaken((b"1" * 16, b"1" * 16)) is SamePeer  # maybe only itself
