"""A filled DD Form 1380 on one node, read back from the chart on another: equal, field by field."""

from __future__ import annotations

import secrets
from pathlib import Path

from conflict.card import CARD_FIELDS, card_drafts, card_of
from conflict.identity import DocumentId, DocumentKind, document_text, new_document
from conflict.records import LINK
from conflict.statement import Draft
from tests.conflict.card_filled import AT, BY, filled_card
from tests.system.node_lab import Node, equal, nodes


async def test_a_filled_card_crosses_a_sync_and_is_the_same_card(tmp_path: Path) -> None:
    card = filled_card()
    assert set(card) == {block.name for block in CARD_FIELDS}
    async with nodes([tmp_path / f"{n}.db" for n in range(3)]) as party:
        writer, *readers = party
        episode = await written(writer)
        await equal(party)
        for node in (writer, *readers):
            assert card_of(node.desk._charts.of(episode).chart) == card
        rows = {one.engine.store.projection(episode) for one in party}
        assert len(rows) == 1


async def written(node: Node) -> DocumentId:
    """The card in a person and an episode document of one chart: the episode."""
    documents = {
        kind: new_document(kind, secrets.token_bytes(15))
        for kind in (DocumentKind.PERSON, DocumentKind.EPISODE)
    }
    drafts: dict[DocumentKind, list[Draft]] = {kind: [] for kind in documents}
    for kind, draft in card_drafts(filled_card(), BY, AT):
        drafts[kind].append(draft)
    person, episode = documents.values()
    value = {"document": document_text(person), "relation": "casualty"}
    drafts[DocumentKind.EPISODE].append(Draft(slot=LINK.name, value=value, by=BY))
    for kind, document in documents.items():
        await node.save(document, *drafts[kind])
    return episode
