"""What is known of documents whose content was let go, and what of it is coming back.

Older code may not open the database: it would take their lanes for damaged. Going back forgets these
documents' lanes at the next rebuild, and peers send them again.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the tables."""
    raw, small, big = sa.LargeBinary, sa.Integer, sa.BigInteger
    op.create_table(
        "shed",
        _key("document"),
        _of("number", big),
        _of("at_ms", big),
        sa.Column("wanted_ms", big, nullable=False, server_default="0"),
        _of("label", sa.Text),
        _of("links", raw),
    )
    op.create_index("shed_number", "shed", ["number"])
    op.create_table(
        "shed_lane",
        *map(_key, ("document", "actor")),
        *(_of(name, raw) for name in ("author", "nonce")),
        _of("length", small),
        _of("head", raw),
        _of("statements", small),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "refill",
        *map(_key, ("document", "actor")),
        _key("first_seq", small),
        _of("last_seq", small),
        *(_of(name, raw) for name in ("author", "nonce", "head", "signature", "changes")),
    )


def downgrade() -> None:
    """Take them away again."""
    for name in ("refill", "shed_lane", "shed"):
        op.drop_table(name)
    op.execute("DELETE FROM setting WHERE key = 'shed.count' OR key LIKE 'shed.told/%'")


def _key(name: str, kind: Any = sa.LargeBinary) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _of(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)
