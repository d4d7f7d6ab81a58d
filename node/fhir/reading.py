"""Resources from files: a Bundle, one resource, or NDJSON, each perhaps in gzip.

A file that cannot be read, or a resource that cannot be kept, becomes a refusal with its place and
reason; reading goes on. NDJSON is read line by line, a Bundle whole, each within named limits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from node.fhir import limits
from node.fhir.errors import FhirError, FileRefused, FileUnreadable, ResourceRefused
from node.fhir.exact import Json, Twice, digest, exact_text, parse
from node.fhir.files import holds_lines, inflated, lines
from node.fhir.report import UNNAMED, Refusal, refusal
from node.fhir.salvage import entry_texts

_TYPE = re.compile(r"[A-Z][A-Za-z]{0,63}")
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_ENVELOPE = frozenset(
    {"resourceType", "id", "meta", "type", "entry", "total", "link", "timestamp", "language"}
)


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource as read: its type, fields, exact text and the SHA-256 of that text."""

    type: str
    body: dict[str, Json]
    text: str
    digest: str
    full_url: str = ""


class Group(NamedTuple):
    """Resources that arrive together: a Bundle, or some lines of an NDJSON file."""

    resources: tuple[Resource, ...]
    refusals: tuple[Refusal, ...]
    bytes_done: int = 0


def read_file(path: Path) -> Iterator[Group]:
    """Groups of one file. Never raises for what the file holds."""
    try:
        with path.open("rb") as raw:
            if holds_lines(path):
                yield from _read_lines(path, raw)
            else:
                yield _read_whole(path, raw)
    except OSError as fault:
        refused = FileUnreadable("unreadable", f"cannot be read ({type(fault).__name__})")
        yield Group((), (refusal(path, "", UNNAMED, refused),))


def _read_whole(path: Path, raw: IO[bytes]) -> Group:
    reader = _Reader(path)
    pieces: list[bytes] = []
    try:
        pieces.extend(inflated(path, raw, limits.JSON_BYTES_MAX))
        reader.document(b"".join(pieces))
    except FileRefused as fault:
        if pieces and fault.code == "bad-gzip":  # what came before the damage is still good
            reader.document(b"".join(pieces))
        reader.refuse("", UNNAMED, fault)
    return reader.group(raw.tell())


def _read_lines(path: Path, raw: IO[bytes]) -> Iterator[Group]:
    reader = _Reader(path)
    size = 0
    try:
        for number, line in enumerate(lines(inflated(path, raw, limits.NDJSON_BYTES_MAX)), 1):
            if line.strip():
                reader.line(f"line {number}", line)
            size += len(line)
            if reader.count >= limits.GROUP_RESOURCES_MAX or size >= limits.GROUP_BYTES_MAX:
                yield reader.group(raw.tell())
                reader, size = _Reader(path), 0
    except FileRefused as fault:
        reader.refuse("", UNNAMED, fault)
    yield reader.group(raw.tell())


class _Reader:
    """Collects what one file, or some lines of it, hold."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.resources: list[Resource] = []
        self.refusals: list[Refusal] = []

    @property
    def count(self) -> int:
        return len(self.resources) + len(self.refusals)

    def group(self, bytes_done: int) -> Group:
        return Group(tuple(self.resources), tuple(self.refusals), bytes_done)

    def refuse(self, position: str, kind: str, fault: FhirError) -> None:
        self.refusals.append(refusal(self.path, position, kind, fault))

    def document(self, raw: bytes) -> None:
        """A JSON file: a Bundle or one resource."""
        try:
            body = parse(raw.decode("utf-8-sig"))
        except (ValueError, RecursionError):  # a UnicodeDecodeError is a ValueError
            self._salvaged(raw.decode("utf-8-sig", "surrogateescape"))
            return
        if isinstance(body, dict) and "resourceType" in body:
            self.resource("", body)
        else:
            self.refuse("", UNNAMED, FileRefused("not-fhir", "JSON, but no FHIR resource"))

    def _salvaged(self, text: str) -> None:
        number = 0
        for number, piece in enumerate(entry_texts(text), 1):
            self._parsed(f"entry {number}", piece, self.entry)
        if not number and text.lstrip()[:1] == "<":
            self.refuse("", UNNAMED, FileRefused("not-json", "XML: convert it to FHIR JSON"))
        elif not self.refusals:
            what = "after its last entry" if number else "in this file"
            self.refuse("", UNNAMED, FileRefused("bad-json", f"no JSON {what}"))

    def line(self, position: str, raw: bytes) -> None:
        """One line of NDJSON."""
        if len(raw) > limits.RESOURCE_BYTES_MAX:
            self.refuse(position, UNNAMED, _too_large())
        else:
            self._parsed(position, raw.decode("utf-8-sig", "surrogateescape"), self.resource)

    def _parsed(self, position: str, text: str, then: Callable[[str, Json], None]) -> None:
        if _NOT_UTF8.search(text):
            self.refuse(position, UNNAMED, ResourceRefused("not-utf8", "not UTF-8 text"))
            return
        try:
            body = parse(text)
        except RecursionError:
            self.refuse(position, UNNAMED, ResourceRefused("too-deep", "nested without end"))
        except ValueError:
            self.refuse(position, UNNAMED, ResourceRefused("bad-json", "not JSON"))
        else:
            then(position, body)

    def entry(self, position: str, entry: Json, nesting: int = 0) -> None:
        """One entry of a Bundle."""
        body = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(entry, Twice):
            self.refuse(position, UNNAMED, _given_twice())
        elif body is None:
            self.refuse(position, UNNAMED, ResourceRefused("empty-entry", "holds no resource"))
        else:
            url = entry.get("fullUrl")
            self.resource(position, body, url if isinstance(url, str) else "", nesting)

    def resource(self, position: str, body: Json, full_url: str = "", nesting: int = 0) -> None:
        """One resource, perhaps a Bundle."""
        kind = body.get("resourceType") if isinstance(body, dict) else None
        if not (isinstance(kind, str) and _TYPE.fullmatch(kind)):
            self.refuse(position, UNNAMED, ResourceRefused("not-fhir", "no resourceType"))
        elif kind == "Bundle" and nesting <= limits.BUNDLE_NESTING_MAX:
            self._bundle(position, body, full_url, nesting)
        else:
            self._keep(position, kind, body, full_url)

    def _bundle(self, position: str, body: dict[str, Json], full_url: str, nesting: int) -> None:
        entries = body.get("entry")
        for number, entry in enumerate(entries if isinstance(entries, list) else [], 1):
            place = f"{position}.{number}" if position else f"entry {number}"
            self.entry(place, entry, nesting + 1)
        if isinstance(body, Twice):  # what it names last was read, what it named first is gone
            self.refuse(position, "Bundle", _given_twice())
        elif not isinstance(entries, list | None):
            self._keep(position, "Bundle", body, full_url)
        elif not body.keys() <= _ENVELOPE:  # a signature or identifier is content
            envelope = {name: body[name] for name in body if name != "entry"}
            self._keep(position, "Bundle", envelope, full_url)

    def _keep(self, position: str, kind: str, body: dict[str, Json], full_url: str) -> None:
        try:
            text = exact_text(body)
            if len(text.encode()) > limits.RESOURCE_BYTES_MAX:
                raise _too_large()
        except ResourceRefused as fault:
            self.refuse(position, kind, fault)
        else:
            self.resources.append(Resource(kind, body, text, digest(text), full_url))


def _too_large() -> ResourceRefused:
    return ResourceRefused("resource-too-large", f"over {limits.RESOURCE_BYTES_MAX} bytes")


def _given_twice() -> ResourceRefused:
    return ResourceRefused("field-twice", "one field is given twice in one object")
