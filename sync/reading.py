"""Performs a session's reads on a store: the one place that says what each read means.

The driver calls `perform` on a thread, tests and the simulator call it inline. Writes are not here:
they belong to whoever owns the writer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from conflict.identity import ActorId, DocumentId
from conflict.lane import ShortState, Vector
from sync import (
    authority_effects,
    blob_effects,
    continuing,
    custody_effects,
    effects,
    lane_effects,
    lane_sketch,
    limits,
    shed_effects,
    sketch,
)
from sync.audit_reading import AUDIT_READS
from sync.effects import Answer, Read
from sync.errors import BadSketch
from sync.lane_effects import LanesShown
from sync.ports import Asked, LaneReader, Precedence
from sync.sketch import Sketch, SketchKey, Symbol
from sync.vectors import ACTOR_SHORT_BYTES, NOTHING, lacking


def perform(read: Read, store: LaneReader) -> Answer:
    """Answer one read effect from `store`."""
    return _PERFORM[type(read)](read, store)


def _summary(_read: effects.ReadSummary, store: LaneReader) -> effects.SummaryRead:
    arrival = store.arrival()  # first: what comes between the two is news once more
    return effects.SummaryRead(store.summary(), arrival)


def _listing(read: effects.ReadListing, store: LaneReader) -> effects.ListingRead:
    listed = store.listing(read.after, read.limit)
    return effects.ListingRead(tuple(listed), len(listed) < read.limit)


def _news(read: effects.ReadNews, store: LaneReader) -> effects.NewsRead:
    lanes = store.news(read.since, read.limit)
    if lanes is None:
        return effects.NewsRead(None)
    urgent = set(store.urgent(read.urgent_since_ms, read.limit) if lanes else ())
    ranked = (Precedence.URGENT if lane in urgent else Precedence.ROUTINE for lane, _ in lanes)
    return effects.NewsRead(
        tuple((*one, precedence) for one, precedence in zip(lanes, ranked, strict=True))
    )


def _lacking(read: effects.ReadLacking, store: LaneReader) -> effects.LackingRead:
    asked = {one.document: one for one in read.wanted}
    wanted = [(one.document, one.have) for one in read.wanted]
    found, behind = store.lacking(wanted, read.urgent_since_ms)
    lanes = tuple(one for one in found if _concerns(asked[one.lane.document], one.lane.actor))
    away = (one for one in store.withheld(wanted) if _concerns(asked[one.document], one.actor))
    withheld = tuple(dict.fromkeys(one.document for one in away))
    owed = frozenset(one.document for one in read.wanted if one.owed)
    answered = sorted(owed.union(behind))
    ours = store.vectors(answered, read.source) if answered else {}
    vectors = ((one, lacking(ours[one], asked[one].have)) for one in answered)
    told = tuple((one, vector) for one, vector in vectors if vector or one in owed)
    return effects.LackingRead(lanes, told, owed, withheld)


def _released(read: shed_effects.ReadReleased, store: LaneReader) -> shed_effects.ReleasedRead:
    most = limits.RELEASED_DOCUMENTS_MAX
    return shed_effects.ReleasedRead(store.released(read.peer, read.epoch, most))


def _refills(read: shed_effects.ReadRefills, store: LaneReader) -> shed_effects.RefillsRead:
    found = store.refills(read.peer, limits.REFILL_DOCUMENTS_MAX)
    return shed_effects.RefillsRead(tuple(found.items()))


def _concerns(asked: Asked, actor: ActorId) -> bool:
    """Whether it was asked for: vectors from the wire may cut their actors."""
    named = asked.have.keys() & {actor, ActorId(actor[:ACTOR_SHORT_BYTES])}
    return not asked.only or bool(named)


def _reach(read: effects.ReadReach, store: LaneReader) -> effects.ReachRead:
    return effects.ReachRead(store.reach(read.lanes, read.bytes_max))


def _vectors(read: effects.ReadVectors, store: LaneReader) -> effects.VectorsRead:
    documents = [*dict.fromkeys(lane.document for lane in read.lanes)]
    ours = store.vectors(documents, read.source)
    found: dict[DocumentId, dict[ActorId, ShortState]] = {one: {} for one in documents}
    for document, actor in sorted(read.lanes, key=lambda lane: -len(lane.actor)):  # cut ones last
        alike = [one for one in {**ours[document], **found[document]} if one.startswith(actor)]
        for one in alike or (actor,):
            found[document][one] = ours[document].get(one, NOTHING)
    return effects.VectorsRead(tuple(found.items()))


def _bases(read: continuing.ReadBases, store: LaneReader) -> continuing.BasesRead:
    return continuing.BasesRead(store.bases(read.places, read.source))


def _staged(read: effects.ReadStaged, store: LaneReader) -> effects.StagedRead:
    begun = store.staged(read.source)
    held = store.vectors(begun) if begun else {}
    few = [one for one in begun if len(held[one]) <= limits.VECTOR_LANES_SAID]
    vectors = store.vectors(few, read.source) if few else {}
    return effects.StagedRead(tuple(vectors.items()))


def _owed(read: effects.ReadOwed, store: LaneReader) -> effects.OwedRead:
    return effects.OwedRead(tuple(store.owed(read.limit)))


def _blobs_wanted(
    _read: blob_effects.ReadBlobsWanted, store: LaneReader
) -> blob_effects.BlobsWantedRead:
    return blob_effects.BlobsWantedRead(tuple(store.blobs_wanted(limits.BLOBS_LISTED_MAX)))


def _blob(read: blob_effects.ReadBlob, store: LaneReader) -> blob_effects.BlobRead:
    data, size = store.blob_part(read.hash, read.offset, read.size) or (b"", 0)
    return blob_effects.BlobRead(read.hash, size, read.offset, data)


def _authority(
    read: authority_effects.ReadAuthority, store: LaneReader
) -> authority_effects.AuthorityRead:
    found = store.authority_entries(read.after, read.most)
    return authority_effects.AuthorityRead(read.after, tuple(found))


def _custody(_read: custody_effects.ReadCustody, store: LaneReader) -> custody_effects.CustodyRead:
    return custody_effects.CustodyRead(tuple(store.custody_positions().items()))


def _entries(read: custody_effects.ReadEntries, store: LaneReader) -> custody_effects.EntriesRead:
    found = store.custody_entries(read.garrison, read.epoch, read.number, read.most)
    return custody_effects.EntriesRead(read.garrison, read.epoch, read.number, tuple(found))


def _compare(read: effects.Compare, store: LaneReader) -> effects.Compared:
    last = None if read.final else read.listed[-1].document if read.listed else read.after
    ours = dict(store.listing_between(read.after, last)) if last != read.after or read.final else {}
    theirs = dict(read.listed)
    differing = [one for one in theirs if ours.get(one) != theirs[one]]
    vectors, large = _vectors_and_cells(differing, store, read)
    unlisted = tuple(one for one in ours if one not in theirs)
    said = tuple((one, vectors[one]) for one in differing if one in vectors)
    return effects.Compared(said, unlisted, large)


def _vectors_and_cells(
    documents: list[DocumentId], store: LaneReader, read: effects.Compare | effects.Differ
) -> tuple[dict[DocumentId, Vector], tuple[LanesShown, ...]]:
    """Ours of these documents; where lanes are many, cells over them instead."""
    key = SketchKey(read.lanes_secret)
    vectors = store.vectors(documents, read.source)
    few = {one: had for one, had in vectors.items() if len(had) <= limits.VECTOR_LANES_SAID}
    large = sorted((one, had) for one, had in vectors.items() if one not in few)
    return few, tuple(_shown(one, key, had, limits.LANE_CELLS) for one, had in large)


def _shown(document: DocumentId, key: SketchKey, vector: Vector, size: int) -> LanesShown:
    return LanesShown(document, len(vector), lane_sketch.cells_of(key, vector, size))


def _cells(read: effects.ReadSketch, store: LaneReader) -> effects.SketchRead:
    ours, _ = _sketch(store, read.salt, read.size)
    return effects.SketchRead(read.start, ours.to_bytes(read.start))


def _sketch(
    store: LaneReader, salt: bytes, size: int
) -> tuple[Sketch, dict[Symbol, DocumentId] | None]:
    """Our first cells; under a salt, whose symbols are whose as well."""
    return store.salted_sketch(salt, size) if salt else (store.sketch(size), None)


def _differ(read: effects.Differ, store: LaneReader) -> effects.Differed:
    ours, names = _sketch(store, read.salt, len(read.cells) // sketch.CELL_BYTES)
    try:
        theirs = Sketch.from_bytes(ours.key, read.cells)
        difference = ours.subtract(theirs)
        found = sketch.decode(difference)
    except BadSketch:
        return effects.Differed(0)
    if not found.complete:
        return effects.Differed(sketch.next_size(difference, read.fewer) or 0)
    documents = names if names is not None else store.named(found.ours)
    return _told(found, documents, store, read)


def _told(
    found: sketch.Decoded,
    documents: dict[Symbol, DocumentId],
    store: LaneReader,
    read: effects.Differ,
) -> effects.Differed:
    """Pair both sides' symbols by tag: one of each is one document in two states."""
    here = Counter(map(sketch.tag, found.ours))
    there = Counter(map(sketch.tag, found.theirs))
    held = {one: documents[one] for one in found.ours if one in documents}
    shared = [one for one in held if there[sketch.tag(one)]]
    vectors, large = _vectors_and_cells([held[one] for one in shared], store, read)
    paired: dict[int, Vector] = {}
    doubtful: list[tuple[DocumentId, Vector]] = []
    for one in shared:
        if (vector := vectors.get(held[one])) is None:
            continue
        tag = sketch.tag(one)
        if here[tag] == there[tag] == 1:
            paired[tag] = vector
        else:
            doubtful.append((held[one], vector))
    lacking = frozenset(found.lacking_here)
    wanted = tuple(
        (one, paired.get(sketch.tag(one), {}))
        for one in found.theirs
        if sketch.tag(one) in paired or one in lacking
    )
    unlisted = tuple(held[one] for one in found.lacking_there if one in held)
    return effects.Differed(None, wanted, unlisted, tuple(doubtful), large)


def _named(read: effects.ReadNamed, store: LaneReader) -> effects.NamedRead:
    symbols = [symbol for symbol, _ in read.wanted]
    documents = store.salted_sketch(read.salt, 1)[1] if read.salt else store.named(symbols)
    return effects.NamedRead(
        tuple((documents[symbol], vector) for symbol, vector in read.wanted if symbol in documents)
    )


# Lanes of one document -------------------------------------------------------------------------


def _of(one: lane_effects.LanesOf, store: LaneReader) -> tuple[SketchKey, Vector]:
    return SketchKey(one.secret), store.vectors([one.document], one.source)[one.document]


def _lanes(read: lane_effects.ReadLanes, store: LaneReader) -> lane_effects.LanesRead:
    key, ours = _of(read.of, store)
    if not read.size:
        return lane_effects.LanesRead(read.of, None, ours)
    return lane_effects.LanesRead(read.of, _shown(read.of.document, key, ours, read.size), None)


def _differ_lanes(read: lane_effects.DifferLanes, store: LaneReader) -> lane_effects.LanesDiffered:
    key, ours = _of(read.of, store)
    told = lane_sketch.differ(key, ours, read.cells, read.lanes)
    return lane_effects.LanesDiffered(read.of, told, ours if len(ours) <= read.lanes else None)


def _named_lanes(read: lane_effects.ReadNamedLanes, store: LaneReader) -> lane_effects.LanesNamed:
    key, ours = _of(read.of, store)
    owed = any(vector for _, vector in read.wanted)
    return lane_effects.LanesNamed(read.of, lane_sketch.named(key, ours, read.wanted), owed)


_PERFORM: dict[type, Callable[..., Answer]] = {
    effects.ReadSummary: _summary,
    effects.ReadListing: _listing,
    effects.Compare: _compare,
    effects.ReadSketch: _cells,
    effects.Differ: _differ,
    effects.ReadNamed: _named,
    effects.ReadNews: _news,
    effects.ReadLacking: _lacking,
    effects.ReadReach: _reach,
    effects.ReadVectors: _vectors,
    effects.ReadStaged: _staged,
    effects.ReadOwed: _owed,
    continuing.ReadBases: _bases,
    lane_effects.ReadLanes: _lanes,
    lane_effects.DifferLanes: _differ_lanes,
    lane_effects.ReadNamedLanes: _named_lanes,
    blob_effects.ReadBlobsWanted: _blobs_wanted,
    blob_effects.ReadBlob: _blob,
    authority_effects.ReadAuthority: _authority,
    custody_effects.ReadCustody: _custody,
    custody_effects.ReadEntries: _entries,
    shed_effects.ReadReleased: _released,
    shed_effects.ReadRefills: _refills,
    **AUDIT_READS,
}
