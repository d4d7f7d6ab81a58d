"""Messages to bytes and back: msgpack arrays `[type, field, …]`, every limit enforced on reading.

The only file that imports msgpack. Bytes that do not re-encode to themselves are refused, so a
message has one encoding (PROTOCOL.md, *Frames*).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import msgpack

from conflict.identity import ID_BYTES, NONCE_BYTES, DocumentId, NodeId
from conflict.lane import DIGEST_BYTES
from conflict.signature import SIGNATURE_BYTES
from sync import audit_frames, fields, limits, messages
from sync.authority_effects import LINK_SHORT_BYTES, LogHead
from sync.errors import BadFrame, FrameTooLarge, UnknownMessage
from sync.leb128 import bound
from sync.messages import Message
from sync.ports import Listed, Precedence, Receipt, Summary
from sync.sketch import CELL_BYTES, KEY_NAME_BYTES, SALT_BYTES, SYMBOL_BYTES, Symbol
from sync.vectors import vectors_from_bytes, vectors_to_bytes

_HASH_BYTES = 32
_LISTED_BYTES = ID_BYTES + DIGEST_BYTES
_OF_CONTENT = frozenset({Precedence.URGENT, Precedence.SUMMARY, Precedence.ROUTINE})
_OF_PARTS = frozenset(Precedence)


def encode(message: Message) -> bytes:
    """One frame."""
    kind = _TYPES[type(message)]
    return _pack([kind, *_ENCODERS.get(kind, tuple)(message)])


def decode(frame: bytes) -> Message:
    """Inverse of `encode`. Raises `PeerFault` leaves naming what is wrong."""
    if len(frame) > limits.FRAME_BYTES_MAX:
        raise FrameTooLarge(f"frame over {limits.FRAME_BYTES_MAX} bytes (FRAME_BYTES_MAX)")
    body = _unpack(frame)
    if not isinstance(body, list) or not body or not isinstance(body[0], int):
        raise BadFrame("a message is an array that begins with its type")
    decoder = _DECODERS.get(body[0])
    if decoder is None:
        raise UnknownMessage(f"message type {body[0]} is not in protocol version 1")
    try:
        return decoder(*body[1:])
    except (TypeError, ValueError) as fault:
        raise BadFrame(f"message type {body[0]} has wrong fields") from fault


def type_of(frame: bytes) -> int:
    """The message type, from the first two bytes; the rest is not looked at. Raises `BadFrame`."""
    if len(frame) < 2 or frame[0] & 0xF0 != 0x90 or frame[1] > 0x7F:
        raise BadFrame("a message is an array that begins with its type")
    return frame[1]


def _pack(body: object) -> bytes:
    packed: bytes = msgpack.packb(body, use_bin_type=True)
    return packed


def _unpack(data: bytes) -> Any:
    try:
        body = msgpack.unpackb(
            data,
            raw=False,
            max_array_len=limits.CONTENT_CHANGES_MAX,
            max_map_len=0,
            max_ext_len=0,
            max_str_len=limits.TEXT_CHARS_MAX * 4,
            max_bin_len=limits.FRAME_BYTES_MAX,
        )
    except Exception as fault:
        raise BadFrame("not msgpack, or a list above its limit") from fault
    if _pack(body) != data:
        raise BadFrame("not the one encoding of its message")
    return body


def _hello(*given: Any) -> messages.Hello:
    low, high, node, epoch, nonce, catalogue, clock, key, frame, credit, *_later = given
    return messages.Hello(
        fields.number(low),
        fields.number(high),
        NodeId(fields.sized(node, ID_BYTES)),
        fields.sized(epoch, ID_BYTES),
        fields.sized(nonce, NONCE_BYTES),
        fields.number(catalogue),
        fields.number(clock),
        fields.sized(key, KEY_NAME_BYTES),
        fields.number(frame),
        fields.number(credit),
    )


def _proof(signature: Any, scopes: Any, number: Any, link: Any) -> messages.Proof:
    sized = fields.sized(signature, SIGNATURE_BYTES)
    return messages.Proof(sized, None if scopes is None else _scopes(scopes), _head(number, link))


def _head(number: Any, link: Any) -> LogHead:
    return LogHead(fields.number(number), fields.sized(link, LINK_SHORT_BYTES))


def _authority(after: Any, entries: Any) -> messages.Authority:
    page = fields.items(entries, limits.AUTHORITY_PAGE, "AUTHORITY_PAGE")
    for entry in page:
        bound(
            len(fields.raw(entry)),
            limits.AUTHORITY_ENTRY_BYTES_MAX,
            "bytes of an entry",
            "AUTHORITY_ENTRY_BYTES_MAX",
        )
    return messages.Authority(fields.number(after), tuple(page))


def _scopes(packed: Any) -> tuple[DocumentId, ...]:
    if not isinstance(packed, bytes) or len(packed) % ID_BYTES:
        raise BadFrame("scopes are ids of 16 bytes")
    count = len(packed) // ID_BYTES
    bound(count, limits.SCOPES_MAX, "scopes", "SCOPES_MAX")
    found = [DocumentId(packed[at * ID_BYTES : (at + 1) * ID_BYTES]) for at in range(count)]
    if any(one >= other for one, other in pairwise(found)):
        raise BadFrame("scopes ascend")
    return tuple(found)


def _check(number: Any, documents: Any, digest: Any, repair: Any, sketched: Any) -> messages.Check:
    summary = Summary(fields.number(documents), fields.sized(digest, 8))
    return messages.Check(
        fields.number(number, limits.ROUNDS_MAX),
        summary,
        fields.flag(repair),
        fields.flag(sketched),
    )


def _listing(number: Any, after: Any, packed: Any, final: Any) -> messages.Listing:
    if not isinstance(packed, bytes) or len(packed) % _LISTED_BYTES:
        raise BadFrame(f"a listing is pairs of {_LISTED_BYTES} bytes")
    if len(packed) > limits.LISTING_ENTRIES_MAX * _LISTED_BYTES:
        raise FrameTooLarge(f"over {limits.LISTING_ENTRIES_MAX} pairs (LISTING_ENTRIES_MAX)")
    listed = tuple(
        Listed(DocumentId(packed[at : at + ID_BYTES]), packed[at + ID_BYTES : at + _LISTED_BYTES])
        for at in range(0, len(packed), _LISTED_BYTES)
    )
    start = None if after is None else fields.document(after)
    ids = [one.document for one in listed]
    if ids != sorted(set(ids)) or (start is not None and ids and ids[0] <= start):
        raise BadFrame("a listing ascends")
    return messages.Listing(fields.number(number), start, listed, fields.flag(final))


def _sketch(number: Any, salt: Any, start: Any, cells: Any, *of: Any) -> messages.Sketch:
    if not isinstance(cells, bytes) or len(cells) % CELL_BYTES:
        raise BadFrame(f"cells of {CELL_BYTES} bytes expected")
    if len(cells) > limits.SKETCH_CELLS_MAX * CELL_BYTES:
        raise FrameTooLarge(f"over {limits.SKETCH_CELLS_MAX} cells (SKETCH_CELLS_MAX)")
    salted = b"" if salt == b"" else fields.sized(salt, SALT_BYTES)
    if not of:
        return messages.Sketch(fields.number(number), salted, fields.number(start), cells)
    document, lanes = of
    if salted:
        raise BadFrame("a sketch of lanes has no salt")
    return messages.Sketch(
        fields.number(number),
        salted,
        fields.number(start),
        cells,
        fields.document(document),
        fields.number(lanes),
    )


def _sketch_body(message: messages.Sketch) -> Iterable[object]:
    of = () if message.document is None else (message.document, message.lanes)
    return message.round, message.salt, message.start, message.cells, *of


def _of(document: DocumentId | None) -> Iterable[object]:
    """A last field that is there only where a message is of one document's lanes."""
    return () if document is None else (document,)


def _more(number: Any, size: Any, *of: Any) -> messages.More:
    wanted = fields.number(size, limits.SKETCH_CELLS_MAX)
    return messages.More(fields.number(number), wanted, *map(fields.document, of))


def _wanted_body(message: messages.Wanted) -> Iterable[object]:
    names = ((one.to_bytes(SYMBOL_BYTES, "big"), vector) for one, vector in message.wanted)
    packed = vectors_to_bytes(names, whole=message.whole)
    return message.round, packed, message.whole, message.final, *_of(message.document)


def _wanted(number: Any, packed: Any, whole: Any, final: Any, *of: Any) -> messages.Wanted:
    found = vectors_from_bytes(fields.raw(packed), SYMBOL_BYTES, whole=fields.flag(whole))
    wanted = tuple((Symbol(int.from_bytes(name, "big")), vector) for name, vector in found)
    return messages.Wanted(
        fields.number(number), wanted, whole, fields.flag(final), *map(fields.document, of)
    )


def _vectors_body(message: messages.Vectors) -> Iterable[object]:
    packed = vectors_to_bytes(message.vectors, whole=message.whole)
    return message.round, packed, message.answer, message.whole, message.final


def _vectors(number: Any, packed: Any, answer: Any, whole: Any, final: Any) -> messages.Vectors:
    found = vectors_from_bytes(fields.raw(packed), ID_BYTES, whole=fields.flag(whole))
    vectors = tuple((DocumentId(name), vector) for name, vector in found)
    return messages.Vectors(
        fields.number(number), vectors, fields.flag(answer), whole, fields.flag(final)
    )


def _content(frame: Any, precedence: Any, payload: Any) -> messages.Content:
    return messages.Content(
        fields.number(frame), fields.precedence(precedence, _OF_CONTENT), fields.raw(payload)
    )


def _finished(number: Any) -> messages.Finished:
    return messages.Finished(fields.number(number))


def _receipts(frames: Any, refused: Any, signature: Any) -> messages.Receipts:
    numbers = fields.items(frames, limits.RECEIPT_FRAMES_MAX, "RECEIPT_FRAMES_MAX")
    places = fields.items(refused, limits.CONTENT_RUNS_MAX, "CONTENT_RUNS_MAX")
    return messages.Receipts(
        tuple(map(fields.number, numbers)),
        tuple((fields.number(frame), fields.number(place)) for frame, place in places),
        fields.sized(signature, SIGNATURE_BYTES),
    )


def receipt_message(epoch: bytes, receipts: Iterable[Receipt]) -> bytes:
    """The bytes that a receipt's signature covers (without the domain, which the signer adds)."""
    return epoch + _pack([[*one.lane, *one.state] for one in receipts])


def _refused(document: Any, actor: Any, first_seq: Any, code: Any, detail: Any) -> messages.Refused:
    return messages.Refused(
        fields.document(document),
        fields.actor(actor),
        fields.number(first_seq),
        fields.text(code),
        fields.text(detail),
    )


def _blob_ask(wanted: Any) -> messages.BlobAsk:
    items = fields.items(wanted, limits.BLOBS_ASKED_MAX, "BLOBS_ASKED_MAX")
    return messages.BlobAsk(
        tuple((fields.sized(blob, _HASH_BYTES), fields.number(offset)) for blob, offset in items)
    )


def _blob_part(blob: Any, size: Any, offset: Any, data: Any) -> messages.BlobPart:
    if not isinstance(data, bytes) or len(data) > limits.BLOB_PART_BYTES:
        raise FrameTooLarge(f"blob part over {limits.BLOB_PART_BYTES} bytes (BLOB_PART_BYTES)")
    return messages.BlobPart(
        fields.sized(blob, _HASH_BYTES),
        fields.number(size, limits.BLOB_BYTES_MAX),
        fields.number(offset, limits.BLOB_BYTES_MAX),
        data,
    )


def _custody_have(logs: Any) -> messages.CustodyHave:
    items = fields.items(logs, limits.CUSTODY_GARRISONS_MAX, "CUSTODY_GARRISONS_MAX")
    return messages.CustodyHave(
        tuple(
            (
                NodeId(fields.sized(node, ID_BYTES)),
                fields.sized(epoch, ID_BYTES),
                fields.number(number),
            )
            for node, epoch, number in items
        )
    )


def _custody(entry: Any) -> messages.Custody:
    if len(fields.raw(entry)) > limits.CUSTODY_ENTRY_BYTES_MAX:
        limit = limits.CUSTODY_ENTRY_BYTES_MAX
        raise FrameTooLarge(f"custody entry over {limit} bytes (CUSTODY_ENTRY_BYTES_MAX)")
    return messages.Custody(entry)


def _released(through: Any, total: Any, packed: Any) -> messages.Released:
    return messages.Released(fields.number(through), fields.number(total), fields.documents(packed))


def _fault(code: Any, text: Any) -> messages.Fault:
    return messages.Fault(fields.text(code), fields.text(text))


def _part(precedence: Any, more: Any, data: Any) -> messages.Part:
    if not isinstance(data, bytes) or not data:
        raise BadFrame("a part is bytes, at least one")
    if len(data) > limits.PART_BYTES_MAX:
        raise FrameTooLarge(f"part over {limits.PART_BYTES_MAX} bytes (PART_BYTES_MAX)")
    return messages.Part(fields.precedence(precedence, _OF_PARTS), fields.flag(more), data)


def _ack(through: Any) -> messages.Ack:
    return messages.Ack(fields.number(through))


_TYPES: dict[type, int] = {
    messages.Hello: 1,
    messages.Proof: 2,
    messages.Check: 3,
    messages.Listing: 4,
    messages.Vectors: 5,
    messages.Content: 6,
    messages.Finished: 7,
    messages.Receipts: 8,
    messages.Refused: 9,
    messages.BlobAsk: 10,
    messages.BlobPart: 11,
    messages.Fault: 12,
    messages.Part: 13,
    messages.Ack: 14,
    messages.Sketch: 15,
    messages.More: 16,
    messages.Wanted: 17,
    messages.CustodyHave: 18,
    messages.Custody: 19,
    messages.Released: 20,
    messages.Heard: 21,
    messages.Withheld: 22,
    messages.AuditHave: 23,
    messages.Audit: 24,
    messages.AuthorityHave: 26,
    messages.Authority: 27,
}

PART, ACK = _TYPES[messages.Part], _TYPES[messages.Ack]

CONTROL_TYPES = frozenset(kind for one, kind in _TYPES.items() if messages.is_control(one))

_ENCODERS: dict[int, Callable[[Any], Iterable[object]]] = {
    2: lambda one: (one.signature, None if one.scopes is None else b"".join(one.scopes), *one.log),
    3: lambda one: (one.round, *one.summary, one.repair, one.sketched),
    4: lambda one: (
        one.round,
        one.after,
        b"".join(document + digest for document, digest in one.listed),
        one.final,
    ),
    5: _vectors_body,
    8: lambda one: (list(one.frames), [list(item) for item in one.refused], one.signature),
    10: lambda one: ([list(item) for item in one.wanted],),
    15: _sketch_body,
    16: lambda one: (one.round, one.size, *_of(one.document)),
    17: _wanted_body,
    18: lambda one: ([list(item) for item in one.logs],),
    20: lambda one: (one.through, one.total, b"".join(one.documents)),
    22: lambda one: (b"".join(one.documents),),
    23: audit_frames.have_body,
    24: audit_frames.audit_body,
    27: lambda one: (one.after, list(one.entries)),
}

_DECODERS: dict[int, Callable[..., Message]] = {
    1: _hello,
    2: _proof,
    3: _check,
    4: _listing,
    5: _vectors,
    6: _content,
    7: _finished,
    8: _receipts,
    9: _refused,
    10: _blob_ask,
    11: _blob_part,
    12: _fault,
    13: _part,
    14: _ack,
    15: _sketch,
    16: _more,
    17: _wanted,
    18: _custody_have,
    19: _custody,
    20: _released,
    21: lambda through, total: messages.Heard(fields.number(through), fields.number(total)),
    22: lambda packed: messages.Withheld(fields.documents(packed)),
    23: audit_frames.have,
    24: audit_frames.audit,
    26: lambda number, link: messages.AuthorityHave(*_head(number, link)),
    27: _authority,
}
