"""The authority's log on real nodes: it travels first, and links do what it says."""

from __future__ import annotations

import asyncio
import secrets
from functools import partial
from pathlib import Path

from conflict.identity import DocumentKind, new_document
from conflict.membership import naming
from conflict.scope import scope_id
from conflict.statement import Draft
from sync.trust.authority import Revoke, Time, from_bytes
from sync.trust.theatre import Standing
from tests.system.node_lab import Node, nodes, until
from tests.theatre import Authority

NOTE = Draft(slot="note", value={"text": "seen"}, by="Ruiz")


def number(node: Node) -> int:
    return node.engine.belonging.head.number


async def add(node: Node, *entries: bytes) -> None:
    await asyncio.to_thread(node.engine.belonging.add, entries)


def linked(one: Node, other: Node) -> bool:
    return one.peering.link(other.engine.key.node) is not None


async def test_whoever_has_more_of_the_log_brings_it_and_passes_it_on(tmp_path: Path) -> None:
    urls = [tmp_path / f"{one}.db" for one in range(3)]
    async with nodes(urls, logs={0: 2, 2: 2}) as (hub, ahead, last):
        await until(lambda: number(hub) == number(last) == 3, "all three entries everywhere")
        entry = hub.authority.say(Time())
        await add(ahead, hub.authority.entries[-1])
        await until(lambda: number(last) == entry.number, "the fourth through the hub")
        assert last.engine.belonging.head == hub.authority.theatre.head
        stored = partial(last.engine.store.authority_entries, 0, 10)
        await until(lambda: stored() == hub.authority.entries, "and durable")


async def test_content_of_an_author_who_is_new_waits_for_the_entry_that_enrols_him(
    tmp_path: Path,
) -> None:
    urls = [tmp_path / f"{one}.db" for one in range(3)]
    document = new_document(DocumentKind.EPISODE, secrets.token_bytes(15))
    async with nodes(urls, logs={1: 2}) as (_, old, new):
        await new.save(document, NOTE)
        await until(lambda: bool(old.engine.store.lanes(document)), "what the new one wrote")
        assert number(old) == 3
        assert old.engine.store.set_aside_items() == []


async def test_a_revoked_node_is_dropped_by_all_and_what_it_wrote_stays(tmp_path: Path) -> None:
    urls = [tmp_path / f"{one}.db" for one in range(3)]
    document = new_document(DocumentKind.EPISODE, secrets.token_bytes(15))
    async with nodes(urls) as (hub, lost, other):
        await lost.save(document, NOTE)
        await until(lambda: bool(other.engine.store.lanes(document)), "its statement at the other")
        gone = lost.engine.key.node
        hub.authority.say(Revoke(gone, "captured"))
        await add(other, hub.authority.entries[-1])
        await until(lambda: not linked(hub, lost), "no link with the hub")
        assert hub.engine.belonging.theatre is not None
        assert hub.engine.belonging.theatre.standing(gone) is Standing.REVOKED
        assert linked(hub, other)
        assert other.engine.store.lanes(document)
        await other.save(document, NOTE)
        await until(lambda: len(hub.engine.store.lanes(document)) == 2, "care goes on")


async def test_another_grant_holds_at_once(tmp_path: Path) -> None:
    urls = [tmp_path / f"{one}.db" for one in range(2)]
    async with nodes(urls, garrisons=[0], scopes={1: []}) as (garrison, medic):
        unit = scope_id("BAS-2")
        await garrison.save(unit, naming("BAS-2"))
        await until(lambda: linked(garrison, medic), "a link")
        garrison.authority.enrol(medic.engine.key, "medic", codes=["BAS-2"])
        await add(garrison, garrison.authority.entries[-1])
        await until(lambda: bool(medic.engine.store.lanes(unit)), "its unit's document")


async def test_a_forked_log_is_refused_and_said_and_care_goes_on(tmp_path: Path) -> None:
    urls = [tmp_path / f"{one}.db" for one in range(2)]
    document = new_document(DocumentKind.EPISODE, secrets.token_bytes(15))
    async with nodes(urls) as (one, other):
        twin = Authority()
        twin.entries = list(one.authority.entries)
        for entry in twin.entries:
            twin.theatre.take(from_bytes(entry))
        one.authority.say(Time())
        twin.say(Time(), now_ms=1_900_000_000_000)
        twin.say(Time())
        await add(one, one.authority.entries[-1])
        await until(lambda: number(other) == number(one) == 3, "the entry at both")
        for node in (one, other):
            refused = await asyncio.to_thread(node.engine.belonging.heard, twin.entries[2:])
            assert refused.refused == "authority-forked"
        await one.save(document, NOTE)
        await until(lambda: bool(other.engine.store.lanes(document)), "care goes on")
        assert (await one.status())["membership"]["forked"] == "authority-forked"
