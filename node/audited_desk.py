"""A desk that notes what is asked of it: one row for each read, search, write and refusal.

It stands around whatever desk answers, so no question passes by it; `test_node_audited_desk.py` walks
all of them. Writes ride in the transaction that they are about, a row for each document that was
written. What was asked for in words (a name, a label) is never noted, only how much was found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from conflict.errors import BadIdentity
from conflict.identity import DocumentId, parse_document, parse_node
from conflict.statement import Json
from node.audit import Audit
from node.desk import AccountChange, BundleOrder, Desk, Move, Progress, Relation, Resolve, Save
from node.membership import LOG_PAGE_MAX
from sync.audit import Action

Result = TypeVar("Result")


class AuditedDesk:
    """Implements `Desk` over another one."""

    def __init__(self, desk: Desk, audit: Audit) -> None:
        self._desk = desk
        self._audit = audit

    @contextmanager
    def _noted(
        self, action: Action, subject: bytes = b"", purpose: str | None = None
    ) -> Iterator[None]:
        """One row when the block has ended, with how it ended."""
        try:
            yield
        except Exception as fault:
            self._refused(action, subject, fault)
            raise
        self._audit.note(action, subject=subject, purpose=purpose)

    @contextmanager
    def _written(self, action: Action, subject: bytes = b"") -> Iterator[None]:
        """Rows in the transactions of the block; one of its own where it fails."""
        with self._audit.riding(action) as ride:
            try:
                yield
            except Exception as fault:
                self._refused(action, subject, fault)
                raise
        if not ride.taken:
            self._audit.note(action, subject=subject, purpose="nothing to write")

    def _refused(self, action: Action, subject: bytes, fault: Exception) -> None:
        self._audit.note(action, subject=subject, outcome=getattr(fault, "code", "internal"))

    def _searched(self, search: Callable[[], list[Json]]) -> list[Json]:
        try:
            found = search()
        except Exception as fault:
            self._refused(Action.SEARCH, b"", fault)
            raise
        self._audit.note(Action.SEARCH, purpose=f"{len(found)} found")
        return found

    # Writing ----------------------------------------------------------------------------------

    def save(self, saves: Sequence[Save], blobs: Sequence[bytes] = ()) -> list[list[str]]:
        """See `Desk`."""
        with self._written(Action.WRITE, saves[0].document if saves else b""):
            return self._desk.save(saves, blobs)

    def import_saves(self, saves: Iterable[Save], blobs: Sequence[bytes] = ()) -> list[list[str]]:
        """See `Desk`."""
        with self._written(Action.IMPORT):
            return self._desk.import_saves(saves, blobs)

    def resolve(self, how: Resolve) -> Json:
        """See `Desk`."""
        with self._written(Action.RESOLVE):
            return self._desk.resolve(how)

    def link(self, given: Relation) -> Json:
        """See `Desk`."""
        with self._written(Action.LINK, given.one):
            return self._desk.link(given)

    def unlink(self, given: Relation) -> Json:
        """See `Desk`."""
        with self._written(Action.LINK, given.one):
            return self._desk.unlink(given)

    def move(self, given: Move) -> Json:
        """See `Desk`."""
        with self._written(Action.MOVE, given.source):
            return self._desk.move(given)

    def new_casualty(self, by: str, wristband: str = "", *, another: bool = False) -> Json:
        """See `Desk`."""
        with self._written(Action.WRITE):
            return self._desk.new_casualty(by, wristband, another=another)

    def cosign(self, document: DocumentId, statements: Sequence[str] = ()) -> Json:
        """See `Desk`."""
        with self._written(Action.WRITE, document):
            return self._desk.cosign(document, statements)

    # People ------------------------------------------------------------------------------------

    def accounts(self) -> list[Json]:
        """See `Desk`."""
        with self._noted(Action.READ, purpose="accounts"):
            return self._desk.accounts()

    def set_account(self, change: AccountChange) -> Json:
        """See `Desk`."""
        with self._noted(Action.SETTINGS, purpose=f"account {change.account}"):
            return self._desk.set_account(change)

    def set_passphrase(self, old: str, new: str) -> Json:
        """See `Desk`."""
        with self._noted(Action.SETTINGS, purpose="passphrase"):
            return self._desk.set_passphrase(old, new)

    def break_glass(self, reason: str, for_s: float = 3600.0, by: str = "") -> Json:
        """See `Desk`."""
        with self._noted(Action.OVERRIDE, purpose=reason):
            return self._desk.break_glass(reason, for_s, by)

    def uncosigned(self) -> list[Json]:
        """See `Desk`."""
        with self._noted(Action.READ, purpose="not co-signed"):
            return self._desk.uncosigned()

    # Reading ----------------------------------------------------------------------------------

    def shown(self, document: DocumentId, slot: str, value: Json = None, by: str = "") -> list[str]:
        """See `Desk`."""
        with self._noted(Action.READ, document, "shown"):
            return self._desk.shown(document, slot, value, by)

    def statements(self, document: DocumentId) -> list[str]:
        """See `Desk`."""
        with self._noted(Action.READ, document, "statements"):
            return self._desk.statements(document)

    def chart(self, document: DocumentId) -> Json:
        """See `Desk`."""
        with self._noted(Action.READ, document, "chart"):
            return self._desk.chart(document)

    def findings(self) -> list[Json]:
        """See `Desk`."""
        with self._noted(Action.READ, purpose="findings"):
            return self._desk.findings()

    def finding(self, identity: str) -> Json:
        """See `Desk`."""
        try:
            found = self._desk.finding(identity)
        except Exception as fault:
            self._refused(Action.READ, b"", fault)
            raise
        documents = {one["document"] for one in found.get("entries", ())}
        for one in sorted(documents) or [""]:
            self._audit.note(Action.READ, subject=_document(one), purpose=f"finding {found['id']}")
        return found

    def candidates(self, document: DocumentId, most: int = 20) -> list[Json]:
        """See `Desk`."""
        with self._noted(Action.READ, document, "candidates"):
            return self._desk.candidates(document, most)

    def record_custody(self, document: DocumentId) -> Json:
        """See `Desk`."""
        with self._noted(Action.READ, document, "custody"):
            return self._desk.record_custody(document)

    def find(self, text: str) -> list[Json]:
        """See `Desk`."""
        return self._searched(lambda: self._desk.find(text))

    def list_documents(
        self, kind: str | None = None, after: str | None = None, limit: int = 100
    ) -> list[Json]:
        """See `Desk`."""
        return self._searched(lambda: self._desk.list_documents(kind, after, limit))

    def casualties(self, limit: int = 500) -> Json:
        """See `Ward`."""
        with self._noted(Action.SEARCH, purpose="casualties"):
            return self._desk.casualties(limit)

    def timeline(self, document: DocumentId) -> list[Json]:
        """See `Ward`."""
        with self._noted(Action.READ, document, "timeline"):
            return self._desk.timeline(document)

    def custody(self) -> Json:
        """See `Desk`."""
        found = self._desk.custody()
        if found["records"]:  # their labels
            self._audit.note(Action.SEARCH, purpose="custody")
        return found

    # Letting go, fetching -----------------------------------------------------------------------

    def shed(
        self,
        documents: Sequence[DocumentId],
        older_than_s: float | None = None,
        *,
        dry_run: bool = False,
    ) -> Json:
        """See `Desk`."""
        try:
            found = self._desk.shed(documents, older_than_s, dry_run=dry_run)
        except Exception as fault:
            self._refused(Action.SHED, documents[0] if documents else b"", fault)
            raise
        if dry_run:
            self._audit.note(Action.SEARCH, purpose="shed, dry run")
            return found
        for one in found["shed"]:
            self._audit.note(Action.SHED, subject=_document(one["document"]))
        count = f"{found['shed_count']} let go, {found['kept_count']} kept"
        self._audit.note(Action.SHED, purpose=count)
        return found

    def fetch(self, document: DocumentId) -> Json:
        """See `Desk`."""
        with self._noted(Action.FETCH, document):
            return self._desk.fetch(document)

    # Bundles ------------------------------------------------------------------------------------

    def bundle_export(
        self, order: BundleOrder, out: str, on_progress: Progress | None = None
    ) -> Json:
        """See `Desk`."""
        with self._noted(Action.EXPORT, purpose="bundle"):
            return self._desk.bundle_export(order, out, on_progress)

    def bundle_import(
        self, path: str, answer: str = "", on_progress: Progress | None = None
    ) -> Json:
        """See `Desk`."""
        with self._noted(Action.IMPORT, purpose="bundle"):
            return self._desk.bundle_import(path, answer, on_progress)

    def bundle_inspect(self, path: str) -> Json:
        """See `Desk`."""
        with self._noted(Action.READ, purpose="bundle"):
            return self._desk.bundle_inspect(path)

    # The theatre --------------------------------------------------------------------------------

    def membership(self) -> Json:
        """See `Membership`. Says nothing of any record."""
        return self._desk.membership()

    def authority_log(self, after: int = 0, limit: int = LOG_PAGE_MAX) -> list[bytes]:
        """See `Membership`. Says nothing of any record."""
        return self._desk.authority_log(after, limit)

    def custody_positions(self, until_ms: int | None = None) -> list[Json]:
        """See `Membership`. Says nothing of any record."""
        return self._desk.custody_positions(until_ms)

    def asked(self) -> Json:
        """See `Membership`."""
        with self._noted(Action.SEARCH, purpose="given on a unit's own word"):
            return self._desk.asked()

    def add_authority(self, entries: Sequence[bytes]) -> int:
        """See `Membership`."""
        with self._noted(Action.ENROLMENT, purpose="entries of the authority's log"):
            return self._desk.add_authority(entries)

    def join(
        self,
        root: bytes,
        own: bytes,
        secret: bytes,
        entries: Sequence[bytes],
        codes: Sequence[str] = (),
    ) -> Json:
        """See `Membership`."""
        with self._noted(Action.ENROLMENT, purpose="joined a theatre"):
            return self._desk.join(root, own, secret, entries, codes)

    def key_handled(self, act: str) -> None:
        """See `Membership`."""
        with self._noted(Action.SETTINGS, purpose=f"authority's key {act}"):
            self._desk.key_handled(act)

    # A device that changes hands or goes home -----------------------------------------------------

    def backed_up(self, size: int) -> Json:
        """See `Departing`."""
        with self._noted(Action.BACKUP, purpose=f"{size} B"):
            return self._desk.backed_up(size)

    def hand_over(self, to: str, by: str) -> Json:
        """See `Departing`."""
        with self._noted(Action.SETTINGS, purpose="device handed over"):
            return self._desk.hand_over(to, by)

    def close_out(self) -> Json:
        """See `Departing`."""
        found = self._desk.close_out()
        if found["casualties"]:  # their labels
            self._audit.note(Action.SEARCH, purpose="close-out")
        return found

    # The node -----------------------------------------------------------------------------------

    def sync(self, peer: str, timeout_s: float) -> Json:
        """See `Desk`."""
        try:
            found = self._desk.sync(peer, timeout_s)
        except Exception as fault:
            self._refused(Action.SYNC, b"", fault)
            raise
        self._audit.note(Action.SYNC, subject=parse_node(found["node"]), purpose="asked for")
        return found

    def pause(self, *, paused: bool) -> Json:
        """See `Desk`."""
        with self._noted(Action.SETTINGS, purpose="paused" if paused else "resumed"):
            return self._desk.pause(paused=paused)

    def status(self) -> Json:
        """See `Desk`. Says nothing of any record."""
        return self._desk.status()

    def peers(self) -> list[Json]:
        """See `Desk`. Says nothing of any record."""
        return self._desk.peers()

    def silence(self, *, silent: bool) -> Json:
        """See `Desk`."""
        with self._noted(Action.SETTINGS, purpose="silent" if silent else "not silent"):
            return self._desk.silence(silent=silent)

    def set_aside(self, *, with_bytes: bool = False) -> list[Json]:
        """See `Desk`. Ids, codes and times, and with their bytes what may be a record."""
        if not with_bytes:
            return self._desk.set_aside()
        with self._noted(Action.EXPORT, purpose="set aside"):
            return self._desk.set_aside(with_bytes=True)

    def retry_set_aside(self) -> Json:
        """See `Desk`."""
        with self._noted(Action.SETTINGS, purpose="set aside, again"):
            return self._desk.retry_set_aside()

    # The log itself -----------------------------------------------------------------------------

    def audit_logs(self) -> list[Json]:
        """See `Desk`. How far the logs are, no row of them."""
        return self._desk.audit_logs()

    def audit_rows(
        self,
        device: str = "",
        branch: int = 0,
        after: int = 0,
        limit: int = 100,
        *,
        export: bool = False,
    ) -> list[Json]:
        """See `Desk`."""
        rows = self._desk.audit_rows(device, branch, after, limit, export=export)
        whose = f" of {device[:8]}" if device else ""
        action = Action.EXPORT if export else Action.READ
        self._audit.note(action, purpose=f"audit log{whose}: {len(rows)} rows")
        return rows

    def audit_verify(self) -> Json:
        """See `Desk`."""
        with self._noted(Action.READ, purpose="audit verify"):
            return self._desk.audit_verify()


def _document(text: str) -> bytes:
    try:
        return parse_document(text)
    except BadIdentity:
        return b""
