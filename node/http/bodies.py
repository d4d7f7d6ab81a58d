"""What a request carries, read strictly: a JSON body, its fields, texts and whole numbers. Raises
`BadRequest`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from conflict.statement import Json
from node.errors import BadRequest

Kinds = Mapping[str, type | tuple[type, ...]]
"""By field, what it may be."""

_DIGITS_MAX = 15


async def body_of(request: web.Request) -> Json:
    """The JSON body."""
    if request.content_type != "application/json":
        raise BadRequest("Content-Type: application/json expected. Nothing was saved.")
    return await asyncio.to_thread(json_of, await request.read())


def json_of(raw: bytes | str) -> Json:
    """Parsed JSON."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise BadRequest("This is not JSON. Nothing was saved.") from None


def fields_of(body: Json, kinds: Kinds) -> dict[str, Any]:
    """An object that has these fields at most, each of its kind."""
    if not isinstance(body, dict):
        raise BadRequest("An object is expected.")
    for name, value in body.items():
        kind = kinds.get(name, ())
        one_of = kind if isinstance(kind, tuple) else (kind,)
        if not isinstance(value, one_of) or (isinstance(value, bool) and bool not in one_of):
            raise BadRequest(f"{name[:40]!r} is unknown or of the wrong type.")
    return body


def whole(text: str, where: str, most: int) -> int:
    """A whole number within 1..`most`."""
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= most):
        raise BadRequest(f"{where}: a whole number within 1..{most} expected")
    return int(text)


def number_of(text: str, where: str) -> int:
    """A whole number from 0, below 10^15."""
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX):
        raise BadRequest(f"{where}: a whole number expected")
    return int(text)


def texts_of(given: Json, where: str, most: int) -> list[str]:
    """A list of so many texts at most."""
    fits = isinstance(given, list) and len(given) <= most
    if not fits or not all(isinstance(one, str) for one in given):
        raise BadRequest(f"{where}: a list of at most {most} texts expected.")
    return list(given)
