"""The schema, once, for SQLite and PostgreSQL: truth first, then caches that a rebuild recreates.

Large tables start with the document id, so that a distributed PostgreSQL can shard them. One row
holds a lane's run of changes: few rows are what makes a cold ingest fast. Changing this file means
a new file in migrations/versions (a test compares the two).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Sequence,
    Table,
    Text,
    true,
)

metadata = MetaData()

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
    sqlite_with_rowid=False,
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
)
holder = Table(
    "holder",
    metadata,
    Column("node", LargeBinary, primary_key=True),
    Column("epoch", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""The latest epoch of each node that sent receipts: a change empties its receipts."""

setting = Table(
    "setting",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

arrival = Sequence("arrival", metadata=metadata)
"""Local order of runs on PostgreSQL; SQLite counts in `tally`."""

TRUTH = (run, staged, set_aside, blob, blob_part, receipt, holder, setting)

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
    sqlite_with_rowid=False,
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
    Column("code", Text),
    Column("detail", Text),
    Column("entries", LargeBinary),
)
"""Held (`length`, `head`), admitted (`admitted`, `entries`), refused (`refused`: length then)."""
Index(
    "lane_refused",
    lane.c.document,
    sqlite_where=lane.c.refused > 0,
    postgresql_where=lane.c.refused > 0,
)

tally = Table(
    "tally",
    metadata,
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("documents", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("arrival", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Count and digest of the held set, as shards that add up: no writer waits on one hot row."""

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
    Index("blob_need_hash", "hash"),
    sqlite_with_rowid=False,
)
Index(
    "blob_need_missing",
    blob_need.c.hash,
    sqlite_where=blob_need.c.missing == true(),
    postgresql_where=blob_need.c.missing == true(),
)

CACHES = (document, lane, tally, projection, link, blob_need)
