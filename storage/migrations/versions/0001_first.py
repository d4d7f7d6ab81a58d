"""The first schema: runs, what is staged or set aside, blobs, receipts, settings, and the caches.

A frozen copy of storage/tables.py as of schema 1: later edits there come with a later file here.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TABLES = ("run", "staged", "set_aside", "blob", "blob_part", "receipt", "holder", "setting")
CACHES = ("document", "lane", "tally", "projection", "link", "blob_need")


def upgrade() -> None:
    """Create everything."""
    _truth()
    _caches()
    if op.get_bind().dialect.name == "postgresql":
        op.execute(sa.schema.CreateSequence(sa.Sequence("arrival")))


def downgrade() -> None:
    """Drop everything."""
    for table in (*CACHES, *TABLES):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(sa.schema.DropSequence(sa.Sequence("arrival")))


def _key(name: str, kind: Any = sa.LargeBinary) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _of(kind: Any, *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=False) for name in names]


def _zero(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, nullable=False, server_default="0")


def _truth() -> None:
    raw, small, big = sa.LargeBinary, sa.Integer, sa.BigInteger
    lane = ("document", "actor")
    op.create_table(
        "run",
        *map(_key, lane),
        _key("first_seq", small),
        *_of(small, "last_seq"),
        *_of(raw, "author", "nonce", "head", "signature"),
        *_of(big, "arrival", "arrival_ms"),
        *_of(raw, "changes"),
    )
    op.create_table(
        "staged",
        *map(_key, ("peer", *lane)),
        *_of(small, "first_seq", "last_seq"),
        *_of(raw, "author", "nonce", "head"),
        *_of(small, "size"),
        *_of(big, "at_ms"),
        *_of(raw, "changes"),
    )
    op.create_table(
        "set_aside",
        *map(_key, lane),
        _key("first_seq", small),
        _key("code", sa.Text),
        _key("content"),
        *_of(sa.Text, "detail"),
        *_of(raw, "source"),
        *_of(big, "at_ms"),
        *_of(small, "size"),
        *_of(raw, "kept"),
    )
    op.create_index("set_aside_source", "set_aside", ["source"])
    op.create_table(
        "blob",
        _key("hash"),
        *_of(big, "size", "have"),
        *_of(sa.Boolean, "complete"),
        sqlite_with_rowid=False,
    )
    op.create_table("blob_part", _key("hash"), _key("start", big), *_of(raw, "data"))
    op.create_table(
        "receipt",
        *map(_key, ("document", "holder")),
        *_of(raw, "epoch"),
        *_of(big, "at_ms"),
        *_of(raw, "vector"),
    )
    op.create_table("holder", _key("node"), *_of(raw, "epoch"), sqlite_with_rowid=False)
    op.create_table("setting", _key("key", sa.Text), *_of(raw, "value"), sqlite_with_rowid=False)


def _caches() -> None:
    raw, small, big = sa.LargeBinary, sa.Integer, sa.BigInteger
    op.create_table(
        "document",
        _key("document"),
        *_of(raw, "digest"),
        *_of(small, "lanes", "changes"),
        _zero("statements"),
        *_of(big, "arrival"),
        *_of(sa.Boolean, "dirty"),
        sqlite_with_rowid=False,
    )
    _partial("document_dirty", "document", "arrival", sa.column("dirty") == sa.true())
    op.create_table(
        "lane",
        *map(_key, ("document", "actor")),
        *_of(raw, "author", "nonce"),
        *_of(small, "length"),
        *_of(raw, "head"),
        *map(_zero, ("admitted", "statements", "refused")),
        sa.Column("code", sa.Text),
        sa.Column("detail", sa.Text),
        sa.Column("entries", raw),
    )
    _partial("lane_refused", "lane", "document", sa.text("refused > 0"))
    op.create_table(
        "tally",
        _key("shard", small),
        *_of(big, "documents"),
        *_of(raw, "digest"),
        *_of(big, "arrival"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "projection",
        _key("document"),
        *_of(sa.Text, "label", "search"),
        *_of(small, "open_findings"),
        *_of(raw, "body"),
    )
    _partial("projection_review", "projection", "document", sa.text("open_findings > 0"))
    op.create_table("link", *map(_key, ("document", "other")), sqlite_with_rowid=False)
    op.create_index("link_other", "link", ["other"])
    op.create_table(
        "blob_need",
        *map(_key, ("document", "hash")),
        *_of(big, "size"),
        *_of(sa.Boolean, "missing"),
        sqlite_with_rowid=False,
    )
    op.create_index("blob_need_hash", "blob_need", ["hash"])
    _partial("blob_need_missing", "blob_need", "hash", sa.column("missing") == sa.true())


def _partial(name: str, table: str, column: str, where: Any) -> None:
    op.create_index(name, table, [column], sqlite_where=where, postgresql_where=where)
