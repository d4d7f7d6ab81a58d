"""What sessions read of a `MemoryStore`: the questions of `LaneReader` over its dicts.

Functions over rows, called under the store's lock; only `memory.py` uses them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from conflict.change import read_header
from conflict.document import Entry
from conflict.identity import ActorId, DocumentId, Lane, NodeId
from conflict.lane import LaneRun, LaneState, Vector
from storage import (
    holding,
    memory_branches,
    memory_shedding,
    reaching,
    shed_lanes,
    shipping,
    sketches,
)
from storage.bases import certain
from storage.memory_rows import DocumentCache, Rows
from storage.reaching import Part, Standing
from sync.continuing import Base, Continued, end_of
from sync.limits import SKETCH_CELLS_KEPT
from sync.ports import BlobWanted, Lacking, Listed
from sync.sketch import Sketch, Symbol


def states(rows: Rows, document: DocumentId) -> dict[ActorId, LaneState]:
    """Held lanes, ascending by actor."""
    lanes = rows.lanes.get(document, {})
    return {actor: row.held for actor, row in sorted(lanes.items())}


def stored(rows: Rows, lane: Lane) -> list[LaneRun]:
    """The stored runs of a lane."""
    return [one.run for one in rows.runs.get(lane, ())]


def entries(rows: Rows, document: DocumentId) -> dict[ActorId, tuple[Entry, ...]]:
    """Admitted entries of each lane, ascending."""
    lanes = sorted(rows.lanes.get(document, {}).items())
    return {actor: row.entries for actor, row in lanes if row.admitted}


def awaiting(rows: Rows, document: DocumentId) -> list[ActorId]:
    """Lanes to open, ascending: those whose content was let go wait for it to come back."""
    lanes = sorted(rows.lanes.get(document, {}).items())
    due = (actor for actor, row in lanes if row.awaits)
    return [actor for actor in due if Lane(document, actor) not in rows.let_go]


def sound(rows: Rows, lane: Lane) -> bool:
    """Whether a lane's stored runs make up what is held of it, but for what was let go."""
    here = stored(rows, lane)
    held = states(rows, lane.document)[lane.actor]
    away = rows.let_go[lane].state.length if lane in rows.let_go else 0
    return here[-1].state == held and sum(len(run.changes) for run in here) == held.length - away


def listing(
    rows: Rows, ids: Sequence[DocumentId], after: DocumentId | None, last: DocumentId | None
) -> Iterator[Listed]:
    """(document, digest) of a range of the ascending ids."""
    start = bisect_right(ids, after) if after is not None else 0
    stop = bisect_right(ids, last) if last is not None else len(ids)
    return (Listed(ids[at], rows.documents[ids[at]].digest) for at in range(start, stop))


Shows = Callable[[DocumentId], bool]
"""Whether a held document is in the view that is read."""


def news(rows: Rows, since: int, limit: int, shows: Shows) -> list[tuple[Lane, int]] | None:
    """Lanes that grew after arrival number `since` and from which change on, latest first."""
    found: dict[Lane, int] = {}
    for number in range(rows.tally.get("arrival", 0), max(since, 0), -1):
        lane = rows.arrivals.get(number)
        if lane is None or not shows(lane.document):  # None: its content was let go
            continue
        found[lane] = next(one.run.first_seq for one in rows.runs[lane] if one.arrival == number)
        if len(found) > limit:
            return None
    return list(found.items())


def latest(rows: Rows, before: int | None, limit: int, shows: Shows) -> list[tuple[Lane, int]]:
    """Lanes by the arrival of their latest run, latest first."""
    found: list[tuple[Lane, int]] = []
    end = rows.tally.get("arrival", 0) + 1
    for number in range(min(before or end, end) - 1, 0, -1):
        if len(found) == limit:
            break
        lane = rows.arrivals.get(number)
        if lane is None or not shows(lane.document):
            continue
        if max(one.arrival for one in rows.runs[lane]) == number:
            found.append((lane, number))
    return found


def vectors(
    rows: Rows, documents: Sequence[DocumentId], source: NodeId | None
) -> dict[DocumentId, Vector]:
    """What is held, and of one peer what is staged."""
    found = {
        one: {actor: state.short for actor, state in states(rows, one).items()} for one in documents
    }
    staged = rows.staged.items() if source is not None else ()
    for (peer, lane), row in staged:
        vector = found.get(lane.document)
        if peer == source and vector is not None:
            mine = vector.get(lane.actor)
            if mine is None or mine.length < row.run.last_seq:
                vector[lane.actor] = row.run.state.short
    return {one: dict(sorted(vector.items())) for one, vector in found.items()}


def staged(rows: Rows, source: NodeId) -> list[DocumentId]:
    """Documents of which one peer has staged something."""
    return sorted({lane.document for peer, lane in rows.staged if peer == source})


def bases(rows: Rows, places: Sequence[Continued], source: NodeId) -> dict[Continued, Base]:
    """What is held at these places, else what that peer has staged up to there."""
    held = certain((place, base) for place in places for base in _held_at(rows, place))
    staged = (
        (place, end_of(row.run)[1])
        for place in places
        for (peer, lane), row in rows.staged.items()
        if (peer, lane.document, row.run.last_seq) == (source, place.document, place.length)
    )
    away = certain((place, base) for place in places for base in _end_at(rows, place))
    return away | certain(staged) | held


def _held_at(rows: Rows, place: Continued) -> Iterator[Base]:
    for actor, row in rows.lanes.get(place.document, {}).items():
        if actor.startswith(place.actor):
            for run in stored(rows, Lane(place.document, actor)):
                if run.first_seq <= place.length <= run.last_seq:
                    last = run.changes[place.length - run.first_seq]
                    yield Base(row.author, row.nonce, read_header(last).hash)


def _end_at(rows: Rows, place: Continued) -> Iterator[Base]:
    """A lane whose changes were let go ends here: all of it, what went, what has come back."""
    for actor, row in rows.lanes.get(place.document, {}).items():
        lane = Lane(place.document, actor)
        gone = rows.let_go.get(lane)
        ends = [row.held, *([gone.state] if gone else [])]
        ends += (run.state for run in rows.refills.get(lane, ()))
        if actor.startswith(place.actor):
            for end in ends:
                if end.length == place.length:
                    yield Base(row.author, row.nonce, end.head)


def runs(
    rows: Rows, document: DocumentId, have: Vector, bytes_max: int
) -> tuple[list[LaneRun], bool]:
    """What a peer lacks of a document."""
    wanted, beyond = shipping.lacking(states(rows, document), have)
    for away in shed_lanes.withheld(memory_shedding.of(rows, [document]), [(document, have)]):
        wanted.pop(away.actor, None)
    due = [
        run
        for actor, seq in wanted.items()
        for run in stored(rows, Lane(document, actor))
        if run.last_seq >= seq
    ]
    found, apart = shipping.missing(due, have, bytes_max)
    if apart:  # all of these, from the beginning
        rest = {actor: state for actor, state in have.items() if actor not in apart}
        return runs(rows, document, rest, bytes_max)[0], True
    whose = memory_branches.actors(rows, [document])
    return [reaching.as_written(run, whose) for run in found], beyond


def lacking(
    rows: Rows, wanted: Sequence[tuple[DocumentId, Vector]], urgent_since_ms: int
) -> tuple[list[Lacking], list[DocumentId]]:
    """What peers with these vectors lack, lane by lane."""
    away = shed_lanes.withheld(memory_shedding.of(rows, [one for one, _ in wanted]), wanted)
    found: list[Lacking] = []
    behind: list[DocumentId] = []
    for one, have in sorted(dict(wanted).items()):
        lanes = sorted(rows.lanes.get(one, {}).items())
        standing = {actor: Standing(row.held, *row.urgency) for actor, row in lanes}
        some, beyond = reaching.lacking(one, standing, have, urgent_since_ms)
        found += [lacks for lacks in some if lacks.lane not in away]
        behind += [one] * beyond
    return found, behind


def urgent(rows: Rows, since_ms: int, limit: int, shows: Shows) -> list[Lane]:
    """Lanes with an urgent statement of late, latest first."""
    recent = [(-ms, lane) for lane, ms in rows.urgent.items() if ms >= since_ms]
    return [lane for _, lane in sorted(recent) if shows(lane.document)][:limit]


class Shelf:
    """Stored runs as `reaching.reach` asks for them."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def parts(self, lanes: Sequence[Lane]) -> dict[Lane, list[Part]]:
        """See `reaching.Shelf`."""
        return {lane: [_part(run) for run in stored(self._rows, lane)] for lane in lanes}

    def actors(self, some: Sequence[Lane]) -> dict[Lane, ActorId]:
        """See `reaching.Shelf`."""
        return memory_branches.actors(self._rows, {lane.document for lane in some})

    def read(self, parts: Sequence[Part]) -> list[LaneRun]:
        """See `reaching.Shelf`."""
        found = {
            (lane, run.first_seq): run
            for lane in dict.fromkeys(part.lane for part in parts)
            for run in stored(self._rows, lane)
        }
        return [found[part.lane, part.first_seq] for part in parts]


def _part(run: LaneRun) -> Part:
    return Part(run.lane, run.first_seq, run.last_seq, run.head, run.size)


def blobs_wanted(rows: Rows, limit: int, shows: Shows) -> list[BlobWanted]:
    """Blobs that are named and not complete."""
    found: list[BlobWanted] = []
    for name, sizes in sorted(rows.needs.items()):
        row = rows.blobs.get(name)
        if any(map(shows, sizes)) and not (row and row.complete) and len(found) < limit:
            have = len(row.data) if row else 0
            found.append(BlobWanted(name, min(sizes.values()), have))
    return found


def blobs_named(rows: Rows, documents: Collection[DocumentId]) -> list[bytes]:
    """Blobs that are named by these and complete."""
    whole = (name for name, row in sorted(rows.blobs.items()) if row.complete)
    return [name for name in whole if not rows.needs.get(name, {}).keys().isdisjoint(documents)]


# The sketch --------------------------------------------------------------------------------------


def sketch(rows: Rows, size: int) -> Sketch:
    """The first `size` cells."""
    kept = Sketch.from_bytes(rows.cells.key, rows.cells.to_bytes(0, max(size, 1)))
    return sketches.resized(kept, (row.symbol for row in rows.documents.values()), size)


def salted_sketch(
    rows: Rows, salt: bytes, size: int, shows: Shows
) -> tuple[Sketch, dict[Symbol, DocumentId]]:
    """Cells under a salt, and whose symbols are whose."""
    held = ((one, row.digest) for one, row in rows.documents.items() if shows(one))
    return sketches.salted_over(held, sketches.secret_of(rows.settings), salt, size)


def named(rows: Rows, symbols: Iterable[Symbol], shows: Shows) -> dict[Symbol, DocumentId]:
    """Held documents by symbol; of two that share one, the lower id."""
    owners = ((one, rows.owners.get(one, ())) for one in sorted(set(symbols)))
    shown = ((one, [each for each in owned if shows(each)]) for one, owned in owners)
    return {symbol: min(owned) for symbol, owned in shown if owned}


def renew_sketch(rows: Rows, secret: bytes) -> None:
    """Every symbol and all cells under a secret."""
    key = sketches.key_of(secret)
    rows.cells = Sketch(key, SKETCH_CELLS_KEPT)
    rows.owners.clear()
    for one, row in list(rows.documents.items()):
        rows.mark(one, row._replace(symbol=key.symbol(one, row.digest)))
        rows.cells.add(rows.documents[one].symbol)
    rows.settings[sketches.SETTING] = secret


def cells_from_truth(rows: Rows) -> Sketch:
    """Cells from the stored runs alone."""
    found = Sketch(rows.cells.key, SKETCH_CELLS_KEPT)
    for one in rows.documents:
        found.add(found.key.symbol(one, holding.digest_of(one, states(rows, one))))
    return found


def fresh_cache(rows: Rows, document: DocumentId) -> DocumentCache:
    """The row of a document that was not admitted yet, from its held lanes."""
    digest = holding.digest_of(document, states(rows, document))
    symbol = rows.cells.key.symbol(document, digest)
    return DocumentCache(digest, 0, rows.documents[document].arrival, symbol)
