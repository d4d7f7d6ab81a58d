"""`RemoteDesk`: the desk of a running node, asked over its local API with the standard library.

Errors come back as the leaves they left as. A request is sent once: a save whose answer was lost
may have happened, and repeating it blindly would record it twice.
"""

from __future__ import annotations

import http.client
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import orjson

from conflict.identity import DocumentId, document_text
from conflict.statement import Json
from node import errors
from node.desk import (
    API_VERSION,
    AccountChange,
    BundleOrder,
    Move,
    Progress,
    Relation,
    Resolve,
    Save,
)
from node.errors import NodeError, Unreachable
from node.faults import Fault, Foreign
from node.http.actions import encode_action
from node.http.saves import encode_batch
from node.remote_departing import RemoteDeparting
from node.remote_membership import RemoteMembership
from node.remote_ward import RemoteWard

ANSWER_S = 60.0
"""How long a node may take to answer, beyond what the request itself allows it."""

SHED_S = 3600.0
"""Letting go of everything takes a while: it waits behind all else."""

VERIFY_S = 3600.0
"""Looking at every entry of every log."""
BUNDLE_S = 6 * 3600.0
"""A full stick, on slow flash."""
SESSION_HEADER = "Aidstation-Session"
"""Beside the owner's token: the session of who is signed in."""

BATCH_SAVES = 200
BATCH_BYTES = 8 << 20

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  compared with, not listened on
_INTEGRITY = frozenset({"database-corrupt", "disk-fault"})
_LEAVES: Mapping[str, type[NodeError]] = {
    kind.code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, NodeError)
}


class RemoteDesk(RemoteMembership, RemoteDeparting, RemoteWard):
    """Implements `Desk`. `address` is `host:port` of the local API, `session` of who is signed in."""

    def __init__(self, address: str, token: str, session: str = "") -> None:
        place = urlsplit(f"//{address}")
        host = place.hostname or ""
        self._host, self._port = _ANY.get(host, host), place.port or 0
        self._headers = {"Authorization": f"Bearer {token}"}
        if session:
            self._headers[SESSION_HEADER] = session
        self._address = address

    def save(self, saves: Sequence[Save], blobs: Sequence[bytes] = ()) -> list[list[str]]:
        """See `Desk.save`."""
        ids: list[list[str]] = self._post("/api/save", encode_batch(saves, blobs))
        return ids

    def import_saves(self, saves: Iterable[Save], blobs: Sequence[bytes] = ()) -> list[list[str]]:
        """See `Desk.import_saves`. Blobs go first; then batches, each all or nothing."""
        for some in _blob_batches(blobs):
            self._post("/api/import", encode_batch((), some))
        ids: list[list[str]] = []
        for batch in _save_batches(saves):
            ids.extend(self._post("/api/import", encode_batch(batch)))
        return ids

    def shown(self, document: DocumentId, slot: str, value: Json = None, by: str = "") -> list[str]:
        """See `Desk.shown`."""
        path = f"/api/shown/{document_text(document)}/{quote(slot, safe='')}"
        about = {} if value is None else {"value": orjson.dumps(value).decode()}
        if by:
            about["by"] = by
        found: list[str] = self._get(path, about)
        return found

    def statements(self, document: DocumentId) -> list[str]:
        """See `Desk.statements`."""
        found: list[str] = self._get(f"/api/statements/{document_text(document)}")
        return found

    def find(self, text: str) -> list[Json]:
        """See `Desk.find`."""
        found: list[Json] = self._get("/api/find", {"q": text})
        return found

    def list_documents(
        self, kind: str | None = None, after: str | None = None, limit: int = 100
    ) -> list[Json]:
        """See `Desk.list_documents`."""
        given = {"kind": kind, "after": after, "limit": str(limit)}
        found: list[Json] = self._get(
            "/api/documents", {name: value for name, value in given.items() if value is not None}
        )
        return found

    def chart(self, document: DocumentId) -> Json:
        """See `Desk.chart`."""
        return self._get(f"/api/chart/{document_text(document)}")

    def findings(self) -> list[Json]:
        """See `Desk.findings`."""
        found: list[Json] = self._get("/api/findings")
        return found

    def finding(self, identity: str) -> Json:
        """See `Desk.finding`."""
        return self._get(f"/api/finding/{quote(identity, safe='')}")

    def resolve(self, how: Resolve) -> Json:
        """See `Desk.resolve`."""
        return self._post("/api/resolve", encode_action(how))

    def candidates(self, document: DocumentId, most: int = 20) -> list[Json]:
        """See `Desk.candidates`."""
        path = f"/api/candidates/{document_text(document)}"
        found: list[Json] = self._get(path, {"limit": str(most)})
        return found

    def link(self, given: Relation) -> Json:
        """See `Desk.link`."""
        return self._post("/api/link", encode_action(given))

    def unlink(self, given: Relation) -> Json:
        """See `Desk.unlink`."""
        return self._post("/api/unlink", encode_action(given))

    def move(self, given: Move) -> Json:
        """See `Desk.move`."""
        return self._post("/api/move", encode_action(given))

    def new_casualty(self, by: str, wristband: str = "", *, another: bool = False) -> Json:
        """See `Desk.new_casualty`."""
        fields = {"by": by, "wristband": wristband, "another": another}
        return self._post("/api/casualty", fields)

    def accounts(self) -> list[Json]:
        """See `Desk.accounts`."""
        found: list[Json] = self._get("/api/accounts")
        return found

    def set_account(self, change: AccountChange) -> Json:
        """See `Desk.set_account`."""
        return self._post("/api/account", change._asdict())

    def set_passphrase(self, old: str, new: str) -> Json:
        """See `Desk.set_passphrase`."""
        return self._post("/api/passphrase", {"old": old, "new": new})

    def break_glass(self, reason: str, for_s: float = 3600.0, by: str = "") -> Json:
        """See `Desk.break_glass`."""
        return self._post("/api/break-glass", {"reason": reason, "for_s": for_s, "by": by})

    def cosign(self, document: DocumentId, statements: Sequence[str] = ()) -> Json:
        """See `Desk.cosign`."""
        body = {"document": document_text(document), "statements": list(statements)}
        return self._post("/api/cosign", body)

    def uncosigned(self) -> list[Json]:
        """See `Desk.uncosigned`."""
        found: list[Json] = self._get("/api/uncosigned")
        return found

    def status(self) -> Json:
        """See `Desk.status`."""
        return self._get("/api/status")

    def custody(self) -> Json:
        """See `Desk.custody`."""
        return self._get("/api/custody")

    def record_custody(self, document: DocumentId) -> Json:
        """See `Desk.record_custody`."""
        return self._get(f"/api/custody/{document_text(document)}")

    def shed(
        self,
        documents: Sequence[DocumentId],
        older_than_s: float | None = None,
        *,
        dry_run: bool = False,
    ) -> Json:
        """See `Desk.shed`."""
        body: dict[str, Json] = {
            "documents": [document_text(one) for one in documents],
            "dry_run": dry_run,
        }
        if older_than_s is not None:
            body["older_than_s"] = older_than_s
        return self._post("/api/shed", body, SHED_S)

    def fetch(self, document: DocumentId) -> Json:
        """See `Desk.fetch`."""
        return self._post("/api/fetch", {"document": document_text(document)})

    def bundle_export(
        self, order: BundleOrder, out: str, _on_progress: Progress | None = None
    ) -> Json:
        """See `Desk.bundle_export`. The node writes the file."""
        casualty = document_text(order.casualty) if order.casualty else ""
        fields = {**order._asdict(), "casualty": casualty, "out": os.path.abspath(out)}
        return self._post("/api/bundle/export", fields, BUNDLE_S)

    def bundle_import(
        self, path: str, answer: str = "", _on_progress: Progress | None = None
    ) -> Json:
        """See `Desk.bundle_import`. The node reads the file."""
        fields = {
            "path": os.path.abspath(path),
            "answer": os.path.abspath(answer) if answer else "",
        }
        return self._post("/api/bundle/import", fields, BUNDLE_S)

    def bundle_inspect(self, path: str) -> Json:
        """See `Desk.bundle_inspect`."""
        return self._post("/api/bundle/inspect", {"path": os.path.abspath(path)}, BUNDLE_S)

    def peers(self) -> list[Json]:
        """See `Desk.peers`."""
        found: list[Json] = self._get("/api/peers")
        return found

    def sync(self, peer: str, timeout_s: float) -> Json:
        """See `Desk.sync`."""
        body = {"peer": peer, "timeout_s": timeout_s}
        return self._post("/api/sync", body, timeout_s + ANSWER_S)

    def pause(self, *, paused: bool) -> Json:
        """See `Desk.pause`."""
        return self._post("/api/pause", {"paused": paused})

    def silence(self, *, silent: bool) -> Json:
        """See `Desk.silence`."""
        return self._post("/api/silence", {"silent": silent})

    def set_aside(self, *, with_bytes: bool = False) -> list[Json]:
        """See `Desk.set_aside`."""
        query = {"bytes": "1"} if with_bytes else None
        found: list[Json] = self._get("/api/set-aside", query)
        return found

    def retry_set_aside(self) -> Json:
        """See `Desk.retry_set_aside`."""
        return self._post("/api/set-aside/retry", {})

    def audit_logs(self) -> list[Json]:
        """See `Desk.audit_logs`."""
        found: list[Json] = self._get("/api/audit/logs")
        return found

    def audit_rows(
        self,
        device: str = "",
        branch: int = 0,
        after: int = 0,
        limit: int = 100,
        *,
        export: bool = False,
    ) -> list[Json]:
        """See `Desk.audit_rows`."""
        numbers = {"branch": str(branch), "after": str(after), "limit": str(limit)}
        found: list[Json] = self._get(
            "/api/audit/rows", {"device": device, "export": str(export).lower(), **numbers}
        )
        return found

    def audit_verify(self) -> Json:
        """See `Desk.audit_verify`."""
        return self._get("/api/audit/verify", timeout_s=VERIFY_S)

    # The lock of the running node: `node/locker.py` ----------------------------------------------

    def lock(self) -> None:
        """Have nothing shown until `unlock`."""
        self._post("/api/lock", {})

    def unlock(self, way: str, secret: str) -> Json:
        """Have it shown again; of a sealed node, have it start: `{"was": "locked"|"sealed"}`."""
        return self._post("/api/unlock", {"way": way, "secret": secret})

    def set_lock_pin(self, pin: str, way: str, secret: str) -> None:
        """Set a PIN (empty: none), proving that one may."""
        self._post("/api/lock-pin", {"pin": pin, "way": way, "secret": secret})

    def zeroize(self) -> None:
        """Have it destroy its keys, everything in its home, and itself."""
        self._post("/api/zeroize", {})

    # ----------------------------------------------------------------------------------------------

    def _get(
        self, path: str, query: Mapping[str, str] | None = None, timeout_s: float = ANSWER_S
    ) -> Json:
        return self._ask("GET", f"{path}?{urlencode(query)}" if query else path, None, timeout_s)

    def _post(self, path: str, body: Json, timeout_s: float = ANSWER_S) -> Json:
        return self._ask("POST", path, orjson.dumps(body), timeout_s)

    def _ask(self, method: str, path: str, body: bytes | None, timeout_s: float) -> Json:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=timeout_s)
        headers = self._headers | ({"Content-Type": "application/json"} if body else {})
        sent = False
        try:
            connection.connect()
            connection.request(method, path, body, headers)
            sent = True
            response = connection.getresponse()
            return _result(response.read(), response.status, self._address)
        except (OSError, http.client.HTTPException) as fault:
            raise self._silent(fault, unsure=sent and method == "POST") from fault
        finally:
            connection.close()

    def _silent(self, fault: Exception, *, unsure: bool) -> Unreachable:
        outcome = (
            "The request was sent, so what it asked for may have been done: look before repeating it"
            if unsure
            else "Nothing was changed"
        )
        kind = type(fault).__name__
        return Unreachable(f"The node does not answer on {self._address} ({kind}). {outcome}.")


def _result(raw: bytes, status: int, address: str) -> Json:
    try:
        body = orjson.loads(raw)
        version = body["api"]
    except (ValueError, KeyError, TypeError) as fault:
        raise Unreachable(f"What answers on {address} is not an Aidstation node.") from fault
    if version != API_VERSION:
        raise Unreachable(
            f"The node on {address} speaks version {version} of the local API, this command "
            f"{API_VERSION}. Restart the node with the installed software."
        )
    if "error" in body:
        raise leaf(body["error"], status)
    return body["result"]


def leaf(error: Mapping[str, Any], status: int) -> NodeError:
    """The error that a node's `error` object stands for."""
    code, message = str(error.get("code")), str(error.get("message"))
    kind = _LEAVES.get(code)
    if kind is not None and kind is not NodeError:
        return kind(message)
    exit_code = errors.EXIT_USAGE if status < 500 else errors.EXIT_FAILURE
    if code in _INTEGRITY:
        exit_code = errors.EXIT_INTEGRITY
    next_step, retryable = str(error.get("next_step")), bool(error.get("retryable"))
    return Foreign(Fault(code, message, next_step, retryable, status, exit_code))


def _blob_batches(blobs: Sequence[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for blob in blobs:
        if batch and size + len(blob) > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(blob)
        size += len(blob)
    if batch:
        yield batch


def _save_batches(saves: Iterable[Save]) -> Iterator[list[Save]]:
    batch: list[Save] = []
    for save in saves:
        batch.append(save)
        if len(batch) >= BATCH_SAVES:
            yield batch
            batch = []
    if batch:
        yield batch
