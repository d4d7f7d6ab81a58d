"""What goes into a bundle, in the order in which it matters: a stick pulled early holds what is urgent.

Everything is read in pages, by precedence, then by the latest arrival: memory does not grow with the
store. What is written here meanwhile is for the next bundle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby

from conflict.identity import ActorId, DocumentId, Lane, NodeId
from conflict.lane import ShortState, Vector
from node.bundles.parcel import Parcel
from node.engine import Engine
from node.errors import BadRequest
from sync import limits
from sync.bundle import (
    Authority,
    BlobPart,
    Content,
    Custody,
    Held,
    Record,
    Sender,
    gathered,
    written,
)
from sync.outbox import grouped
from sync.packing import pack
from sync.ports import Lacking, Position, Precedence, Summary
from sync.trust.sealing import seal
from sync.vectors import NOTHING, chunks

LANES = 1024  # looked up at once
DOCUMENTS = 512
LOG_ENTRIES = 64
BLOB_BYTES = 512 * 1024  # a part: each is a commit where it is taken
SETTLE_S = 60.0
LOG_SETTING = "bundle.log."
"""With a node's id: number of the last entry of the authority's log that it is known to have."""


class Export:
    """One bundle. `changes`: put in so far."""

    def __init__(self, engine: Engine, parcel: Parcel) -> None:
        self.changes = 0
        self._engine = engine
        self._store = engine.store
        self._parcel = parcel
        self._reader = engine.store.shared(parcel.view)
        self._urgent_since_ms = engine.now_ms() - limits.URGENT_S * 1000
        self._blobs: set[bytes] = set()

    def sealed(self) -> Iterator[bytes]:
        """The bytes of the file. Raises `BadRequest` before the first."""
        own = self._engine.belonging.certificate
        if own is None:
            raise BadRequest("the theatre's log here does not know this node: sync first")
        self._engine.projector.wait_idle(SETTLE_S)  # who may hold what is known when it is shown
        receivers = [one.certificate.grant.receive for one in self._parcel.recipients]
        header, chunked = seal(receivers, self._engine.entropy)
        yield header.to_bytes()
        records = self.records(own.der)
        yield from chunked(written(records, self._engine.key, header.binding))

    def records(self, certificate: bytes) -> Iterator[Record]:
        """All but the manifest. `certificate`: this node's own, DER."""
        yield self._sender(certificate)
        yield from self._authority()
        yield from self._custody()
        for lanes, classes in self._lanes():
            yield from self._content(lanes, classes)
        yield from self._owed()
        yield from self._held()
        yield from self._attachments()

    # First ------------------------------------------------------------------------------------

    def _sender(self, certificate: bytes) -> Sender:
        complete = self._parcel.documents is None
        return Sender(
            certificate=certificate,
            epoch=self._store.epoch(),
            made_ms=self._engine.now_ms(),
            scopes=self._parcel.scopes,
            complete=complete,
            summary=self._reader.summary() if complete else Summary(0, bytes(8)),
            log=self._engine.belonging.head.number,
        )

    def _authority(self) -> Iterator[Authority]:
        after, since = 0, self._parcel.since
        if since is not None and (told := self._store.setting(LOG_SETTING + since.hex())):
            after = int(told)
        for part in gathered(_pages(self._store.authority_entries, after, LOG_ENTRIES)):
            yield Authority(part)

    def _custody(self) -> Iterator[Custody]:
        alone = {one.node for one in self._parcel.recipients}
        for garrison, (epoch, number) in self._reader.custody_positions().items():
            # A garrison knows its own log; its end tells one that was restored that it lost some.
            after = number - 1 if alone == {garrison} else 0
            entries = self._log(garrison, Position(epoch, max(after, 0)))
            for part in gathered(entries):
                yield Custody(part)

    def _log(self, garrison: NodeId, after: Position) -> Iterator[bytes]:
        epoch, number = after
        return _pages(
            lambda at, most: self._reader.custody_entries(garrison, epoch, at, most),
            number,
            LOG_ENTRIES,
        )

    # Lanes ------------------------------------------------------------------------------------

    def _lanes(self) -> Iterator[tuple[Sequence[Lane], frozenset[Precedence]]]:
        """Lanes to look at, and of which precedences those are that go now."""
        urgent, summary, routine = Precedence.URGENT, Precedence.SUMMARY, Precedence.ROUTINE
        if self._parcel.documents is not None:
            vectors = self._reader.vectors(self._parcel.documents)
            lanes = [Lane(one, actor) for one, vector in vectors.items() for actor in vector]
            for precedence in (urgent, summary, routine):
                yield lanes, frozenset((precedence,))
            return
        first = self._reader.urgent(self._urgent_since_ms, limits.NEWS_LANES_MAX)
        yield first, frozenset((urgent,))
        gone = frozenset(first)
        for classes in (frozenset((urgent, summary)), frozenset((routine,))):
            for page in self._pages():
                yield [lane for lane in page if lane not in gone], classes

    def _pages(self) -> Iterator[list[Lane]]:
        before: int | None = None
        while page := self._reader.latest(before, LANES):
            before = page[-1][1]
            yield [lane for lane, _ in page]

    def _content(self, lanes: Sequence[Lane], classes: frozenset[Precedence]) -> Iterator[Content]:
        documents = list(dict.fromkeys(lane.document for lane in lanes))
        lacking = {one.lane: one for one in self._lacking(documents)}
        away = set(self._reader.withheld([(one, {}) for one in documents]))
        due = [lacking[lane] for lane in lanes if lane in lacking]
        due = [one for one in due if one.precedence in classes]

        def kind(one: Lacking) -> tuple[Precedence, bool]:
            return one.precedence, one.lane in away

        for (precedence, tail), some in groupby(sorted(due, key=kind), kind):
            had = [(one.lane, one.have) for one in some]
            yield from self._packed(had, precedence, tail=tail)

    def _lacking(self, documents: Sequence[DocumentId]) -> list[Lacking]:
        """What the recipients lack, as far as is known."""
        return self._reader.lacking(
            [(one, self._had(one)) for one in documents], self._urgent_since_ms
        )[0]

    def _had(self, document: DocumentId) -> Vector:
        if self._parcel.since is None:
            return {}
        none: Mapping[ActorId, ShortState] = {}
        return self._store.receipts(document).get(self._parcel.since, none)

    def _packed(
        self, lanes: Sequence[tuple[Lane, ShortState]], precedence: Precedence, *, tail: bool
    ) -> Iterator[Content]:
        while lanes:
            reach = self._reader.reach(lanes, limits.BURST_MESSAGES * limits.CONTENT_RAW_BYTES)
            for group in grouped(reach.runs, limits.CONTENT_RAW_BYTES):
                self.changes += sum(len(run.changes) for run in group)
                yield Content(precedence, pack(group), tail)
            lanes = reach.rest

    def _owed(self) -> Iterator[Content]:
        """This node's own lanes go up also outside what both may hold."""
        owed = [(lane, NOTHING) for lane in self._reader.owed(limits.OWED_LANES_MAX)]
        yield from self._packed(owed, Precedence.ROUTINE, tail=False)

    # The rest ---------------------------------------------------------------------------------

    def _documents(self) -> Iterator[list[DocumentId]]:
        if self._parcel.documents is not None:
            yield list(self._parcel.documents)
            return
        after: DocumentId | None = None
        while page := self._reader.listing(after, DOCUMENTS):
            after = page[-1].document
            yield [one.document for one in page]

    def _held(self) -> Iterator[Held]:
        """How far this node has what is not in the bundle."""
        for documents in self._documents():
            vectors = self._reader.vectors(documents)
            away = set(self._reader.withheld([(one, {}) for one in documents]))
            sent = {one.lane for one in self._lacking(documents)}
            kinds: dict[bool, dict[DocumentId, dict[ActorId, ShortState]]] = {False: {}, True: {}}
            for one, vector in sorted(vectors.items()):
                for actor, state in vector.items():
                    lane = Lane(one, actor)
                    if lane in away or lane not in sent:
                        kinds[lane in away].setdefault(one, {})[actor] = state
            for is_away, found in kinds.items():
                if found:
                    for part, _ in chunks(list(found.items())):
                        yield Held(part, is_away)

    def _attachments(self) -> Iterator[BlobPart]:
        """Blobs of the documents of which something is in the bundle."""
        for documents in self._documents():
            sent = sorted({one.lane.document for one in self._lacking(documents)})
            for name in self._reader.blobs_named(sent):
                if name not in self._blobs:
                    self._blobs.add(name)
                    yield from self._parts(name)

    def _parts(self, name: bytes) -> Iterator[BlobPart]:
        offset = 0
        while found := self._reader.blob_part(name, offset, BLOB_BYTES):
            data, size = found
            yield BlobPart(name, size, offset, data)
            offset += len(data)
            if not data or offset >= size:
                return


def _pages(read: Callable[[int, int], Sequence[bytes]], after: int, most: int) -> Iterator[bytes]:
    """Entries of a log above a number, a page at a time."""
    while page := read(after, most):
        yield from page
        after += len(page)
