"""Saves as JSON and back: the one body that is both read and written on this wire.

`{"saves": [{"document": text id, "once": form id, "drafts": [{"slot", "value", "by", "at", "precision",
"supersedes", "void", "source": [system, record, hash]}]}], "blobs": [base64]}`; empty fields are
absent. What a value may hold is the slot's business, checked by the desk.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from conflict.errors import BadIdentity
from conflict.identity import DocumentId, StatementId, document_text, parse_document
from conflict.statement import Draft, Json, Source
from node.desk import Save
from node.errors import BadRequest

SAVES_MAX = 2_000
"""Saves in one request."""

DRAFTS_MAX = 2_000
"""Drafts in one save."""

ONCE_CHARS_MAX = 100
_TEXTS = ("by", "at", "precision", "void")
_FIELDS = frozenset({"slot", "value", "supersedes", "source", *_TEXTS})


class Batch(NamedTuple):
    """One request's content."""

    saves: tuple[Save, ...]
    blobs: tuple[bytes, ...]


def encode_batch(saves: Iterable[Save], blobs: Iterable[bytes] = ()) -> dict[str, Json]:
    """JSON form."""
    body: dict[str, Json] = {"saves": [_encode_save(save) for save in saves]}
    if parts := [base64.b64encode(blob).decode() for blob in blobs]:
        body["blobs"] = parts
    return body


def _encode_save(save: Save) -> dict[str, Json]:
    drafts = [_encode_draft(draft) for draft in save.drafts]
    body: dict[str, Json] = {"document": document_text(save.document), "drafts": drafts}
    return body | ({"once": save.once} if save.once else {})


def _encode_draft(draft: Draft) -> dict[str, Json]:
    body: dict[str, Json] = {"slot": draft.slot, "value": draft.value}
    body.update({name: text for name in _TEXTS if (text := getattr(draft, name))})
    if draft.supersedes:
        body["supersedes"] = list(draft.supersedes)
    if draft.source:
        body["source"] = list(draft.source)
    return body


def decode_batch(body: Json) -> Batch:
    """Inverse of `encode_batch`, for bytes that anybody may have sent. Raises `BadRequest`."""
    fields = _object(body, "the request", {"saves", "blobs"})
    saves = _items(fields.get("saves", []), "saves", SAVES_MAX)
    blobs = _items(fields.get("blobs", []), "blobs", SAVES_MAX)
    return Batch(
        tuple(_decode_save(save, f"saves[{at}]") for at, save in enumerate(saves)),
        tuple(_decode_blob(blob, f"blobs[{at}]") for at, blob in enumerate(blobs)),
    )


def _decode_save(body: Json, where: str) -> Save:
    fields = _object(body, where, {"document", "drafts", "once"})
    drafts = _items(fields.get("drafts", []), f"{where}.drafts", DRAFTS_MAX)
    return Save(
        decode_document(fields.get("document"), f"{where}.document"),
        tuple(_decode_draft(draft, f"{where}.drafts[{at}]") for at, draft in enumerate(drafts)),
        _once(fields.get("once", ""), f"{where}.once"),
    )


def _once(body: Json, where: str) -> str:
    if not isinstance(body, str) or len(body) > ONCE_CHARS_MAX:
        raise _wrong(where, f"a text of at most {ONCE_CHARS_MAX} letters")
    return body


def decode_document(text: Json, where: str) -> DocumentId:
    """Document id of a request. Raises `BadRequest`."""
    try:
        return parse_document(_text(text, where))
    except BadIdentity as fault:
        raise BadRequest(f"{where}: {fault}. Nothing was saved.") from fault


def _decode_draft(body: Json, where: str) -> Draft:
    fields = _object(body, where, _FIELDS)
    texts = {name: _text(fields[name], f"{where}.{name}") for name in _TEXTS if fields.get(name)}
    supersedes = _items(fields.get("supersedes", []), f"{where}.supersedes", DRAFTS_MAX)
    return Draft(
        slot=_text(fields.get("slot"), f"{where}.slot"),
        value=fields.get("value"),
        by=texts.get("by", ""),
        at=texts.get("at"),
        precision=texts.get("precision"),
        void=texts.get("void"),
        supersedes=tuple(StatementId(_text(one, f"{where}.supersedes")) for one in supersedes),
        source=_decode_source(fields.get("source"), f"{where}.source"),
    )


def _decode_source(body: Json, where: str) -> Source | None:
    if body is None:
        return None
    parts = [_text(part, where) for part in _items(body, where, 3)]
    if len(parts) != 3:
        raise _wrong(where, "three texts [system, record, content hash]")
    return Source(*parts)


def _decode_blob(body: Json, where: str) -> bytes:
    if not isinstance(body, str):
        raise _wrong(where, "base64")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as fault:
        raise _wrong(where, "base64") from fault


def _object(body: Json, where: str, known: Iterable[str]) -> Mapping[str, Json]:
    if not isinstance(body, dict):
        raise _wrong(where, "an object")
    if extra := sorted(body.keys() - set(known)):
        raise BadRequest(
            f"{where}: unknown field {extra[0][:40]!r}; known are {', '.join(sorted(known))}. "
            "Nothing was saved."
        )
    return body


def _items(body: Json, where: str, items_max: int) -> Sequence[Json]:
    if not isinstance(body, list):
        raise _wrong(where, "a list")
    if len(body) > items_max:
        raise BadRequest(f"{where}: at most {items_max} items, {len(body)} given. Nothing saved.")
    return body


def _text(body: Json, where: str) -> str:
    if not isinstance(body, str) or not body:
        raise _wrong(where, "a text")
    return body


def _wrong(where: str, expected: str) -> BadRequest:
    return BadRequest(f"{where}: {expected} expected. Nothing was saved.")
