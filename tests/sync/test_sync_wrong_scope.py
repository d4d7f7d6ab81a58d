"""An enrolled device asks for another unit's record, by every message that can name one: it hears what it
would hear if the record were not there. Of its own unit's record the same words bring an answer."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from hostile_lab import DIGEST, Victim
from session_lab import document, said
from test_sync_scopes import X, Y, theatre

from conflict.identity import DocumentId
from conflict.statement import Draft
from storage.shapes import ProjectionRow
from sync import codec, limits, messages
from sync.messages import Message
from sync.ports import Listed
from sync.sketch import CELL_BYTES

OURS, ASKED = document(1), document(2)
FILES = [OURS, *map(document, range(10, 60))]  # of unit X: so many that a sketch is worth it
IMAGE = b"an attachment of that record" * 40
NAME = hashlib.sha256(IMAGE).digest()
ROUND = 7


class Asked(Victim):
    """A garrison that a device of unit X asks. `unit`: whose record it asks for; None: it is not held."""

    def __init__(self, unit: DocumentId | None) -> None:
        garrison, device, _ = theatre()
        garrison.joins(X, *FILES)
        for one in (*FILES, *((ASKED,) if unit else ())):
            garrison.save(one)
        if unit:
            garrison.joins(unit, ASKED)
        if unit:
            with garrison.store.write() as transaction:
                row = ProjectionRow(ASKED, "x", 0, b"{}", blobs=((NAME, len(IMAGE)),))
                transaction.save_projection(row)
                transaction.put_blob(IMAGE)
        self.run = device.run(OURS, 60)
        super().__init__(party=(garrison, device))

    def answers(self, *asked: Message) -> list[Message]:
        """What it says to that, and to the end of the round that it is in."""
        self.end.outgoing.clear()
        self.hear(*asked)
        return [codec.decode(frame) for frame in self.end.outgoing]

    def rounds(self) -> int:
        """The number of a round that it repairs in."""
        self.repairing(len(FILES) + 9)
        return self.round


def _vectors(victim: Asked, *, answer: bool, whole: bool) -> Iterator[Message]:
    yield messages.Vectors(victim.rounds(), ((ASKED, {}),), answer, whole, final=True)


def _vectors_outside_rounds(_victim: Asked) -> Iterator[Message]:
    yield messages.Vectors(0, ((ASKED, {}),), answer=False, whole=True, final=True)


def _wanted(victim: Asked) -> Iterator[Message]:
    """By the symbol that a sketch would give away of it."""
    [state] = (one.digest for one in Asked(Y).node.store.listing(None, 99) if one.document == ASKED)
    symbol = victim.node.store.sketch(1).key.symbol(ASKED, state)
    yield messages.Wanted(victim.rounds(), ((symbol, {}),), whole=True, final=True)


def _lanes_shown(victim: Asked) -> Iterator[Message]:
    cells = bytes(CELL_BYTES) * limits.LANE_CELLS
    yield messages.Sketch(victim.rounds(), b"", 0, cells, ASKED, 70)


def _listing(victim: Asked) -> Iterator[Message]:
    """As the side that lists: a garrison that holds it asks what we have of it."""
    victim.repairing(0)
    page = (Listed(OURS, DIGEST * 2), Listed(ASKED, DIGEST * 2))
    yield messages.Listing(victim.round, None, page, final=True)


def _blob(_victim: Asked) -> Iterator[Message]:
    yield messages.BlobAsk(((NAME, 0),))


def _custody(victim: Asked) -> Iterator[Message]:
    yield messages.CustodyHave(((victim.node.key.node, victim.node.store.epoch(), 0),))


def _released(_victim: Asked) -> Iterator[Message]:
    yield messages.Released(1, 1, (ASKED,))


def _withheld(_victim: Asked) -> Iterator[Message]:
    yield messages.Withheld((ASKED,))


def _refused(victim: Asked) -> Iterator[Message]:
    yield messages.Refused(ASKED, victim.run.lane.actor, 1, "no", "")


def _content(victim: Asked) -> Iterator[Message]:
    """A change of our own, which goes on from nothing that anybody has there."""
    run = victim.liar.saying(ASKED, [Draft(slot="note", value={"text": "hm"}, by="T")] * 2)
    yield said(1, run)


Words = Callable[[Asked], Iterator[Message]]
QUESTIONS: dict[str, Words] = {
    "vectors": lambda one: _vectors(one, answer=False, whole=True),
    "vectors, cut": lambda one: _vectors(one, answer=False, whole=False),
    "vectors, of these lanes": lambda one: _vectors(one, answer=True, whole=True),
    "vectors outside rounds": _vectors_outside_rounds,
    "wanted": _wanted,
    "lanes shown": _lanes_shown,
    "listing": _listing,
    "attachment": _blob,
    "custody": _custody,
    "released": _released,
    "withheld": _withheld,
    "refused": _refused,
    "content": _content,
}
TELL_NOTHING = {"vectors, of these lanes", "custody", "released", "withheld", "refused", "content"}
"""Not even of a record of its own unit: nothing is asked by them."""

NAME_NONE = {
    messages.Hello,
    messages.Proof,
    messages.Check,
    messages.More,  # of the lanes that a sketch has shown: test_sync_lanes_hostile.py
    messages.Finished,
    messages.Receipts,
    messages.BlobPart,
    messages.Custody,  # names records by alias: test_sync_scopes.py
    messages.Heard,
    messages.AuditHave,
    messages.Audit,
    messages.AuthorityHave,
    messages.Authority,
    messages.Fault,
    messages.Part,
    messages.Ack,
}


def heard(question: Words, unit: DocumentId | None) -> list[Message]:
    victim = Asked(unit)
    return victim.answers(*question(victim))


def test_every_type_of_message_is_asked_here_or_names_no_record() -> None:
    victim = Asked(X)
    asked = {type(one) for question in QUESTIONS.values() for one in question(victim)}
    assert asked | NAME_NONE == set(codec._TYPES)
    assert not asked & NAME_NONE


def without_signature(answer: Message) -> Message:
    return answer._replace(signature=b"") if isinstance(answer, messages.Receipts) else answer


@pytest.mark.parametrize("name", QUESTIONS)
def test_of_another_units_record_is_heard_what_is_heard_of_none(name: str) -> None:
    theirs, none = heard(QUESTIONS[name], Y), heard(QUESTIONS[name], None)
    assert [*map(without_signature, theirs)] == [*map(without_signature, none)]


@pytest.mark.parametrize("name", [name for name in QUESTIONS if name not in TELL_NOTHING])
def test_of_its_own_units_record_the_same_words_bring_an_answer(name: str) -> None:
    ours, none = heard(QUESTIONS[name], X), heard(QUESTIONS[name], None)
    assert ours != none
