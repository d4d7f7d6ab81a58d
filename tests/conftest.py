"""Fixtures that every room's tests may ask for."""

from tests.postgres import postgres

__all__ = ["postgres"]
