"""Two whole nodes with a thin link between them: they become equal, also after a cut."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from conflict.identity import DocumentId, DocumentKind, new_document
from conflict.statement import Draft
from discovery import Address
from node.config import Listen
from node.sim.link_proxy import LinkProxy
from node.sim.link_shape import LinkShape
from tests.system.node_lab import LOOPBACK, Node, equal, nodes, until

RADIO = LinkShape(rate_bits_s=200_000, rtt_s=0.05, loss=0.01)


@asynccontextmanager
async def two_nodes(home: Path, shape: LinkShape) -> AsyncIterator[tuple[Node, Node, LinkProxy]]:
    """`b` knows one address of `a`: that of the link."""
    async with nodes([home / "a.db", home / "b.db"], static=False) as (a, b):
        proxy = LinkProxy(shape, Listen(LOOPBACK, a.peering.port), seed=7, notice=print)
        try:
            at = await proxy.start(Listen(LOOPBACK, 0))
            await b.peering.pause(paused=True)
            b.peering.table.static(Address(*at), a.engine.key.node)
            await b.peering.pause(paused=False)
            yield a, b, proxy
        finally:
            await proxy.close()


async def save(node: Node, text: str) -> DocumentId:
    document = new_document(DocumentKind.EPISODE, secrets.token_bytes(15))
    await node.save(document, Draft(slot="note", value={"text": text}, by="Ruiz"))
    return document


async def test_two_nodes_become_equal_over_a_thin_link(tmp_path: Path) -> None:
    async with two_nodes(tmp_path, RADIO) as (a, b, proxy):
        for number in range(20):
            await save(a, f"from a, {number}")
            await save(b, f"from b, {number}")
        await equal([a, b])
        assert b.engine.store.summary().documents == 40
        report = proxy.report()
        for way in (report["out"], report["back"]):
            assert way["bytes_out"] > 20 * 64, "what crossed went through the link"


async def test_what_is_saved_during_a_cut_crosses_when_it_heals(tmp_path: Path) -> None:
    async with two_nodes(tmp_path, RADIO) as (a, b, proxy):
        await save(a, "before")
        await equal([a, b])
        await until(lambda: b.peering.link(a.engine.key.node) is not None, "a link")
        proxy.cut()
        fed = proxy.report()["back"]["bytes_in"]
        document = await save(a, "during")
        await until(lambda: proxy.report()["back"]["bytes_in"] > fed, "a sends it")
        assert b.engine.store.summary().documents == 1
        proxy.heal()
        await equal([a, b])
        assert b.desk.chart(document)["documents"]
