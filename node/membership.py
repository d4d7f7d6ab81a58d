"""What a desk answers of the theatre: who belongs to it, the authority's log, joining, who asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from conflict.statement import Json

LOG_PAGE_MAX = 5_000
KEY_ACTS = ("exported", "imported", "under a new passphrase")


class Membership(Protocol):
    """Part of `Desk`. Methods raise `NodeError` and `TrustError` leaves."""

    def membership(self) -> Json:
        """`{"node", "root", "certificate", "devices": [{"node", "name", "role", "scopes", "number",
        "issued_ms", "expires_ms", "standing", "reason"}]}`, and what `status` says of it.

        `root`, `certificate`: DER in hexadecimal, empty when there is none; `scopes` of a device: codes,
        None: everything.
        """
        ...

    def authority_log(self, after: int = 0, limit: int = LOG_PAGE_MAX) -> list[bytes]:
        """Entries of the authority's log that follow entry `after`."""
        ...

    def add_authority(self, entries: Sequence[bytes]) -> int:
        """Take the next entries of the log, durable when it returns; how many were new."""
        ...

    def join(
        self,
        root: bytes,
        own: bytes,
        secret: bytes,
        entries: Sequence[bytes],
        codes: Sequence[str] = (),
    ) -> Json:
        """Enter a theatre, as `Belonging.join`; answers as `membership`."""
        ...

    def key_handled(self, act: str) -> None:
        """The authority's key is about to be one of `KEY_ACTS`, by a command on this machine: for the audit
        log. Raises `BadRequest`."""
        ...

    def custody_positions(self, until_ms: int | None = None) -> list[Json]:
        """How far each garrison's custody log is known here, up to what it dated `until_ms`:
        `{"node", "epoch", "number"}`, ids in hexadecimal."""
        ...

    def asked(self) -> Json:
        """Records that a unit was given on its own word, the newest first (`node/own_words.py`): `{"asked":
        [{"document", "label", "unit", "node", "name", "by", "at", "recorded_ms", "statement", "units",
        "wrote": [{"node", "name"}]}], "more"}`; `more`: rows beyond those named.

        `unit`, `units`: codes of who asked and of who has it beside; `node`, `name`: the device that
        wrote the `statement`, empty: not known; `wrote`: devices of others that wrote in the document.
        """
        ...
