"""Routes about the casualties here. Shapes: `node/ward.py`."""

from __future__ import annotations

import asyncio

from aiohttp import web

from node.http.bodies import whole
from node.http.guards import answer
from node.http.saves import decode_document
from node.ward import Ward

LIMIT_MAX = 10_000


class WardApi:
    """`desk` is guarded."""

    def __init__(self, desk: Ward) -> None:
        self._desk = desk

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add these routes."""
        router.add_get("/api/casualties", self.casualties)
        router.add_get("/api/timeline/{document}", self.timeline)

    async def casualties(self, request: web.Request) -> web.Response:
        limit = whole(request.query.get("limit", "500"), "limit", LIMIT_MAX)
        return answer(await asyncio.to_thread(self._desk.casualties, limit))

    async def timeline(self, request: web.Request) -> web.Response:
        document = decode_document(request.match_info["document"], "document")
        return answer(await asyncio.to_thread(self._desk.timeline, document))
