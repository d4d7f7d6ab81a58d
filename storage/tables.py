"""The schema, once, for SQLite and PostgreSQL: truth first, then caches that a rebuild recreates.

Large tables start with the document id, so that a distributed PostgreSQL can shard them. Few rows make
a cold ingest fast. A change here is a new file in migrations/versions, too (a test compares the two).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    Sequence,
    Table,
    Text,
    false,
    true,
)

from storage.audit_tables import audit_ack, audit_branch, audit_entry
from storage.branch_table import branch
from storage.custody_tables import custody_blob, custody_entry, custody_log
from storage.metadata import metadata

# --- truth -------------------------------------------------------------------------------------

run = Table(
    "run",
    metadata,
    Column("document", LargeBinary, primary_key=True),
    Column("actor", LargeBinary, primary_key=True),
    Column("first_seq", Integer, primary_key=True, autoincrement=False),
    Column("last_seq", Integer, nullable=False),
    Column("author", LargeBinary, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("head", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("arrival", BigInteger, nullable=False),
    Column("arrival_ms", BigInteger, nullable=False),
    Column("changes", LargeBinary, nullable=False),
    Index("run_arrival", "arrival"),
)
"""Signed changes as received, framed (`framing.py`); a rowid table because blobs are large."""

staged = Table(
    "staged",
    metadata,
    Column("peer", LargeBinary, primary_key=True),
    Column("document", LargeBinary, primary_key=True),
    Column("actor", LargeBinary, primary_key=True),
    Column("first_seq", Integer, nullable=False),
    Column("last_seq", Integer, nullable=False),
    Column("author", LargeBinary, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("head", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("changes", LargeBinary, nullable=False),
)
"""Prefixes without a signature yet, one a peer and lane; `peer` is empty for local imports."""

set_aside = Table(
    "set_aside",
    metadata,
    Column("document", LargeBinary, primary_key=True),
    Column("actor", LargeBinary, primary_key=True),
    Column("first_seq", Integer, primary_key=True, autoincrement=False),
    Column("code", Text, primary_key=True),
    Column("content", LargeBinary, primary_key=True),
    Column("detail", Text, nullable=False),
    Column("source", LargeBinary, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("size", Integer, nullable=False),
    Column("kept", LargeBinary, nullable=False),
    Index("set_aside_source", "source"),
)
"""What broke a rule. `content` (hash of the bytes) makes a repeated delivery one row."""

blob = Table(
    "blob",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("have", BigInteger, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("claimed", Boolean, nullable=False, server_default=false()),
    sqlite_with_rowid=False,
)
"""`claimed`: this node's own custody log says that it is here."""
Index(
    "blob_unclaimed",
    blob.c.hash,
    sqlite_where=blob.c.claimed == false(),
    postgresql_where=blob.c.claimed == false(),
)
blob_part = Table(
    "blob_part",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)
"""Contiguous pieces from 0 to `blob.have`; they stay pieces when the blob is complete."""

receipt = Table(
    "receipt",
    metadata,
    Column("document", LargeBinary, primary_key=True),
    Column("holder", LargeBinary, primary_key=True),
    Column("epoch", LargeBinary, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("vector", LargeBinary, nullable=False),
    Column("entry", BigInteger, nullable=False, server_default="0"),
    Column("entry_ms", BigInteger, nullable=False, server_default="0"),
)
"""`at_ms`: last told directly; `entry`: number of the last entry of the holder's custody log that
spoke of it, and when that came. 0: never. A document that is not known here goes by its alias."""
holder = Table(
    "holder",
    metadata,
    Column("node", LargeBinary, primary_key=True),
    Column("epoch", LargeBinary, nullable=False),
    Column("told_ms", BigInteger, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)
"""The latest epoch of each node that sent receipts: a change empties its receipts. `told_ms`: when
the last receipt came."""

authority_entry = Table(
    "authority_entry",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("entry", LargeBinary, nullable=False),
)
"""The theatre's authority log as received."""
cover = Table(
    "cover",
    metadata,
    Column("document", LargeBinary, primary_key=True),
    Column("actor", LargeBinary, primary_key=True),
    Column("length", Integer, primary_key=True, autoincrement=False),
    Column("head", LargeBinary, primary_key=True),
    sqlite_with_rowid=False,
)
"""How far lanes of revoked devices are shown all the same: claims that count (`suspects.py`)."""

shed = Table(
    "shed",
    metadata,
    Column("document", LargeBinary, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("wanted_ms", BigInteger, nullable=False, server_default="0"),
    Column("label", Text, nullable=False),
    Column("links", LargeBinary, nullable=False),
    Index("shed_number", "number"),
)
"""Documents whose content was let go (`shedding.py`): what lists and charts still say of them.

`number`: of the shedding, counted here, never used twice. `wanted_ms`: since when the content is to
come back; 0: it is not."""
shed_lane = Table(
    "shed_lane",
    metadata,
    Column("document", LargeBinary, primary_key=True),
    Column("actor", LargeBinary, primary_key=True),
    Column("author", LargeBinary, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("length", Integer, nullable=False),
    Column("head", LargeBinary, nullable=False),
    Column("statements", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""How far a lane reached when its content was let go: its runs in `run` start after that."""
refill = Table(
    "refill",
    metadata,
    Column("document", LargeBinary, primary_key=True),
    Column("actor", LargeBinary, primary_key=True),
    Column("first_seq", Integer, primary_key=True, autoincrement=False),
    Column("last_seq", Integer, nullable=False),
    Column("author", LargeBinary, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("head", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("changes", LargeBinary, nullable=False),
)
"""Signed runs of a lane that is coming back, from its first change on; they go into `run` together,
once their chain ends in the head that was let go."""

setting = Table(
    "setting",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

arrival = Sequence("arrival", metadata=metadata)
"""Local order of runs on PostgreSQL; SQLite counts in `tally`."""

TRUTH = (
    *(run, staged, set_aside, blob, blob_part, setting),
    *(receipt, holder, custody_log, custody_entry, custody_blob),
    *(audit_branch, audit_entry, audit_ack),
    *(shed, shed_lane, refill, authority_entry, cover),
)

# --- caches ------------------------------------------------------------------------------------

document = Table(
    "document",
    metadata,
    Column("document", LargeBinary, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("lanes", Integer, nullable=False),
    Column("changes", Integer, nullable=False),
    Column("statements", Integer, nullable=False, server_default="0"),
    Column("arrival", BigInteger, nullable=False),
    Column("dirty", Boolean, nullable=False),
    Column("symbol", BigInteger, nullable=False, server_default="0"),
    Column("lacking", Integer, nullable=False, server_default="0"),
    Column("lacking_ms", BigInteger, nullable=False, server_default="0"),
    Column("audience", BigInteger, nullable=False, server_default="0"),
    Column("alias", LargeBinary, nullable=False, server_default=""),
    Index("document_symbol", "symbol"),
    Index("document_alias", "alias"),
    sqlite_with_rowid=False,
)
"""`symbol`: 48 bits that stand for document and digest in a sketch, under the store's key.

`lacking`: changes that no garrison is known to hold, and since when there are any (`coverage.py`).
`audience`: which set of scopes may hold it (`audiences.py`); 0: no scope. `alias`: `aliases.py`.
"""
Index(
    "document_lacking",
    document.c.lacking_ms,
    document.c.lacking,
    sqlite_where=document.c.lacking > 0,
    postgresql_where=document.c.lacking > 0,
)
Index(
    "document_dirty",
    document.c.arrival,
    sqlite_where=document.c.dirty == true(),
    postgresql_where=document.c.dirty == true(),
)

lane = Table(
    "lane",
    metadata,
    Column("document", LargeBinary, primary_key=True),
    Column("actor", LargeBinary, primary_key=True),
    Column("author", LargeBinary, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("length", Integer, nullable=False),
    Column("head", LargeBinary, nullable=False),
    Column("admitted", Integer, nullable=False, server_default="0"),
    Column("statements", Integer, nullable=False, server_default="0"),
    Column("refused", Integer, nullable=False, server_default="0"),
    Column("urgent_ms", BigInteger, nullable=False, server_default="0"),
    Column("summary", Boolean, nullable=False, server_default=false()),
    Column("code", Text),
    Column("detail", Text),
    Column("entries", LargeBinary),
)
"""Held (`length`, `head`), admitted (`admitted`, `entries`), refused (`refused`: length then).

`urgent_ms`, `summary`: what its admitted statements say of how soon it must travel. What may be long
comes last, so that the columns before it are read without it.
"""
Index(
    "lane_refused",
    lane.c.document,
    sqlite_where=lane.c.refused > 0,
    postgresql_where=lane.c.refused > 0,
)
Index(
    "lane_urgent",
    lane.c.urgent_ms,
    sqlite_where=lane.c.urgent_ms > 0,
    postgresql_where=lane.c.urgent_ms > 0,
)

tally = Table(
    "tally",
    metadata,
    Column("audience", BigInteger, primary_key=True, autoincrement=False, server_default="0"),
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("documents", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("arrival", BigInteger, nullable=False),
    Column("steps", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""Count and digest of the held set, as shards that add up: no writer waits on one hot row.

`audience` 0: of everything; others: of the documents of that audience. `arrival`: the last number
given, in the rows of everything. `steps`: symbols that came and went and are not in `sketch` yet.
"""

sketch = Table(
    "sketch",
    metadata,
    Column("audience", BigInteger, primary_key=True, autoincrement=False, server_default="0"),
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("cells", LargeBinary, nullable=False),
)
"""First cells over the symbols of documents (`sketches.py`), as shards that add up."""

audience = Table(
    "audience",
    metadata,
    Column("audience", BigInteger, primary_key=True, autoincrement=False),
    Column("scopes", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""Sets of scopes that some document has or had: their ids, ascending, one after the other."""

member = Table(
    "member",
    metadata,
    Column("scope", LargeBinary, primary_key=True),
    Column("document", LargeBinary, primary_key=True),
    Index("member_document", "document"),
    sqlite_with_rowid=False,
)
"""Documents that the `unit` documents held here say belong to them."""

projection = Table(
    "projection",
    metadata,
    Column("document", LargeBinary, primary_key=True),
    Column("label", Text, nullable=False),
    Column("search", Text, nullable=False),
    Column("open_findings", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
Index(
    "projection_review",
    projection.c.document,
    sqlite_where=projection.c.open_findings > 0,
    postgresql_where=projection.c.open_findings > 0,
)

link = Table(
    "link",
    metadata,
    Column("document", LargeBinary, primary_key=True),
    Column("other", LargeBinary, primary_key=True),
    Index("link_other", "other"),
    sqlite_with_rowid=False,
)

blob_need = Table(
    "blob_need",
    metadata,
    Column("document", LargeBinary, primary_key=True),
    Column("hash", LargeBinary, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("missing", Boolean, nullable=False),
    Column("alias", LargeBinary, nullable=False, server_default=""),
    Index("blob_need_hash", "hash"),
    sqlite_with_rowid=False,
)
Index(
    "blob_need_missing",
    blob_need.c.hash,
    sqlite_where=blob_need.c.missing == true(),
    postgresql_where=blob_need.c.missing == true(),
)

CACHES = (document, lane, branch, tally, sketch, projection, link, blob_need, audience, member)
