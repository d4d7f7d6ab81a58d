"""Routes about a device that changes hands, is backed up, or goes home. Shapes: `node/departing.py`."""

from __future__ import annotations

import asyncio

from aiohttp import web

from node.departing import Departing
from node.errors import BadRequest
from node.http.bodies import body_of, fields_of
from node.http.guards import answer
from node.reception import Reception


class DepartingApi:
    """`reception` knows who is signed in."""

    def __init__(self, desk: Departing, reception: Reception) -> None:
        self._desk = desk
        self._reception = reception

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add these routes."""
        router.add_post("/api/backed-up", self.backed_up)
        router.add_post("/api/hand-over", self.hand_over)
        router.add_get("/api/close-out", self.close_out)

    async def backed_up(self, request: web.Request) -> web.Response:
        size = fields_of(await body_of(request), {"bytes": int}).get("bytes", -1)
        if size < 0:
            raise BadRequest("bytes: how large the backup is, expected")
        return answer(await asyncio.to_thread(self._desk.backed_up, size))

    async def hand_over(self, request: web.Request) -> web.Response:
        fields = fields_of(await body_of(request), {"to": str, "by": str})
        to, by = fields.get("to", ""), fields.get("by", "")
        done = await asyncio.to_thread(self._desk.hand_over, to, by)
        self._reception.sessions.end_all()
        return answer(done)

    async def close_out(self, _request: web.Request) -> web.Response:
        return answer(await asyncio.to_thread(self._desk.close_out))
