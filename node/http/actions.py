"""Decisions as JSON and back: resolving, linking, moving. Document ids are texts on this wire.

The fields are those of `Resolve`, `Relation` and `Move` in `node/desk.py`; absent ones have their
defaults there, unknown ones are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from conflict.identity import DocumentId, document_text
from conflict.statement import Json
from node.desk import Move, Relation, Resolve
from node.errors import BadRequest
from node.http.saves import decode_document

NAMES_MAX = 256
_DOCUMENTS = frozenset({"one", "other", "source", "to"})
_LISTS = frozenset({"void", "statements"})
Action = TypeVar("Action", Resolve, Relation, Move)


def encode_action(action: Resolve | Relation | Move) -> dict[str, Json]:
    """JSON form."""
    return {name: _encoded(name, value) for name, value in action._asdict().items()}


def _encoded(name: str, value: Any) -> Json:
    if name in _DOCUMENTS:
        return document_text(DocumentId(value))
    return list(value) if name in _LISTS else value


def decode_action(kind: Callable[..., Action], body: Json) -> Action:
    """Inverse, for bytes that anybody may have sent. Raises `BadRequest`."""
    if not isinstance(body, dict):
        raise BadRequest("An object is expected. Nothing was saved.")
    fields: tuple[str, ...] = getattr(kind, "_fields", ())
    if unknown := sorted(body.keys() - set(fields)):
        known = ", ".join(fields)
        raise BadRequest(f"{unknown[0][:40]!r} is unknown; known are {known}. Nothing was saved.")
    given = {name: _decoded(name, body) for name in fields if name in body}
    try:
        return kind(**given)
    except TypeError as fault:
        raise BadRequest(f"{', '.join(fields)}: a field is missing. Nothing was saved.") from fault


def _decoded(name: str, body: Mapping[str, Json]) -> Any:
    value = body[name]
    if name in _DOCUMENTS:
        return decode_document(value, name)
    if name in _LISTS:
        if not isinstance(value, list) or len(value) > NAMES_MAX or not _texts(value):
            raise BadRequest(f"{name}: a list of at most {NAMES_MAX} names expected.")
        return tuple(value)
    if name == "record":
        if not isinstance(value, bool):
            raise BadRequest("record: true or false expected. Nothing was saved.")
        return value
    if name != "value" and not isinstance(value, str) and not (name == "at" and value is None):
        raise BadRequest(f"{name}: a text expected. Nothing was saved.")
    return value


def _texts(values: list[Json]) -> bool:
    return all(isinstance(one, str) for one in values)
