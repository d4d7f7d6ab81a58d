"""A medic's laptop lets a record go, the garrison writes on in it, a tail comes, a fetch brings it all."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import Any

import pytest

from conflict.identity import DocumentId, DocumentKind, document_text, new_document
from conflict.statement import Draft
from node import fetching
from tests.system.node_lab import Node, equal, nodes, until

NOTES = 40


def note(text: str) -> Draft:
    return Draft(slot="note", value={"text": text}, by="Ruiz")


def episode() -> DocumentId:
    return new_document(DocumentKind.EPISODE, secrets.token_bytes(15))


async def ask(question: Any, *given: Any, **named: Any) -> Any:
    """The desk blocks; the loop goes on."""
    return await asyncio.to_thread(question, *given, **named)


async def safe(node: Node) -> None:
    """Until this node knows that a garrison has all that it holds."""
    store = node.engine.store
    await until(lambda: store.custody(0).documents == 0, "a garrison's word for everything")


def content(node: Node, document: DocumentId) -> int:
    """Changes that are here."""
    return sum(len(run.changes) for run in node.engine.store.runs(document, {}, 1 << 24)[0])


async def fill(author: Node, count: int = 3) -> list[DocumentId]:
    """Records of many notes, one save each."""
    documents = [episode() for _ in range(count)]
    for document in documents:
        for number in range(NOTES):
            await author.save(document, note(f"{number} {secrets.token_hex(40)}"))
    return documents


async def test_shed_written_on_at_the_garrison_and_fetched(tmp_path: Path) -> None:
    async with nodes([tmp_path / "g.db", tmp_path / "m.db"], garrisons=[0]) as party:
        garrison, medic = party
        documents = await fill(garrison)
        await equal(party)
        await safe(medic)
        node = medic.engine.key.node
        receipts = garrison.engine.store.receipts
        await until(lambda: node in receipts(documents[0]), "the medic's receipt")
        found = await ask(medic.desk.shed, documents[:1])
        assert [one["document"] for one in found["shed"]] == [document_text(documents[0])]
        await until(lambda: node not in receipts(documents[0]), "the medic's word that it is gone")
        assert node in receipts(documents[1])
        words = (await garrison.status())["state"]
        assert "Also on n1" not in words  # type: ignore[operator]
        link = medic.peering.link(garrison.engine.key.node)
        assert link is not None
        before = link.bytes_in
        await garrison.save(documents[0], note("seen by the surgeon"))
        await equal(party)
        assert content(medic, documents[0]) == 1  # in a new lane, so it can be read
        assert len(await ask(medic.desk.statements, documents[0])) == 1
        tail = link.bytes_in - before
        assert tail < 1500  # a change, its receipt, a check; the record has over 40 times as much
        await ask(medic.desk.sync, "n0", 30.0)
        assert content(medic, documents[0]) == 1
        chart = await ask(medic.desk.chart, documents[0])
        assert [one["document"] for one in chart["shed"]] == [document_text(documents[0])]
        found = await ask(medic.desk.fetch, documents[0])
        assert found["wanted"] == [document_text(documents[0])]
        store = medic.engine.store
        await until(lambda: not store.shed_documents(documents), "the record")
        await equal(party)
        assert content(medic, documents[0]) == NOTES + 1
        chart = await ask(medic.desk.chart, documents[0])
        assert chart["shed"] == []
        assert len(await ask(medic.desk.statements, documents[0])) == NOTES + 1
        await until(lambda: node in receipts(documents[0]), "its receipt again")
        await until(
            lambda: garrison.peering.acquaintances[node].let_go == 0, "that nothing is away"
        )
        assert (await medic.status())["shed"] == 0
        assert store.check() == []


async def test_a_fetch_survives_a_restart_and_passes_by_who_has_let_go_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for while no garrison is near: the neighbour has let it go as well and says so."""
    monkeypatch.setattr(fetching, "AGAIN_S", 0.05)
    urls = [tmp_path / name for name in ("g.db", "m.db", "n.db")]
    async with nodes(urls, garrisons=[0], mdns=False) as party:
        garrison, medic, neighbour = party
        (document,) = await fill(garrison, 1)
        await equal(party)
        for one in (medic, neighbour):
            await safe(one)
            assert (await ask(one.desk.shed, [document]))["shed_count"] == 1
        await garrison.peering.pause(paused=True)
        await until(lambda: not medic.peering.link(garrison.engine.key.node), "no garrison")
        await ask(medic.desk.fetch, document)
        status = await medic.status()
        assert status["wanted"] == 1
        assert any("1 record to be fetched" in str(one) for one in status["state"])  # type: ignore[attr-defined]
        assert content(medic, document) == 0
        await garrison.peering.pause(paused=False)
        store = medic.engine.store
        await until(lambda: not store.shed_documents([document]), "the record")
        assert content(medic, document) == NOTES
        assert content(neighbour, document) == 0
        await equal(party)
