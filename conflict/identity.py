"""Names of nodes, documents, actors, lanes and statements: distinct types, one text form each.

Nothing here draws randomness: entropy is an argument. Sizes are in bytes. DESIGN words: a *lane* is
what one actor wrote in one document; an actor belongs to one node and one process life.
"""

from __future__ import annotations

import base64
import hashlib
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple, NewType

from conflict.errors import BadIdentity

NodeId = NewType("NodeId", bytes)
"""16 bytes: start of SHA-256 over the node's public signing key."""

DocumentId = NewType("DocumentId", bytes)
"""16 bytes: one byte of `DocumentKind`, then 15 bytes that are random or derived from a source."""

ActorId = NewType("ActorId", bytes)
"""16 bytes: hash of (node id, nonce). New at every process start, never reused."""

StatementId = NewType("StatementId", str)
"""`<actor hex>.<n>`: the n-th statement (from 1) of that actor's lane in its document."""

ID_BYTES = 16
NONCE_BYTES = 16
_ACTOR_DOMAIN = b"aidstation/actor/1"
_NODE_DOMAIN = b"aidstation/node/1"
_SOURCE_DOMAIN = b"aidstation/document-from-source/1"


class DocumentKind(IntEnum):
    """First byte of a document id. Values are part of the wire format: never renumber."""

    PERSON = 1
    EPISODE = 2
    UNIT = 3
    THEATRE = 4


class Lane(NamedTuple):
    """One actor's chain of changes in one document."""

    document: DocumentId
    actor: ActorId


def node_id(public_key: bytes) -> NodeId:
    """Id of the node that owns `public_key` (X9.62 uncompressed point, 65 bytes)."""
    return NodeId(hashlib.sha256(_NODE_DOMAIN + public_key).digest()[:ID_BYTES])


def actor_id(node: NodeId, nonce: bytes) -> ActorId:
    """Actor of `node` for one process life. `nonce` is 16 random bytes used once."""
    if len(nonce) != NONCE_BYTES:
        raise BadIdentity(f"an actor nonce has {NONCE_BYTES} bytes, this one {len(nonce)}")
    return ActorId(hashlib.sha256(_ACTOR_DOMAIN + node + nonce).digest()[:ID_BYTES])


def new_document(kind: DocumentKind, entropy: bytes) -> DocumentId:
    """Document id from 15 bytes of entropy."""
    if len(entropy) != ID_BYTES - 1:
        raise BadIdentity(f"a document id takes {ID_BYTES - 1} bytes of entropy")
    return DocumentId(bytes([kind]) + entropy)


def document_from_source(kind: DocumentKind, system: str, source_id: str) -> DocumentId:
    """The same id on every node that imports the same outside record."""
    text = f"{kind.value}\x1f{system}\x1f{source_id}".encode()
    return new_document(kind, hashlib.sha256(_SOURCE_DOMAIN + text).digest()[: ID_BYTES - 1])


def document_kind(document: DocumentId) -> DocumentKind | None:
    """Kind of a document, None for a kind that newer software made."""
    try:
        return DocumentKind(document[0])
    except ValueError:
        return None


@lru_cache(maxsize=4096)  # a fold asks once a statement
def document_text(document: DocumentId) -> str:
    """`person-…`: kind and 24 letters of base32; unknown kinds read `kind9-…`."""
    kind = document_kind(document)
    name = kind.name.lower() if kind else f"kind{document[0]}"
    return f"{name}-{base64.b32encode(document[1:]).decode().lower()}"


def parse_document(text: str) -> DocumentId:
    """Inverse of `document_text`. Raises `BadIdentity`."""
    name, _, code = text.strip().lower().partition("-")
    try:
        number = int(name[4:]) if name.startswith("kind") else DocumentKind[name.upper()].value
        return DocumentId(bytes([number]) + _fifteen(base64.b32decode(code.upper())))
    except (KeyError, ValueError) as fault:
        raise BadIdentity(
            f"'{text[:60]}' is not a document id: it reads like episode-abcdefghijklmnopqrstuvwx"
        ) from fault


def _fifteen(raw: bytes) -> bytes:
    if len(raw) != ID_BYTES - 1:
        raise ValueError("length")
    return raw


def node_text(node: NodeId | ActorId) -> str:
    """32 hex letters."""
    return node.hex()


def parse_node(text: str) -> NodeId:
    """Inverse of `node_text`. Raises `BadIdentity`."""
    try:
        raw = bytes.fromhex(text.strip())
    except ValueError as fault:
        raise BadIdentity(f"'{text[:60]}' is not a node id: 32 hex letters") from fault
    if len(raw) != ID_BYTES:
        raise BadIdentity(f"'{text[:60]}' is not a node id: 32 hex letters")
    return NodeId(raw)


def statement_id(actor: ActorId, number: int) -> StatementId:
    """Id of the `number`-th statement of an actor's lane."""
    return StatementId(f"{actor.hex()}.{number}")
