"""Performs a session's reads on a store: the one place that says what each read means.

The driver calls `perform` on a thread, tests and the simulator call it inline. Writes are not here:
they belong to whoever owns the writer.
"""

from __future__ import annotations

from conflict.lane import LaneRun
from sync import limits
from sync.effects import (
    Answer,
    BlobRead,
    BlobsWantedRead,
    Compare,
    Compared,
    ContentRead,
    ListingRead,
    Read,
    ReadBlob,
    ReadBlobsWanted,
    ReadContent,
    ReadLanes,
    ReadListing,
    ReadSummary,
    ReadVectors,
    SummaryRead,
    VectorsRead,
)
from sync.ports import LaneReader


def perform(read: Read, store: LaneReader) -> Answer:
    """Answer one read effect from `store`."""
    match read:
        case ReadSummary():
            return SummaryRead(store.summary())
        case ReadListing(_, after, limit):
            listed = store.listing(after, limit)
            return ListingRead(tuple(listed), len(listed) < limit)
        case Compare():
            return _compare(read, store)
        case ReadContent(_, wanted):
            found, behind = store.content(wanted, limits.CONTENT_RAW_BYTES)
            return ContentRead(tuple(found), tuple(behind))
        case ReadLanes(_, lanes):
            runs: list[LaneRun] = []
            for lane, first_seq in lanes:
                runs.extend(store.runs_from(lane, first_seq, limits.CONTENT_RAW_BYTES))
            return ContentRead(tuple(runs), ())
        case ReadVectors(_, documents):
            vectors = store.vectors(documents)
            return VectorsRead(tuple((one, vectors[one]) for one in documents))
        case ReadBlobsWanted():
            return BlobsWantedRead(tuple(store.blobs_wanted(limits.BLOBS_LISTED_MAX)))
        case ReadBlob(_, blob, offset):
            part = store.blob_part(blob, offset, limits.BLOB_PART_BYTES)
            data, size = part or (b"", 0)
            return BlobRead(blob, size, offset, data)


def _compare(read: Compare, store: LaneReader) -> Compared:
    last = None if read.final else read.listed[-1].document if read.listed else read.after
    ours = dict(store.listing_between(read.after, last)) if last != read.after or read.final else {}
    theirs = dict(read.listed)
    differing = [one for one in theirs if ours.get(one) != theirs[one]]
    vectors = store.vectors(differing)
    unlisted = tuple(one for one in ours if one not in theirs)
    return Compared(tuple((one, vectors[one]) for one in differing), unlisted)
