"""The theatre's authority log, and how far lanes of revoked devices are shown.

Older code may open the database: it does not know the log and leaves it alone.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "authority_entry",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("entry", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "cover",
        *(sa.Column(name, sa.LargeBinary, primary_key=True) for name in ("document", "actor")),
        sa.Column("length", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("head", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Take them away again; peers send the log once more."""
    for name in ("cover", "authority_entry"):
        op.drop_table(name)
