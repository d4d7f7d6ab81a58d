"""Scopes: which documents belong to them, and what is counted for each audience.

Filled in as every unit document is folded again, and by `SqlStore.open`, which finds no secret. Older
code may not open the database: it would not keep these up.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add a column and tables; the tally and the cells get an audience in their keys."""
    op.add_column(
        "document", sa.Column("audience", sa.BigInteger, nullable=False, server_default="0")
    )
    op.execute("UPDATE document SET dirty = true")
    _key_by_audience()
    op.create_table(
        "audience",
        sa.Column("audience", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("scopes", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "member",
        sa.Column("scope", sa.LargeBinary, primary_key=True),
        sa.Column("document", sa.LargeBinary, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("member_document", "member", ["document"])
    op.execute("DELETE FROM setting WHERE key = 'sketch.secret'")


def downgrade() -> None:
    """Take them away again."""
    for name in ("member", "audience"):
        op.drop_table(name)
    for name in ("tally", "sketch"):
        op.execute(f"DELETE FROM {name} WHERE audience <> 0")  # noqa: S608  our names
    _key_by_shard()
    op.drop_column("document", "audience")


def _key_by_audience() -> None:
    _make_anew("tally", *_TALLY, first=_audience(), sqlite_with_rowid=False)
    _make_anew("sketch", *_SKETCH, first=_audience())


def _audience() -> sa.Column[Any]:
    return sa.Column(
        "audience", sa.BigInteger, primary_key=True, autoincrement=False, server_default="0"
    )


def _key_by_shard() -> None:
    _make_anew("tally", *_TALLY, sqlite_with_rowid=False)
    _make_anew("sketch", *_SKETCH)


_TALLY = (
    *(("documents", sa.BigInteger), ("digest", sa.LargeBinary)),
    *(("arrival", sa.BigInteger), ("steps", sa.LargeBinary)),
)
_SKETCH = (("cells", sa.LargeBinary),)


def _make_anew(
    name: str, *columns: tuple[str, Any], first: sa.Column[Any] | None = None, **options: Any
) -> None:
    """The same few rows under another key."""
    names = ["shard", *(one for one, _ in columns)]
    wanted: list[Any] = [sa.column(one) for one in names]
    query = sa.select(*wanted).select_from(sa.table(name))
    rows = [dict(row._mapping) for row in op.get_bind().execute(query)]
    op.drop_table(name)
    shard: sa.Column[Any] = sa.Column("shard", sa.Integer, primary_key=True, autoincrement=False)
    key = [shard] if first is None else [first, shard]
    rest = [sa.Column(one, kind, nullable=False) for one, kind in columns]
    table = op.create_table(name, *key, *rest, **options)
    if rows:
        op.bulk_insert(table, rows)
