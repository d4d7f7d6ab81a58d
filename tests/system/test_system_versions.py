"""Old and new software side by side: what a catalogue does not know is kept, relayed, shown raw."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from conflict import records
from conflict.catalogue import fingerprint, without
from conflict.identity import DocumentId, DocumentKind, document_text, new_document
from conflict.policies import Events, Single
from conflict.shape import Code, Group, Text
from conflict.slot import CATALOGUE, Slot
from conflict.statement import Draft
from node.presenting import present
from tests.sync import tls_lab
from tests.system.node_lab import Node, equal, nodes
from tests.theatre import Authority

OLDER = without(CATALOGUE, "triage", "vitals.spo2")
"""Version n-1: a slot and a field are not there yet."""

NEWER = CATALOGUE | {
    "drone_feed": Slot(
        name="drone_feed",
        kinds=(DocumentKind.EPISODE,),
        plain="Drone feed",
        policy=Single(field="quality", safer=("poor", "good")),
        shape=Group({"quality": Code(("poor", "good")), "link": Text(200)}),
    ),
    "note": Slot(
        name="note",
        kinds=records.NOTE.kinds,
        plain="Note",
        policy=Events(),
        shape=Group({**records.NOTE.shape.fields, "language": Text(20)}),
    ),
}
"""Version n+1: a new slot, and a new field in an old one."""


def said(slot: str, by: str, **value: object) -> Draft:
    return Draft(slot=slot, value=value, by=by, at="2026-03-14T13:58Z")


async def written(party: list[Node]) -> DocumentId:
    """Every version writes all that it knows, then they sync."""
    document = new_document(DocumentKind.EPISODE, secrets.token_bytes(15))
    older, present_day, newer = party
    await older.save(document, said("vitals", "Old", pulse=88), said("note", "Old", text="old"))
    await present_day.save(
        document,
        said("triage", "Ruiz", category="immediate"),
        said("vitals", "Ruiz", pulse=90, spo2=97),
    )
    await newer.save(
        document,
        said("triage", "Okafor", category="delayed"),
        said("drone_feed", "Okafor", quality="good"),
        said("drone_feed", "Okafor", quality="poor"),
        said("note", "Okafor", text="neu", language="de"),
    )
    await equal(party)
    return document


def body(node: Node, document: DocumentId) -> dict[str, object]:
    (found,) = node.desk.chart(document)["documents"]
    assert found["document"] == document_text(document)
    return dict(found)


def values(found: dict[str, object], slot: str) -> list[object]:
    return [one["value"] for one in found["slots"].get(slot, [])]  # type: ignore[attr-defined]


async def test_each_version_keeps_relays_and_shows_what_it_does_not_know(tmp_path: Path) -> None:
    urls = [tmp_path / f"{name}.db" for name in ("older", "now", "newer")]
    async with nodes(urls, catalogues=(OLDER, CATALOGUE, NEWER)) as party:
        document = await written(party)
        old, now, new = (body(one, document) for one in party)
        unknown = sorted(one["slot"] for one in old["unknown"])  # type: ignore[attr-defined]
        assert unknown == ["drone_feed"] * 2 + ["triage"] * 2
        assert [one["slot"] for one in now["unknown"]] == ["drone_feed"] * 2  # type: ignore[attr-defined]
        assert "unknown" not in new
        for found in (old, now, new):  # what a version knows of a statement, it folds
            assert {one["pulse"] for one in values(found, "vitals")} == {88, 90}  # type: ignore[index]
            assert {one["text"] for one in values(found, "note")} == {"old", "neu"}  # type: ignore[index]
        raw = [one["value"] for one in old["unknown"] if one["slot"] == "triage"]  # type: ignore[attr-defined]
        assert sorted(one["category"] for one in raw) == ["delayed", "immediate"]
        assert {"pulse": 90, "spo2": 97} in values(old, "vitals")
        marked = [one for one in old["slots"]["vitals"] if "problems" in one]  # type: ignore[index]
        assert ["spo2" in str(one["problems"]) for one in marked] == [True]
        kinds = [{one["rule"] for one in found.get("findings", [])} for found in (old, now, new)]  # type: ignore[attr-defined]
        assert kinds == [set(), {"heads-differ"}, {"heads-differ"}]
        counts = {one.engine.store.counts().statements for one in party}
        assert counts == {8}


async def test_an_upgrade_folds_everything_anew(tmp_path: Path) -> None:
    urls = [tmp_path / f"{name}.db" for name in ("older", "now", "newer")]
    same: dict[str, Any] = {"authority": Authority(), "keys": [tls_lab.new_key() for _ in urls]}
    async with nodes(urls, catalogues=(OLDER, CATALOGUE, NEWER), **same) as party:
        document = await written(party)
    async with nodes(urls, catalogues=(NEWER, NEWER, OLDER), **same) as party:
        for node, catalogue in zip(party, (NEWER, NEWER, OLDER), strict=True):
            node.engine.projector.wake()
            assert node.engine.projector.wait_idle(60)
            entries = node.engine.store.entries(document)
            assert node.engine.store.projection(document) == present(document, entries, catalogue)
        assert values(body(party[0], document), "drone_feed") == [
            {"quality": "poor"},
            {"quality": "good"},
        ]
        assert "unknown" in body(party[2], document)


def test_a_catalogue_is_told_from_its_neighbours_and_always_has_the_same_number() -> None:
    assert len({fingerprint(one) for one in (OLDER, CATALOGUE, NEWER)}) == 3
    assert fingerprint(dict(reversed(CATALOGUE.items()))) == fingerprint(CATALOGUE)
