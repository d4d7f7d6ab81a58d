"""Branches of one actor are lanes. What earlier software set aside of them (`equivocation`) stays so,
as evidence: the peers that hold it send it again, whole, and then it is held.

Older code may not open the database: it would take branches for damaged lanes.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the table."""
    raw = sa.LargeBinary
    op.create_table(
        "branch",
        *(sa.Column(name, raw, primary_key=True) for name in ("document", "lane")),
        *(sa.Column(name, raw, nullable=False) for name in ("actor", "hashes")),
    )


def downgrade() -> None:
    """Take it away again: branches are taken for damaged lanes then, and set aside by a rebuild."""
    op.drop_table("branch")
