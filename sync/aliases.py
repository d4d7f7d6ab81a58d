"""Aliases: how logs that everybody holds speak of documents and blobs.

Who can name a document can ask for it: it says that the document is its unit's. Ids are random, so
nobody guesses one; an alias is a hash of the id, by which only those recognise a document who hold it.
PROTOCOL.md, *Custody*. Pure.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple, NewType

from conflict.identity import ActorId, DocumentId
from conflict.lane import ShortState
from sync.ports import Receipt

ALIAS_BYTES = 16

DocumentAlias = NewType("DocumentAlias", bytes)
BlobAlias = NewType("BlobAlias", bytes)


class Claim(NamedTuple):
    """That a lane is durable somewhere as far as this: a receipt for everybody's eyes."""

    document: DocumentAlias
    actor: ActorId
    state: ShortState


def document_alias(document: DocumentId) -> DocumentAlias:
    """16 bytes by which a document is recognised."""
    return DocumentAlias(_hashed(b"aidstation/alias/document/1", document))


def blob_alias(name: bytes) -> BlobAlias:
    """16 bytes by which a blob is recognised; `name`: its SHA-256."""
    return BlobAlias(_hashed(b"aidstation/alias/blob/1", name))


def claim_of(receipt: Receipt) -> Claim:
    """The same, by alias."""
    (document, actor), state = receipt
    return Claim(document_alias(document), actor, state)


def _hashed(domain: bytes, name: bytes) -> bytes:
    return hashlib.sha256(domain + name).digest()[:ALIAS_BYTES]
