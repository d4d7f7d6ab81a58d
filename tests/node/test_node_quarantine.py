"""What a revoked device wrote: hidden but for what is covered, the same on nodes with the same logs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from conflict.clock import Stamp
from conflict.document import LaneWriter
from conflict.identity import DocumentId, DocumentKind, Lane, actor_id, new_document
from conflict.lane import LaneRun
from conflict.signature import SigningKey, lane_message
from conflict.statement import Draft
from node.app import now_ms
from node.desk import Save
from node.engine import Engine
from node.workers import InlineWorkers
from storage.memory import MemoryStore
from sync import custody
from sync.aliases import Claim, claim_of
from sync.custody import NO_ENTRY, CustodyEntry
from sync.effects import Hold
from sync.ports import Position, Receipt
from sync.trust.authority import Judge, Revoke
from tests.theatre import Authority

LOST, OWN, GARRISON = (SigningKey.from_entropy(bytes([n]) * 48) for n in (1, 2, 3))
ONE = new_document(DocumentKind.EPISODE, bytes(15))
NONCE = bytes(16)
LANE = Lane(ONE, actor_id(LOST.node, NONCE))
EPOCH = custody.new_epoch(1, bytes(16))


def run(first: int, last: int, forked_after: int = 99) -> LaneRun:
    """Notes `first` to `last` of the device that is lost, one a change; of a copy of it, others after
    some."""
    writer = LaneWriter(LANE.actor)
    made = []
    for n in range(1, last + 1):
        text = f"note {n}" if n <= forked_after else f"copy's note {n}"
        made.append(writer.write([(Draft(slot="note", value={"text": text}, by="T"), Stamp(n, 0))]))
    plain = LaneRun(
        lane=LANE,
        author=LOST.node,
        nonce=NONCE,
        first_seq=first,
        changes=tuple(one.raw for one in made[first - 1 :]),
        head=made[-1].hash,
        signature=None,
    )
    return replace(plain, signature=LOST.sign(lane_message(plain)))


@pytest.fixture
def authority() -> Authority:
    one = Authority()
    one.enrol(LOST, "lost")
    one.enrol(OWN, "own")
    one.enrol(GARRISON, "role3", "garrison")
    return one


@pytest.fixture
def engine(authority: Authority) -> Iterator[Engine]:
    store = MemoryStore(hashlib.sha256(b"epoch").digest()[:16])
    made = Engine(
        key=OWN,
        store=store,
        workers=InlineWorkers(),
        now_ms=now_ms,
        entropy=lambda size: hashlib.shake_128(b"entropy").digest(size),
        belonging=authority.belonging(store, OWN),
    )
    yield made
    made.close()


def hold(engine: Engine, *runs: LaneRun) -> None:
    engine.hold(Hold(1, GARRISON.node, runs, ())).result()


def shown(engine: Engine, document: DocumentId = ONE) -> list[str]:
    """Texts of the notes that the projection was made of."""
    engine.projector.wait_idle()
    engine.set_setting("behind", b"everything that was to be written").result()
    engine.projector.wait_idle()
    found = engine.store.entries(document).get(LANE.actor, ())
    return [f"note {one.number}" for one in found]


def add(engine: Engine, authority: Authority) -> None:
    engine.belonging.add(authority.entries)


def receipted(engine: Engine, length: int, number: int = 1) -> None:
    """The garrison's log says that it has the lane so far."""
    entry = CustodyEntry(
        garrison=GARRISON.node,
        epoch=EPOCH,
        number=number,
        previous=NO_ENTRY if number == 1 else _LAST[0].link,
        at_ms=1,
        lanes=(claim_of(Receipt(LANE, run(1, length).state.short)),),
        blobs=(),
    )
    _LAST[:] = [custody.signed(entry, GARRISON)]
    with engine.store.write() as transaction:
        transaction.save_custody(_LAST[0], 1)


_LAST: list[CustodyEntry] = []


def test_what_nothing_covers_is_held_and_not_shown(engine: Engine, authority: Authority) -> None:
    hold(engine, run(1, 3))
    assert len(shown(engine)) == 3
    before = engine.store.summary()
    authority.say(Revoke(LOST.node, "captured"))
    add(engine, authority)
    assert shown(engine) == []
    assert engine.store.summary() == before
    assert engine.quarantine.described() == [{"node": LOST.node.hex(), "changes": 3}]
    hold(engine, run(4, 5))
    assert shown(engine) == []


def test_what_the_revocation_names_is_shown(engine: Engine, authority: Authority) -> None:
    hold(engine, run(1, 3))
    named = (claim_of(Receipt(LANE, run(1, 2).state.short)),)
    authority.say(Revoke(LOST.node, "captured", (), named))
    add(engine, authority)
    assert shown(engine) == ["note 1", "note 2"]


def test_what_a_garrison_had_published_by_then_is_shown_and_what_came_later_is_not(
    engine: Engine, authority: Authority
) -> None:
    hold(engine, run(1, 3))
    receipted(engine, 1, 1)
    receipted(engine, 3, 2)
    published = ((GARRISON.node, Position(EPOCH, 1)),)
    authority.say(Revoke(LOST.node, "captured", published))
    add(engine, authority)
    assert shown(engine) == ["note 1"]


def test_what_was_published_before_the_device_existed_twice_is_shown_of_that_branch(
    engine: Engine, authority: Authority
) -> None:
    hold(engine, run(1, 3))
    receipted(engine, 3)
    hold(engine, run(1, 4, forked_after=1))
    published = ((GARRISON.node, Position(EPOCH, 1)),)
    authority.say(Revoke(LOST.node, "captured", published))
    add(engine, authority)
    shown(engine)
    entries = {one.text for some in engine.store.entries(ONE).values() for one in some}
    assert len(entries) == 3
    assert not any("copy" in one for one in entries)


def test_a_garrisons_log_that_comes_late_shows_more(engine: Engine, authority: Authority) -> None:
    published = ((GARRISON.node, Position(EPOCH, 1)),)
    authority.say(Revoke(LOST.node, "captured", published))
    add(engine, authority)
    hold(engine, run(1, 3))
    assert shown(engine) == []
    receipted(engine, 2)
    engine.quarantine.stirred()
    assert shown(engine) == ["note 1", "note 2"]


@pytest.mark.parametrize("lanes", [(), (claim_of(Receipt(LANE, run(1, 3).state.short)),)])
def test_one_entry_releases_it(
    engine: Engine, authority: Authority, lanes: tuple[Claim, ...]
) -> None:
    hold(engine, run(1, 3))
    authority.say(Revoke(LOST.node, "captured"))
    add(engine, authority)
    assert shown(engine) == []
    authority.say(Judge(LOST.node, released=True, lanes=lanes))
    add(engine, authority)
    assert len(shown(engine)) == 3
    assert engine.quarantine.described() == []


def test_condemned_stays_hidden(engine: Engine, authority: Authority) -> None:
    hold(engine, run(1, 3))
    authority.say(Revoke(LOST.node, "captured"))
    authority.say(Judge(LOST.node, released=False))
    add(engine, authority)
    assert shown(engine) == []


def test_a_revoked_node_goes_on_showing_what_it_writes_itself(
    engine: Engine, authority: Authority
) -> None:
    authority.say(Revoke(OWN.node, "by mistake"))
    add(engine, authority)
    engine.save([Save(ONE, (Draft(slot="note", value={"text": "mine"}, by="Ruiz"),))])
    engine.projector.wait_idle()
    assert sum(map(len, engine.store.entries(ONE).values())) == 1


def test_others_in_the_same_document_are_not_touched(engine: Engine, authority: Authority) -> None:
    hold(engine, run(1, 2))
    engine.save([Save(ONE, (Draft(slot="note", value={"text": "mine"}, by="Ruiz"),))])
    authority.say(Revoke(LOST.node, "captured"))
    add(engine, authority)
    assert shown(engine) == []
    assert sum(map(len, engine.store.entries(ONE).values())) == 1


def test_what_was_decided_last_holds(engine: Engine, authority: Authority) -> None:
    hold(engine, run(1, 2))
    authority.say(Revoke(LOST.node, "lost"))
    authority.say(Judge(LOST.node, released=True))
    add(engine, authority)
    assert shown(engine) == ["note 1", "note 2"]
    authority.say(Judge(LOST.node, released=False))
    add(engine, authority)
    assert shown(engine) == []
    authority.say(Judge(LOST.node, released=True))
    add(engine, authority)
    assert shown(engine) == ["note 1", "note 2"]
