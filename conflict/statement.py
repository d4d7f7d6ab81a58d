"""The statement: one immutable clinical assertion, the only thing anybody ever adds.

On disk and wire it is one canonical JSON string under the root key `<slot>/<actor hex>.<n>` of an
Automerge document: keys sorted, no white space, no floating point (decimals are JSON strings, so
36.60 stays 36.60). Fields that are empty are absent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from conflict import limits
from conflict.clock import Stamp, parse_stamp
from conflict.errors import BadStatement, BadTime
from conflict.identity import ActorId, DocumentId, StatementId, document_text, statement_id

Json = Any
"""None, bool, int, str, list or dict of the same; never float."""


class Source(NamedTuple):
    """Origin of an imported statement: system, record id there, SHA-256 of its content (hex)."""

    system: str
    record: str
    content_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What an author asserts, before it has an id and a record stamp.

    `at` is clinical time as given (`clinical_time.py`); `by` the person who says so, `entered_by` who
    wrote it down for them, `by_role` the role in which that person was signed in;
    `supersedes` exactly the statements that the author was shown and replaces;
    `void` the reason when this statement marks those as entered in error.
    """

    slot: str
    value: Json = None
    by: str = ""
    by_role: str = ""
    entered_by: str = ""
    at: str | None = None
    precision: str | None = None
    supersedes: tuple[StatementId, ...] = ()
    void: str | None = None
    source: Source | None = None


NOWHERE = DocumentId(bytes(16))
_NOTHING: Mapping[str, Json] = {}


class Statement(NamedTuple):
    """A draft with its place: who wrote it in which lane, as what number, stamped when.

    `id` is unique in its document only; `document` is part of the name everywhere else.
    """

    id: StatementId
    slot: str
    value: Json
    by: str
    rec: Stamp
    at: str | None = None
    precision: str | None = None
    supersedes: tuple[StatementId, ...] = ()
    void: str | None = None
    source: Source | None = None
    extra: Mapping[str, Json] = _NOTHING
    document: DocumentId = NOWHERE
    by_role: str = ""
    entered_by: str = ""

    @property
    def name(self) -> str:
        """`<document>/<statement id>`: unique everywhere."""
        return f"{document_text(self.document)}/{self.id}"

    @property
    def lasting_name(self) -> str:
        """The name, or for an import what every copy of it shares, whichever copy counts today."""
        if self.source is None:
            return self.name
        content = "\x1f".join((*self.source, self.slot, self.at or "", canonical(self.value)))
        digest = hashlib.sha256(content.encode()).hexdigest()
        return f"{document_text(self.document)}/import/{digest}"


def root_key(slot: str, actor: ActorId, number: int) -> str:
    """Root key of the `number`-th statement of `actor`'s lane."""
    return f"{slot}/{statement_id(actor, number)}"


def encode(draft: Draft, rec: Stamp) -> str:
    """Canonical JSON text. Raises `BadStatement` when over a limit or not plain JSON."""
    body: dict[str, Json] = {"rec": rec.text(), "value": draft.value}
    for name in _TEXTS:
        if text := getattr(draft, name):
            body[name] = text
    if draft.supersedes:
        body["supersedes"] = sorted(set(draft.supersedes))
    if draft.source:
        body["source"] = list(draft.source)
    text = canonical(body)
    from_body(draft.slot, StatementId(""), check_text(text), NOWHERE)
    check_slot_name(draft.slot)
    return text


def check_slot_name(slot: str) -> None:
    """Hold a slot's name to the form of root keys. Raises `BadStatement`."""
    if not slot or "/" in slot or len(slot.encode()) > limits.SLOT_NAME_BYTES_MAX:
        raise BadStatement(f"a slot's name has 1 to {limits.SLOT_NAME_BYTES_MAX} bytes and no '/'")


def canonical(body: Json) -> str:
    """The one JSON text of a value. Raises `BadStatement` for what JSON here cannot hold."""
    return canonical_bytes(body).decode()


def canonical_bytes(body: Json) -> bytes:
    """`canonical` as UTF-8."""
    try:
        return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    except (TypeError, orjson.JSONEncodeError) as fault:
        raise BadStatement(f"not plain JSON: {fault}") from fault


def check_text(text: str) -> Mapping[str, Json]:
    """Parse a statement's text and hold it to the format, whoever wrote it.

    Raises `BadStatement`.
    """
    return check_raw(text.encode())


def check_raw(raw: bytes) -> Mapping[str, Json]:
    """`check_text` for the text as UTF-8."""
    if len(raw) > limits.STATEMENT_BYTES_MAX:
        raise BadStatement(f"over {limits.STATEMENT_BYTES_MAX} bytes")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as fault:
        raise BadStatement("not JSON") from fault
    if not isinstance(body, dict):
        raise BadStatement("not a JSON object")
    _walk(body, 1)
    if canonical_bytes(body) != raw:
        raise BadStatement("not canonical JSON")
    return body


def _walk(value: Json, depth: int) -> None:
    if depth > limits.STATEMENT_DEPTH_MAX:
        raise BadStatement(f"deeper than {limits.STATEMENT_DEPTH_MAX} levels")
    for inner in value.values() if type(value) is dict else value:
        kind = type(inner)  # what a parser made: never a subclass
        if kind is dict or kind is list:
            _walk(inner, depth + 1)
        elif kind is float:
            raise BadStatement("a floating point number: write decimals as strings")


_TEXTS = ("by", "at", "precision", "void", "by_role", "entered_by")
_ABSENT = "(absent)"  # no field at all: told apart from what a parser makes by identity
_KNOWN = frozenset({"rec", "value", "supersedes", "source", *_TEXTS})


def decode(
    slot: str, identity: StatementId, text: str, document: DocumentId = NOWHERE
) -> Statement:
    """Statement from text that `check_text` accepted at admission. Raises `BadStatement`.

    Unknown fields are kept in `extra`.
    """
    return from_body(slot, identity, orjson.loads(text), document)


def from_body(
    slot: str, identity: StatementId, body: Mapping[str, Json], document: DocumentId
) -> Statement:
    """Statement from a parsed object. Raises `BadStatement` for fields of the wrong type."""
    get = body.get
    by, at = get("by", ""), get("at", _ABSENT)
    precision, void = get("precision", _ABSENT), get("void", _ABSENT)
    role, entered = get("by_role", ""), get("entered_by", "")
    if not (type(by) is type(at) is type(precision) is type(void) is str) or not (
        type(role) is type(entered) is str
    ):
        wrong = next(name for name in _TEXTS if not isinstance(get(name, ""), str))
        raise BadStatement(f"{wrong} is not text")
    try:
        return Statement(
            identity,
            slot,
            get("value"),
            by,
            parse_stamp(body["rec"]),
            None if at is _ABSENT else at,
            None if precision is _ABSENT else precision,
            _supersedes(body["supersedes"]) if "supersedes" in body else (),
            None if void is _ABSENT else void,
            _source(body["source"]) if "source" in body else None,
            _NOTHING if body.keys() <= _KNOWN else _unknown(body),
            document,
            role,
            entered,
        )
    except (KeyError, TypeError, AttributeError, BadTime) as fault:
        raise BadStatement("a field is missing or of the wrong type") from fault


def _supersedes(given: Json) -> tuple[StatementId, ...]:
    if not isinstance(given, list) or len(given) > limits.SUPERSEDES_MAX:
        raise BadStatement(f"supersedes is a list of at most {limits.SUPERSEDES_MAX} ids")
    if not all(isinstance(one, str) for one in given):
        raise BadStatement("supersedes holds ids")
    return tuple(given)


def _source(given: Json) -> Source:
    if not isinstance(given, list) or len(given) != 3:
        raise BadStatement("source has three parts")
    return Source(*map(str, given))


def _unknown(body: Mapping[str, Json]) -> Mapping[str, Json]:
    return {name: body[name] for name in sorted(body.keys() - _KNOWN)}
