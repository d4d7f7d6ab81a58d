"""Who a browser is: a random name in a cookie, and the tokens that it stands for in this process only.

A cookie reaches every port of this machine, so it never holds a token of the API, and no route of the
API reads it.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict

from aiohttp import web

from node.http.guards import tokens_of

COOKIE = "aidstation-door"
DOORS_MAX = 100
Tokens = tuple[str, str]


def is_page(request: web.Request) -> bool:
    """Whether a person's browser is meant, not a program."""
    return not request.path.startswith(("/api/", "/health/"))


class Doors:
    """Open doors, the oldest closed beyond `DOORS_MAX`. For the event loop's thread."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, Tokens] = OrderedDict()

    def enter(self, bearer: str) -> str:
        """A new cookie's value."""
        while len(self._open) >= DOORS_MAX:
            self._open.popitem(last=False)
        name = secrets.token_urlsafe(32)
        self._open[name] = (bearer, "")
        return name

    def tokens(self, request: web.Request) -> Tokens:
        """Tokens of a request: a page's by its cookie, a program's by its headers."""
        found = self._open.get(request.cookies.get(COOKIE, "")) if is_page(request) else None
        return found or tokens_of(request)

    def leave(self, request: web.Request) -> Tokens | None:
        """Close this browser's door: the tokens that it stood for."""
        return self._open.pop(request.cookies.get(COOKIE, ""), None)
