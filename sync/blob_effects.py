"""What a session asks and is told about blobs; the unions of `effects.py` take these in."""

from __future__ import annotations

from typing import NamedTuple

from sync.ports import BlobWanted


class ReadBlobsWanted(NamedTuple):
    """Blobs that held documents name and we lack. Answered by `BlobsWantedRead`."""

    ticket: int


class ReadBlob(NamedTuple):
    """A part of a blob. Answered by `BlobRead`."""

    ticket: int
    hash: bytes
    offset: int
    size: int


class SaveBlobPart(NamedTuple):
    """Keep a part of a blob. Answered by `BlobSaved`."""

    ticket: int
    hash: bytes
    size: int
    offset: int
    data: bytes


class BlobsWantedRead(NamedTuple):
    """See `ReadBlobsWanted`."""

    wanted: tuple[BlobWanted, ...]


class BlobRead(NamedTuple):
    """See `ReadBlob`; size 0 when it is not here."""

    hash: bytes
    size: int
    offset: int
    data: bytes


class BlobSaved(NamedTuple):
    """See `SaveBlobPart`."""

    hash: bytes
    have: int
    complete: bool


BlobAnswer = BlobsWantedRead | BlobRead | BlobSaved
