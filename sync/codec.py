"""Messages to bytes and back: msgpack arrays `[type, field, …]`, every limit enforced on reading.

The only file that imports msgpack. Bytes that do not re-encode to themselves are refused, so a
message has one encoding (PROTOCOL.md, *Frames*).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import msgpack
from backports import zstd

from conflict.identity import (
    ID_BYTES,
    NONCE_BYTES,
    ActorId,
    DocumentId,
    Lane,
    NodeId,
    actor_id,
)
from conflict.lane import DIGEST_BYTES, HEAD_SHORT_BYTES, LaneRun, ShortState, Vector
from conflict.limits import CHANGE_BYTES_MAX
from conflict.signature import SIGNATURE_BYTES
from sync import limits, messages
from sync.errors import BadFrame, FrameTooLarge, UnknownMessage
from sync.messages import Message
from sync.ports import Listed, Receipt, Summary

ZSTD_LEVEL = 3
_HASH_BYTES = 32
_LISTED_BYTES = ID_BYTES + DIGEST_BYTES
_HEAD_FROM = 8  # a change's hash is SHA-256 over its chunk without magic and checksum


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


def _sized(value: Any, size: int) -> bytes:
    if not isinstance(value, bytes) or len(value) != size:
        raise BadFrame(f"{size} bytes expected")
    return value


def _number(value: Any, most: int = 1 << 62) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise BadFrame(f"a number from 0 to {most} expected")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadFrame("true or false expected")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > limits.TEXT_CHARS_MAX:
        raise BadFrame(f"text of at most {limits.TEXT_CHARS_MAX} characters expected")
    return value


def _items(value: Any, most: int, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadFrame("a list expected")
    if len(value) > most:
        raise FrameTooLarge(f"{len(value)} items, at most {most} ({name})")
    return value


def _document(value: Any) -> DocumentId:
    return DocumentId(_sized(value, ID_BYTES))


def _actor(value: Any) -> ActorId:
    return ActorId(_sized(value, ID_BYTES))


def _vector_body(vector: Vector) -> list[list[object]]:
    return [[actor, *vector[actor]] for actor in sorted(vector)]


def _vector(value: Any) -> dict[ActorId, ShortState]:
    lanes = _items(value, limits.VECTOR_LANES_MAX, "VECTOR_LANES_MAX")
    return {
        _actor(actor): ShortState(_number(length), _sized(head, HEAD_SHORT_BYTES))
        for actor, length, head in lanes
    }


def _hello(*fields: Any) -> messages.Hello:
    low, high, node, epoch, nonce, catalogue, clock, frame = fields
    return messages.Hello(
        _number(low),
        _number(high),
        NodeId(_sized(node, ID_BYTES)),
        _sized(epoch, ID_BYTES),
        _sized(nonce, NONCE_BYTES),
        _number(catalogue),
        _number(clock),
        _number(frame),
    )


def _proof(signature: Any) -> messages.Proof:
    return messages.Proof(_sized(signature, SIGNATURE_BYTES))


def _check(number: Any, documents: Any, digest: Any, repair: Any) -> messages.Check:
    summary = Summary(_number(documents), _sized(digest, 8))
    return messages.Check(_number(number, limits.ROUNDS_MAX), summary, _flag(repair))


def _listing(number: Any, after: Any, packed: Any, final: Any) -> messages.Listing:
    if not isinstance(packed, bytes) or len(packed) % _LISTED_BYTES:
        raise BadFrame(f"a listing is pairs of {_LISTED_BYTES} bytes")
    if len(packed) > limits.LISTING_ENTRIES_MAX * _LISTED_BYTES:
        raise FrameTooLarge(f"over {limits.LISTING_ENTRIES_MAX} pairs (LISTING_ENTRIES_MAX)")
    listed = tuple(
        Listed(DocumentId(packed[at : at + ID_BYTES]), packed[at + ID_BYTES : at + _LISTED_BYTES])
        for at in range(0, len(packed), _LISTED_BYTES)
    )
    start = None if after is None else _document(after)
    ids = [one.document for one in listed]
    if ids != sorted(set(ids)) or (start is not None and ids and ids[0] <= start):
        raise BadFrame("a listing ascends")
    return messages.Listing(_number(number), start, listed, _flag(final))


def _vectors(number: Any, vectors: Any, answer: Any, final: Any) -> messages.Vectors:
    pairs = _items(vectors, limits.VECTORS_DOCUMENTS_MAX, "VECTORS_DOCUMENTS_MAX")
    return messages.Vectors(
        _number(number),
        tuple((_document(document), _vector(vector)) for document, vector in pairs),
        _flag(answer),
        _flag(final),
    )


def _content_body(message: messages.Content) -> Iterable[object]:
    runs = [
        [
            run.lane.document,
            run.author,
            run.nonce,
            run.first_seq,
            list(run.changes),
            run.signature or b"",
        ]
        for run in message.runs
    ]
    return message.frame, zstd.compress(_pack(runs), level=ZSTD_LEVEL)


def _content(frame: Any, packed: Any) -> messages.Content:
    if not isinstance(packed, bytes):
        raise BadFrame("content is bytes")
    runs = _items(_unpack(_inflate(packed)), limits.CONTENT_RUNS_MAX, "CONTENT_RUNS_MAX")
    return messages.Content(_number(frame), tuple(_run(*run) for run in runs))


def _inflate(packed: bytes) -> bytes:
    decompressor = zstd.ZstdDecompressor()
    try:
        raw = decompressor.decompress(packed, max_length=limits.CONTENT_RAW_BYTES_MAX + 1)
    except zstd.ZstdError as fault:
        raise BadFrame("content is not zstd") from fault
    if len(raw) > limits.CONTENT_RAW_BYTES_MAX:
        raise FrameTooLarge(
            f"content inflates over {limits.CONTENT_RAW_BYTES_MAX} bytes (CONTENT_RAW_BYTES_MAX)"
        )
    if not decompressor.eof or decompressor.unused_data:
        raise BadFrame("content is not one whole zstd frame")
    return raw


def _run(
    document: Any, author: Any, nonce: Any, first_seq: Any, changes: Any, signature: Any
) -> LaneRun:
    chunks = _items(changes, limits.CONTENT_CHANGES_MAX, "CONTENT_CHANGES_MAX")
    for chunk in chunks:
        if not isinstance(chunk, bytes):
            raise BadFrame("a change is bytes")
        if len(chunk) > CHANGE_BYTES_MAX:
            raise FrameTooLarge(f"change over {CHANGE_BYTES_MAX} bytes (CHANGE_BYTES_MAX)")
    if not chunks:
        raise BadFrame("a run has changes")
    node = NodeId(_sized(author, ID_BYTES))
    actor = actor_id(node, _sized(nonce, NONCE_BYTES))
    return LaneRun(
        lane=Lane(_document(document), actor),
        author=node,
        nonce=nonce,
        first_seq=_number(first_seq),
        changes=tuple(chunks),
        head=hashlib.sha256(chunks[-1][_HEAD_FROM:]).digest(),
        signature=_sized(signature, SIGNATURE_BYTES) if signature else None,
    )


def _finished(number: Any) -> messages.Finished:
    return messages.Finished(_number(number))


def _receipt_body(receipt: Receipt) -> list[object]:
    return [receipt.lane.document, receipt.lane.actor, *receipt.state]


def _receipts(frame: Any, epoch: Any, receipts: Any, signature: Any) -> messages.Receipts:
    items = _items(receipts, limits.RECEIPT_LANES_MAX, "RECEIPT_LANES_MAX")
    return messages.Receipts(
        _number(frame),
        _sized(epoch, ID_BYTES),
        tuple(
            Receipt(
                Lane(_document(document), _actor(actor)),
                ShortState(_number(length), _sized(head, HEAD_SHORT_BYTES)),
            )
            for document, actor, length, head in items
        ),
        _sized(signature, SIGNATURE_BYTES),
    )


def receipt_message(epoch: bytes, receipts: Iterable[Receipt]) -> bytes:
    """The bytes that a receipt's signature covers (without the domain, which the signer adds)."""
    return epoch + _pack([_receipt_body(one) for one in receipts])


def _refused(document: Any, actor: Any, first_seq: Any, code: Any, detail: Any) -> messages.Refused:
    return messages.Refused(
        _document(document), _actor(actor), _number(first_seq), _text(code), _text(detail)
    )


def _blob_ask(wanted: Any) -> messages.BlobAsk:
    items = _items(wanted, limits.BLOBS_ASKED_MAX, "BLOBS_ASKED_MAX")
    return messages.BlobAsk(
        tuple((_sized(blob, _HASH_BYTES), _number(offset)) for blob, offset in items)
    )


def _blob_part(blob: Any, size: Any, offset: Any, data: Any) -> messages.BlobPart:
    if not isinstance(data, bytes) or len(data) > limits.BLOB_PART_BYTES:
        raise FrameTooLarge(f"blob part over {limits.BLOB_PART_BYTES} bytes (BLOB_PART_BYTES)")
    return messages.BlobPart(
        _sized(blob, _HASH_BYTES),
        _number(size, limits.BLOB_BYTES_MAX),
        _number(offset, limits.BLOB_BYTES_MAX),
        data,
    )


def _fault(code: Any, text: Any) -> messages.Fault:
    return messages.Fault(_text(code), _text(text))


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
}

_ENCODERS: dict[int, Callable[[Any], Iterable[object]]] = {
    3: lambda one: (one.round, *one.summary, one.repair),
    4: lambda one: (
        one.round,
        one.after,
        b"".join(document + digest for document, digest in one.listed),
        one.final,
    ),
    5: lambda one: (
        one.round,
        [[document, _vector_body(vector)] for document, vector in one.vectors],
        one.answer,
        one.final,
    ),
    6: _content_body,
    8: lambda one: (
        one.frame,
        one.epoch,
        [_receipt_body(receipt) for receipt in one.receipts],
        one.signature,
    ),
    10: lambda one: ([list(item) for item in one.wanted],),
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
}
