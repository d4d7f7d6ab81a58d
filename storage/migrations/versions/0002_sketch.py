"""What sync reads: symbols and cells of a sketch, arrival numbers by index, how urgent a lane is.

Symbols and cells are filled in by `SqlStore.open`, which finds no secret yet; urgency comes back as
every document is folded again. Older code may not open the database: it would not keep these up.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add columns, indexes and the table of cells."""
    op.create_index("run_arrival", "run", ["arrival"])
    op.add_column("document", _zero("symbol", sa.BigInteger))
    op.create_index("document_symbol", "document", ["symbol"])
    op.execute("UPDATE document SET dirty = true")
    _widen_lane()
    rows = _tally("tally")
    for row in rows:
        row["steps"] = b""
    _make_tally(rows, sa.Column("steps", sa.LargeBinary, nullable=False))
    if _postgres():  # what was the count of a shard is now the last number given
        op.execute("UPDATE tally SET arrival = (SELECT coalesce(max(arrival), 0) FROM run)")
    op.create_table("sketch", _key("shard", sa.Integer), _of("cells", sa.LargeBinary))


def downgrade() -> None:
    """Take them away again."""
    op.execute("DELETE FROM setting WHERE key = 'sketch.secret'")
    op.drop_table("sketch")
    _make_tally(_tally("tally"))
    op.drop_index("lane_urgent", "lane")
    op.drop_column("lane", "summary")
    op.drop_column("lane", "urgent_ms")
    op.drop_index("document_symbol", "document")
    op.drop_column("document", "symbol")
    op.drop_index("run_arrival", "run")


def _postgres() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _key(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _of(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _zero(name: str, kind: Any) -> sa.Column[Any]:
    default = sa.false() if kind is sa.Boolean else "0"
    return sa.Column(name, kind, nullable=False, server_default=default)


def _widen_lane() -> None:
    """On SQLite the table is made anew: a column after the entries would be read through them."""
    added = _zero("urgent_ms", sa.BigInteger), _zero("summary", sa.Boolean)
    if _postgres():
        for column in added:
            op.add_column("lane", column)
    else:
        _copy_lane(*added)
    where = sa.text("urgent_ms > 0")
    op.create_index(
        "lane_urgent", "lane", ["urgent_ms"], sqlite_where=where, postgresql_where=where
    )


def _copy_lane(*added: sa.Column[Any]) -> None:
    raw, small = sa.LargeBinary, sa.Integer
    before: list[sa.Column[Any]] = [
        _key("document", raw),
        _key("actor", raw),
        _of("author", raw),
        _of("nonce", raw),
    ]
    before += [_of("length", small), _of("head", raw)]
    before += [_zero(name, small) for name in ("admitted", "statements", "refused")]
    after: list[sa.Column[Any]] = [sa.Column(name, sa.Text) for name in ("code", "detail")]
    after.append(sa.Column("entries", raw))
    names = ", ".join(column.name for column in (*before, *after))
    op.drop_index("lane_refused", "lane")
    op.rename_table("lane", "lane_before")
    op.create_table("lane", *before, *added, *after)
    op.execute(f"INSERT INTO lane ({names}) SELECT {names} FROM lane_before")  # noqa: S608
    op.drop_table("lane_before")
    op.create_index("lane_refused", "lane", ["document"], sqlite_where=sa.text("refused > 0"))


def _tally(name: str) -> list[dict[str, Any]]:
    """The few rows of the tally, without what this migration adds."""
    columns: list[Any] = [sa.column(one) for one in ("shard", "documents", "digest", "arrival")]
    rows = op.get_bind().execute(sa.select(*columns).select_from(sa.table(name)))
    return [dict(row._mapping) for row in rows]


def _make_tally(rows: list[dict[str, Any]], *added: sa.Column[Any]) -> None:
    op.drop_table("tally")
    table = op.create_table(
        "tally",
        _key("shard", sa.Integer),
        _of("documents", sa.BigInteger),
        _of("digest", sa.LargeBinary),
        _of("arrival", sa.BigInteger),
        *added,
        sqlite_with_rowid=False,
    )
    if rows:
        op.bulk_insert(table, rows)
