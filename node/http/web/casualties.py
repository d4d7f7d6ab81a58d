"""The casualty list: persons held here, those with open findings first."""

from __future__ import annotations

from typing import Any

from node.desk import Desk

SHOWN_MAX = 500


def values(desk: Desk) -> dict[str, Any]:
    """What the template shows; `more`: there are others that it does not."""
    found: list[Any] = desk.list_documents("person", None, SHOWN_MAX + 1)
    rows = sorted(found[:SHOWN_MAX], key=lambda one: (-one["findings"], one["label"]))
    return {"casualties": rows, "more": len(found) > SHOWN_MAX}
