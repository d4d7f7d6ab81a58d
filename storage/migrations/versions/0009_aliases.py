"""Custody logs speak of documents and blobs by alias (`sync/aliases.py`).

Logs in the old form are let go: garrisons write theirs again, from the first entry on, and what they
had said stays as receipts. What covers lanes of revoked devices is found again at the next start, two
claims of one length as two. Older code may not open the database: it would write ids into its log.
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

from sync.aliases import blob_alias, document_alias

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add and fill columns, empty the logs."""
    for table in ("document", "blob_need"):
        alias = sa.Column("alias", sa.LargeBinary, nullable=False, server_default="")
        op.add_column(table, alias)
    op.create_index("document_alias", "document", ["alias"])
    _fill("document", "document", document_alias)
    _fill("blob_need", "hash", blob_alias)
    for table in ("custody_entry", "custody_log", "custody_blob"):
        op.execute(f"DELETE FROM {table}")  # noqa: S608  our names
    op.alter_column("custody_blob", "hash", new_column_name="alias")
    op.execute("DELETE FROM setting WHERE key = 'custody.cursor'")
    op.execute("UPDATE blob SET claimed = false")
    _make_cover("document", "actor", "length", "head")


def _make_cover(*keys: str) -> None:
    op.drop_table("cover")
    columns = ("document", "actor", "length", "head")
    op.create_table(
        "cover",
        *(
            sa.Column(
                name,
                sa.Integer if name == "length" else sa.LargeBinary,
                primary_key=name in keys,
                nullable=False,
                autoincrement=False,
            )
            for name in columns
        ),
        sqlite_with_rowid=False,
    )


def _fill(table: str, column: str, alias_of: Callable[[Any], bytes]) -> None:
    connection = op.get_bind()
    names = connection.scalars(sa.text(f"SELECT DISTINCT {column} FROM {table}")).all()  # noqa: S608
    rows = [{"name": name, "alias": alias_of(name)} for name in names]
    if rows:
        write = sa.text(f"UPDATE {table} SET alias = :alias WHERE {column} = :name")  # noqa: S608
        connection.execute(write, rows)


def downgrade() -> None:
    """Take them away again, and the logs, whose form older code does not know."""
    _make_cover("document", "actor", "length")
    for table in ("custody_entry", "custody_log", "custody_blob"):
        op.execute(f"DELETE FROM {table}")  # noqa: S608  our names
    op.alter_column("custody_blob", "alias", new_column_name="hash")
    op.execute("DELETE FROM setting WHERE key = 'custody.cursor'")
    op.execute("UPDATE blob SET claimed = false")
    op.drop_index("document_alias", "document")
    for table in ("blob_need", "document"):
        op.drop_column(table, "alias")
