"""The desk over this process's own engine, with or without links. Shapes: `desk.py`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import orjson

from conflict.chart import Chart, chart
from conflict.clock import REMOTE_AHEAD_MS_MAX
from conflict.errors import BadIdentity
from conflict.identity import (
    DocumentId,
    DocumentKind,
    NodeId,
    document_kind,
    document_text,
    node_text,
    parse_document,
    statement_id,
)
from conflict.lane import Vector
from conflict.records import ALLERGY
from conflict.statement import Json
from discovery import Address, BadStaticPeer, parse_peer
from node.acquaintance import Acquaintance
from node.desk import Save
from node.engine import Engine
from node.errors import NoPeer, NotFound
from node.peering import Peering
from node.status import state_words
from node.version import VERSION
from storage import ProjectionRow

FIND_MAX = 50
CHART_DOCUMENTS_MAX = 2_000
PAGE = 500
Result = TypeVar("Result")


class LocalDesk:
    """Implements `Desk`. Safe from any thread but the event loop's."""

    def __init__(
        self,
        engine: Engine,
        name: str,
        role: str,
        peering: Peering | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._engine = engine
        self._store = engine.store
        self._name = name
        self._role = role
        self._peering = peering
        self._loop = loop

    # Writing --------------------------------------------------------------------------------

    def save(self, saves: Sequence[Save], blobs: Sequence[bytes] = ()) -> list[list[str]]:
        """See `Desk`."""
        return self._engine.save(saves, blobs)

    def import_saves(self, saves: Iterable[Save], blobs: Sequence[bytes] = ()) -> list[list[str]]:
        """See `Desk`."""
        return self._engine.save_all(saves, blobs)

    # Reading --------------------------------------------------------------------------------

    def shown(self, document: DocumentId, slot: str) -> list[str]:
        """See `Desk`."""
        row = self._store.projection(document)
        body = orjson.loads(row.body) if row else {}
        readings = body.get("slots", {}).get(slot, [])
        return sorted({one for reading in readings for one in reading["statements"]})

    def statements(self, document: DocumentId) -> list[str]:
        """See `Desk`."""
        return sorted(
            statement_id(actor, entry.number)
            for actor, entries in self._store.entries(document).items()
            for entry in entries
        )

    def find(self, text: str) -> list[Json]:
        """See `Desk`."""
        text = text.strip()
        rows: list[ProjectionRow] = []
        for document in self._by_id(text):
            rows.extend(row for row in [self._store.projection(document)] if row)
        known = {row.document for row in rows}
        found = self._store.projections(limit=FIND_MAX, label_contains=text or None)
        rows.extend(row for row in found if row.document not in known)
        return [_listed(row) for row in rows[:FIND_MAX]]

    def _by_id(self, text: str) -> list[DocumentId]:
        try:
            return self._store.resolve(text) if text else []
        except BadIdentity:
            return []  # not the start of an id: then it is words of a label

    def list_documents(
        self, kind: str | None = None, after: str | None = None, limit: int = 100
    ) -> list[Json]:
        """See `Desk`."""
        start = parse_document(after) if after else None
        chosen = DocumentKind[kind.upper()] if kind else None
        return [_listed(row) for row in self._store.projections(chosen, start, limit)]

    def chart(self, document: DocumentId) -> Json:
        """See `Desk`."""
        folded, vectors = self._folded(document)
        return {
            "label": self._label(vectors),
            **folded.body(),
            "stamps_ahead": self._stamps_ahead(folded),
            "held_by": self._held_by(vectors),
        }

    def _folded(self, document: DocumentId) -> tuple[Chart, Mapping[DocumentId, Vector]]:
        """The chart that a document belongs to, and what is held of its documents."""
        vectors, known = self._linked(document)
        held = {one: self._store.entries(one) for one in vectors}
        folded = chart({one: lanes for one, lanes in held.items() if lanes}, known)
        if not folded.documents:
            raise NotFound(f"{document_text(document)} is not held here; sync, then try again")
        return folded, vectors

    def _label(self, documents: Iterable[DocumentId]) -> str:
        """Label of the first person that has one."""
        persons = (one for one in documents if document_kind(one) is DocumentKind.PERSON)
        rows = (self._store.projection(one) for one in persons)
        return next((row.label for row in rows if row and row.label), "")

    def _stamps_ahead(self, folded: Chart) -> list[str]:
        """Shown statements whose author's clock is over five minutes ahead of ours."""
        latest = self._engine.now_ms() + REMOTE_AHEAD_MS_MAX
        return sorted(
            one.id
            for document in folded.documents
            for view in document.views.values()
            for reading in view.readings
            for one in reading.statements
            if one.rec.ms > latest
        )

    def _linked(self, document: DocumentId) -> tuple[Mapping[DocumentId, Vector], list[DocumentId]]:
        """Documents of one chart that are held, with their vectors; those named but not held."""
        seen: dict[DocumentId, None] = {document: None}
        todo = [document]
        while todo and len(seen) < CHART_DOCUMENTS_MAX:
            for other in self._store.links(todo.pop()):
                if other not in seen:
                    seen[other] = None
                    todo.append(other)
        vectors = self._store.vectors(sorted(seen))
        held = {one: vector for one, vector in vectors.items() if vector}
        return held, [one for one in vectors if one not in held]

    def _held_by(self, vectors: Mapping[DocumentId, Vector]) -> list[Json]:
        """Who has acknowledged how many changes of these documents."""
        held: dict[NodeId, int] = {}
        total = 0
        for document, vector in vectors.items():
            total += sum(state.length for state in vector.values())
            for holder, lanes in self._store.receipts(document).items():
                covered = sum(
                    min(state.length, vector[actor].length)
                    for actor, state in lanes.items()
                    if actor in vector
                )
                held[holder] = held.get(holder, 0) + covered
        named = self._peering.acquaintances if self._peering else {}
        return [
            {
                "node": node_text(node),
                "name": named[node].name if node in named else "",
                "garrison": node in named and named[node].role == "garrison",
                "changes": held[node],
                "of": total,
            }
            for node in sorted(held)
        ]

    def findings(self) -> list[Json]:
        """See `Desk`. Every finding of every chart that has one, once."""
        found: dict[str, dict[str, Json]] = {}
        for document in self._reviewed():
            for one in self._folded(document)[0].findings:
                if not one.closed_by:
                    entry = found.setdefault(one.id, {**one.body(), "documents": []})
                    if (text := document_text(document)) not in entry["documents"]:
                        entry["documents"].append(text)
        order = {"high": 0, "medium": 1, "low": 2}
        return sorted(found.values(), key=lambda one: (order[one["severity"]], one["id"]))

    def _reviewed(self) -> list[DocumentId]:
        """One document of every chart that may have a finding.

        A document's own findings are counted in its row; hazards between documents need an allergy
        or a person linked to another one.
        """
        chosen: list[DocumentId] = []
        after: DocumentId | None = None
        while rows := self._store.projections(None, after, PAGE):
            after = rows[-1].document
            chosen.extend(row.document for row in rows if row.open_findings or _joins(row))
        return chosen

    def set_aside(self) -> list[Json]:
        """See `Desk`."""
        return [
            {
                "document": document_text(row.item.lane.document),
                "actor": row.item.lane.actor.hex(),
                "first_seq": row.item.first_seq,
                "code": row.item.code,
                "detail": row.item.detail,
                "source": node_text(row.source) if row.source else None,
                "at": row.at_ms,
            }
            for row in self._store.set_aside_items()
        ]

    # Status and links -----------------------------------------------------------------------

    def status(self) -> Json:
        """See `Desk`."""
        counts = self._store.counts()
        summary = self._store.summary()
        received, sent = self._peering.traffic if self._peering else (0, 0)
        peers = self._acquaintances()
        waiting = {bytes(one.node): self._waiting(one.node) for one in peers if one.linked}
        return {
            "node": node_text(self._engine.key.node),
            "name": self._name,
            "role": self._role,
            "version": VERSION,
            "epoch": self._engine.epoch.hex(),
            "state": state_words(peers, summary, waiting, counts.review),
            "documents": summary.documents,
            "digest": summary.digest.hex(),
            "statements": counts.statements,
            "changes": counts.changes,
            "waiting": counts.waiting,
            "refused": counts.refused,
            "set_aside": counts.set_aside,
            "findings": counts.review,
            "blobs_wanted": counts.blobs_wanted,
            "bytes_in": received,
            "bytes_out": sent,
            "paused": bool(self._peering and self._peering.paused),
            "peers": self.peers(),
        }

    def peers(self) -> list[Json]:
        """See `Desk`."""
        found: dict[NodeId, dict[str, Json]] = {}
        for one in self._acquaintances():
            link = self._peering.link(one.node) if self._peering else None
            found[one.node] = {
                **one.body(),
                "addresses": [],
                "sources": [],
                "waiting": self._waiting(one.node),
                "bytes_in": link.bytes_in if link else 0,
                "bytes_out": link.bytes_out if link else 0,
            }
        unnamed: list[Json] = []
        for peer in self._peering.table.peers() if self._peering else ():
            addresses = [str(address) for address in peer.addresses]
            seen = {"addresses": addresses, "sources": list(peer.sources)}
            if peer.node in found:
                found[peer.node].update(seen)
            else:
                name = node_text(peer.node) if peer.node else ""
                unnamed.append({"node": name, "name": "", "phase": "unknown", **seen})
        return [*(found[node] for node in sorted(found)), *unnamed]

    def sync(self, peer: str, timeout_s: float) -> Json:
        """See `Desk`."""
        peering = self._peering
        if peering is None:
            raise NoPeer("this node has no links open; everything is saved here")
        node, address = self._named(peer)
        began = time.monotonic()
        proved = self._on_loop(peering.prove(node, address, timeout_s))
        return {
            "node": node_text(proved),
            "equal": True,
            "documents": self._store.summary().documents,
            "seconds": round(time.monotonic() - began, 3),
        }

    def pause(self, *, paused: bool) -> Json:
        """See `Desk`."""
        if self._peering is None:
            raise NoPeer("this node has no links open")
        self._on_loop(self._peering.pause(paused=paused))
        return {"paused": paused}

    def _named(self, peer: str) -> tuple[NodeId | None, Address | None]:
        matches = [
            one.node
            for one in self._acquaintances()
            if peer == one.name or (len(peer) >= 4 and node_text(one.node).startswith(peer))
        ]
        if len(matches) == 1:
            return matches[0], None
        try:
            found = parse_peer(peer)
        except (BadStaticPeer, BadIdentity):
            names = ", ".join(one.name or node_text(one.node)[:8] for one in self._acquaintances())
            raise NotFound(f"no single peer is called '{peer[:60]}'; peers: {names}") from None
        return found.node, found.address

    def _acquaintances(self) -> list[Acquaintance]:
        if self._peering is None:
            return []
        return [self._peering.acquaintances[one] for one in sorted(self._peering.acquaintances)]

    def _waiting(self, node: NodeId) -> int:
        link = self._peering.link(node) if self._peering else None
        return link.session.waiting if link else 0

    def _on_loop(self, work: Coroutine[Any, Any, Result]) -> Result:
        if self._loop is None:
            raise NoPeer("this node has no links open")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _joins(row: ProjectionRow) -> bool:
    slots = orjson.loads(row.body)["slots"]
    persons = any(document_kind(one) is DocumentKind.PERSON for one in row.links)
    here = document_kind(row.document) is DocumentKind.PERSON
    return here and (ALLERGY.name in slots or persons)


def _listed(row: ProjectionRow) -> dict[str, Json]:
    kind = document_kind(row.document)
    return {
        "document": document_text(row.document),
        "kind": kind.name.lower() if kind else "unknown",
        "label": row.label,
        "findings": row.open_findings,
    }
