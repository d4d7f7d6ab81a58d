"""The desk over this process's own engine, with or without links. Shapes: `desk.py`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from conflict.chart import Chart
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
from conflict.policies.comparing import key_of, value_key
from conflict.statement import Json
from discovery import Address, BadStaticPeer, parse_peer
from node import set_aside
from node.acquaintance import Acquaintance
from node.acting import acting
from node.asked_desk import AskedDesk
from node.audit_desk import AuditDesk
from node.bundles.desk import BundleDesk
from node.charting import Charts
from node.custody import at_garrison_ms
from node.custody_view import CustodyView
from node.departing_desk import DepartingDesk
from node.desk import Resolve, Save
from node.engine import Engine
from node.errors import Locked, NoPeer, NotFound
from node.guarded_desk import allow
from node.hold_desk import HoldDesk
from node.hold_policy import HoldPolicy
from node.hold_set import HoldSet
from node.identity_desk import IdentityDesk
from node.locker import Locker
from node.membership_desk import MembershipDesk
from node.people_desk import PeopleDesk, roster_of, without_verifiers
from node.permissions import May
from node.proving import prove
from node.review import finding_body, saves_for
from node.silence import Silence
from node.standing_words import REVOKED_HERE
from node.status import state_words
from node.trauma import TraumaPool, TraumaRange, default_prefix
from node.version import VERSION
from node.ward_desk import WardDesk
from storage import ProjectionRow

if TYPE_CHECKING:
    from node.peering import Peering

FIND_MAX = 50
Result = TypeVar("Result")


class LocalDesk(
    HoldDesk,
    IdentityDesk,
    PeopleDesk,
    AuditDesk,
    MembershipDesk,
    AskedDesk,
    BundleDesk,
    DepartingDesk,
    WardDesk,
):
    """Implements `Desk`. Safe from any thread but the event loop's."""

    def __init__(
        self,
        engine: Engine,
        name: str,
        role: str,
        peering: Peering | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
        trauma: TraumaRange | None = None,
        called: Mapping[NodeId, str] | None = None,
        policy: HoldPolicy = HoldPolicy(),  # noqa: B008  a frozen value
    ) -> None:
        self._engine = engine
        self._store = engine.store
        self._name = name
        self._role = role
        self._peering = peering
        self._loop = loop
        self._called = dict(called or {})
        own = engine.key.node if role == "garrison" else None
        self._custody = CustodyView(engine.store, self._names, engine.audit_sync.unheld, own)
        self.silencing: Silence | None = None
        self.locker: Locker | None = None
        self._charts = Charts(engine.store, engine.now_ms, engine.catalogue)
        self._policy = policy
        self.roster = roster_of(engine)
        self.hold = HoldSet(engine.store, engine.shedding, self._charts, engine.now_ms)
        self._trauma = TraumaPool(engine, trauma or TraumaRange(default_prefix(engine.key.node)))

    # Writing --------------------------------------------------------------------------------

    def save(self, saves: Sequence[Save], blobs: Sequence[bytes] = ()) -> list[list[str]]:
        """See `Desk`."""
        return self._engine.save(saves, blobs)

    def import_saves(self, saves: Iterable[Save], blobs: Sequence[bytes] = ()) -> list[list[str]]:
        """See `Desk`."""
        return self._engine.save_all(saves, blobs)

    # Reading --------------------------------------------------------------------------------

    def shown(self, document: DocumentId, slot: str, value: Json = None, by: str = "") -> list[str]:
        """See `Desk`."""
        declared = self._engine.catalogue.get(slot)
        if declared is None or not self._store.entries(document):
            return []
        key: tuple[str, ...] = getattr(declared.policy, "key", ())
        about = value_key(value, key) if value is not None and key else ""
        return sorted(
            {
                one.id
                for reading in self._charts.document(document).readings(slot)
                for one in reading.statements
                if (not about or key_of(one, key) == about) and (not by or one.by == by)
            }
        )

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
        held = self._charts.of(document)
        return {
            "label": self._label(held.vectors),
            **without_verifiers(held.chart.body()),
            "stamps_ahead": self._stamps_ahead(held.chart),
            "held_by": self._custody.held_by(held.vectors),
            "shed": self._away(held.vectors),
        }

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

    def _names(self) -> dict[NodeId, str]:
        met = self._peering.acquaintances if self._peering else {}
        return {**self._called, **{node: one.name for node, one in met.items() if one.name}}

    def custody(self) -> Json:
        """See `Desk`."""
        return {**self._custody.whole(), "backed_up_ms": self._backed_up_ms()}

    def record_custody(self, document: DocumentId) -> Json:
        """See `Desk`."""
        held = self._charts.of(document)
        found = self._custody.record(self._label(held.vectors), held.vectors)
        return {**found, "shed": self._away(held.vectors)}

    # Review --------------------------------------------------------------------

    def findings(self) -> list[Json]:
        """See `Desk`."""
        return [
            {
                **one.finding.body(),
                "documents": [document_text(document) for document in one.documents],
                "not_held": [document_text(document) for document in one.not_held],
            }
            for one in self._charts.open_findings()
        ]

    def finding(self, identity: str) -> Json:
        """See `Desk`."""
        return without_verifiers(finding_body(*self._charts.reviewed(identity)))

    def resolve(self, how: Resolve) -> Json:
        """See `Desk`."""
        found, held = self._charts.reviewed(how.finding)
        written = self._written(saves_for(found, held, how))
        still = any(one.finding.id == found.id for one in self._charts.open_findings())
        return {"finding": found.id, **written, "open": still}

    def set_aside(self, *, with_bytes: bool = False) -> list[Json]:
        """See `Desk`."""
        if with_bytes and (who := acting.get()) is not None:
            allow(who, (May.EXPORT,))  # bytes may be records
        return set_aside.listed(self._store, with_bytes=with_bytes)

    def retry_set_aside(self) -> Json:
        """See `Desk`."""
        return set_aside.retry(self._engine)

    # Status and links -----------------------------------------------------------------------

    def status(self) -> Json:
        """See `Desk`."""
        counts, summary = self._store.counts(), self._store.summary()
        received, sent = self._peering.traffic if self._peering else (0, 0)
        peers = self._acquaintances()
        waiting = {bytes(one.node): self._waiting(one.node) for one in peers if one.linked}
        return {
            "node": node_text(self._engine.key.node),
            "name": self._name,
            "role": self._role,
            "version": VERSION,
            "epoch": self._engine.epoch.hex(),
            "membership": self._engine.belonging.described(),
            "quarantined": self._engine.quarantine.described(),
            "state": state_words(
                peers,
                summary,
                waiting,
                counts.review,
                self._stopped(peers),
                at_garrison_ms(self._store.custody(1)),
                [*self._standing_words(peers), *self._hold_words(counts)],
            ),
            "documents": summary.documents,
            "digest": summary.digest.hex(),
            "statements": counts.statements,
            "changes": counts.changes,
            "waiting": counts.waiting,
            "refused": counts.refused,
            "set_aside": counts.set_aside,
            "findings": counts.review,
            "blobs_wanted": counts.blobs_wanted,
            **self._hold_status(counts),
            "backed_up_ms": self._backed_up_ms(),
            "accounts": len(self.roster.people(self._engine.now_ms()).accounts),
            "bytes_in": received,
            "bytes_out": sent,
            "locked": bool(self.locker and self.locker.locked),
            "silent": bool(self._peering and self._peering.allowances.silent),
            "paused": bool(self._peering and self._peering.paused),
            "link": self._link_body(None),
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
                "link": self._link_body(one.node),
            }
        unnamed: list[Json] = []
        for peer in self._peering.table.peers() if self._peering else ():
            addresses = [str(address) for address in peer.addresses]
            seen = {"addresses": addresses, "sources": list(peer.sources)}
            if peer.node in found:
                found[peer.node].update(seen)
            else:
                name = node_text(peer.node) if peer.node else ""
                told = {"node": name, "name": "", "phase": "unknown", "cause": peer.cause or ""}
                unnamed.append({**told, "link": self._link_body(None), **seen})
        return [*(found[node] for node in sorted(found)), *unnamed]

    def _link_body(self, node: NodeId | None) -> Json:
        return self._peering and self._peering.allowances.body(node, self._engine.now_ms())

    def _stopped(self, peers: Iterable[Acquaintance]) -> dict[bytes, str]:
        """Codes of what keeps peers from us, by node."""
        causes = {one.node: self._peering.stopped(one.node) for one in peers if self._peering}
        return {
            node: self._whose_revocation(node) if cause == REVOKED_HERE else cause
            for node, cause in causes.items()
            if cause
        }

    def sync(self, peer: str, timeout_s: float) -> Json:
        """See `Desk`."""
        peering = self._peering
        if peering is None:
            raise NoPeer("this node has no links open; everything is saved here")
        node, address = self._named(peer)
        began = time.monotonic()
        proved = self._on_loop(prove(peering, node, address, timeout_s))
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

    def silence(self, *, silent: bool) -> Json:
        """See `Desk`."""
        if self.silencing is None:
            raise NoPeer("this node has no links open")
        if not silent and self.locker and self.locker.locked:
            raise Locked("This node is locked, and silent until it is unlocked")
        return self._on_loop(self.silencing.set(silent=silent))

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
        met = self._peering.acquaintances if self._peering else {}
        return [met[one] for one in sorted(met)]

    def _waiting(self, node: NodeId) -> int:
        link = self._peering and self._peering.link(node)
        return link.session.waiting if link else 0

    def _on_loop(self, work: Coroutine[Any, Any, Result]) -> Result:
        if self._loop is None:
            raise NoPeer("this node has no links open")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _listed(row: ProjectionRow) -> dict[str, Json]:
    kind = document_kind(row.document)
    return {
        "document": document_text(row.document),
        "kind": kind.name.lower() if kind else "unknown",
        "label": row.label,
        "findings": row.open_findings,
        **({"shed_ms": row.shed_ms} if row.shed_ms else {}),
    }
