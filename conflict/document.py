"""Automerge behind glass: the only file that imports it.

Two doors. `LaneWriter` makes our own changes, one lane a document, never on foreign bytes.
`admit` opens a lane that anybody may have written and says what statements it holds; it runs in a
document worker (a child process with limits), or inline in tests and the simulator. The truth is
the raw changes: no saved document is ever stored or sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import count
from operator import attrgetter
from typing import NamedTuple

from automerge.core import ROOT, Document, ScalarType

from conflict import limits
from conflict.change import read_header
from conflict.clock import Stamp
from conflict.errors import BadStatement, LaneFull, LaneRefused
from conflict.identity import ActorId
from conflict.rebuilding import tell
from conflict.statement import Draft, check_raw, check_text, encode, root_key

UNREADABLE = "unreadable"
"""Automerge panicked or refused: the process that opened it may no longer be sound."""


class Entry(NamedTuple):
    """One root key of a lane: slot, number (from 1) and the statement's canonical text."""

    slot: str
    number: int
    text: str


class Written(NamedTuple):
    """A change just made: its raw bytes, its hash and the entries in it."""

    raw: bytes
    hash: bytes
    entries: tuple[Entry, ...]


class LaneWriter:
    """Our own lane in one document, kept open between saves.

    `changes` are the lane's earlier raw changes, all written by this process.
    """

    def __init__(self, actor: ActorId, changes: Sequence[bytes] = ()) -> None:
        self.actor = actor
        self.length = len(changes)
        self._document = Document.load(b"".join(changes)) if changes else Document(actor_id=actor)
        self._document.set_actor(actor)
        self._statements = self._document.length(ROOT) if changes else 0

    def write(self, drafts: Sequence[tuple[Draft, Stamp]]) -> Written:
        """One change holding all drafts. Raises `BadStatement`, `LaneFull`."""
        if self.length >= limits.LANE_CHANGES_MAX:
            raise LaneFull(f"{limits.LANE_CHANGES_MAX} changes are in this lane")
        if not drafts:
            raise BadStatement("a save holds at least one statement")
        entries = tuple(
            Entry(draft.slot, number, encode(draft, rec))
            for number, (draft, rec) in enumerate(drafts, self._statements + 1)
        )
        if sum(len(entry.text.encode()) + 100 for entry in entries) > limits.CHANGE_BYTES_MAX:
            raise BadStatement(f"one save holds at most {limits.CHANGE_BYTES_MAX} bytes")
        heads = self._document.get_heads()
        with self._document.transaction() as transaction:
            for entry in entries:
                key = root_key(entry.slot, self.actor, entry.number)
                transaction.put(ROOT, key, ScalarType.Str, entry.text)
        change = self._document.get_changes(heads)[-1]
        self.length += 1
        self._statements += len(entries)
        return Written(change.raw_bytes, change.hash, entries)


class Admitted(NamedTuple):
    """A lane that opened safely: its head and all its entries in writing order."""

    head: bytes
    entries: tuple[Entry, ...]


def admit(actor: ActorId, changes: Sequence[bytes], known: int = 0) -> Admitted:
    """Open a whole lane as foreign bytes. Raises `LaneRefused` with a code.

    `changes` is the lane so far followed by what is new; `known` says how many entries earlier
    admissions found (they must still be there). A lane that is byte for byte what `LaneWriter` makes
    of its statements needs no opening; Automerge opens every other one and says what is wrong.
    """
    if len(changes) > limits.LANE_CHANGES_MAX:
        raise LaneRefused("lane-too-long", f"over {limits.LANE_CHANGES_MAX} changes in a lane")
    admitted = retold(actor, changes) or opened(actor, changes)
    if len(admitted.entries) < known:
        raise LaneRefused("earlier-changed", "statements admitted before are gone")
    return admitted


def retold(actor: ActorId, changes: Sequence[bytes]) -> Admitted | None:
    """A lane that building its statements gives back byte for byte; None if anything is unusual."""
    if not changes or max(map(len, changes)) > limits.CHANGE_BYTES_MAX:
        return None
    told = tell(actor, 1, changes)
    if told is None or told.first != 1 or max(told.counts) > limits.CHANGE_OPS_MAX:
        return None
    slots = [_slot_name(slot) for slot in told.slots]
    if not all(slots):
        return None
    try:
        for text in told.texts:
            check_raw(text)
    except BadStatement:
        return None
    texts = [text.decode() for text in told.texts]
    return Admitted(told.head, tuple(map(Entry, slots, count(1), texts)))


@lru_cache(maxsize=1024)
def _slot_name(raw: bytes) -> str:
    """Empty: not the name of a slot."""
    try:
        slot = raw.decode()
    except UnicodeDecodeError:
        return ""
    return slot if slot.isprintable() and len(raw) <= limits.SLOT_NAME_BYTES_MAX else ""


def opened(actor: ActorId, changes: Sequence[bytes]) -> Admitted:
    """Open a whole lane with Automerge. Raises `LaneRefused` with a code.

    Load, save, reload, same head, only added root keys under the lane's own actor, every value
    walked. A panic inside Automerge is a BaseException: it is caught here and becomes a refusal.
    """
    head = _check_chain(actor, changes)
    try:
        document = Document.load(b"".join(changes))
        reloaded = Document.load(document.save())
        if document.get_heads() != [head] or reloaded.get_heads() != [head]:
            raise LaneRefused("head-changed", "the lane does not reload to the same head")
        pairs = zip(reloaded.keys(ROOT), reloaded.values(ROOT), strict=True)
        found = [(key, value) for key, (value, _) in pairs]
        operations = sum(len(change) for change in document.get_changes([]))
    except LaneRefused:
        raise
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as fault:  # noqa: BLE001  a panic of the binding is a BaseException
        raise LaneRefused(UNREADABLE, f"Automerge refused it ({type(fault).__name__})") from None
    entries = _entries(actor, found)
    if operations != len(entries):
        raise LaneRefused("rewrites-a-key", "a lane only adds keys, each once")
    return Admitted(head, entries)


def _check_chain(actor: ActorId, changes: Sequence[bytes]) -> bytes:
    """Headers again, inside the glass: whoever calls, no unchecked chunk reaches Automerge."""
    previous: bytes | None = None
    next_op = 1
    for number, chunk in enumerate(changes, 1):
        header = read_header(chunk)
        if header.actor != actor:
            raise LaneRefused("wrong-actor", "a change by another actor")
        if header.seq != number or header.dependency != previous:
            raise LaneRefused("broken-chain", "a change does not follow the one before it")
        if header.start_op < next_op:
            raise LaneRefused("bad-start-op", "the operation counter runs backwards")
        previous, next_op = header.hash, header.start_op + 1
    if previous is None:
        raise LaneRefused("empty-run", "a lane has at least one change")
    return previous


_NUMBER = attrgetter("number")


def _entries(actor: ActorId, found: Iterable[tuple[str, object]]) -> tuple[Entry, ...]:
    own = actor.hex()
    entries = sorted((_entry(own, key, value) for key, value in found), key=_NUMBER)
    for place, entry in enumerate(entries, 1):
        if entry.number != place:
            raise LaneRefused("bad-number", f"statement {entry.number} stands at place {place}")
    return tuple(entries)


def _entry(own: str, key: str, value: object) -> Entry:
    """The entry of a root key. `own`: the lane's actor in hex."""
    slot, slash, identity = key.partition("/")
    writer, dot, number = identity.partition(".")
    named = slot.isprintable() and 0 < len(slot.encode()) <= limits.SLOT_NAME_BYTES_MAX
    if not (slash and dot and named):
        raise LaneRefused("bad-key", "a root key reads <slot>/<actor>.<n>")
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise LaneRefused("bad-key", "a statement number is a plain decimal")
    place = int(number)
    if writer != own or number != str(place):
        raise LaneRefused("another-actors-key", "a key outside the lane's own actor")
    kind, text = value if isinstance(value, tuple) else (None, None)
    if kind != ScalarType.Str or not isinstance(text, str):
        raise LaneRefused("not-a-string", "a statement is one string")
    return Entry(slot, place, _checked(text))


def _checked(text: str) -> str:
    try:
        check_text(text)
    except BadStatement as fault:
        raise LaneRefused("bad-statement", str(fault)) from fault
    return text


def merge(lanes: Iterable[Sequence[bytes]]) -> bytes:
    """The Automerge document of admitted lanes, saved: any Automerge tool opens it."""
    return Document.load(b"".join(chunk for lane in lanes for chunk in lane)).save()
