"""The desk: what a person or program can ask of a node, as one interface with two ends.

`LocalDesk` (`local_desk.py`) answers from this process's engine; `RemoteDesk` (`remote_desk.py`)
asks a running node over its local API. Answers are plain JSON values of documented shape, the same
from both, so the CLI's `--json` and the HTTP API cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from conflict.identity import DocumentId
from conflict.statement import Draft, Json
from node.departing import Departing
from node.membership import Membership
from node.ward import Ward

API_VERSION = 1

Progress = Callable[[int], None]
"""Hears how many bytes are done."""


class Save(NamedTuple):
    """What one person saves in one document at one moment: one change, all or nothing. `once`: id of
    the form it comes from, if any; the second save with it is refused (`SavedAlready`)."""

    document: DocumentId
    drafts: tuple[Draft, ...]
    once: str = ""


class Resolve(NamedTuple):
    """A named person's decision on a finding. At most one of choose, value, void and record.

    `choose`: name of the statement whose value holds; `value`: a value that holds instead of all;
    `void`: names of statements that were entered in error; `record`: write what the finding
    proposes. None of them: `decision` says in words why it is closed. `at`: clinical time.
    """

    finding: str
    by: str
    decision: str = ""
    choose: str = ""
    value: Json = None
    void: tuple[str, ...] = ()
    record: bool = False
    at: str | None = None


class Relation(NamedTuple):
    """That two records belong together, or do not, as a named person says."""

    one: DocumentId
    other: DocumentId
    by: str
    reason: str = ""
    at: str | None = None


class Move(NamedTuple):
    """Statements of `source` that are another casualty's: marked there, copied to `to`."""

    source: DocumentId
    statements: tuple[str, ...]
    to: DocumentId
    by: str
    reason: str
    at: str | None = None


class BundleOrder(NamedTuple):
    """For whom to seal a bundle, of what. `scopes`: codes; `nodes`: names or starts of ids; `casualty`:
    only what belongs to this document's chart; `since`: a node, or a bundle of it: what it has by its
    receipts is left out. Empty: not said."""

    scopes: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    casualty: DocumentId | None = None
    since: str = ""


class AccountChange(NamedTuple):
    """An account as it is to be; empty and None: as it was. `scope`: the unit of a new one."""

    account: str
    name: str = ""
    role: str = ""
    active: bool | None = None
    passphrase: str = ""
    scope: str = ""
    by: str = ""


class Desk(Membership, Departing, Ward, Protocol):
    """Every method raises `NodeError` leaves."""

    def save(self, saves: Sequence[Save], blobs: Sequence[bytes] = ()) -> list[list[str]]:
        """Durable when it returns: the statement ids of each save, in order.

        Values are checked against their slots first; one bad value refuses the whole call.
        """
        ...

    def import_saves(self, saves: Iterable[Save], blobs: Sequence[bytes] = ()) -> list[list[str]]:
        """As `save`, for bulk: yields to single saves."""
        ...

    def shown(self, document: DocumentId, slot: str, value: Json = None, by: str = "") -> list[str]:
        """Ids of the statements that the document shows now in `slot`: what a correction names.

        With `value`, in a slot that holds one value for each key: those of that value's key. With
        `by`, those that this person wrote.
        """
        ...

    def statements(self, document: DocumentId) -> list[str]:
        """Ids of all admitted statements of a document, superseded ones included."""
        ...

    def find(self, text: str) -> list[Json]:
        """Documents by id, id prefix or words of their label.

        Each `{"document", "kind", "label", "findings", "shed_ms"?}`; at most 50. `shed_ms`: since when
        content of it is not here any more.
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
        "held_by": [{"node", "name", "garrison", "all", "statements", "of"}], "shed": [{"document",
        "label", "shed_ms", "wanted_ms", "changes", "statements", "unread", "at": [{"node", "name",
        "entry"}]}]}`.

        `held_by`: whether all of it, else at least so many of how many statements. `shed`: documents of
        which this many changes and statements were let go here; `at`: garrisons that hold them, by which
        entry of their log; `wanted_ms`: since when they are to be fetched; `unread`: changes that came
        since and cannot be read without what was let go.
        """
        ...

    def findings(self) -> list[Json]:
        """Open findings, most urgent first: `{"id", "rule", "kind", "severity", "slot", "statements",
        "text", "closing": {"act", "slot", "words", "value"?}, "closed_by", "timed"?, "documents",
        "not_held"}`.

        `statements` are `<document>/<statement id>`: an id alone is unique in its document only.
        """
        ...

    def finding(self, identity: str) -> Json:
        """One of them by id (or its start), with `entries`: its statements, those shown first.

        Each `{"name", "document", "slot", "plain", "by", "at", "recorded_ms", "state", "value",
        "words"}`.
        """
        ...

    def resolve(self, how: Resolve) -> Json:
        """Write a decision: `{"finding", "statements": {document: [ids]}, "open": bool}`.

        `open`: whether the finding is still open, as for a value that replaces too little.
        """
        ...

    def candidates(self, document: DocumentId, most: int = 20) -> list[Json]:
        """Persons that may be this one, best first: `{"document", "label", "band", "probability",
        "score_bits", "words", "evidence": [{"field", "level", "weight_bits", "ours", "theirs"}]}`."""
        ...

    def link(self, given: Relation) -> Json:
        """Join two records, in both: `{"statements": {document: [ids]}}`."""
        ...

    def unlink(self, given: Relation) -> Json:
        """Undo that, in both; same answer."""
        ...

    def move(self, given: Move) -> Json:
        """Mark in one document, copy to the other; same answer."""
        ...

    def new_casualty(self, by: str, wristband: str = "", *, another: bool = False) -> Json:
        """A person and an episode, joined, under a trauma identity of this node's own range.

        `{"person", "episode", "trauma_identity", "existing"}`. Wristband numbers are of one event:
        where one has a record here already, nothing is written, `existing` is true and the answer
        names that record. `another` makes a new record for a number that was used before.
        """
        ...

    def accounts(self) -> list[Json]:
        """`{"account", "name", "role", "active", "differs", "unit"}`, by name. `differs`: devices say
        different things, so the lesser right holds and every passphrase of them fits."""
        ...

    def set_account(self, change: AccountChange) -> Json:
        """Make or change an account: `{"account", "scope", "statement", "unit"}`. The first is an admin's.

        `scope`: code of the unit of a new one. A garrison is of none, so there it must be given."""
        ...

    def set_passphrase(self, old: str, new: str) -> Json:
        """Of who is signed in; same answer."""
        ...

    def break_glass(self, reason: str, for_s: float = 3600.0, by: str = "") -> Json:
        """Lift the limits of reading and recording of who acts: `{"until", "statement", "unit"}`."""
        ...

    def cosign(self, document: DocumentId, statements: Sequence[str] = ()) -> Json:
        """Co-sign entries of the casualty that this document belongs to (none named: all notes that
        wait): `{"statements": {document: [ids]}, "cosigned": count}`."""
        ...

    def uncosigned(self) -> list[Json]:
        """Notes that wait for a co-signature, at most 200: `{"document", "label", "slot",
        "statement", "by", "by_role", "at", "words"}`."""
        ...

    def status(self) -> Json:
        """`{"node", "name", "role", "version", "state": [words], "documents", "statements",
        "digest", "waiting", "set_aside", "findings", "refused", "peers": [...], "paused", "epoch",
        "changes", "blobs_wanted", "membership", "bytes_in", "bytes_out", "link", "shed", "wanted",
        "fetching", "quarantined", "accounts", "silent", "backed_up_ms", "free_bytes"}`. `membership`:
        of a theatre, as `Belonging.described` says; `quarantined`: as `Quarantine.described` does.
        `free_bytes`: on the disk that holds the store; None: it is a server's.

        `link` as in `peers`, for peers that describe none; None where no links are open.
        `shed`: documents whose content was let go; `wanted`: of them, those to be fetched, and
        `fetching`: why they are not here yet.
        `state` uses the closed vocabulary of DESIGN §5.8.
        """
        ...

    def custody(self) -> Json:
        """What is known to be at a garrison: `{"garrison", "safe_to_wipe", "reasons": [{"code",
        "words"}], "garrisons": [{"node", "name"}], "at_garrison_ms", "documents", "changes", "blobs",
        "records": [{"document", "label", "changes", "since_ms"}], "backed_up_ms"}`.

        `garrison`: this node is one: never safe to wipe, and the rest is about the other garrisons.

        `documents`, `changes`, `blobs`: known to be at no garrison; `records`: the longest waiting of
        them, at most 20. `at_garrison_ms`: all that was saved before it is there; None: not known.
        """
        ...

    def record_custody(self, document: DocumentId) -> Json:
        """Who holds the record of the casualty that this document belongs to: `{"label",
        "documents", "statements", "changes", "garrison", "at_garrison", "holders": [{"node", "name",
        "garrison", "statements", "changes", "direct_ms", "entry", "entry_ms"}]}`.

        `direct_ms`: when it last said so itself; `entry`, `entry_ms`: number of the last entry of
        its custody log about it, and when that came here; None: never. This node is not listed; it
        holds all but what `shed` names, as in `chart`.
        """
        ...

    def shed(
        self,
        documents: Sequence[DocumentId],
        older_than_s: float | None = None,
        *,
        dry_run: bool = False,
    ) -> Json:
        """Let go of the content of these documents, or (none named) of all that did not change for so
        long, with all that belongs to the same charts: `{"dry_run", "shed": [{"document", "label",
        "bytes", "changes", "attachments"}], "shed_count", "kept": [{"document", "label", "code",
        "words"}], "kept_count", "freed_bytes", "used_bytes"}`.

        `kept`: why a chart stays. `used_bytes`: of the database now; a file of it does not shrink, what
        is free in it is used again. None: the age that the configuration gives.
        """
        ...

    def fetch(self, document: DocumentId) -> Json:
        """Have the content back of all that belongs to a document's chart: `{"wanted": [documents],
        "here": [documents], "cause"}`. It comes with the next exchange with a peer that has it."""
        ...

    def bundle_export(
        self, order: BundleOrder, out: str, on_progress: Progress | None = None
    ) -> Json:
        """Write a sealed bundle to a new file: `{"path", "bytes", "changes", "recipients": [{"node",
        "name"}]}`. `on_progress` hears bytes written, where this process writes them."""
        ...

    def bundle_import(
        self, path: str, answer: str = "", on_progress: Progress | None = None
    ) -> Json:
        """Take a bundle; with `answer` write one for its sender of what it lacks: `{"id", "node",
        "name", "standing", "made_ms", "complete", "scopes", "held", "whole", "stopped": {"code",
        "message"} or None, "equal", "documents", "statements", "changes", "urgent_changes",
        "set_aside", "gaps", "attachments", "attachments_missing", "authority_entries",
        "custody_entries", "custody_refused"[, "answer": as `bundle_export`]}`.

        `stopped`: what broke it off; what came before is kept. `equal`: both hold the same of what it
        speaks of; None: it does not say. `documents`, `statements`: new here.
        """
        ...

    def bundle_inspect(self, path: str) -> Json:
        """What is in a bundle, nothing taken: as `bundle_import` up to `stopped`, `"records": {kind:
        count}, "runs", "changes"`."""
        ...

    def peers(self) -> list[Json]:
        """`{"node", "name", "role", "addresses", "sources", "phase", "cause", "last_contact_ms",
        "equal_at_ms", "waiting", "bytes_in", "bytes_out", "clock_ahead_ms", "link"}`.

        `link`: `{"kind", "rate_bits_s", "rtt_s", "daily_bytes", "left_bytes"}`; 0: not given,
        `left_bytes` of today's budget, None: without end.
        """
        ...

    def sync(self, peer: str, timeout_s: float) -> Json:
        """Prove equality with a peer (name, id prefix or address), repairing as needed; also with
        one that is dialled by hand only, and over a spent budget.

        `{"node", "equal", "documents", "seconds"}`.
        """
        ...

    def pause(self, *, paused: bool) -> Json:
        """Close every link and answer none (True), or go back to normal."""
        ...

    def silence(self, *, silent: bool) -> Json:
        """Close every socket to others (True) or open them again, also after a restart: `{"silent"}`,
        which stays true where the configuration says so. A locked node does not open them: `Locked`."""
        ...

    def set_aside(self, *, with_bytes: bool = False) -> list[Json]:
        """`{"kind", "document", "actor", "first_seq", "code", "detail", "source", "at", "cause",
        "next_step"}`, with `bytes` in base64 if they are wanted.

        `kind`: `delivery`, refused at the door; `lane`, held but not opened (`source`: its author).
        """
        ...

    def retry_set_aside(self) -> Json:
        """Open again what was not opened, and forget what was refused at the door, so that the next
        exchange brings it again: `{"documents", "lanes"}`, how many of each."""
        ...

    def audit_logs(self) -> list[Json]:
        """What is held of audit logs, this device's own and those that devices sent: `{"device", "name",
        "own", "branch", "first", "last", "epoch", "link", "at_garrison"}`.

        `branch` above 0: the device went on a second time from the entry before `first`.
        `at_garrison`: how far a garrison holds our own; None for others.
        """
        ...

    def audit_rows(
        self,
        device: str = "",
        branch: int = 0,
        after: int = 0,
        limit: int = 100,
        *,
        export: bool = False,
    ) -> list[Json]:
        """Entries of a device (empty: this one) above number `after`: `{"number", "readable", "device",
        "epoch", "previous", "link", "at_ms", "action", "person", "role", "document", "node", "purpose",
        "outcome"}`; only the first two of one that somebody changed. `export`: they leave this node."""
        ...

    def audit_verify(self) -> Json:
        """Whether all logs held are whole: `{"logs", "entries", "unwritten", "broken": [{"device",
        "name", "own", "branch", "number", "code", "words"}], "keyless": [nodes]}`.

        `unwritten`: rows wait in memory that cannot be written; `keyless`: signatures of these devices
        cannot be checked here.
        """
        ...
