"""What is inside a sealed bundle: signed records, the same content as on a socket. Pure.

Every record is signed by the sender over the bundle's header, its place and its bytes, so a recipient
that knows the content key still cannot make, move or leave out what opens as the sender's; and all that
was read before a bundle breaks off may be believed. PROTOCOL.md, *Bundles*.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple

from conflict.identity import ID_BYTES, DocumentId, Lane
from conflict.lane import Vector
from conflict.scope import Scopes
from conflict.signature import SIGNATURE_BYTES, VerifyingKey
from sync import leb128, limits
from sync.errors import BadFrame, PeerFault
from sync.ports import Precedence, Receipt, Signer, Summary
from sync.trust.certificate import DER_BYTES_MAX, Certificate
from sync.trust.errors import BadBundle, BundleCut
from sync.vectors import vectors_from_bytes, vectors_to_bytes

DIGEST_BYTES = 8
BLOB_HASH_BYTES = 32
PADDING_BYTES = 1 << 16  # written at once
ENTRIES_BYTES = 64 * 1024  # of logs in one record, or one entry
_DOMAIN = b"aidstation/bundle-record/1"
_EVERYTHING = 0  # number of scopes + 1 otherwise
_COMPLETE = 1


class Kind(IntEnum):
    """Of a record. Values are in files: never renumber."""

    SENDER = 1
    AUTHORITY = 2
    CUSTODY = 3
    CONTENT = 4
    TAIL = 5
    HELD = 6
    AWAY = 7
    BLOB = 8
    MANIFEST = 9


class Sender(NamedTuple):
    """First of all: who made the bundle, of what.

    `certificate`: DER; `epoch`: of its store; `scopes`: of which documents the rest speaks (None: of
    all); `complete`: of all of them, and `summary` is what the sender holds of them; `log`: number of
    the last entry of the authority's log that it takes for granted. Who puts a run into CONTENT says
    with it that the lane is durable in its store as far as the run goes.
    """

    certificate: bytes
    epoch: bytes
    made_ms: int
    scopes: Scopes | None
    complete: bool
    summary: Summary
    log: int


class Authority(NamedTuple):
    """The next entries of the theatre's log, in order."""

    entries: tuple[bytes, ...]


class Custody(NamedTuple):
    """Entries of garrisons' logs, each log in order."""

    entries: tuple[bytes, ...]


class Content(NamedTuple):
    """A payload as in CONTENT, without continued runs. `tail`: of lanes whose beginning the sender has
    let go, so that it claims nothing of them."""

    precedence: Precedence
    payload: bytes
    tail: bool = False


class Held(NamedTuple):
    """How far the sender has lanes that the bundle does not bring. `away`: it knows so, and let their
    content go: it needs nothing and claims nothing."""

    vectors: tuple[tuple[DocumentId, Vector], ...]
    away: bool = False


class BlobPart(NamedTuple):
    """A part of a blob: SHA-256, size in all, offset."""

    hash: bytes
    size: int
    offset: int
    data: bytes


class Manifest(NamedTuple):
    """Last of all. `places`: records before it; `digest`: SHA-256 over their digests, in order."""

    places: int
    digest: bytes


Record = Sender | Authority | Custody | Content | Held | BlobPart | Manifest


# Records as bytes --------------------------------------------------------------------------------


def to_bytes(record: Record) -> tuple[Kind, bytes]:
    """Kind and body."""
    match record:
        case Sender():
            return Kind.SENDER, _sender(record)
        case Authority(entries):
            return Kind.AUTHORITY, _entries(entries)
        case Custody(entries):
            return Kind.CUSTODY, _entries(entries)
        case Content(precedence, payload, tail):
            return Kind.TAIL if tail else Kind.CONTENT, bytes((precedence,)) + payload
        case Held(vectors, away):
            return Kind.AWAY if away else Kind.HELD, vectors_to_bytes(vectors, whole=True)
        case BlobPart(name, size, offset, data):
            return Kind.BLOB, name + leb128.numbers((size, offset)) + data
        case Manifest():
            return Kind.MANIFEST, leb128.number(record.places) + record.digest


def from_bytes(kind: int, body: bytes) -> Record:
    """Inverse of `to_bytes`. Raises `BadFrame`, `FrameTooLarge`."""
    read = _READ.get(kind)
    if read is None:
        raise BadFrame(f"a record of kind {kind} is not known here: update this node")
    return read(body)


def _sender(one: Sender) -> bytes:
    scopes = b"" if one.scopes is None else b"".join(sorted(one.scopes))
    count = _EVERYTHING if one.scopes is None else len(one.scopes) + 1
    numbers = (one.made_ms, one.log, one.complete, one.summary.documents, count)
    head = leb128.number(len(one.certificate)) + one.certificate + one.epoch
    return head + leb128.numbers(map(int, numbers)) + scopes + one.summary.digest


def _read_sender(body: bytes) -> Sender:
    reader = leb128.Reader(body)
    size = reader.number()
    leb128.bound(size, DER_BYTES_MAX, "bytes of certificate", "DER_BYTES_MAX")
    certificate, epoch = reader.take(size), reader.take(ID_BYTES)
    made_ms, log, flags, documents, count = reader.numbers(5)
    leb128.bound(max(count - 1, 0), limits.SCOPES_MAX, "scopes", "SCOPES_MAX")
    if flags > _COMPLETE:
        raise BadFrame("a flag that is not known here: update this node")
    scopes = [DocumentId(reader.take(ID_BYTES)) for _ in range(count - 1)]
    summary = Summary(documents, reader.take(DIGEST_BYTES))
    reader.end()
    named = None if count == _EVERYTHING else frozenset(scopes)
    return Sender(certificate, epoch, made_ms, named, bool(flags), summary, log)


def _entries(entries: Sequence[bytes]) -> bytes:
    return b"".join(leb128.number(len(one)) + one for one in entries)


def _read_entries(body: bytes) -> tuple[bytes, ...]:
    reader = leb128.Reader(body)
    found = []
    while not reader.ended:
        found.append(reader.take(reader.number()))
    return tuple(found)


def _read_content(body: bytes, *, tail: bool) -> Content:
    reader = leb128.Reader(body)
    precedence = reader.take(1)[0]
    if not Precedence.URGENT <= precedence <= Precedence.ROUTINE:
        raise BadFrame("a precedence that content does not have")
    return Content(Precedence(precedence), body[1:], tail)


def _read_held(body: bytes, *, away: bool) -> Held:
    found = vectors_from_bytes(body, ID_BYTES, whole=True)
    return Held(tuple((DocumentId(name), vector) for name, vector in found), away)


def _read_blob(body: bytes) -> BlobPart:
    reader = leb128.Reader(body[: BLOB_HASH_BYTES + 2 * leb128.NUMBER_BYTES_MAX])
    name, size, offset = reader.take(BLOB_HASH_BYTES), reader.number(), reader.number()
    data = body[len(name) + len(leb128.numbers((size, offset))) :]
    leb128.bound(size, limits.BLOB_BYTES_MAX, "bytes of blob", "BLOB_BYTES_MAX")
    if offset + len(data) > size:
        raise BadFrame("a part of a blob beyond its end")
    return BlobPart(name, size, offset, data)


def _read_manifest(body: bytes) -> Manifest:
    reader = leb128.Reader(body)
    found = Manifest(reader.number(), reader.take(hashlib.sha256().digest_size))
    reader.end()
    return found


_READ: dict[int, Callable[[bytes], Record]] = {
    Kind.SENDER: _read_sender,
    Kind.AUTHORITY: lambda body: Authority(_read_entries(body)),
    Kind.CUSTODY: lambda body: Custody(_read_entries(body)),
    Kind.CONTENT: lambda body: _read_content(body, tail=False),
    Kind.TAIL: lambda body: _read_content(body, tail=True),
    Kind.HELD: lambda body: _read_held(body, away=False),
    Kind.AWAY: lambda body: _read_held(body, away=True),
    Kind.BLOB: _read_blob,
    Kind.MANIFEST: _read_manifest,
}


def receipts(vectors: Iterable[tuple[DocumentId, Vector]]) -> tuple[Receipt, ...]:
    """What a holder of these lanes claims."""
    return tuple(
        Receipt(Lane(document, actor), state)
        for document, vector in vectors
        for actor, state in vector.items()
        if state.length
    )


def gathered(entries: Iterable[bytes]) -> Iterator[tuple[bytes, ...]]:
    """Entries of a log for one record each."""
    group: list[bytes] = []
    size = 0
    for one in entries:
        if group and size + len(one) > ENTRIES_BYTES:
            yield tuple(group)
            group, size = [], 0
        group.append(one)
        size += len(one)
    if group:
        yield tuple(group)


# Signing -----------------------------------------------------------------------------------------


class _Signed(NamedTuple):
    """A record as it stands in the stream."""

    kind: int
    body: bytes
    signature: bytes = b""

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(bytes((self.kind,)) + self.body).digest()

    def message(self, binding: bytes, place: int) -> bytes:
        """What the sender signs."""
        return _DOMAIN + binding + place.to_bytes(8, "big") + self.digest

    def to_bytes(self) -> bytes:
        return bytes((self.kind,)) + leb128.number(len(self.body)) + self.body + self.signature


def written(records: Iterable[Record], signer: Signer, binding: bytes) -> Iterator[bytes]:
    """Records as the plain bytes to seal, one at a time, then the manifest and padding.

    `binding`: of the header. Raises `FrameTooLarge` for a record above `BUNDLE_RECORD_BYTES_MAX`.
    """
    place = size = 0
    digest = hashlib.sha256()
    for record in records:
        bare = _Signed(*to_bytes(record))
        most = limits.BUNDLE_RECORD_BYTES_MAX
        leb128.bound(len(bare.body), most, "bytes of record", "BUNDLE_RECORD_BYTES_MAX")
        data = bare._replace(signature=signer.sign(bare.message(binding, place))).to_bytes()
        digest.update(bare.digest)
        place, size = place + 1, size + len(data)
        yield data
    last = _Signed(*to_bytes(Manifest(place, digest.digest())))
    data = last._replace(signature=signer.sign(last.message(binding, place))).to_bytes()
    yield data
    left = padding(size + len(data))
    while left:
        yield bytes(some := min(left, PADDING_BYTES))
        left -= some


def padding(size: int) -> int:
    """What makes a size say only its leading bits (Padmé: Nikitin et al., PETS 2019): at most 12 % more,
    3 % from 256 kB on."""
    if size < 2:
        return 0
    exponent = size.bit_length() - 1
    low = exponent - exponent.bit_length()
    step = 1 << max(low, 0)
    return -size % step


class Records:
    """Reads what `written` wrote from the plain bytes of chunks."""

    def __init__(self, plain: Iterator[bytes], binding: bytes) -> None:
        self._plain = plain
        self._binding = binding
        self._waiting = bytearray()
        self._place = 0
        self._digest = hashlib.sha256()
        self._key: VerifyingKey | None = None

    def sender(self, check: Callable[[bytes], Certificate]) -> tuple[Sender, Certificate]:
        """The first record; `check` proves a certificate (DER) with the theatre's root key.

        Raises what that does, and as `__iter__`.
        """
        one = self._next()
        record = self._parsed(one)
        if not isinstance(record, Sender):
            raise BadBundle("the bundle does not begin with its sender; nothing was taken")
        certificate = check(record.certificate)
        self._key = VerifyingKey(certificate.grant.public)
        self._check(one)
        return record, certificate

    def __iter__(self) -> Iterator[Record]:
        """The others, each checked, to the manifest. Raises `BadBundle`, `BundleCut`."""
        while True:
            one = self._next()
            before = Manifest(self._place, self._digest.digest())
            self._check(one)
            record = self._parsed(one)
            if isinstance(record, Sender):
                raise BadBundle("a second sender in one bundle; what came before was taken")
            yield record
            if isinstance(record, Manifest):
                self._end(record, before)
                return

    def _end(self, manifest: Manifest, before: Manifest) -> None:
        if manifest != before:
            raise BadBundle("the bundle does not hold what its manifest says")
        padded = not any(self._waiting) and not any(map(any, self._plain))
        if not padded:
            raise BadBundle("something follows after the end of the bundle; the rest was taken")

    def _next(self) -> _Signed:
        head = self._peek(1 + leb128.NUMBER_BYTES_MAX)
        if len(head) < 2:
            raise self._cut()
        try:
            size = leb128.Reader(head[1:]).number()
        except BadFrame as fault:
            raise BadBundle(f"record {self._place + 1} has no size") from fault
        if size > limits.BUNDLE_RECORD_BYTES_MAX:
            most = limits.BUNDLE_RECORD_BYTES_MAX
            raise BadBundle(f"a record of over {most} bytes (BUNDLE_RECORD_BYTES_MAX)")
        start = 1 + len(leb128.number(size))
        whole = self._peek(start + size + SIGNATURE_BYTES)
        if len(whole) < start + size + SIGNATURE_BYTES:
            raise self._cut()
        del self._waiting[: len(whole)]
        return _Signed(whole[0], whole[start : start + size], whole[start + size :])

    def _cut(self) -> BundleCut:
        return BundleCut(f"the bundle ends before its manifest, after {self._place} records")

    def _peek(self, size: int) -> bytes:
        while len(self._waiting) < size and (part := next(self._plain, b"")):
            self._waiting += part
        return bytes(self._waiting[:size])

    def _check(self, one: _Signed) -> None:
        assert self._key is not None  # noqa: S101  `sender` comes first
        if not self._key.verifies(one.message(self._binding, self._place), one.signature):
            raise BadBundle(
                f"record {self._place + 1} is not signed by who the bundle says it is from; "
                "what came before it was taken"
            )
        self._digest.update(one.digest)
        self._place += 1

    def _parsed(self, one: _Signed) -> Record:
        try:
            return from_bytes(one.kind, one.body)
        except PeerFault as fault:
            raise BadBundle(f"record {self._place + 1} cannot be read: {fault}") from fault
