"""The desk: what a person or program can ask of a node, as one interface with two ends.

`LocalDesk` (`local_desk.py`) answers from this process's engine; `RemoteDesk` (`remote_desk.py`)
asks a running node over its local API. Answers are plain JSON values of documented shape, the same
from both, so the CLI's `--json` and the HTTP API cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from conflict.identity import DocumentId
from conflict.statement import Draft, Json

API_VERSION = 1


class Save(NamedTuple):
    """What one person saves in one document at one moment: one change, all or nothing."""

    document: DocumentId
    drafts: tuple[Draft, ...]


class Desk(Protocol):
    """Every method raises `NodeError` leaves."""

    def save(self, saves: Sequence[Save], blobs: Sequence[bytes] = ()) -> list[list[str]]:
        """Durable when it returns: the statement ids of each save, in order.

        Values are checked against their slots first; one bad value refuses the whole call.
        """
        ...

    def import_saves(self, saves: Iterable[Save], blobs: Sequence[bytes] = ()) -> list[list[str]]:
        """As `save`, for bulk: yields to single saves."""
        ...

    def shown(self, document: DocumentId, slot: str) -> list[str]:
        """Ids of the statements that the document shows now in `slot`: what a correction names."""
        ...

    def statements(self, document: DocumentId) -> list[str]:
        """Ids of all admitted statements of a document, superseded ones included."""
        ...

    def find(self, text: str) -> list[Json]:
        """Documents by id, id prefix or words of their label.

        Each `{"document", "kind", "label", "findings"}`; at most 50.
        """
        ...

    def list_documents(
        self, kind: str | None = None, after: str | None = None, limit: int = 100
    ) -> list[Json]:
        """A page in id order; same shape as `find`."""
        ...

    def chart(self, document: DocumentId) -> Json:
        """The chart of the casualty that this document belongs to.

        `{"label", "documents": [{"document", "slots": {slot: [{"value", "statements", "by", "at"?,
        "state"?, "problems"?}]}, "findings"?, "unknown"?, "unreadable"?}], "findings": [...],
        "not_held": [...], "stamps_ahead": [ids],
        "held_by": [{"node", "name", "garrison", "changes", "of"}]}`.
        """
        ...

    def findings(self) -> list[Json]:
        """Open findings: `{"id", "kind", "severity", "slot", "statements", "text", "documents"}`.

        `statements` are `<document>/<statement id>`: an id alone is unique in its document only.
        """
        ...

    def status(self) -> Json:
        """`{"node", "name", "role", "version", "state": [words], "documents", "statements",
        "digest", "waiting", "set_aside", "findings", "refused", "peers": [...], "paused", "epoch",
        "changes", "blobs_wanted", "bytes_in", "bytes_out"}`.

        `state` uses the closed vocabulary of DESIGN §5.8.
        """
        ...

    def peers(self) -> list[Json]:
        """`{"node", "name", "role", "addresses", "sources", "phase", "cause", "last_contact_ms",
        "equal_at_ms", "waiting", "bytes_in", "bytes_out", "clock_ahead_ms"}`."""
        ...

    def sync(self, peer: str, timeout_s: float) -> Json:
        """Prove equality with a peer (name, id prefix or address), repairing as needed.

        `{"node", "equal", "documents", "seconds"}`.
        """
        ...

    def pause(self, *, paused: bool) -> Json:
        """Close every link and answer none (True), or go back to normal."""
        ...

    def set_aside(self) -> list[Json]:
        """`{"document", "actor", "first_seq", "code", "detail", "source", "at"}`."""
        ...
