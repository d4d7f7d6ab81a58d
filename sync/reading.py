"""Performs a session's reads on a store: the one place that says what each read means.

The driver calls `perform` on a thread, tests and the simulator call it inline. Writes are not here:
they belong to whoever owns the writer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from conflict.identity import DocumentId
from conflict.lane import Vector
from sync import continuing, custody_effects, effects, limits, sketch
from sync.effects import Answer, Read
from sync.errors import BadSketch
from sync.ports import LaneReader, Precedence
from sync.sketch import Sketch, Symbol


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
    lanes, behind = store.lacking(read.wanted, read.urgent_since_ms)
    return effects.LackingRead(tuple(lanes), tuple(behind))


def _reach(read: effects.ReadReach, store: LaneReader) -> effects.ReachRead:
    return effects.ReachRead(store.reach(read.lanes, read.bytes_max))


def _vectors(read: effects.ReadVectors, store: LaneReader) -> effects.VectorsRead:
    vectors = store.vectors(read.documents, read.source)
    return effects.VectorsRead(tuple((one, vectors[one]) for one in read.documents))


def _bases(read: continuing.ReadBases, store: LaneReader) -> continuing.BasesRead:
    return continuing.BasesRead(store.bases(read.places, read.source))


def _staged(read: effects.ReadStaged, store: LaneReader) -> effects.StagedRead:
    vectors = store.vectors(store.staged(read.source), read.source)
    return effects.StagedRead(tuple(vectors.items()))


def _owed(read: effects.ReadOwed, store: LaneReader) -> effects.OwedRead:
    return effects.OwedRead(tuple(store.owed(read.limit)))


def _blobs_wanted(_read: effects.ReadBlobsWanted, store: LaneReader) -> effects.BlobsWantedRead:
    return effects.BlobsWantedRead(tuple(store.blobs_wanted(limits.BLOBS_LISTED_MAX)))


def _blob(read: effects.ReadBlob, store: LaneReader) -> effects.BlobRead:
    data, size = store.blob_part(read.hash, read.offset, read.size) or (b"", 0)
    return effects.BlobRead(read.hash, size, read.offset, data)


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
    vectors = store.vectors(differing, read.source)
    unlisted = tuple(one for one in ours if one not in theirs)
    return effects.Compared(tuple((one, vectors[one]) for one in differing), unlisted)


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
    vectors = store.vectors([held[one] for one in shared], read.source)
    paired: dict[int, Vector] = {}
    doubtful: list[tuple[DocumentId, Vector]] = []
    for one in shared:
        tag, vector = sketch.tag(one), vectors[held[one]]
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
    return effects.Differed(None, wanted, unlisted, tuple(doubtful))


def _named(read: effects.ReadNamed, store: LaneReader) -> effects.NamedRead:
    symbols = [symbol for symbol, _ in read.wanted]
    documents = store.salted_sketch(read.salt, 1)[1] if read.salt else store.named(symbols)
    return effects.NamedRead(
        tuple((documents[symbol], vector) for symbol, vector in read.wanted if symbol in documents)
    )


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
    effects.ReadBlobsWanted: _blobs_wanted,
    effects.ReadBlob: _blob,
    custody_effects.ReadCustody: _custody,
    custody_effects.ReadEntries: _entries,
}
