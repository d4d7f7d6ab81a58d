"""Authors with real keys and lanes, and a forge for changes that no honest writer makes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from automerge.core import Document, Transaction

from conflict.change import MAGIC
from conflict.clock import Stamp
from conflict.document import LaneWriter, Written
from conflict.identity import (
    ActorId,
    DocumentId,
    DocumentKind,
    Lane,
    NodeId,
    actor_id,
    new_document,
)
from conflict.lane import LaneRun
from conflict.signature import SigningKey, lane_message
from conflict.statement import Draft, root_key

EPISODE = new_document(DocumentKind.EPISODE, b"an episode here")
PERSON = new_document(DocumentKind.PERSON, b"a person inside")
REC = Stamp(1, 0)
TEXT = '{"rec":"1.0","value":null}'

# Columns of a change, as automerge.org/automerge-binary-format-spec numbers them.
KEY, INSERT, ACTION, VALUE_META, VALUE, PREDECESSORS = 0x15, 0x34, 0x42, 0x56, 0x57, 0x70
Columns = Sequence[tuple[int, bytes]]


@dataclass
class LabAuthor:
    """One node's key and its actor; `lane` writes, `run` cuts what was written into signed runs."""

    seed: int
    written: dict[DocumentId, list[Written]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.key = SigningKey.from_entropy(hashlib.sha512(b"lab key %d" % self.seed).digest())
        self.nonce = hashlib.sha256(b"lab nonce %d" % self.seed).digest()[:16]
        self.actor: ActorId = actor_id(self.key.node, self.nonce)
        self._writers: dict[DocumentId, LaneWriter] = {}

    @property
    def node(self) -> NodeId:
        return self.key.node

    def write(self, document: DocumentId, *drafts: Draft, rec: Stamp = REC) -> Written:
        """One change in this author's lane of `document`."""
        writer = self._writers.setdefault(document, LaneWriter(self.actor))
        one = writer.write([(draft, rec) for draft in drafts])
        self.written.setdefault(document, []).append(one)
        return one

    def run(self, document: DocumentId, first: int = 1, last: int | None = None) -> LaneRun:
        """Changes `first` to `last` (default: all), signed."""
        parts = self.written[document][first - 1 : last]
        return self.signed(document, first, [one.raw for one in parts], parts[-1].hash)

    def signed(
        self, document: DocumentId, first: int, changes: Sequence[bytes], head: bytes
    ) -> LaneRun:
        """A signed run of any bytes."""
        run = LaneRun(
            lane=Lane(document, self.actor),
            author=self.node,
            nonce=self.nonce,
            first_seq=first,
            changes=tuple(changes),
            head=head,
            signature=None,
        )
        return replace(run, signature=self.key.sign(lane_message(run)))

    def raws(self, document: DocumentId) -> list[bytes]:
        """Raw changes written so far."""
        return [one.raw for one in self.written[document]]


def vitals_lane(author: LabAuthor, changes: int, document: DocumentId = EPISODE) -> list[bytes]:
    """Raw changes of a lane of `changes` vital signs."""
    for pulse in range(60, 60 + changes):
        author.write(document, Draft(slot="vitals", value={"pulse": pulse}, by="T"))
    return author.raws(document)


def automerge_changes(document: Document, *edits: Callable[[Transaction], object]) -> list[bytes]:
    """Raw changes that Automerge itself makes: one for each edit that changes something."""
    raws: list[bytes] = []
    for edit in edits:
        before = document.get_heads()
        with document.transaction() as transaction:
            edit(transaction)
        raws += [change.raw_bytes for change in document.get_changes(before)]
    return raws


def key_of(actor: bytes, number: int, slot: str = "note") -> str:
    """Root key of a statement."""
    return root_key(slot, ActorId(actor), number)


# The forge ----------------------------------------------------------------------------------


def uleb(number: int) -> bytes:
    """LEB128, unsigned."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low]) if not rest else bytes([low | 0x80]) + uleb(rest)


def sleb(number: int) -> bytes:
    """LEB128, signed."""
    low, rest = number & 0x7F, number >> 7
    if rest in {0, -1} and (rest == 0) == (not low & 0x40):
        return bytes([low])
    return bytes([low | 0x80]) + sleb(rest)


def header(actor: bytes, seq: int, start_op: int, dependencies: Sequence[bytes]) -> bytes:
    """The part of a change before its columns: no time, no message, no other actor."""
    deps = uleb(len(dependencies)) + b"".join(dependencies)
    return deps + uleb(len(actor)) + actor + uleb(seq) + uleb(start_op) + b"\0\0\0"


def columns(parts: Columns) -> bytes:
    """Column metadata, then column data."""
    meta = b"".join(uleb(spec) + uleb(len(data)) for spec, data in parts)
    return uleb(len(parts)) + meta + b"".join(data for _, data in parts)


def chunk(body: bytes, kind: int = 1) -> bytes:
    """A chunk with the right length and checksum."""
    tail = bytes([kind]) + uleb(len(body)) + body
    return MAGIC + hashlib.sha256(tail).digest()[:4] + tail


def hash_of(raw: bytes) -> bytes:
    """Hash of a change."""
    return hashlib.sha256(raw[8:]).digest()


def forge(
    actor: bytes,
    parts: Columns,
    seq: int = 1,
    start_op: int = 1,
    dependencies: Sequence[bytes] = (),
) -> bytes:
    """One uncompressed change chunk with any columns."""
    return chunk(header(actor, seq, start_op, dependencies) + columns(parts))


def runs_of_puts(key: str, count: int, *, insert: bool = False, value: bytes = b"") -> Columns:
    """`count` puts of null, or of a text, under one key: run lengths say all but the text."""
    run, name = sleb(count), key.encode()
    one = sleb(-1) if count == 1 else run
    meta = one + uleb(len(value) << 4 | 6 if value else 0)
    return (
        (KEY, one + uleb(len(name)) + name),
        (INSERT, b"\0" + uleb(count) if insert else uleb(count)),
        (ACTION, one + b"\x01"),
        (VALUE_META, meta),
        *([(VALUE, value * count)] if value else []),
        (PREDECESSORS, one + b"\x00"),
    )


def chain(actor: bytes, parts: Columns, changes: int, operations: int) -> list[bytes]:
    """The same columns again and again, each change depending on the one before."""
    raws: list[bytes] = []
    for seq in range(1, changes + 1):
        before = [hash_of(raws[-1])] if raws else []
        raws.append(forge(actor, parts, seq, 1 + (seq - 1) * operations, before))
    return raws


# Reproducers, ../anchors/reliability-security.md §2 ------------------------------------------

RUN_OF_ONE = bytes.fromhex(
    "856f4a83f9a2b4cf011d0001550101000000051503340142025602700201016101010101000100"
)
SEQ_ZERO = bytes.fromhex(
    "856f4a8338e90726011d0001550001000000051503340142025602700203016103030103000300"
)
ORPHAN_MESSAGE = bytes.fromhex(
    "420000000147856f4a83e776122e013d0142424242424242424242424242424242424242424242424242424242424242"
    "4201aa0202000000051503340142025602700201016501010101000100"
)
CPU_BOMB = bytes.fromhex(
    "856f4a83bcc6bdfc01270001550101000000051505340342045604700480800401618080048080040180800400"
    "80800400"
)
COUNTER_EXHAUSTION = bytes.fromhex(
    "856f4a837f10b694012100015501ffffffff0f000000051503340142025602700201016101010101000100"
)
BLOOM_ZERO_BITS = bytes.fromhex(
    "420101010101010101010101010101010101010101010101010101010101010101010001000301000700"
)
BLOOM_MANY_PROBES = bytes.fromhex(
    "42010101010101010101010101010101010101010101010101010101010101010101000100080108ffffffff0fff00"
)
FOREIGN_COUNTER = bytes.fromhex(
    "856f4a83f6dd56aa01200001550101000000061503340142025602570170020101610101010118050100"
)
REPRODUCERS = {
    "run of one": RUN_OF_ONE,
    "seq zero": SEQ_ZERO,
    "orphan in the victim's name, message": ORPHAN_MESSAGE,
    "orphan in the victim's name, its change": ORPHAN_MESSAGE[6:],
    "cpu bomb": CPU_BOMB,
    "counter exhaustion": COUNTER_EXHAUSTION,
    "bloom, zero bits": BLOOM_ZERO_BITS,
    "bloom, many probes": BLOOM_MANY_PROBES,
    "foreign counter": FOREIGN_COUNTER,
}
