"""Reading the payload of CONTENT: every count and length checked before it is used.

`read_payload` needs nothing but the bytes; `Payload.runs` builds the changes, for which a run that
goes on from what its receiver holds needs that place filled in. The hash of each rebuilt change is
what the next depends on, so one wrong byte shows in the head, which the signature covers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import NamedTuple

from conflict.identity import ID_BYTES, NONCE_BYTES, ActorId, DocumentId, Lane, NodeId, actor_id
from conflict.lane import LaneRun
from conflict.limits import CHANGE_BYTES_MAX, START_OP_MAX
from conflict.rebuilding import HASH_BYTES, Said, build, change_hash
from conflict.signature import SIGNATURE_BYTES
from sync import columns, limits
from sync.continuing import ACTOR_START_BYTES, HEAD_START_BYTES, Base, Continued
from sync.errors import BadFrame
from sync.leb128 import Reader, bound
from sync.squeezing import unsqueeze

LAYOUT = 2
"""Names grammar and dictionary together: change either and this number changes."""

TOLD, WHOLE, CONTINUED = 0, 1, 2
"""Forms of a run: as statements; as it is; as statements that go on from what the receiver holds."""


class _Header(NamedTuple):
    """One run. `dependency` empty: none, or to be filled in. `first`: number of the first statement."""

    form: int
    document: DocumentId
    author: NodeId
    nonce: bytes
    actor: ActorId
    dependency: bytes
    head: bytes
    first_seq: int
    changes: int
    first: int
    signature: bytes | None

    @property
    def place(self) -> Continued | None:
        if self.form != CONTINUED:
            return None
        return Continued(self.document, self.actor, self.first_seq - 1, self.head)


class _Run(NamedTuple):
    """A header with its content: `<slot>/<text>` of each statement of each change, or the changes."""

    header: _Header
    told: list[list[str]]
    whole: list[bytes]


class Payload:
    """A payload that was read. `places`: for each run what it goes on from, None if it says so itself."""

    def __init__(self, runs: list[_Run]) -> None:
        self._runs = runs
        self.places = tuple(run.header.place for run in runs)

    @property
    def continued(self) -> tuple[Continued, ...]:
        """Places to be filled in before those runs can be built, each once."""
        return tuple(dict.fromkeys(place for place in self.places if place is not None))

    def runs(self, bases: Mapping[Continued, Base]) -> tuple[LaneRun | None, ...]:
        """The runs, in order; None for one whose base is missing or does not fit: a gap.

        Raises `FrameTooLarge` for a change above its limit.
        """
        return tuple(_built(run, bases) for run in self._runs)


def read_payload(data: bytes) -> Payload:
    """Raises `BadFrame`, `FrameTooLarge` (naming the limit)."""
    if not data:
        raise BadFrame("content without a layout")
    if data[0] != LAYOUT:
        raise BadFrame(f"content in layout {data[0]}; this node reads {LAYOUT}")
    body, rest = unsqueeze(data[1:])
    reader, plain = Reader(body), Reader(rest)
    ids = _Ids(reader, plain)
    count = reader.number()
    bound(count, limits.CONTENT_RUNS_MAX, "runs", "CONTENT_RUNS_MAX")
    headers: list[_Header] = []
    changes = continued = 0
    for _ in range(count):
        headers.append(_header(reader, plain, ids))
        changes += headers[-1].changes
        bound_changes(changes)
        continued += headers[-1].form == CONTINUED
        bound(continued, limits.CONTENT_BASES_MAX, "continued runs", "CONTENT_BASES_MAX")
    counts = [[size + 1 for size in reader.numbers(one.changes)] for one in headers]
    told = [sum(sizes) for one, sizes in zip(headers, counts, strict=True) if one.form != WHOLE]
    bound_statements(sum(told))
    lines = iter(columns.read(reader, plain, ids.known(headers), sum(told)))
    runs = [_run(*pair, lines, reader) for pair in zip(headers, counts, strict=True)]
    reader.end()
    plain.end()
    return Payload(runs)


class _Ids:
    """Ids that runs share, each sent once: named by how many distinct ones ago, 0 for a new one."""

    def __init__(self, reader: Reader, plain: Reader) -> None:
        self._reader, self._plain = reader, plain
        self.documents: list[bytes] = []
        self.authors: list[bytes] = []
        self.nonces: list[bytes] = []

    def next(self, seen: list[bytes], size: int) -> bytes:
        """The id named next."""
        place = self._reader.number()
        if place > len(seen):
            raise BadFrame("an id that did not come before")
        if not place:
            seen.append(self._plain.take(size))
        return seen[-place or -1]

    def known(self, headers: list[_Header]) -> list[bytes]:
        """Ids that texts may name: documents, then actors of the runs that name author and nonce."""
        return self.documents + [one.actor for one in headers if one.form != CONTINUED]


def _header(reader: Reader, plain: Reader, ids: _Ids) -> _Header:
    form, signed = divmod(reader.number(), 2)
    if form > CONTINUED:
        raise BadFrame(f"form {form} of a run is not in layout {LAYOUT}")
    document = DocumentId(ids.next(ids.documents, ID_BYTES))
    author, nonce, dependency, head = NodeId(b""), b"", b"", b""
    if form == CONTINUED:
        actor, head = ActorId(plain.take(ACTOR_START_BYTES)), plain.take(HEAD_START_BYTES)
    else:
        author = NodeId(ids.next(ids.authors, ID_BYTES))
        nonce = ids.next(ids.nonces, NONCE_BYTES)
        actor = actor_id(author, nonce)
    first_seq, changes = reader.number() + 1, reader.number() + 1
    if form == CONTINUED and first_seq == 1:
        raise BadFrame("a run that goes on from nothing")
    first = 0 if form == WHOLE else first_seq + reader.number()
    bound(max(first_seq, first), START_OP_MAX, "as a place in a lane", "START_OP_MAX")
    if form == TOLD and first_seq > 1:
        dependency = plain.take(HASH_BYTES)
    return _Header(
        form=form,
        document=document,
        author=author,
        nonce=nonce,
        actor=actor,
        dependency=dependency,
        head=head,
        first_seq=first_seq,
        changes=changes,
        first=first,
        signature=plain.take(SIGNATURE_BYTES) if signed else None,
    )


def _run(header: _Header, counts: list[int], lines: Iterator[str], reader: Reader) -> _Run:
    if header.form != WHOLE:
        return _Run(header, [[next(lines) for _ in range(count)] for count in counts], [])
    bound(max(counts), CHANGE_BYTES_MAX, "bytes in a change", "CHANGE_BYTES_MAX")
    return _Run(header, [], [reader.take(size) for size in counts])


def _built(run: _Run, bases: Mapping[Continued, Base]) -> LaneRun | None:
    header = run.header
    author, nonce, actor, head = header.author, header.nonce, header.actor, header.dependency
    if (place := header.place) is not None:
        base = bases.get(place)
        if base is None or not base.fits(place):
            return None
        author, nonce, head = base
        actor = actor_id(author, nonce)
    changes = run.whole
    if header.form == WHOLE:
        head = change_hash(changes[-1])
    else:
        changes, head = _changes(run, actor, head)
    return LaneRun(
        lane=Lane(header.document, actor),
        author=author,
        nonce=nonce,
        first_seq=header.first_seq,
        changes=tuple(changes),
        head=head,
        signature=header.signature,
    )


def _changes(run: _Run, actor: ActorId, head: bytes) -> tuple[list[bytes], bytes]:
    """The raw changes and the hash of the last."""
    number = run.header.first
    text = "\n".join(chain.from_iterable(run.told)).replace(columns.OWN, actor.hex())
    said = [line.partition(b"/") for line in text.encode("latin-1").split(b"\n")]
    slots, texts = [slot for slot, _, _ in said], [text for _, _, text in said]
    changes = []
    at = 0
    for seq, lines in enumerate(run.told, run.header.first_seq):
        end = at + len(lines)
        chunk, head = build(head, actor, seq, Said(number, slots[at:end], texts[at:end]))
        bound(len(chunk), CHANGE_BYTES_MAX, "bytes in a change", "CHANGE_BYTES_MAX")
        changes.append(chunk)
        number, at = number + len(lines), end
    return changes, head


def bound_changes(count: int) -> None:
    """As `bound`, for the changes of a frame."""
    bound(count, limits.CONTENT_CHANGES_MAX, "changes", "CONTENT_CHANGES_MAX")


def bound_statements(count: int) -> None:
    """As `bound`, for the statements of a frame."""
    bound(count, columns.CONTENT_STATEMENTS_MAX, "statements", "CONTENT_STATEMENTS_MAX")
