"""Nodes over real sockets: SQLite and PostgreSQL, discovery, live changes, duplicate links."""

from __future__ import annotations

import asyncio
import secrets
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from conflict.identity import DocumentId, DocumentKind, document_text, new_document
from conflict.lane import LaneRun
from conflict.statement import Draft
from node.desk import Save
from node.sim import bench_charts
from sync import codec, inbound
from sync.messages import Content, Message
from sync.ports import Keyring, SetAside
from tests.system.node_lab import Node, equal, nodes, until


def episode() -> DocumentId:
    return new_document(DocumentKind.EPISODE, secrets.token_bytes(15))


def person() -> DocumentId:
    return new_document(DocumentKind.PERSON, secrets.token_bytes(15))


def triage(category: str, by: str) -> Draft:
    return Draft(slot="triage", value={"category": category}, by=by, at="2026-03-14T13:58Z")


async def test_a_garrison_on_postgresql_and_two_laptops_show_the_same(
    tmp_path: Path, postgres: Any
) -> None:
    urls = [postgres.create(), tmp_path / "a.db", tmp_path / "b.db"]
    async with nodes(urls) as party:
        garrison, a, b = party
        document = episode()
        await a.save(document, triage("immediate", "Ruiz"))
        await b.save(document, triage("expectant", "Okafor"))
        await equal(party)
        rows = {one.engine.store.projection(document) for one in party}
        assert len(rows) == 1
        (row,) = rows
        assert row is not None
        assert row.open_findings == 1
        shown = garrison.desk.chart(document)["documents"][0]["slots"]["triage"]
        assert [one["value"]["category"] for one in shown] == ["immediate", "expectant"]
        assert [one.get("state") for one in shown] == ["safer", "also"]


async def test_a_change_crosses_two_hops_while_live_and_receipts_say_who_holds_it(
    tmp_path: Path,
) -> None:
    async with nodes([tmp_path / f"{n}.db" for n in range(3)]) as party:
        hub, a, _ = party
        document = episode()
        await a.save(document, triage("delayed", "Ruiz"))
        await equal(party)
        await a.save(document, Draft(slot="note", value={"text": "second"}, by="Ruiz"))
        await equal(party)
        hub_id = hub.engine.key.node
        await until(
            lambda: (
                all(
                    state.length == 2
                    for state in a.engine.store.receipts(document).get(hub_id, {}).values()
                )
                and hub_id in a.engine.store.receipts(document)
            ),
            "the hub's receipt for both changes",
        )
        two = {"node": hub_id.hex(), "name": "n0", "garrison": False, "statements": 2}
        assert a.desk.chart(document)["held_by"] == [{**two, "all": True, "of": 2}]
        await a.peering.pause(paused=True)
        await a.save(document, Draft(slot="note", value={"text": "third"}, by="Ruiz"))
        assert a.desk.chart(document)["held_by"] == [{**two, "all": False, "of": 3}]


async def test_nodes_find_each_other_by_mdns_and_keep_one_link(tmp_path: Path) -> None:
    async with nodes([tmp_path / "a.db", tmp_path / "b.db"], static=False, mdns=True) as party:
        a, b = party
        if a.peering.mdns_fault or b.peering.mdns_fault:
            pytest.skip(f"no multicast on loopback here: {a.peering.mdns_fault}")
        document = episode()
        await a.save(document, triage("minimal", "Ruiz"))
        await equal(party)
        for one, other in ((a, b), (b, a)):
            await until(partial(_heard, one, other), "an advert")


async def test_a_node_found_both_ways_is_one_peer_with_one_link(tmp_path: Path) -> None:
    async with nodes([tmp_path / "a.db", tmp_path / "b.db"], static=True, mdns=True) as party:
        a, b = party
        if a.peering.mdns_fault or b.peering.mdns_fault:
            pytest.skip(f"no multicast on loopback here: {a.peering.mdns_fault}")
        await until(
            lambda: any(p["sources"] == ["mdns", "static"] for p in b.desk.peers()), "both sources"
        )
        await until(lambda: b.peering.link(a.engine.key.node) is not None, "a link")
        assert _listed(b, a)["addresses"]
        await b.save(episode(), triage("minimal", "Ruiz"))
        await equal(party)


async def test_paused_nodes_exchange_nothing_and_resumed_ones_become_equal(tmp_path: Path) -> None:
    async with nodes([tmp_path / "a.db", tmp_path / "b.db"]) as party:
        a, b = party
        await equal(party)
        for one in party:
            await one.peering.pause(paused=True)
        await a.save(episode(), triage("delayed", "Ruiz"))
        assert a.peering.link(b.engine.key.node) is None
        assert b.engine.store.summary().documents == 0
        for one in party:
            await one.peering.pause(paused=False)
        await equal(party)
        assert b.engine.store.summary().documents == 1


async def test_the_event_loop_neither_packs_nor_vets_more_than_a_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A local save waits for the loop: what takes milliseconds is done on another thread."""
    names: dict[str, set[str]] = {"vet": set(), "encode": set()}
    vet, encode = inbound.vet, codec.encode

    def vetting(run: LaneRun, keyring: Keyring) -> SetAside | None:
        names["vet"].add(threading.current_thread().name)
        return vet(run, keyring)

    def encoding(message: Message) -> bytes:
        if isinstance(message, Content):
            names["encode"].add(threading.current_thread().name)
        return encode(message)

    monkeypatch.setattr(inbound, "vet", vetting)
    monkeypatch.setattr(codec, "encode", encoding)
    async with nodes([tmp_path / "a.db", tmp_path / "b.db"]) as party:
        a, _ = party
        for one in party:
            await one.peering.pause(paused=True)
        saves = [Save(chart, saved[0]) for chart, saved in bench_charts(1, 100)]
        await asyncio.to_thread(a.engine.save_all, saves)
        for one in party:
            await one.peering.pause(paused=False)
        await equal(party)
    for where in names.values():
        assert where
        assert all(name.startswith("reader") for name in where)


async def test_two_episodes_of_one_casualty_are_one_chart_with_its_hazard(tmp_path: Path) -> None:
    async with nodes([tmp_path / "a.db", tmp_path / "b.db"]) as party:
        a, b = party
        who, first, second = person(), episode(), episode()
        given = Draft(slot="medication_given", value={"drug": "Morphine", "dose": "10"}, by="Ruiz")
        for one, chart in ((a, first), (b, second)):
            to = Draft(
                slot="link", value={"document": document_text(who), "relation": "casualty"}, by="X"
            )
            await one.save(chart, to)
        await a.save(first, given)
        await b.save(
            who, Draft(slot="allergy", value={"substance": "morphine", "status": "active"}, by="O")
        )
        await equal(party)
        for one in party:
            found = one.desk.chart(second)
            assert len(found["documents"]) == 3
            assert [f["kind"] for f in found["findings"]] == ["hazard"]
            assert len(one.desk.findings()) == 1


async def test_what_is_named_but_not_held_is_said(tmp_path: Path) -> None:
    async with nodes([tmp_path / "a.db"]) as (a,):
        here, elsewhere = episode(), person()
        value = {"document": document_text(elsewhere), "relation": "casualty"}
        await a.save(here, Draft(slot="link", value=value, by="X"))
        assert a.desk.chart(here)["not_held"] == [document_text(elsewhere)]


def _heard(one: Node, other: Node) -> bool:
    return bool(_listed(one, other)["sources"] == ["mdns"])


def _listed(one: Node, other: Node) -> dict[str, Any]:
    """The one line that `one` has for `other`."""
    (listed,) = [peer for peer in one.desk.peers() if peer["node"] == _id(other)]
    return listed


def _id(node: Node) -> str:
    return node.engine.key.node.hex()
