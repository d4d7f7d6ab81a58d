"""One write transaction on a `MemoryStore`: the same plans as on SQL, carried out on dicts."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence

from conflict.branches import Chain, spread
from conflict.document import Entry
from conflict.identity import ActorId, DocumentId, Lane, NodeId
from conflict.lane import LaneRun, LaneState
from conflict.urgency import ROUTINE_LANE, LaneUrgency
from storage import (
    aside,
    blobs,
    holding,
    limits,
    memory_audit,
    memory_branches,
    memory_custody,
    memory_lanes,
    memory_shedding,
    shedding,
)
from storage.audit_chain import AuditAck
from storage.audit_chain import Sign as SignHead
from storage.authority import check_place
from storage.coverage import pack_nodes
from storage.errors import BlobMismatch
from storage.framing import pack_evidence
from storage.memory_reader import suspects_of
from storage.memory_rows import BlobRow, DocumentCache, LaneRow, Rows, StagedRun, StoredRun
from storage.refilling import ShedBase
from storage.shapes import Freed, ProjectionRow, Refusal, SetAsideRow
from storage.sketches import Step, step
from storage.suspects import SETTING as SUSPECTS
from sync.audit import AuditHead, AuditRow, AuditSegment, AuditVerdict
from sync.custody import CustodyEntry, Sign, Verdict
from sync.ports import Applied, Position, Receipt, SetAside

_MODULUS = 1 << 64


class _Lookup:
    def __init__(self, rows: Rows, source: NodeId | None) -> None:
        self._rows, self._source = rows, source

    def states(self, documents: Sequence[DocumentId]) -> dict[DocumentId, dict[ActorId, LaneState]]:
        held = ((one, self._rows.lanes[one]) for one in documents if one in self._rows.lanes)
        return {one: {actor: row.held for actor, row in rows.items()} for one, rows in held}

    def staged(self, lane: Lane) -> LaneRun | None:
        row = self._rows.staged.get((self._source, lane))
        return row.run if row else None

    def run_at(self, lane: Lane, seq: int) -> LaneRun:
        stored = (one.run for one in self._rows.runs[lane])
        return next(run for run in stored if run.last_seq >= seq)

    def branches(self, documents: Sequence[DocumentId]) -> dict[Lane, dict[ActorId, Chain]]:
        return memory_branches.of(self._rows, documents)

    def stored(self, lane: Lane) -> list[LaneRun]:
        return memory_lanes.stored(self._rows, lane)

    def bases(self, documents: Sequence[DocumentId]) -> dict[Lane, ShedBase]:
        return memory_shedding.of(self._rows, documents)


class MemoryTransaction:
    """Implements `storage.ports.Transaction`; made by `MemoryStore.write`."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.spoiled: list[bytes] = []
        self.steps: list[Step] = []

    def hold(self, runs: Sequence[LaneRun], source: NodeId | None, now_ms: int) -> Applied:
        """See `Transaction.hold`."""
        plan = holding.plan(runs, _Lookup(self._rows, source))
        memory_branches.write(self._rows, plan.branching)
        arrivals = {tail.lane.document: self._append(tail, now_ms) for tail in plan.tails}
        for one in plan.documents:
            before = self._rows.documents.get(one.document)
            arrival = arrivals[one.document]
            statements = before.statements if before else 0
            change = step(self._rows.cells.key, one.document, one.before, one.digest)
            self.steps.append(change)
            came = change.came
            self._rows.mark(one.document, DocumentCache(one.digest, statements, arrival, came))
            self._rows.dirty[one.document] = arrival
            if before is None:
                self._rows.came[one.document] = now_ms
                memory_custody.recognise(self._rows, one.document)
        memory_custody.settle(self._rows, [one.document for one in plan.documents], now_ms)
        digest = self._rows.tally.get("digest", 0) + plan.digest_delta
        self._rows.tally["digest"] = digest % _MODULUS
        memory_shedding.bring_back(self._rows, plan.refill, now_ms)
        self._stage(plan, source, now_ms)
        kept = {item: pack_evidence(one) for item, one in plan.aside}
        self.set_aside(list(kept), kept, source, now_ms)
        return plan.applied

    def _append(self, tail: LaneRun, now_ms: int) -> int:
        """Store a tail; its arrival number."""
        lane, rows = tail.lane, self._rows
        arrival = rows.tally.get("arrival", 0) + 1
        rows.tally["arrival"] = arrival
        rows.arrivals[arrival] = lane
        rows.runs[lane] = (*rows.runs.get(lane, ()), StoredRun(tail, arrival, now_ms))
        lanes = rows.lanes.get(lane.document, {})
        fresh = LaneRow(tail.author, tail.nonce, tail.state)
        row = lanes.get(lane.actor, fresh)._replace(held=tail.state)
        rows.lanes[lane.document] = {**lanes, lane.actor: row}
        return arrival

    def _stage(self, plan: holding.Plan, source: NodeId | None, now_ms: int) -> None:
        staged = self._rows.staged
        for lane in plan.unstage:
            staged.drop((source, lane))
        for lane, run in plan.stage.items():
            staged[source, lane] = StagedRun(run, now_ms)
        if not plan.stage:
            return
        mine = [(key[1], row) for key, row in staged.items() if key[0] == source]
        mine.sort(key=lambda pair: (pair[1].at_ms, pair[0]))
        sizes = [(lane, row.run.size) for lane, row in mine]
        for lane in holding.evict(sizes):
            staged.drop((source, lane))

    def set_aside(
        self,
        items: Sequence[SetAside],
        bytes_by_item: Mapping[SetAside, bytes],
        source: NodeId | None,
        now_ms: int,
    ) -> None:
        """See `Transaction.set_aside`."""
        mine = [row for row in self._rows.aside.values() if row.source == source]
        used, count = sum(len(row.kept) for row in mine), len(mine)
        for item in items:
            data = bytes_by_item.get(item, b"")
            key = (item.lane, item.first_seq, item.code, aside.content_key(data))
            if key in self._rows.aside or count >= limits.SET_ASIDE_ROWS_MAX_PER_SOURCE:
                continue
            kept = aside.within_quota(data, used)
            self._rows.aside[key] = SetAsideRow(item, source, kept, now_ms)
            used, count = used + len(kept), count + 1

    def clear_set_aside(self, lane: Lane) -> None:
        """See `Transaction.clear_set_aside`."""
        for key in [key for key in self._rows.aside if key[0] == lane]:
            self._rows.aside.drop(key)

    def entries(self, document: DocumentId) -> dict[ActorId, tuple[Entry, ...]]:
        """See `Transaction.entries`."""
        whose = memory_branches.actors(self._rows, [document])
        found = memory_lanes.entries(self._rows, document)
        told = spread(found, {lane.actor: actor for lane, actor in whose.items()})
        return {actor: tuple(some) for actor, some in told.items()}

    def save_admission(
        self,
        document: DocumentId,
        actor: ActorId,
        length: int,
        entries: Sequence[Entry],
        urgency: LaneUrgency = ROUTINE_LANE,
    ) -> None:
        """See `Transaction.save_admission`."""
        row = self._lane(document, actor)
        if row is None or not row.admitted <= length <= row.held.length:
            return
        refusal = row.refusal if row.refusal and row.refusal.length > length else None
        fresh = row._replace(admitted=length, entries=tuple(entries), refusal=refusal)
        self._save_lane(document, actor, fresh)
        self.save_urgency(document, actor, urgency)

    def save_urgency(self, document: DocumentId, actor: ActorId, urgency: LaneUrgency) -> None:
        """See `Transaction.save_urgency`."""
        row = self._lane(document, actor)
        if row is None or not row.admitted or row.urgency == urgency:
            return
        self._save_lane(document, actor, row._replace(urgency=urgency))
        lane = Lane(document, actor)
        if urgency.urgent_ms:
            self._rows.urgent[lane] = urgency.urgent_ms
        else:
            self._rows.urgent.drop(lane)

    def refuse_admission(
        self, document: DocumentId, actor: ActorId, length: int, code: str, detail: str
    ) -> None:
        """See `Transaction.refuse_admission`."""
        row = self._lane(document, actor)
        if row is None or not row.admitted < length <= row.held.length:
            return
        if row.refusal is None or row.refusal.length <= length:
            refusal = Refusal(length, code, detail)
            self._save_lane(document, actor, row._replace(refusal=refusal))

    def retry_admission(self, document: DocumentId) -> None:
        """See `Transaction.retry_admission`."""
        for actor, row in self._rows.lanes.get(document, {}).items():
            if row.refusal:
                self._save_lane(document, actor, row._replace(refusal=None))
                self._rows.dirty[document] = self._rows.documents[document].arrival

    def fold_again(self) -> None:
        """See `Transaction.fold_again`."""
        for document, row in self._rows.documents.items():
            self._rows.dirty[document] = row.arrival

    def _lane(self, document: DocumentId, actor: ActorId) -> LaneRow | None:
        return self._rows.lanes.get(document, {}).get(actor)

    def _save_lane(self, document: DocumentId, actor: ActorId, row: LaneRow) -> None:
        self._rows.lanes[document] = {**self._rows.lanes[document], actor: row}

    def save_projection(self, row: ProjectionRow) -> None:
        """See `Transaction.save_projection`."""
        rows, document = self._rows, row.document
        before = rows.projections.get(document)
        for other in before.links if before else ():
            rows.named_by[other] = rows.named_by[other] - {document}
        for name, _ in before.blobs if before else ():
            rows.needs[name] = {one: n for one, n in rows.needs[name].items() if one != document}
        label, links = memory_shedding.completed(rows, row)
        needs = tuple(sorted(dict(row.blobs).items()))
        for other in links:
            rows.named_by[other] = rows.named_by.get(other, frozenset()) | {document}
        for name, size in needs:
            rows.needs[name] = {**rows.needs.get(name, {}), document: size}
        gone, here = set(before.members if before else ()), set(row.members)
        for one in gone - here:
            rows.belongs[one] = rows.belongs[one] - {document}
        for one in here - gone:
            rows.belongs[one] = rows.belongs.get(one, frozenset()) | {document}
        rows.projections[document] = ProjectionRow(
            document, label, row.open_findings, row.body, tuple(links), needs, tuple(sorted(here))
        )

    def mark_clean(self, document: DocumentId) -> None:
        """See `Transaction.mark_clean`."""
        lanes = self._rows.lanes.get(document, {})
        if not lanes or memory_lanes.awaiting(self._rows, document):
            return
        statements = sum(len(row.entries) for row in lanes.values())
        cache = self._rows.documents[document]
        self._rows.documents[document] = cache._replace(statements=statements)
        self._rows.dirty.drop(document)

    def save_receipts(
        self, holder: NodeId, epoch: bytes, receipts: Sequence[Receipt], now_ms: int
    ) -> None:
        """See `Transaction.save_receipts`."""
        memory_custody.save_receipts(self._rows, holder, epoch, receipts, now_ms)

    def save_custody(self, entry: CustodyEntry, now_ms: int) -> tuple[Verdict, Position]:
        """See `Transaction.save_custody`."""
        return memory_custody.save(self._rows, entry, now_ms)

    def write_custody(
        self, garrison: NodeId, epoch: bytes, now_ms: int, sign: Sign
    ) -> CustodyEntry | None:
        """See `Transaction.write_custody`."""
        return memory_custody.write(self._rows, garrison, epoch, now_ms, sign)

    def save_authority(self, after: int, entries: Sequence[bytes]) -> None:
        """See `Transaction.save_authority`."""
        check_place(len(self._rows.authority), after)
        for number, entry in enumerate(entries, after + 1):
            if number not in self._rows.authority:
                self._rows.authority[number] = entry

    def append_audit(
        self, device: NodeId, epoch: bytes, rows: Sequence[AuditRow], sign: SignHead
    ) -> AuditHead:
        """See `Transaction.append_audit`."""
        return memory_audit.append(self._rows, device, epoch, rows, sign)

    def hold_audit(self, segment: AuditSegment, now_ms: int) -> tuple[AuditVerdict, AuditHead]:
        """See `Transaction.hold_audit`."""
        return memory_audit.hold(self._rows, segment, now_ms)

    def save_audit_ack(self, garrison: NodeId, ack: AuditAck) -> None:
        """See `Transaction.save_audit_ack`."""
        self._rows.audit_acks[garrison] = ack

    def suspect(self, nodes: Collection[NodeId]) -> bool:
        """See `Transaction.suspect`."""
        changed = suspects_of(self._rows) ^ frozenset(nodes)
        if changed:
            self._rows.settings[SUSPECTS] = pack_nodes(nodes)
        for document, lanes in self._rows.lanes.items():
            for actor, row in lanes.items():
                if row.author in changed:
                    self._open_again(document, actor)
        return bool(changed)

    def cover(self, claims: Sequence[Receipt]) -> bool:
        """See `Transaction.cover`."""
        news = False
        for lane, state in claims:
            known = self._rows.covers.get(lane, ())
            if state not in known:
                self._rows.covers[lane] = (*known, state)
                for actor in (lane.actor, *self._rows.branches.get(lane, ())):
                    self._open_again(lane.document, actor)
                news = True
        return news

    def _open_again(self, document: DocumentId, actor: ActorId) -> None:
        row = self._lane(document, actor)
        if row is not None:
            self._save_lane(document, actor, LaneRow(row.author, row.nonce, row.held))
            self._rows.urgent.drop(Lane(document, actor))
            self._rows.dirty[document] = self._rows.documents[document].arrival

    def shed(self, document: DocumentId, now_ms: int) -> Freed:
        """See `Transaction.shed`."""
        return memory_shedding.let_go(self._rows, document, now_ms)

    def want(self, documents: Collection[DocumentId], now_ms: int) -> None:
        """See `Transaction.want`."""
        memory_shedding.want(self._rows, documents, now_ms)

    def save_released(self, holder: NodeId, documents: Sequence[DocumentId]) -> None:
        """See `Transaction.save_released`."""
        memory_shedding.forget_receipts(self._rows, holder, documents)

    def heard_release(self, peer: NodeId, epoch: bytes, through: int, total: int) -> None:
        """See `Transaction.heard_release`."""
        self.set_setting(shedding.told(peer), shedding.pack_told(epoch, through, total))

    def put_blob_part(self, blob_hash: bytes, offset: int, data: bytes, size: int) -> bool:
        """See `Transaction.put_blob_part`."""
        row = self._rows.blobs.get(blob_hash, BlobRow(b"", size, complete=False))
        if row.complete:
            return True
        try:
            blobs.check_part(len(row.data), offset, data, size, row.size)
            whole = row.data + data[len(row.data) - offset :]
            complete = len(whole) == size
            if complete:
                blobs.check_hash(blob_hash, iter([whole]))
        except BlobMismatch:
            self.spoiled.append(blob_hash)
            raise
        self._rows.blobs[blob_hash] = BlobRow(whole, size, complete)
        return complete

    def put_blob(self, data: bytes) -> bytes:
        """See `Transaction.put_blob`."""
        name = hashlib.sha256(data).digest()
        blobs.check_part(0, 0, data, len(data), len(data))
        self._rows.blobs[name] = BlobRow(data, len(data), complete=True)
        return name

    def setting(self, key: str) -> bytes | None:
        """See `Transaction.setting`."""
        return self._rows.settings.get(key)

    def set_setting(self, key: str, value: bytes) -> None:
        """See `Transaction.set_setting`."""
        self._rows.settings[key] = value
