"""What a desk answers when a device changes hands, is copied to a file, or goes home."""

from __future__ import annotations

from typing import Protocol

from conflict.statement import Json


class Departing(Protocol):
    """Part of `Desk`. Methods raise `NodeError` leaves."""

    def backed_up(self, size: int) -> Json:
        """Note that a backup of so many bytes was made: `{"at_ms"}`."""
        ...

    def hand_over(self, to: str, by: str) -> Json:
        """Say in the unit's document who gives this device to whom, remove its PIN, end every session:
        `{"statement", "unit", "to", "by", "custody"}`; the last as `Desk.custody`. Refuses nobody."""
        ...

    def close_out(self) -> Json:
        """What no garrison is known to hold, by casualty: `{"safe_to_wipe", "reasons", "garrisons",
        "casualties": [{"label", "documents", "changes", "since_ms"}], "more"}`, the oldest first; `more`:
        documents beyond those named."""
        ...
