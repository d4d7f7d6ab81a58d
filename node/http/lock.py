"""The lock at the API: what a locked node still answers, how it is unlocked, and zeroize.

Deny by default: while a node is locked, a route answers only if it is in `WHILE_LOCKED`; it counts as
use, which keeps the idle lock away, unless it is in `NO_USE` as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from node.errors import BadRequest, Locked
from node.http.bodies import body_of
from node.http.guards import OPEN, answer, errors, known_host, needs_token

WHILE_LOCKED = OPEN | {
    *("/api/status", "/api/lock", "/api/unlock", "/api/lock-pin", "/api/zeroize"),
    "/api/silence",  # going silent; the desk refuses to end it
}
NO_USE = WHILE_LOCKED | {"/api/peers", "/api/sync", "/api/pause", "/api/set-aside"}
_SECRET_LETTERS_MAX = 8192
_LEAVE_S = 0.05


class Gate(Protocol):
    """What `node.locker.Locker` is to these routes."""

    def check(self, *, use: bool) -> None:
        """Raise `Locked`, or count as use."""

    def lock(self) -> None:
        """See `Locker.lock`."""

    def unlock(self, way: str, secret: str) -> None:
        """See `Locker.unlock`."""

    def prove(self, way: str, secret: str) -> None:
        """See `Locker.prove`."""

    def set_pin(self, pin: str) -> None:
        """See `Locker.set_pin`."""

    def end(self) -> None:
        """See `Locker.end`."""


class Zeroize(Protocol):
    """How this process ends itself for good."""

    def destroy_keys(self) -> None:
        """Nothing opens any more when it returns."""

    def finish(self) -> None:
        """Remove the rest and end; does not return."""


class LockRoutes:
    """Lock, unlock, PIN and zeroize of a running node."""

    def __init__(self, gate: Gate, zeroize: Zeroize) -> None:
        self._gate = gate
        self._zeroize = zeroize

    @property
    def guard(self) -> Middleware:
        """Middleware that refuses with `Locked` what a locked node does not show."""

        @web.middleware
        async def unlocked(request: web.Request, handler: Handler) -> web.StreamResponse:
            resource = request.match_info.route.resource
            route = resource.canonical if resource else ""
            if route not in WHILE_LOCKED:
                self._gate.check(use=route not in NO_USE)
            return await handler(request)

        return unlocked

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add them."""
        router.add_post("/api/lock", self.lock)
        router.add_post("/api/unlock", self.unlock)
        router.add_post("/api/lock-pin", self.set_pin)
        router.add_post("/api/zeroize", self.zeroize)

    async def lock(self, _request: web.Request) -> web.Response:
        """Show nothing from now on."""
        self._gate.lock()
        return answer({"locked": True})

    async def unlock(self, request: web.Request) -> web.Response:
        """Show again."""
        way, secret = await _texts(request, "way", "secret")
        await asyncio.to_thread(self._gate.unlock, way, secret)
        return answer({"was": "locked"})

    async def set_pin(self, request: web.Request) -> web.Response:
        """Set or remove the PIN; whoever does it proves that they may."""
        pin, way, secret = await _texts(request, "pin", "way", "secret")
        await asyncio.to_thread(self._gate.prove, way, secret)
        await asyncio.to_thread(self._gate.set_pin, pin)
        return answer({"pin": bool(pin)})

    async def zeroize(self, _request: web.Request) -> web.Response:
        """Destroy the keys, answer, remove the rest, end."""
        self._gate.end()
        return await _zeroized(self._zeroize)


def sealed_app(token: str, unlock: Callable[[str, str], None], zeroize: Zeroize) -> web.Application:
    """What answers while nobody has brought the secret that opens the home: health, unlock, zeroize.

    `unlock(way, secret)` raises what `Locker.unlock` raises; afterwards the node starts.
    """

    async def live(_request: web.Request) -> web.Response:
        return answer({"live": True})

    async def ready(_request: web.Request) -> web.Response:
        return answer({"ready": False, "causes": ["sealed"]}, 503)

    async def unseal(request: web.Request) -> web.Response:
        way, secret = await _texts(request, "way", "secret")
        await asyncio.to_thread(unlock, way, secret)
        return answer({"was": "sealed"})

    async def end(_request: web.Request) -> web.Response:
        return await _zeroized(zeroize)

    async def sealed(_request: web.Request) -> web.Response:
        raise Locked(
            "This node is sealed: it waits for `aidstation unlock` to bring its passphrase"
        )

    app = web.Application(middlewares=[errors, known_host, needs_token(token)])
    app.router.add_get("/health/live", live)
    app.router.add_get("/health/ready", ready)
    app.router.add_post("/api/unlock", unseal)
    app.router.add_post("/api/zeroize", end)
    app.router.add_route("*", "/{rest:.*}", sealed)
    return app


async def _zeroized(zeroize: Zeroize) -> web.Response:
    await asyncio.to_thread(zeroize.destroy_keys)
    asyncio.get_running_loop().call_later(_LEAVE_S, zeroize.finish)  # the answer leaves first
    return answer({"zeroized": True})


async def _texts(request: web.Request, *names: str) -> list[str]:
    """Texts of a small JSON object. Raises `BadRequest`, which quotes nothing of it."""
    body = await body_of(request)
    fields = body if isinstance(body, dict) else {}
    found = [one for name in names if isinstance(one := fields.get(name), str)]
    if len(found) < len(names) or max(map(len, found)) > _SECRET_LETTERS_MAX:
        raise BadRequest(f"{', '.join(names)}: texts expected")
    return found
