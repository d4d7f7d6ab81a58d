"""The local API: one route for each question that a `Desk` answers, and two for health.

Answers are `{"api": 1, "result": …}`, errors `{"api": 1, "error": {code, message, next_step,
retryable}}`. The desk blocks, so each call has a thread; calls that wait for peers or write in
bulk are few at a time, so that saving and reading never queue behind them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from aiohttp import web

from conflict.identity import DocumentKind
from node.desk import BundleOrder, Desk, Move, Relation, Resolve
from node.errors import BadRequest
from node.guarded_desk import guarded
from node.http.actions import NAMES_MAX, decode_action
from node.http.bodies import body_of, fields_of, json_of, number_of, texts_of, whole
from node.http.departing import DepartingApi
from node.http.guards import admits, answer, errors, known_host
from node.http.lock import LockRoutes
from node.http.membership import MembershipApi
from node.http.people import PeopleApi
from node.http.saves import decode_batch, decode_document
from node.http.ward import WardApi
from node.http.web.doors import Doors
from node.http.web.pages import Pages, as_pages
from node.reception import Reception

BODY_BYTES_MAX = 96 << 20
"""A request's body: one blob of the largest size, in base64, fits."""

PAGE_MAX = 1_000
SHED_AGE_S_MAX = 10_000 * 86_400
SYNC_S_MAX = 600.0
_SLOW_MAX = 2
_SYNC_S = 60.0


class Readiness(NamedTuple):
    """Verdict for `/health/ready`: `causes` are codes, never text about a record."""

    ready: bool
    causes: tuple[str, ...] = ()


def make_app(
    desk: Desk,
    reception: Reception,
    ready: Callable[[], Readiness],
    lock: LockRoutes | None = None,
    refused: Callable[[], None] = lambda: None,
) -> web.Application:
    """The application; it owns neither the desk nor the socket. `lock`: None is never locked;
    `refused`: somebody asked who is not known, or may not."""
    doors = Doors()
    guards = [as_pages, errors, known_host, admits(reception, refused, doors.tokens)]
    app = web.Application(
        middlewares=[*guards, lock.guard] if lock else guards, client_max_size=BODY_BYTES_MAX
    )
    asked = guarded(desk)
    _Api(asked, ready).add_routes(app.router)
    PeopleApi(asked, reception).add_routes(app.router)
    MembershipApi(asked).add_routes(app.router)
    WardApi(asked).add_routes(app.router)
    DepartingApi(asked, reception).add_routes(app.router)
    Pages(asked, reception, doors).add_routes(app.router)
    if lock:
        lock.add_routes(app.router)
    return app


class _Api:
    def __init__(self, desk: Desk, ready: Callable[[], Readiness]) -> None:
        self._desk = desk
        self._verdict = ready
        self._slow = asyncio.Semaphore(_SLOW_MAX)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/health/live", self.live)
        router.add_get("/health/ready", self.ready)
        router.add_get("/api/status", self.status)
        router.add_get("/api/peers", self.peers)
        router.add_get("/api/custody", self.custody)
        router.add_post("/api/shed", self.shed)
        router.add_post("/api/fetch", self.fetch)
        router.add_get("/api/custody/{document}", self.record_custody)
        router.add_get("/api/findings", self.findings)
        router.add_get("/api/finding/{finding}", self.finding)
        router.add_get("/api/candidates/{document}", self.candidates)
        router.add_get("/api/documents", self.documents)
        router.add_get("/api/find", self.find)
        router.add_get("/api/chart/{document}", self.chart)
        router.add_get("/api/shown/{document}/{slot}", self.shown)
        router.add_get("/api/statements/{document}", self.statements)
        router.add_get("/api/set-aside", self.set_aside)
        router.add_post("/api/set-aside/retry", self.retry_set_aside)
        router.add_get("/api/audit/logs", self.audit_logs)
        router.add_get("/api/audit/rows", self.audit_rows)
        router.add_get("/api/audit/verify", self.audit_verify)
        router.add_post("/api/save", self.save)
        router.add_post("/api/import", self.import_saves)
        router.add_post("/api/resolve", self.resolve)
        router.add_post("/api/link", self.link)
        router.add_post("/api/unlink", self.unlink)
        router.add_post("/api/move", self.move)
        router.add_post("/api/casualty", self.casualty)
        router.add_post("/api/sync", self.sync)
        router.add_post("/api/bundle/export", self.bundle_export)
        router.add_post("/api/bundle/import", self.bundle_import)
        router.add_post("/api/bundle/inspect", self.bundle_inspect)
        router.add_post("/api/pause", self.pause)
        router.add_post("/api/silence", self.silence)

    # --- health -----------------------------------------------------------------------------------

    async def live(self, _request: web.Request) -> web.Response:
        return answer({"live": True})

    async def ready(self, _request: web.Request) -> web.Response:
        verdict = await asyncio.to_thread(self._verdict)
        body = {"ready": verdict.ready, "causes": list(verdict.causes)}
        return answer(body, 200 if verdict.ready else 503)

    # --- reading ----------------------------------------------------------------------------------

    async def status(self, _request: web.Request) -> web.Response:
        return answer(await asyncio.to_thread(self._desk.status))

    async def peers(self, _request: web.Request) -> web.Response:
        return answer(await asyncio.to_thread(self._desk.peers))

    async def custody(self, _request: web.Request) -> web.Response:
        return answer(await asyncio.to_thread(self._desk.custody))

    async def record_custody(self, request: web.Request) -> web.Response:
        document = decode_document(request.match_info["document"], "document")
        return answer(await asyncio.to_thread(self._desk.record_custody, document))

    async def findings(self, _request: web.Request) -> web.Response:
        return answer(await asyncio.to_thread(self._desk.findings))

    async def finding(self, request: web.Request) -> web.Response:
        return answer(await asyncio.to_thread(self._desk.finding, request.match_info["finding"]))

    async def candidates(self, request: web.Request) -> web.Response:
        document = decode_document(request.match_info["document"], "document")
        most = whole(request.query.get("limit", "20"), "limit", PAGE_MAX)
        async with self._slow:
            return answer(await asyncio.to_thread(self._desk.candidates, document, most))

    async def set_aside(self, request: web.Request) -> web.Response:
        job = partial(self._desk.set_aside, with_bytes=request.query.get("bytes") == "1")
        return answer(await asyncio.to_thread(job))

    async def retry_set_aside(self, request: web.Request) -> web.Response:
        fields_of(await body_of(request), {})
        return answer(await asyncio.to_thread(self._desk.retry_set_aside))

    async def documents(self, request: web.Request) -> web.Response:
        kind, after = request.query.get("kind"), request.query.get("after")
        if kind is not None and kind.upper() not in DocumentKind.__members__:
            raise BadRequest(f"kind: one of {', '.join(DocumentKind.__members__).lower()} expected")
        if after is not None:
            decode_document(after, "after")
        limit = whole(request.query.get("limit", "100"), "limit", PAGE_MAX)
        return answer(await asyncio.to_thread(self._desk.list_documents, kind, after, limit))

    async def find(self, request: web.Request) -> web.Response:
        return answer(await asyncio.to_thread(self._desk.find, request.query.get("q", "")))

    async def chart(self, request: web.Request) -> web.Response:
        document = decode_document(request.match_info["document"], "document")
        return answer(await asyncio.to_thread(self._desk.chart, document))

    async def shown(self, request: web.Request) -> web.Response:
        document = decode_document(request.match_info["document"], "document")
        slot = request.match_info["slot"]
        value = json_of(request.query["value"]) if "value" in request.query else None
        by = request.query.get("by", "")
        return answer(await asyncio.to_thread(self._desk.shown, document, slot, value, by))

    async def statements(self, request: web.Request) -> web.Response:
        document = decode_document(request.match_info["document"], "document")
        return answer(await asyncio.to_thread(self._desk.statements, document))

    async def audit_logs(self, _request: web.Request) -> web.Response:
        return answer(await asyncio.to_thread(self._desk.audit_logs))

    async def audit_rows(self, request: web.Request) -> web.Response:
        given = request.query
        device, limit = (
            given.get("device", ""),
            whole(given.get("limit", "100"), "limit", PAGE_MAX),
        )
        branch, after = (number_of(given.get(name, "0"), name) for name in ("branch", "after"))
        export = given.get("export") == "true"
        ask = partial(self._desk.audit_rows, device, branch, after, limit, export=export)
        return answer(await asyncio.to_thread(ask))

    async def audit_verify(self, _request: web.Request) -> web.Response:
        async with self._slow:
            return answer(await asyncio.to_thread(self._desk.audit_verify))

    # --- writing ----------------------------------------------------------------------------------

    async def save(self, request: web.Request) -> web.Response:
        batch = decode_batch(await body_of(request))
        return answer(await asyncio.to_thread(self._desk.save, batch.saves, batch.blobs))

    async def import_saves(self, request: web.Request) -> web.Response:
        batch = decode_batch(await body_of(request))
        async with self._slow:
            ids = await asyncio.to_thread(self._desk.import_saves, batch.saves, batch.blobs)
        return answer(ids)

    async def resolve(self, request: web.Request) -> web.Response:
        how = decode_action(Resolve, await body_of(request))
        return answer(await asyncio.to_thread(self._desk.resolve, how))

    async def link(self, request: web.Request) -> web.Response:
        given = decode_action(Relation, await body_of(request))
        return answer(await asyncio.to_thread(self._desk.link, given))

    async def unlink(self, request: web.Request) -> web.Response:
        given = decode_action(Relation, await body_of(request))
        return answer(await asyncio.to_thread(self._desk.unlink, given))

    async def move(self, request: web.Request) -> web.Response:
        given = decode_action(Move, await body_of(request))
        return answer(await asyncio.to_thread(self._desk.move, given))

    async def casualty(self, request: web.Request) -> web.Response:
        fields = fields_of(await body_of(request), {"by": str, "wristband": str, "another": bool})
        by, wristband = fields.get("by", ""), fields.get("wristband", "")
        another = fields.get("another", False)
        if not by.strip():
            raise BadRequest("by: who admits the casualty. Nothing was saved.")
        new = partial(self._desk.new_casualty, by, wristband, another=another)
        return answer(await asyncio.to_thread(new))

    async def shed(self, request: web.Request) -> web.Response:
        kinds: dict[str, type | tuple[type, ...]]
        kinds = {"documents": list, "older_than_s": (int, float), "dry_run": bool}
        fields = fields_of(await body_of(request), kinds)
        documents = [decode_document(one, "documents") for one in fields.get("documents", [])]
        older_than_s = fields.get("older_than_s")
        if older_than_s is not None and not 0 <= older_than_s <= SHED_AGE_S_MAX:
            raise BadRequest(f"older_than_s within 0..{SHED_AGE_S_MAX} expected")
        job = partial(
            self._desk.shed, documents, older_than_s, dry_run=fields.get("dry_run", False)
        )
        async with self._slow:
            return answer(await asyncio.to_thread(job))

    async def fetch(self, request: web.Request) -> web.Response:
        fields = fields_of(await body_of(request), {"document": str})
        document = decode_document(fields.get("document", ""), "document")
        return answer(await asyncio.to_thread(self._desk.fetch, document))

    async def bundle_export(self, request: web.Request) -> web.Response:
        texts = dict.fromkeys(("casualty", "since", "out"), str)
        fields = fields_of(await body_of(request), {**texts, "scopes": list, "nodes": list})
        named = fields.get("casualty", "")
        order = BundleOrder(
            tuple(texts_of(fields.get("scopes", []), "scopes", NAMES_MAX)),
            tuple(texts_of(fields.get("nodes", []), "nodes", NAMES_MAX)),
            decode_document(named, "casualty") if named else None,
            fields.get("since", ""),
        )
        export = partial(self._desk.bundle_export, order, _path(fields.get("out", ""), "out"))
        async with self._slow:
            return answer(await asyncio.to_thread(export))

    async def bundle_import(self, request: web.Request) -> web.Response:
        fields = fields_of(await body_of(request), {"path": str, "answer": str})
        path, out = _path(fields.get("path", ""), "path"), fields.get("answer", "")
        take = partial(self._desk.bundle_import, path, out and _path(out, "answer"))
        async with self._slow:
            return answer(await asyncio.to_thread(take))

    async def bundle_inspect(self, request: web.Request) -> web.Response:
        fields = fields_of(await body_of(request), {"path": str})
        path = _path(fields.get("path", ""), "path")
        async with self._slow:
            return answer(await asyncio.to_thread(self._desk.bundle_inspect, path))

    async def sync(self, request: web.Request) -> web.Response:
        fields = fields_of(await body_of(request), {"peer": str, "timeout_s": (int, float)})
        peer, timeout_s = fields.get("peer"), fields.get("timeout_s", _SYNC_S)
        if not peer or not 0 < timeout_s <= SYNC_S_MAX:
            raise BadRequest(f"peer and a timeout_s within 0..{SYNC_S_MAX:.0f} expected")
        async with self._slow:
            return answer(await asyncio.to_thread(self._desk.sync, peer, float(timeout_s)))

    async def pause(self, request: web.Request) -> web.Response:
        fields = fields_of(await body_of(request), {"paused": bool})
        if "paused" not in fields:
            raise BadRequest("paused: true or false expected")
        paused = fields["paused"]
        return answer(await asyncio.to_thread(lambda: self._desk.pause(paused=paused)))

    async def silence(self, request: web.Request) -> web.Response:
        fields = fields_of(await body_of(request), {"silent": bool})
        if "silent" not in fields:
            raise BadRequest("silent: true or false expected")
        silent = fields["silent"]
        return answer(await asyncio.to_thread(lambda: self._desk.silence(silent=silent)))


def _path(text: str, where: str) -> str:
    """A file on this machine, as its own user names it: no folder of ours to start from."""
    if not os.path.isabs(text) or "\0" in text:
        raise BadRequest(f"{where}: a whole path expected")
    return text
