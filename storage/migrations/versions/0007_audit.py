"""Audit logs: this device's own, those of devices that sent theirs here, what garrisons have of ours.

Older code may not open the database: it would write without noting who did.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the tables."""
    raw, small, big = sa.LargeBinary, sa.Integer, sa.BigInteger
    op.create_table(
        "audit_branch",
        _key("device"),
        _key("branch", small),
        _of("first", big),
        _of("epoch", raw),
        _of("number", big),
        _of("link", raw),
        _of("size", big),
        _of("grown_ms", big),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit_entry",
        _key("device"),
        _key("branch", small),
        _key("number", big),
        *(_of(name, raw) for name in ("entry", "signature")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit_ack",
        _key("garrison"),
        _of("epoch", raw),
        _of("number", big),
        _of("short", raw),
        _of("at_ms", big),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Take them away again."""
    for name in ("audit_ack", "audit_entry", "audit_branch"):
        op.drop_table(name)


def _key(name: str, kind: Any = sa.LargeBinary) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _of(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)
