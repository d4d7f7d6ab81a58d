"""What all tables of the schema belong to."""

from __future__ import annotations

from sqlalchemy import MetaData

metadata = MetaData()
