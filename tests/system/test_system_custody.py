"""Custody over real sockets: the author learns "at garrison" two hops away, and unlearns it."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from pathlib import Path
from typing import Any

import pytest

from conflict.identity import DocumentId, DocumentKind, new_document
from conflict.signature import SigningKey
from conflict.statement import Draft
from tests.system.node_lab import Node, equal, nodes, until


def note(text: str) -> Draft:
    return Draft(slot="note", value={"text": text}, by="Ruiz")


def episode() -> DocumentId:
    return new_document(DocumentKind.EPISODE, secrets.token_bytes(15))


async def custody(node: Node) -> dict[str, Any]:
    await asyncio.to_thread(node.engine.projector.wait_idle, 60.0)
    return await asyncio.to_thread(node.desk.custody)


async def safe(node: Node) -> None:
    """Until this node knows that a garrison has all that it holds."""

    def lacks_nothing() -> bool:
        return node.engine.store.custody(0).documents == 0

    await until(lacks_nothing, "a garrison's word for everything")


@pytest.mark.parametrize("back_end", ["sqlite", "postgres"])
async def test_an_author_two_hops_away_learns_at_garrison_and_by_which_receipt(
    tmp_path: Path, back_end: str, request: pytest.FixtureRequest
) -> None:
    place: Any = tmp_path / "g.db"
    if back_end == "postgres":
        place = request.getfixturevalue("postgres").create()
    urls = [tmp_path / "relay.db", tmp_path / "author.db", place]
    async with nodes(urls, garrisons=[2]) as party:
        relay, author, garrison = party
        document = episode()
        await author.save(document, note("first"))
        await equal(party)
        await safe(author)
        assert author.peering.link(garrison.engine.key.node) is None
        found = await custody(author)
        assert found["safe_to_wipe"] is True, found["reasons"]
        assert found["at_garrison_ms"]
        record = await asyncio.to_thread(author.desk.record_custody, document)
        by_name = {one["name"]: one for one in record["holders"]}
        assert record["at_garrison"] is True
        assert by_name["n2"]["garrison"] is True
        assert by_name["n2"]["direct_ms"] is None
        assert by_name["n2"]["entry"] >= 1
        assert by_name["n0"]["garrison"] is False
        assert by_name["n0"]["direct_ms"]
        assert by_name["n2"]["statements"] == by_name["n0"]["statements"] == 1
        words = (await author.status())["state"]
        assert any(str(one).startswith("At garrison as of ") for one in words)  # type: ignore[attr-defined]
        await relay.peering.pause(paused=True)
        await author.save(document, note("second"))
        found = await custody(author)
        assert found["safe_to_wipe"] is False
        assert [one["code"] for one in found["reasons"]] == ["not-at-garrison"]
        assert found["changes"] == 1


async def test_a_garrison_that_was_restored_without_knowing_it_begins_a_new_epoch_and_is_refilled(
    tmp_path: Path,
) -> None:
    keys = [SigningKey.from_entropy(secrets.token_bytes(48)) for _ in range(3)]
    urls = [tmp_path / "relay.db", tmp_path / "author.db", tmp_path / "g.db"]
    first, second = episode(), episode()
    async with nodes(urls, garrisons=[2], keys=keys) as party:
        _, author, garrison = party
        await author.save(first, note("first"))
        await equal(party)
        await safe(author)
        epoch = garrison.engine.epoch
    shutil.copy(urls[2], tmp_path / "backup.db")
    async with nodes(urls, garrisons=[2], keys=keys) as party:
        _, author, garrison = party
        await author.save(second, note("after the backup"))
        await equal(party)
        await safe(author)
    for name in ("g.db", "g.db-wal", "g.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    shutil.copy(tmp_path / "backup.db", urls[2])
    async with nodes(urls, garrisons=[2], keys=keys) as party:
        _, author, garrison = party
        await until(lambda: garrison.engine.epoch > epoch, "a new epoch at the garrison")

        def heard() -> bool:
            known = author.engine.store.custody_positions()[keys[2].node]
            return known.epoch == garrison.engine.epoch

        await until(heard, "the new epoch at the author")
        await equal(party)
        await safe(author)
        held = garrison.engine.store.listing(None, 9)
        assert {one.document for one in held} == {first, second}


async def test_without_a_garrison_nothing_is_safe_to_wipe(tmp_path: Path) -> None:
    async with nodes([tmp_path / "a.db", tmp_path / "b.db"]) as party:
        a, _ = party
        await a.save(episode(), note("first"))
        await equal(party)
        found = await custody(a)
        assert found["safe_to_wipe"] is False
        assert [one["code"] for one in found["reasons"]] == ["no-garrison", "not-at-garrison"]
