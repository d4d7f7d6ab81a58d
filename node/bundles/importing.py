"""Taking a bundle: every record goes the way that a session's would, with its sender as the source.

What was whole before a bundle breaks off is durable and stays; the same bundle again goes on from there
and changes nothing that is here already.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import NamedTuple

from conflict.identity import NodeId, document_text, node_text
from conflict.lane import LaneRun
from conflict.statement import Json
from node.bundles.exporting import LOG_SETTING
from node.bundles.parcel import theatre_of
from node.engine import Engine
from sync import bundle, custody
from sync.authority_effects import SaveAuthority
from sync.blob_effects import SaveBlobPart
from sync.bundle import Authority, BlobPart, Content, Custody, Held, Record, Records, Sender
from sync.custody import Verdict
from sync.custody_effects import CustodyRefused, SaveCustody
from sync.effects import Hold, HoldDone, SaveReceipts
from sync.errors import PeerFault, SyncError
from sync.payload import read_payload
from sync.ports import Precedence, Receipt, SetAside, Summary, View
from sync.receipts import vet
from sync.trust.certificate import receive_key
from sync.trust.errors import BadBundle, OtherTheatre, TrustError
from sync.trust.sealing import Header, opened, read_header
from sync.trust.stream import Read
from sync.trust.theatre import Standing

HOLDING_MAX = 4  # payloads on their way into the store
SHOWN_S = 600.0  # what attachments are wanted is known when all is shown
BLOBS_WANTED_MAX = 1 << 16
_TICKET = 0  # nobody waits for an effect's answer by its ticket here


@dataclass
class Tally:
    """What came."""

    changes: int = 0
    urgent: int = 0
    set_aside: int = 0
    gaps: int = 0
    authority: int = 0
    custody: int = 0
    custody_refused: int = 0
    attachments: int = 0
    passed_over: int = 0


class _Waiting(NamedTuple):
    """Runs on their way into the store, and what their sender claims by them."""

    future: Future[HoldDone]
    precedence: Precedence
    claims: tuple[Receipt, ...]
    set_aside: int


@dataclass
class Import:
    """One bundle being taken. `read` gives the file."""

    engine: Engine
    read: Read
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self._store = self.engine.store
        self._holding: deque[_Waiting] = deque()
        self._wanted: dict[bytes, int] | None = None
        self._believed = False
        self._told: Future[None] | None = None

    def run(self) -> Json:
        """What came, and what stopped it if something did. Raises `TrustError` and `PeerFault` leaves
        when nothing of it could be read, `BadRequest`, `StorageError`."""
        before = self._store.summary().documents, self._store.counts().statements
        header, records, sender, node = self._begin()
        stopped: SyncError | None = None
        try:
            for record in records:
                self._take(record, sender, node)
        except (TrustError, PeerFault) as fault:
            stopped = fault
        finally:
            self._settle(0, sender, node)
            if self._told is not None:
                self._told.result()
        if stopped is None:
            told = str(sender.log).encode()
            self.engine.set_setting(LOG_SETTING + node.hex(), told).result()
        return self._report(header, sender, node, stopped, before)

    def _begin(self) -> tuple[Header, Records, Sender, NodeId]:
        theatre = theatre_of(self.engine.belonging)
        header = read_header(self.read)
        plain = opened(self.read, header, receive_key(self.engine.key))
        records = Records(plain, header.binding)
        try:
            sender, certificate = records.sender(theatre.meet)
        except OtherTheatre as fault:
            raise OtherTheatre(
                "the bundle is from a device of another theatre; nothing was taken"
            ) from fault
        return header, records, sender, certificate.grant.node

    def _take(self, record: Record, sender: Sender, node: NodeId) -> None:
        match record:
            case Authority(entries):
                self._log(entries)
            case Custody(entries):
                self._entries(entries, node)
            case Content():
                self._believe(sender, node)
                self._hold(record, node)
                self._settle(HOLDING_MAX, sender, node)
            case Held(vectors, away):
                self._believe(sender, node)
                if not away and self._believed:
                    self._settle(0, sender, node)
                    claims = self._of_held(bundle.receipts(vectors))
                    self._save_receipts(claims, sender, node)
            case BlobPart():
                self._settle(0, sender, node)
                self._blob_part(record)

    # What the sender says of itself -----------------------------------------------------------

    def _believe(self, sender: Sender, node: NodeId) -> None:
        """Whether its claims count: it belongs, and its store was not renewed since."""
        theatre = theatre_of(self.engine.belonging)
        told = self._store.epoch_told(node)
        belongs = theatre.standing(node) in {Standing.ENROLLED, Standing.EXPIRED}
        self._believed = belongs and (told is None or told <= sender.epoch)

    def _save_receipts(self, claims: Sequence[Receipt], sender: Sender, node: NodeId) -> None:
        if claims:
            effect = SaveReceipts(node, sender.epoch, tuple(claims))
            self._told = self.engine.save_receipts(effect)

    def _of_held(self, claims: Sequence[Receipt]) -> list[Receipt]:
        """Claims of lanes that are here: nobody fills a store with those of others."""
        documents = list(dict.fromkeys(one.lane.document for one in claims))
        held = self._store.vectors(documents)
        return [one for one in claims if one.lane.actor in held[one.lane.document]]

    def _log(self, entries: tuple[bytes, ...]) -> None:
        """The authority's log comes before all that it lets be checked."""
        before = self.engine.belonging.head.number
        saved = self.engine.save_authority(SaveAuthority(_TICKET, entries)).result()
        self.tally.authority += saved.head.number - before
        if saved.refused:
            raise BadBundle(
                f"its copy of the theatre's log does not fit the one here ({saved.refused}): show it "
                "to the authority. Nothing after it was taken"
            )

    def _entries(self, entries: tuple[bytes, ...], node: NodeId) -> None:
        for data in entries:
            entry = custody.from_bytes(data)
            verdict = custody.verdict(entry, self.engine.belonging)
            if verdict is None:
                saved = self.engine.custody.save(SaveCustody(_TICKET, entry), node).result()
                verdict = saved.verdict
            if verdict is Verdict.KEPT:
                self.tally.custody += 1
            elif verdict not in {Verdict.KNOWN, Verdict.GAP, Verdict.SURPASSED}:
                self.tally.custody_refused += 1
                refused = CustodyRefused(entry.garrison, entry.number, verdict)
                self.engine.custody.refused(refused)

    # Content ----------------------------------------------------------------------------------

    def _hold(self, content: Content, node: NodeId) -> None:
        payload = read_payload(content.payload)
        if payload.continued:
            raise BadBundle("a run that goes on from what is not in the bundle")
        good: list[LaneRun] = []
        aside: list[tuple[SetAside, LaneRun]] = []
        for run in payload.runs({}):
            assert run is not None  # noqa: S101  none goes on from elsewhere
            fault = vet(run, self.engine.belonging)
            if fault is None:
                good.append(run)
            else:
                aside.append((fault, run))
        effect = Hold(_TICKET, node, tuple(good), tuple(aside), content.precedence)
        whole = [run for run in good if run.signature is not None and not content.tail]
        claims = tuple(Receipt(run.lane, run.state.short) for run in whole)
        self._holding.append(
            _Waiting(self.engine.hold(effect), content.precedence, claims, len(aside))
        )

    def _settle(self, most: int, sender: Sender, node: NodeId) -> None:
        """Wait until at most so many payloads are not durable yet."""
        while len(self._holding) > most:
            one = self._holding.popleft()
            applied = one.future.result().applied
            held = {each.lane: each.state.length for each in applied.held}
            new = sum(held.get(lane, first - 1) - first + 1 for lane, first in applied.grown)
            self.tally.changes += new
            self.tally.urgent += new if one.precedence is Precedence.URGENT else 0
            self.tally.set_aside += len(applied.set_aside) + one.set_aside
            self.tally.gaps += len(applied.gaps)
            if self._believed:
                self._save_receipts(one.claims, sender, node)

    def _blob_part(self, part: BlobPart) -> None:
        """Only what a document here names and lacks is kept."""
        if self._wanted is None:
            self.engine.projector.wait_idle(SHOWN_S)
            found = self._store.blobs_wanted(BLOBS_WANTED_MAX)
            self._wanted = {one.hash: one.have for one in found}
        have = self._wanted.get(part.hash)
        if have is None or part.offset + len(part.data) <= have:
            self.tally.passed_over += 1
            return
        effect = SaveBlobPart(_TICKET, part.hash, part.size, part.offset, part.data)
        saved = self.engine.save_blob_part(effect).result()
        self._wanted[part.hash] = saved.have
        if saved.complete:
            del self._wanted[part.hash]
            self.tally.attachments += 1

    # ------------------------------------------------------------------------------------------

    def _report(
        self,
        header: Header,
        sender: Sender,
        node: NodeId,
        stopped: SyncError | None,
        before: tuple[int, int],
    ) -> Json:
        shown = self.engine.projector.wait_idle(SHOWN_S)
        documents, statements = before
        tally = self.tally
        return {
            **described(self.engine, header, sender, node),
            "whole": stopped is None,
            "stopped": None if stopped is None else {"code": stopped.code, "message": str(stopped)},
            "equal": self._equal(sender) if stopped is None and shown else None,
            "documents": self._store.summary().documents - documents,
            "statements": self._store.counts().statements - statements,
            "changes": tally.changes,
            "urgent_changes": tally.urgent,
            "set_aside": tally.set_aside,
            "gaps": tally.gaps,
            "attachments": tally.attachments,
            "attachments_missing": self._store.counts().blobs_wanted,
            "authority_entries": tally.authority,
            "custody_entries": tally.custody,
            "custody_refused": tally.custody_refused,
        }

    def _equal(self, sender: Sender) -> bool | None:
        """Whether both hold the same now of what the bundle speaks of; None: it does not say."""
        return self._summary(sender) == sender.summary if sender.complete else None

    def _summary(self, sender: Sender) -> Summary:
        view = None if sender.scopes is None else View(sender.scopes)
        return self._store.shared(view).summary()


def described(engine: Engine, header: Header, sender: Sender, node: NodeId) -> dict[str, Json]:
    """What an opened bundle says of itself."""
    theatre = theatre_of(engine.belonging)
    device = theatre.device(node)
    scopes = sender.scopes
    return {
        "id": header.binding.hex()[:32],
        "node": node_text(node),
        "name": device.name if device else "",
        "standing": str(theatre.standing(node)),
        "made_ms": sender.made_ms,
        "complete": sender.complete,
        "scopes": None if scopes is None else [document_text(one) for one in sorted(scopes)],
        "held": sender.summary.documents,
    }


def inspected(engine: Engine, read: Read) -> Json:
    """What is in a bundle, nothing taken. Raises as `Import.run`."""
    importing = Import(engine, read)
    header, records, sender, node = importing._begin()
    counts: dict[str, int] = {}
    runs = changes = 0
    stopped: SyncError | None = None
    try:
        for record in records:
            name = type(record).__name__.lower()
            counts[name] = counts.get(name, 0) + 1
            if isinstance(record, Content):
                found = [one for one in read_payload(record.payload).runs({}) if one is not None]
                runs += len(found)
                changes += sum(len(one.changes) for one in found)
    except (TrustError, PeerFault) as fault:
        stopped = fault
    return {
        **described(engine, header, sender, node),
        "whole": stopped is None,
        "stopped": None if stopped is None else {"code": stopped.code, "message": str(stopped)},
        "records": counts,
        "runs": runs,
        "changes": changes,
    }


def sender_of(engine: Engine, read: Read) -> NodeId:
    """Who made a bundle. Raises as `Import.run`."""
    return Import(engine, read)._begin()[3]
