"""Serves the screens: templates, static files, the door, and errors as pages.

The layer holds no clinical rule: it shows what the desk answers.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from importlib.resources import files
from urllib.parse import urlsplit

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from node.desk import Desk
from node.errors import BadRequest
from node.http.web import casualties
from node.http.web.card_page import CardPages
from node.http.web.doors import COOKIE, Doors, is_page
from node.http.web.drawing import HEADERS, STATIC, THEME, page, to
from node.http.web.screens import CASUALTIES, THEMES
from node.reception import Reception


@web.middleware
async def as_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refusals as pages, and no form that another site sends."""
    if not is_page(request):
        return await handler(request)
    origin = request.headers.get("Origin", "")
    if request.method == "POST" and origin and urlsplit(origin).netloc != request.host:
        return page(request, "refused", 403, fault=_FOREIGN)
    answer = await handler(request)
    if "text/html" not in request.headers.get("Accept", ""):
        return answer  # a program, which reads JSON
    if not isinstance(answer, web.Response) or answer.content_type != "application/json":
        return answer
    if answer.status == 401:
        return web.Response(status=303, headers={**HEADERS, "Location": "/door"})
    fault = orjson.loads(answer.body)["error"] if isinstance(answer.body, bytes) else _FOREIGN
    return page(request, "refused", answer.status, fault=fault)


_FOREIGN = {
    "message": "This form came from another site. Nothing was changed.",
    "next_step": "Go back to the casualty list.",
}


class Pages:
    """`desk` is guarded."""

    def __init__(self, desk: Desk, reception: Reception, doors: Doors) -> None:
        self._desk = desk
        self._reception = reception
        self._doors = doors
        self._one_at_a_time = asyncio.Semaphore(1)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add these routes."""
        router.add_get(CASUALTIES.path, self.casualties)
        CardPages(self._desk).add_routes(router)
        router.add_get("/door", self.door)
        router.add_post("/door", self.enter)
        router.add_post("/leave", self.leave)
        router.add_post("/theme", self.theme)
        router.add_get("/static/{name}", self.static)

    async def casualties(self, request: web.Request) -> web.Response:
        """The first screen."""
        status = await asyncio.to_thread(self._desk.status)
        sought = request.query.get("q", "")[:120]
        read = partial(casualties.values, self._desk, sought, datetime.now(UTC))
        shown = await asyncio.to_thread(read)
        state = status["state"] if isinstance(status, dict) else []
        return page(request, CASUALTIES.template, state=state, **shown)

    async def door(self, request: web.Request) -> web.Response:
        """Who are you?"""
        return page(request, "door")

    async def enter(self, request: web.Request) -> web.Response:
        """By account and passphrase, or by the owner's token."""
        form = await request.post()
        account, secret = (str(form.get(name, "")) for name in ("account", "secret"))
        if max(len(account), len(secret)) > 1_000:
            raise BadRequest("account and passphrase: at most 1000 letters")
        async with self._one_at_a_time:
            bearer = await asyncio.to_thread(self._bearer, account, secret)
        answer = to("/")
        answer.set_cookie(
            COOKIE, self._doors.enter(bearer), httponly=True, samesite="Strict", path="/"
        )
        return answer

    def _bearer(self, account: str, secret: str) -> str:
        if account:
            return self._reception.sign_in(account, secret).token
        if self._reception.acting(secret, "", used=False) is None:
            raise BadRequest("This is not the token of this node's owner. Nothing was read.")
        return secret

    async def leave(self, request: web.Request) -> web.Response:
        """This browser is nobody from now on."""
        if tokens := self._doors.leave(request):
            await asyncio.to_thread(self._reception.sign_out, *tokens)
        return to("/door")

    async def theme(self, request: web.Request) -> web.Response:
        """Day, sun or night, kept by the browser."""
        chosen = str((await request.post()).get("theme", ""))
        answer = to(_back(request))
        if chosen in THEMES:
            answer.set_cookie(THEME, chosen, httponly=True, samesite="Strict", path="/")
        return answer

    async def static(self, request: web.Request) -> web.Response:
        """A file of this package."""
        name = request.match_info["name"]
        if name not in STATIC:
            raise web.HTTPNotFound
        body = files("node.http.web").joinpath("static", name).read_bytes()
        return web.Response(body=body, content_type=STATIC[name], headers=HEADERS)


def _back(request: web.Request) -> str:
    """The page of this site that a form stands on, for browsers that say so; else the first screen."""
    place = urlsplit(request.headers.get("Referer", ""))
    own = place.netloc == request.host and place.path.startswith("/") and "//" not in place.path
    return f"{place.path}?{place.query}".rstrip("?") if own else "/"
