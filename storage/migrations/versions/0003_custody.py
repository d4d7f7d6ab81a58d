"""Garrisons' custody logs, what they imply, and what no garrison is known to hold.

`document.lacking` is filled in by `SqlStore.trust`, which finds no list of garrisons yet. Older code
may not open the database: it would not keep it up.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add columns, indexes and tables."""
    op.add_column("blob", _number("claimed", sa.Boolean))
    _partial("blob_unclaimed", "blob", "claimed = false", "hash")
    for name in ("entry", "entry_ms"):
        op.add_column("receipt", _number(name))
    op.add_column("holder", _number("told_ms"))
    op.add_column("document", _number("lacking", sa.Integer))
    op.add_column("document", _number("lacking_ms"))
    op.execute("UPDATE document SET lacking = changes")
    _partial("document_lacking", "document", "lacking > 0", "lacking_ms", "lacking")
    op.create_table(
        "custody_log",
        _key("garrison"),
        _of("epoch", sa.LargeBinary),
        _of("number", sa.BigInteger),
        _of("link", sa.LargeBinary),
        _of("size", sa.BigInteger),
        _of("believed", sa.Boolean),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "custody_entry",
        _key("garrison"),
        _key("number", sa.BigInteger),
        _of("entry", sa.LargeBinary),
    )
    op.create_table("custody_blob", _key("hash"), _key("holder"), sqlite_with_rowid=False)


def downgrade() -> None:
    """Take them away again."""
    op.execute("DELETE FROM setting WHERE key IN ('custody.garrisons', 'custody.cursor')")
    for name in ("custody_blob", "custody_entry", "custody_log"):
        op.drop_table(name)
    op.drop_index("document_lacking", "document")
    op.drop_column("document", "lacking_ms")
    op.drop_column("document", "lacking")
    op.drop_column("holder", "told_ms")
    op.drop_column("receipt", "entry_ms")
    op.drop_column("receipt", "entry")
    op.drop_index("blob_unclaimed", "blob")
    op.drop_column("blob", "claimed")


def _key(name: str, kind: Any = sa.LargeBinary) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _of(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _number(name: str, kind: Any = sa.BigInteger) -> sa.Column[Any]:
    default = sa.false() if kind is sa.Boolean else "0"
    return sa.Column(name, kind, nullable=False, server_default=default)


def _partial(name: str, table: str, where: str, *columns: str) -> None:
    clause = sa.text(where)
    op.create_index(name, table, list(columns), sqlite_where=clause, postgresql_where=clause)
