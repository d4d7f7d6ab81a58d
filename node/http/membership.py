"""Routes about the theatre: who belongs to it, the authority's log, joining. Shapes: `node.membership`."""

from __future__ import annotations

import asyncio
import binascii
from base64 import b64decode
from functools import partial
from typing import Any

from aiohttp import web

from node.errors import BadRequest
from node.http.bodies import body_of, fields_of, number_of, texts_of
from node.http.guards import answer
from node.membership import LOG_PAGE_MAX, Membership

ENTRIES_MAX = 100_000
CODES_MAX = 64


class MembershipApi:
    """The handlers over one desk."""

    def __init__(self, desk: Membership) -> None:
        self._desk = desk

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add these routes."""
        router.add_get("/api/membership", self.membership)
        router.add_get("/api/authority", self.log)
        router.add_post("/api/authority", self.add)
        router.add_post("/api/join", self.join)
        router.add_post("/api/authority-key", self.key_handled)
        router.add_get("/api/custody-positions", self.positions)
        router.add_get("/api/asked", self.asked)

    async def membership(self, _request: web.Request) -> web.Response:
        return answer(await asyncio.to_thread(self._desk.membership))

    async def log(self, request: web.Request) -> web.Response:
        after = number_of(request.query.get("after", "0"), "after")
        limit = min(number_of(request.query.get("limit", str(LOG_PAGE_MAX)), "limit"), LOG_PAGE_MAX)
        entries = await asyncio.to_thread(self._desk.authority_log, after, limit)
        return answer([binascii.b2a_base64(one, newline=False).decode() for one in entries])

    async def add(self, request: web.Request) -> web.Response:
        body = await _object(request, {"entries"})
        entries = _entries(body)
        return answer(await asyncio.to_thread(self._desk.add_authority, entries))

    async def join(self, request: web.Request) -> web.Response:
        body = await _object(request, {"root", "own", "secret", "entries", "codes"})
        codes = texts_of(body.get("codes", []), "codes", CODES_MAX)
        root, own, secret = (_bytes(body.get(name), name) for name in ("root", "own", "secret"))
        join = partial(self._desk.join, root, own, secret, _entries(body), codes)
        return answer(await asyncio.to_thread(join))

    async def key_handled(self, request: web.Request) -> web.Response:
        act = fields_of(await body_of(request), {"act": str}).get("act", "")
        return answer(await asyncio.to_thread(self._desk.key_handled, act))

    async def positions(self, request: web.Request) -> web.Response:
        given = request.query.get("until_ms")
        until_ms = None if given is None else number_of(given, "until_ms")
        return answer(await asyncio.to_thread(self._desk.custody_positions, until_ms))

    async def asked(self, _request: web.Request) -> web.Response:
        return answer(await asyncio.to_thread(self._desk.asked))


async def _object(request: web.Request, known: set[str]) -> dict[str, Any]:
    body = await body_of(request)
    if not isinstance(body, dict) or body.keys() - known:
        raise BadRequest(f"An object of {', '.join(sorted(known))} is expected.")
    return body


def _entries(body: dict[str, Any]) -> list[bytes]:
    texts = texts_of(body.get("entries", []), "entries", ENTRIES_MAX)
    return [_bytes(one, "entries") for one in texts]


def _bytes(given: Any, name: str) -> bytes:
    try:
        return b64decode(given, validate=True)
    except (TypeError, ValueError):
        raise BadRequest(f"{name}: bytes in base64 expected. Nothing was saved.") from None
