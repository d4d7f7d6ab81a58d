"""What stands before every route: who asks, by which name, and how an error leaves.

Deny by default: a route needs the token unless it is in `OPEN`. The Host header must name this
machine, so that a web page cannot reach the node by pointing its own name here (DNS rebinding).
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import orjson
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from node.desk import API_VERSION
from node.faults import Fault, translate

OPEN = frozenset({"/health/live", "/health/ready"})
"""Routes that need no token; they say nothing about any record."""

NAMES = frozenset({"localhost", "ip6-localhost"})

_UNAUTHORISED = Fault(
    "unauthorised",
    "This request carries no valid token. Nothing was read or changed.",
    "Send `Authorization: Bearer` with the content of the file api-token in the node's home.",
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


def needs_token(token: str, refused: Callable[[], None] = lambda: None) -> Middleware:
    """Middleware that lets only the token's holder past, except to `OPEN` routes; `refused` hears of
    each who was not."""
    expected = f"Bearer {token}".encode()

    @web.middleware
    async def authorised(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        open_route = resource is not None and resource.canonical in OPEN
        given = request.headers.get("Authorization", "").encode(errors="surrogateescape")
        if open_route or hmac.compare_digest(given, expected):
            return await handler(request)
        refused()
        return refusal(_UNAUTHORISED)

    return authorised
