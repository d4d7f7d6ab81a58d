"""Templates as answers: what every page has, whichever screen it is."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from node.http.web.screens import SCREENS, THEMES

THEME = "aidstation-theme"
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; form-action 'self'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer browsers send `Origin: null` with our own forms
}
STATIC = {"app.css": "text/css"}
"""By name, the media type."""

_TEMPLATES = Environment(
    loader=PackageLoader("node.http.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(request: web.Request, template: str, status: int = 200, **values: Any) -> web.Response:
    """A template as an answer."""
    theme = request.cookies.get(THEME, "")
    given = {"theme": theme if theme in THEMES else THEMES[0], "state": [], "path": request.path}
    text = _TEMPLATES.get_template(f"{template}.html").render(
        screens=SCREENS, themes=THEMES, **{**given, **values}
    )
    return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)


def to(path: str) -> web.Response:
    """See another page."""
    return web.Response(status=303, headers={**HEADERS, "Location": path})
