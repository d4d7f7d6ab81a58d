"""What a desk answers about the casualties here: the list, and everything ever said about one."""

from __future__ import annotations

from typing import Protocol

from conflict.identity import DocumentId
from conflict.statement import Json


class Ward(Protocol):
    """Part of `Desk`. Methods raise `NodeError` leaves."""

    def casualties(self, limit: int = 500) -> Json:
        """Who is here, most urgent first: `{"casualties": [{"document", "episode", "label", "triage",
        "differs", "vitals", "vitals_at", "last_at", "tourniquets", "findings", "shed_ms"}], "more"}`.

        A row for each chart that has a person or an episode. `triage`: the safer one, "" where nobody
        said; `differs`: not everybody says the same; `vitals`: the last ones, by field; `tourniquets`:
        how many were applied and never said to be removed or converted; `last_at`: clinical time of the
        last entry that stands, None: not known; `more`: charts beyond `limit` exist.
        """
        ...

    def timeline(self, document: DocumentId) -> list[Json]:
        """Every statement about the casualty that this document belongs to, newest clinical time first:
        `{"name", "document", "statement", "slot", "plain", "words", "value", "by", "by_role",
        "entered_by", "at", "recorded_ms", "state", "replaced_by"}`.

        `state`: `stands`, `replaced` (by the statements of `replaced_by`), `struck` (marked as entered
        in error) or `mark` (such a mark; `words` is its reason).
        """
        ...
