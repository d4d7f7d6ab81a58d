"""What stands before every route: who asks, by which name, and how an error leaves.

Deny by default: a route that the permission table does not name is refused to everybody, and one that
needs something to whoever is not known. The Host header must name this
machine, so that a web page cannot reach the node by pointing its own name here (DNS rebinding).
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import orjson
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from node.acting import acting_as
from node.desk import API_VERSION
from node.errors import NotPermitted
from node.faults import Fault, translate
from node.guarded_desk import allow
from node.permissions import ANYBODY, ROUTES, May
from node.reception import Reception
from node.remote_desk import SESSION_HEADER
from node.sessions import same_token

OPEN = frozenset(name.split()[1] for name, needs in ROUTES.items() if needs == ANYBODY)
"""Routes that need no token; they say nothing about any record."""

NAMES = frozenset({"localhost", "ip6-localhost"})

_UNAUTHORISED = Fault(
    "unauthorised",
    "This request carries no valid token, or its session has ended. Nothing was read or changed.",
    "Sign in; or send `Authorization: Bearer` with the content of the file api-token in the node's home.",
    retryable=False,
    status=401,
    exit_code=1,
)
_MISDIRECTED = Fault(
    "misdirected",
    "This request names another host. Nothing was read or changed.",
    "Ask by the node's IP address or localhost.",
    retryable=False,
    status=421,
    exit_code=1,
)
_HTTP_CODES = {404: "no-such-route", 405: "method-not-allowed", 413: "request-too-large"}


def answer(result: Any, status: int = 200) -> web.Response:
    """A JSON answer that nothing on the way may keep."""
    return _json({"api": API_VERSION, "result": result}, status)


def refusal(fault: Fault) -> web.Response:
    """A JSON error."""
    response = _json({"api": API_VERSION, "error": fault.body()}, fault.status)
    if fault.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _json(body: Any, status: int) -> web.Response:
    return web.Response(
        body=orjson.dumps(body),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error becomes the one JSON form; faults of this software are logged by place."""
    try:
        return await handler(request)
    except web.HTTPException as fault:
        return refusal(_http(fault))
    except Exception as fault:  # noqa: BLE001  the edge: translated, never swallowed
        found = translate(fault)
        if found.code == "internal":
            structlog.get_logger().error("request-failed", exc_info=fault, route=_route(request))
        return refusal(found)


def _http(fault: web.HTTPException) -> Fault:
    code = _HTTP_CODES.get(fault.status, "bad-request")
    message = f"The request was refused: {fault.reason}. Nothing was changed."
    return Fault(code, message, "See the API's routes.", False, fault.status, 1)


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource else "/unknown"


@web.middleware
async def known_host(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse requests whose Host is neither localhost nor the very address they arrived at."""
    local = request.transport.get_extra_info("sockname") if request.transport else None
    if not names_this_machine(request.headers.get("Host", ""), local[0] if local else ""):
        return refusal(_MISDIRECTED)
    return await handler(request)


def names_this_machine(host_header: str, local_address: str) -> bool:
    """Whether a Host header is localhost, a loopback address or `local_address`."""
    try:
        host = urlsplit(f"//{host_header}").hostname or ""
    except ValueError:
        return False
    if host in NAMES:
        return True
    try:
        given = ipaddress.ip_address(host)
        return given.is_loopback or given == ipaddress.ip_address(local_address)
    except ValueError:
        return False


def admits(
    reception: Reception,
    refused: Callable[[], None],
    tokens: Callable[[web.Request], tuple[str, str]] | None = None,
) -> Middleware:
    """Middleware that finds out who asks, and lets them as far as the permission table does; `refused`
    hears of everybody else. `tokens`: where they stand; None: in the headers."""

    @web.middleware
    async def admitted(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        needs = ROUTES.get(f"{_asked(request)} {resource.canonical}") if resource else ANYBODY
        if resource and needs == ANYBODY:
            return await handler(request)
        used = needs != (May.LOOK,)  # a screen that shows the status does not keep a session open
        who = await asyncio.to_thread(
            partial(reception.acting, *(tokens or tokens_of)(request), used=used)
        )
        if who is None:
            refused()
            return refusal(_UNAUTHORISED)
        with acting_as(who):
            try:
                allow(who, needs)
                return await handler(request)
            except NotPermitted:
                refused()
                raise

    return admitted


def needs_token(token: str) -> Middleware:
    """Middleware of a sealed node, which knows nobody yet: lets only the owner's token past."""

    @web.middleware
    async def authorised(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        open_route = resource is not None and resource.canonical in OPEN
        bearer, _ = tokens_of(request)
        if open_route or same_token(bearer, token):
            return await handler(request)
        return refusal(_UNAUTHORISED)

    return authorised


def _asked(request: web.Request) -> str:
    return "GET" if request.method == "HEAD" else request.method


def tokens_of(request: web.Request) -> tuple[str, str]:
    """The bearer token and the session beside it, each empty where it is not given."""
    kind, _, bearer = request.headers.get("Authorization", "").partition(" ")
    session = request.headers.get(SESSION_HEADER, "")
    return (bearer if kind == "Bearer" else ""), session
