"""Documents in SQL by the aliases that custody logs use (`sync/aliases.py`).

What a log says of a document that is not known here is kept under its alias, and counts as if it had
just been said once the document comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from conflict.identity import DocumentId, Lane, NodeId
from storage import receipts
from storage.framing import unpack_vector
from storage.tables import document, receipt
from storage.upsert import chunks
from sync.aliases import Claim, DocumentAlias, document_alias
from sync.ports import Receipt

_ALIASES: Any = bindparam("aliases", expanding=True)
_KNOWN = select(document.c.alias, document.c.document).where(document.c.alias.in_(_ALIASES))
_WAITING = select(receipt).where(receipt.c.document.in_(_ALIASES))
_RECOGNISED = delete(receipt).where(receipt.c.document.in_(_ALIASES))


def known(
    connection: Connection, aliases: Iterable[DocumentAlias]
) -> dict[DocumentAlias, DocumentId]:
    """Those that are of documents known here."""
    found: dict[DocumentAlias, DocumentId] = {}
    for part in chunks(sorted(set(aliases))):
        rows = connection.execute(_KNOWN, {"aliases": part})
        found |= {DocumentAlias(alias): DocumentId(one) for alias, one in rows}
    return found


def as_receipt(claim: Claim, known: Mapping[DocumentAlias, DocumentId]) -> Receipt:
    """A claim as it is kept: of the document, or of its alias in place of an id."""
    one = known.get(claim.document, DocumentId(claim.document))
    return Receipt(Lane(one, claim.actor), claim.state)


def recognise(connection: Connection, documents: Sequence[DocumentId]) -> None:
    """These documents are becoming known: what was said of their aliases was said of them."""
    for part in chunks(documents):
        aliases: dict[bytes, DocumentId] = {document_alias(one): one for one in part}
        rows = connection.execute(_WAITING, {"aliases": list(aliases)}).all()
        for row in rows:
            claims = [
                Receipt(Lane(aliases[row.document], actor), state)
                for actor, state in unpack_vector(row.vector).items()
            ]
            source = receipts.Source(row.entry_ms, row.entry)
            receipts.save(connection, NodeId(row.holder), row.epoch, claims, source)
        if rows:
            connection.execute(_RECOGNISED, {"aliases": list(aliases)})
