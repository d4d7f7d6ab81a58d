"""Where every table of the schema is declared (`tables.py`)."""

from __future__ import annotations

from sqlalchemy import MetaData

metadata = MetaData()
