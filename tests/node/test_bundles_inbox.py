"""Bundles that wait: with a courier who cannot read them, or in the inbox of a locked node."""

from __future__ import annotations

import asyncio
import random
from contextlib import ExitStack
from pathlib import Path

import pytest

from node.app import heed_lock
from node.audited_desk import AuditedDesk
from node.bundles import keeping
from node.bundles.arriving import take_kept
from node.home import find_home, init
from node.locker import Locker
from node.sessions import Sessions
from node.unlocking import by_passphrase, fresh_vault
from sync.trust.errors import NotForThisNode
from tests.node.bundle_lab import Authority, Member, fill, member

# Couriers and the inbox ---------------------------------------------------------------------------


def test_a_courier_relays_both_ways_what_it_cannot_read(
    pair: tuple[Member, Member], authority: Authority, tmp_path: Path, stack: ExitStack
) -> None:
    one, other = pair
    courier = stack.enter_context(member(tmp_path, authority, "courier"))
    courier.engine.belonging.add(authority.entries)
    folder, stick = keeping.carried(tmp_path), tmp_path / "stick"
    stick.mkdir()
    fill(one, 0, 4)
    fill(other, 4, 4)

    def carried_to(taker: Member, data: bytes) -> None:
        given = tmp_path / "given.bundle"
        given.write_bytes(data)
        kept = folder.add(given)
        given.unlink()
        with pytest.raises(NotForThisNode):
            courier.desk.bundle_import(str(kept.path))
        copy = kept.hand_on(stick)
        assert taker.desk.bundle_import(str(copy))["whole"]

    carried_to(other, one.seal_to(other))
    carried_to(one, other.seal_to(one, since=one.name))
    assert one.digest == other.digest
    assert courier.digest.documents == 0
    assert len(folder.kept()) == 2
    folder.drop(folder.kept()[0].id)
    assert len(folder.kept()) == 1


def test_a_locked_node_keeps_sealed_what_comes_and_takes_it_when_unlocked(
    pair: tuple[Member, Member], tmp_path: Path
) -> None:
    one, other = pair
    fill(one, 0, 2, "shrapnel")
    given = tmp_path / "given.bundle"
    given.write_bytes(one.seal_to(other))
    inbox = keeping.inbox(tmp_path)
    inbox.add(given)
    inbox.add(given)
    (kept,) = inbox.kept()
    assert b"shrapnel" not in kept.path.read_bytes()
    (found,) = inbox.apply(lambda path: other.desk.bundle_import(str(path)))
    assert found["changes"] == 2
    assert inbox.kept() == []


def test_a_bundle_that_cannot_be_taken_stays_in_the_inbox(
    pair: tuple[Member, Member], authority: Authority, tmp_path: Path, stack: ExitStack
) -> None:
    one, other = pair
    third = stack.enter_context(member(tmp_path, authority, "third"))
    given = tmp_path / "given.bundle"
    given.write_bytes(one.seal_to(other))
    inbox = keeping.inbox(tmp_path)
    inbox.add(given)
    with pytest.raises(NotForThisNode):
        inbox.apply(lambda path: third.desk.bundle_import(str(path)))
    assert len(inbox.kept()) == 1


def test_one_that_cannot_be_taken_keeps_no_other_out(
    pair: tuple[Member, Member], authority: Authority, tmp_path: Path, stack: ExitStack
) -> None:
    one, other = pair
    third = stack.enter_context(member(tmp_path, authority, "third"))
    one.engine.belonging.add(authority.entries)
    inbox = keeping.inbox(tmp_path)
    for number, whom in enumerate((other, third) * 4):
        fill(one, number, 1)
        given = tmp_path / f"{number}.bundle"
        given.write_bytes(one.seal_to(whom))
        inbox.add(given)
    take_kept(tmp_path, third.desk)
    assert third.digest == one.digest
    assert len(inbox.kept()) == 4


async def test_what_came_while_locked_is_taken_when_unlocked_and_noted(
    pair: tuple[Member, Member], tmp_path: Path
) -> None:
    one, other = pair
    home = find_home(tmp_path / "home")
    fresh = fresh_vault([by_passphrase(b"correct horse battery", 2)])
    init(home, None, fresh)
    engine = other.engine
    locker = Locker(engine.store, home, fresh.data, other.clock, 0, engine.audit)
    sessions, loop = Sessions(random.Random(1).randbytes), asyncio.get_running_loop()
    taken = asyncio.Event()

    def take() -> None:
        take_kept(home.root, AuditedDesk(other.desk, engine.audit))
        loop.call_soon_threadsafe(taken.set)

    heed_lock(locker, sessions, take, loop)
    await taken.wait()
    taken.clear()
    other.desk.locker = locker
    locker.lock()
    assert other.desk.status()["locked"]
    fill(one, 0, 2, "shrapnel")
    given = tmp_path / "given.bundle"
    given.write_bytes(one.seal_to(other))
    keeping.inbox(home.root).add(given)
    await asyncio.to_thread(locker.unlock, "passphrase", "correct horse battery")
    await taken.wait()
    assert not other.desk.status()["locked"]
    assert other.digest == one.digest
    assert keeping.inbox(home.root).kept() == []
    rows = other.desk.audit_rows()
    assert [row["action"] for row in rows if row["action"] != "enrolment"] == [
        "lock",
        "unlock",
        "import",
    ]
