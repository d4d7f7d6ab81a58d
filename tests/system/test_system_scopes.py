"""Scopes on real nodes: what each unit holds, evacuation, equality of what two may both hold."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import Any

import pytest

from conflict.identity import DocumentId, parse_document
from conflict.membership import joining
from conflict.scope import scope_id
from conflict.statement import Draft
from node.desk import Save
from sync.effects import Phase
from tests.system.node_lab import Node, nodes, until

BAS, ROLE2 = "BAS-2", "ROLE2-A"


def note(text: str) -> Draft:
    return Draft(slot="note", value={"text": text}, by="Ruiz")


async def casualty(node: Node) -> tuple[DocumentId, DocumentId]:
    """A new casualty: person and episode."""
    made: Any = await asyncio.to_thread(node.desk.new_casualty, "Ruiz", secrets.token_hex(4))
    return parse_document(made["person"]), parse_document(made["episode"])


def held(node: Node, *documents: DocumentId) -> bool:
    """All of them, shown."""
    return all(node.engine.store.projection(one) for one in documents)


def linked_equal(party: list[Node]) -> bool:
    """Every link there is has proved equality of what both may hold."""
    peers = [one for node in party for one in node.peering.acquaintances.values() if one.linked]
    return bool(peers) and all(one.phase is Phase.EQUAL for one in peers)


@pytest.mark.parametrize("back_end", ["sqlite", "postgres"])
async def test_each_unit_holds_its_own_and_an_evacuated_casualty_follows(
    tmp_path: Path, back_end: str, request: pytest.FixtureRequest
) -> None:
    place: Any = tmp_path / "g.db"
    if back_end == "postgres":
        place = request.getfixturevalue("postgres").create()
    urls = [place, tmp_path / "bas.db", tmp_path / "role2.db"]
    async with nodes(urls, garrisons=[0], scopes={1: [BAS], 2: [ROLE2]}) as party:
        garrison, bas, role2 = party
        evacuated, staying = await casualty(bas), await casualty(bas)
        theirs = await casualty(role2)
        await until(lambda: held(garrison, *evacuated, *staying, *theirs), "all at the garrison")
        assert not held(role2, evacuated[1])
        said = Save(scope_id(ROLE2), (joining(evacuated[1]),))
        await asyncio.to_thread(garrison.desk.save, [said])
        await until(lambda: held(role2, *evacuated), "the casualty and its person at Role 2")
        await role2.save(evacuated[1], note("laparotomy done"))

        def heard() -> bool:
            found = bas.engine.store.entries(evacuated[1]).values()
            return any("laparotomy" in entry.text for some in found for entry in some)

        await until(heard, "what Role 2 wrote, back at the unit whose scope it is in too")
        await until(lambda: linked_equal(party), "equality on every link")
        everything = garrison.engine.store.summary().documents
        for node, others in ((bas, theirs), (role2, staying)):
            kept = {one.document for one in node.engine.store.listing(None, 100)}
            assert kept.isdisjoint(others)
            assert len(kept) < everything
        assert garrison.engine.store.check() == []


async def test_what_a_node_wrote_goes_up_although_its_grant_has_ended(tmp_path: Path) -> None:
    urls = [tmp_path / "g.db", tmp_path / "a.db"]
    async with nodes(urls, garrisons=[0], scopes={1: []}) as party:
        garrison, medic = party
        mine = await casualty(medic)
        hidden = await casualty(garrison)
        await until(lambda: held(garrison, *mine), "the medic's own at the garrison")
        await medic.save(mine[1], note("later"))

        def up() -> bool:
            return medic.engine.store.vectors([mine[1]]) == garrison.engine.store.vectors([mine[1]])

        await until(lambda: up() and linked_equal(party), "its later statement too")
        assert not held(medic, hidden[0])
        await until(lambda: medic.engine.store.custody(1).documents == 0, "receipts for all of it")
