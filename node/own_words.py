"""Records that a unit was given on its own word: nobody who may hold them had said so.

A *word* is a statement that gives a document to a scope: in the unit's document, that it belongs; in an
episode of the unit, that it is about a person. A scope holds a document *rightly* when a garrison (or
another device that may hold everything) gave it, when the unit began the document, as it came here, or when
a word is of a device that may hold it by another scope which holds it rightly. So what a device says for
two of its own scopes counts for neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from conflict.chart import JOINING
from conflict.errors import BadIdentity
from conflict.fold import Folded
from conflict.identity import (
    ID_BYTES,
    DocumentId,
    DocumentKind,
    NodeId,
    actor_id,
    document_kind,
    parse_document,
)
from conflict.records import LINK, MEMBER_DOCUMENT
from conflict.scope import Scopes
from conflict.statement import Statement
from node.charting import Charts
from storage import Given
from storage.ports import Store
from sync.trust.certificate import DeviceRole
from sync.trust.theatre import NOTHING, Theatre

PAGE = 500
_REST = b"\xff" * (ID_BYTES - 1)
_UNITS = tuple(DocumentId(bytes((DocumentKind.UNIT + step,)) + _REST) for step in (-1, 0))
_GIVES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    MEMBER_DOCUMENT.name: ("status", ("belongs",)),
    LINK.name: ("relation", JOINING),
}


class Word(NamedTuple):
    """A statement that gives a document to a scope, and the device that wrote it (None: not known)."""

    statement: Statement
    node: NodeId | None


class Asked(NamedTuple):
    """A document that a scope has on this word. `scopes`: others that have it; `wrote`: devices of
    others that wrote in it, in the order in which that came here."""

    document: DocumentId
    scope: DocumentId
    word: Word
    scopes: Sequence[DocumentId]
    wrote: Sequence[NodeId]


Words = Mapping[DocumentId, Sequence[Word]]


class OwnWords:
    """One look at a store: what was read of a unit or an episode is read once."""

    def __init__(self, store: Store, charts: Charts, theatre: Theatre) -> None:
        self._store = store
        self._charts = charts
        self._may = {one.node: _may(theatre, one.node) for one in theatre}
        self._given: dict[DocumentId, Words] = {}
        self._held: dict[DocumentId, set[DocumentId]] = {}

    def __iter__(self) -> Iterator[Asked]:
        """In no order that means anything."""
        for unit in self._store.listing_between(*_UNITS):
            yield from self._of(unit.document)

    def _of(self, scope: DocumentId) -> Iterator[Asked]:
        holders = [node for node, may in self._may.items() if may is not None and scope in may]
        seen: set[DocumentId] = set()
        last: Given | None = None
        while page := self._store.given(scope, holders, last, PAGE):
            last = page[-1]
            fresh = sorted({one.document for one in page} - seen)
            seen.update(fresh)
            scopes, writers = self._store.scopes(fresh), self._store.writers(fresh)
            for one in fresh:
                found = self._asked(scope, one, scopes.get(one, NOTHING), writers.get(one, ()))
                if found is not None:
                    yield found

    def _asked(
        self, scope: DocumentId, document: DocumentId, scopes: Scopes, writers: Sequence[NodeId]
    ) -> Asked | None:
        if self._is_a_garrisons(self._in(scope).get(document, ())):
            return None
        words = self._words(document, scopes)
        own = words.get(scope)
        if not own or scope in self._rightly(words, writers[0]):
            return None
        authors = {one.node for one in own}
        may = frozenset((scope,)).union(*(self._of_device(one) or NOTHING for one in authors))
        wrote = [one for one in writers if one not in authors and not self._shares(one, may)]
        if not wrote:
            return None
        first = min(own, key=lambda one: (one.statement.rec.ms, one.statement.name))
        return Asked(document, scope, first, sorted(scopes - {scope}), wrote)

    def _rightly(self, words: Words, first: NodeId) -> set[DocumentId]:
        """Scopes that hold a document rightly. `first`: who wrote in it first."""
        began = self._of_device(first) or NOTHING
        found = {
            scope
            for scope, some in words.items()
            if scope in began or any(one.node == first for one in some)
        }
        found |= {scope for scope, some in words.items() if self._is_a_garrisons(some)}
        while more := {
            scope
            for scope, some in words.items()
            if scope not in found
            and any(not found.isdisjoint(self._of_device(one.node) or NOTHING) for one in some)
        }:
            found |= more
        return found

    def _rightly_of(self, episode: DocumentId, scopes: Scopes) -> set[DocumentId]:
        if episode not in self._held:
            words, writers = self._words(episode, scopes), self._store.writers([episode])
            self._held[episode] = self._rightly(words, writers[episode][0]) if writers else set()
        return self._held[episode]

    def _of_device(self, node: NodeId | None) -> Scopes | None:
        """What it may hold (None: everything)."""
        return NOTHING if node is None else self._may.get(node, NOTHING)

    def _is_a_garrisons(self, words: Sequence[Word]) -> bool:
        return any(self._of_device(one.node) is None for one in words)

    def _shares(self, node: NodeId, scopes: Scopes) -> bool:
        may = self._of_device(node)
        return may is not None and not may.isdisjoint(scopes)

    # Words ------------------------------------------------------------------------------------

    def _words(self, document: DocumentId, scopes: Scopes) -> Words:
        """Who gave a document to each of its scopes; a person also whoever named it in an episode that
        the scope holds rightly, or else gave it that episode."""
        found = {one: list(self._in(one).get(document, ())) for one in scopes}
        if document_kind(document) is DocumentKind.PERSON:
            others = self._store.links(document)
            naming = [one for one in others if document_kind(one) is DocumentKind.EPISODE]
            for episode, theirs in self._store.scopes(naming).items():
                rightly = self._rightly_of(episode, theirs)
                for scope in theirs & scopes if document in self._in(episode) else ():
                    source, what = (episode, document) if scope in rightly else (scope, episode)
                    found[scope] += self._in(source).get(what, ())
        return {scope: some for scope, some in found.items() if some}

    def _in(self, document: DocumentId) -> Words:
        """What a unit's document or an episode gives, by document."""
        if document not in self._given:
            held = bool(self._store.entries(document))
            self._given[document] = self._read(self._charts.document(document)) if held else {}
        return self._given[document]

    def _read(self, folded: Folded) -> Words:
        lanes = self._store.lanes(folded.document)
        authors = {actor_id(one.author, one.nonce).hex(): one.author for one in lanes}
        found: dict[DocumentId, list[Word]] = {}
        for slot, (field, gives) in _GIVES.items():
            for one in (one for reading in folded.readings(slot) for one in reading.statements):
                if not isinstance(one.value, dict) or one.value.get(field) not in gives:
                    continue
                try:
                    other = parse_document(str(one.value.get("document", "")))
                except BadIdentity:
                    continue
                found.setdefault(other, []).append(Word(one, authors.get(one.id.split(".")[0])))
        return found


def _may(theatre: Theatre, node: NodeId) -> Scopes | None:
    """What a device's certificate gives it, also of one that expired or was revoked: what it wrote was
    written under it. None: everything, as of a garrison that is not revoked."""
    device = theatre.device(node)
    if device is None:
        return NOTHING
    grant = device.certificate.grant
    if grant.role is DeviceRole.GARRISON or grant.scopes is None:
        return None if device.revoked is None else grant.scopes or NOTHING
    return grant.scopes
