"""Blobs in SQL: named by SHA-256, received in contiguous parts so that a broken link resumes.

A blob is readable once all its bytes are here and hash to its name. Parts that do not are thrown
away, also when the transaction that found out is rolled back (`store.py` sees to that).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from sqlalchemy import Connection, delete, insert, select, true

from storage import limits, projections
from storage.errors import BlobMismatch, BlobMisplaced, BlobTooLarge
from storage.tables import blob, blob_part
from storage.upsert import upsert


def put_part(connection: Connection, name: bytes, offset: int, data: bytes, size: int) -> bool:
    """Add a part (`Transaction.put_blob_part`)."""
    row = connection.execute(select(blob).where(blob.c.hash == name)).one_or_none()
    if row is not None and row.complete:
        return True
    have = row.have if row is not None else 0
    check_part(have, offset, data, size, row.size if row is not None else size)
    new = data[have - offset :]
    if new:
        part = {"hash": name, "start": have, "data": new}
        connection.execute(insert(blob_part), part)
    complete = have + len(new) == size
    if complete:
        check_hash(name, parts(connection, name))
        projections.blob_arrived(connection, name)
    columns = {"hash": name, "size": size, "have": have + len(new), "complete": complete}
    connection.execute(upsert(connection, blob), columns)
    return complete


def check_part(have: int, offset: int, data: bytes, size: int, size_before: int) -> None:
    """Raise unless a part continues what is here and fits the blob."""
    if size > limits.BLOB_BYTES_MAX:
        raise BlobTooLarge(
            f"The blob has {size} bytes, the limit is {limits.BLOB_BYTES_MAX}. Send a smaller one."
        )
    if size != size_before:
        raise BlobMismatch(
            f"The blob was announced with {size_before} bytes and now with {size}. What was here "
            "of it was discarded; it will be asked for again."
        )
    if not 0 <= offset <= have or offset + len(data) > size:
        raise BlobMisplaced(
            f"A part of {len(data)} bytes at {offset} does not continue the {have} of {size} "
            "bytes here. Send on from there."
        )


def check_hash(name: bytes, parts: Iterator[bytes]) -> None:
    """Raise `BlobMismatch` unless the parts hash to the blob's name."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    if digest.digest() != name:
        raise BlobMismatch(
            "The blob's bytes do not have the hash that it is named by. They were discarded; it "
            "will be asked for again."
        )


def put(connection: Connection, data: bytes) -> bytes:
    """Keep a whole blob; its SHA-256."""
    name = hashlib.sha256(data).digest()
    if _size(connection, name) is None:
        discard(connection, name)  # a peer's parts are not trusted over the whole thing
    step = limits.BLOB_PART_BYTES
    for offset in range(0, len(data) or 1, step):
        put_part(connection, name, offset, data[offset : offset + step], len(data))
    return name


def discard(connection: Connection, name: bytes) -> None:
    """Forget an incomplete blob's parts."""
    connection.execute(delete(blob_part).where(blob_part.c.hash == name))
    connection.execute(delete(blob).where(blob.c.hash == name))


def whole(connection: Connection, name: bytes) -> bytes | None:
    """A complete blob."""
    if _size(connection, name) is None:
        return None
    return b"".join(parts(connection, name))


def read(connection: Connection, name: bytes, offset: int, size: int) -> tuple[bytes, int] | None:
    """Bytes of a complete blob from `offset`, and its size."""
    total = _size(connection, name)
    if total is None:
        return None
    found: list[bytes] = []
    missing = size
    for part in parts(connection, name, offset):
        found.append(part[:missing])
        missing -= len(found[-1])
        if not missing:
            break
    return b"".join(found), total


def _size(connection: Connection, name: bytes) -> int | None:
    query = select(blob.c.size).where(blob.c.hash == name, blob.c.complete == true())
    size: int | None = connection.scalar(query)
    return size


def parts(connection: Connection, name: bytes, offset: int = 0) -> Iterator[bytes]:
    """Bytes from `offset` on, part by part."""
    starts = select(blob_part.c.start).where(blob_part.c.hash == name).order_by(blob_part.c.start)
    places = list(connection.scalars(starts))
    for number, start in enumerate(places):
        if number + 1 < len(places) and places[number + 1] <= offset:
            continue
        query = select(blob_part.c.data).where(blob_part.c.hash == name, blob_part.c.start == start)
        data: bytes = connection.scalars(query).one()
        yield data[max(0, offset - start) :]
