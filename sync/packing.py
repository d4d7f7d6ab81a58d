"""The payload of CONTENT: runs of lanes in as few bytes as a receiver can rebuild them from.

Layout and reasons: PROTOCOL.md, *Content*. What follows from a change's place is left out, texts
go as columns, zstd squeezes them with a dictionary of charts; ids, hashes and signatures stay as
they are, because nothing squeezes them. A run that does not rebuild byte for byte is sent whole, so
every run can be packed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from conflict.identity import Lane
from conflict.lane import LaneRun
from conflict.rebuilding import change_hash, dependency, tell
from conflict.signature import SIGNATURE_BYTES
from sync import columns, limits, payload
from sync.continuing import ACTOR_START_BYTES, HEAD_START_BYTES
from sync.leb128 import bound, numbers
from sync.squeezing import squeeze


def pack(runs: Sequence[LaneRun], continued: Collection[Lane] = frozenset()) -> bytes:
    """The payload of a CONTENT message.

    `continued`: lanes of which the receiver is believed to have all that comes before the run; author,
    nonce and dependency (64 B) are then left for it to fill in (`Payload.places`), in the first
    `CONTENT_BASES_MAX` of them. Raises `FrameTooLarge` for more than one frame holds, `ValueError`
    for what is no run of a lane.
    """
    parts, plain = lay_out(runs, continued)
    return b"".join((bytes((payload.LAYOUT,)), squeeze(parts), plain))


def lay_out(
    runs: Sequence[LaneRun], continued: Collection[Lane] = frozenset()
) -> tuple[list[bytes], bytes]:
    """What `pack` squeezes, in parts that differ in kind, and the ids, hashes and signatures after."""
    packer = _Packer(continued)
    for run in runs:
        packer.add(run)
    return packer.finish()


class _Told(NamedTuple):
    """A run as statements: number of the first, how many in each change, `<slot>/<text>` of each."""

    first: int
    counts: Sequence[int]
    lines: list[str]


def _told(run: LaneRun) -> _Told | None:
    """None when building does not give back the same bytes, or a text has no place in columns."""
    told = tell(run.lane.actor, run.first_seq, run.changes)
    if told is None or told.first < run.first_seq:
        return None
    text = b"\n".join(map(b"/".join, zip(told.slots, told.texts, strict=True)))
    if len(text) - len(text.translate(None, columns.RESERVED)) != len(told.texts) - 1:
        return None
    own = run.lane.actor.hex().encode()
    if own in text:
        text = text.replace(own, columns.OWN.encode())
    return _Told(told.first, told.counts, text.decode("latin-1").split("\n"))


class _Packer:
    """Gathers runs into what `finish` writes."""

    def __init__(self, continued: Collection[Lane]) -> None:
        self._continued = set(continued)
        self._runs = self._bases = 0
        self._headers: list[int] = []
        self._counts: list[int] = []
        self._lines: list[str] = []
        self._whole: list[bytes] = []
        self._plain: list[bytes] = []
        self._documents: dict[bytes, int] = {}
        self._authors: dict[bytes, int] = {}
        self._nonces: dict[bytes, int] = {}
        self._actors: list[bytes] = []

    def add(self, run: LaneRun) -> None:
        """Take one more run."""
        _check(run)
        told = _told(run)
        goes_on = told is not None and run.first_seq > 1 and run.lane in self._continued
        goes_on = goes_on and self._bases < limits.CONTENT_BASES_MAX
        self._bases += goes_on
        self._continued.discard(run.lane)  # what a later run follows comes with this message only
        form = payload.WHOLE if told is None else payload.CONTINUED if goes_on else payload.TOLD
        self._runs += 1
        self._headers.append(form << 1 | (run.signature is not None))
        self._name(self._documents, run.lane.document)
        if goes_on:
            self._plain.append(run.lane.actor[:ACTOR_START_BYTES])
            self._plain.append(dependency(run.changes[0])[:HEAD_START_BYTES])
        else:
            self._name(self._authors, run.author)
            self._name(self._nonces, run.nonce)
            self._actors.append(run.lane.actor)
        self._headers += (run.first_seq - 1, len(run.changes) - 1)
        if told is None:
            self._counts += [len(chunk) - 1 for chunk in run.changes]
            self._whole += run.changes
        else:
            self._headers.append(told.first - run.first_seq)
            self._counts += [count - 1 for count in told.counts]
            self._lines += told.lines
            if run.first_seq > 1 and not goes_on:
                self._plain.append(dependency(run.changes[0]))
        self._plain.append(run.signature or b"")

    def _name(self, seen: dict[bytes, int], name: bytes) -> None:
        """An id by its place among the distinct ones so far, from the latest (1); 0: a new one."""
        place = seen.get(name)
        self._headers.append(0 if place is None else len(seen) - place)
        if place is None:
            seen[name] = len(seen)
            self._plain.append(name)

    def finish(self) -> tuple[list[bytes], bytes]:
        """See `lay_out`."""
        bound(self._runs, limits.CONTENT_RUNS_MAX, "runs", "CONTENT_RUNS_MAX")
        payload.bound_changes(len(self._counts))
        payload.bound_statements(len(self._lines))
        known = (*self._documents, *self._actors)
        parts, new_ids = columns.write(columns.take_out(self._lines), known)
        head = numbers((self._runs, *self._headers, *self._counts))
        parts[0] = head + parts[0]
        return [*parts, b"".join(self._whole)], b"".join((*self._plain, new_ids))


def _check(run: LaneRun) -> None:
    if not run.changes or run.first_seq < 1:
        raise ValueError("a run has changes")
    if change_hash(run.changes[-1]) != run.head:
        raise ValueError("the head of a run is the hash of its last change")
    if run.signature is not None and len(run.signature) != SIGNATURE_BYTES:
        raise ValueError(f"a signature has {SIGNATURE_BYTES} bytes")
