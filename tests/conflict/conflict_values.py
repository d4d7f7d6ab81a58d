"""Strategies: valid values of any slot, read off its shape, and histories of statements in it."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from conflict import records
from conflict.clock import Stamp
from conflict.document import Entry
from conflict.identity import ActorId, DocumentId, StatementId, new_document, statement_id
from conflict.shape import (
    Anything,
    Code,
    Day,
    Field,
    Flag,
    Group,
    Many,
    Moment,
    Number,
    Text,
    Whole,
)
from conflict.slot import CATALOGUE, Slot
from conflict.statement import Draft, Json, Source, canonical, encode

ACTORS = tuple(ActorId(bytes([number]) * 16) for number in (0x11, 0x77, 0xEE))
Lanes = dict[ActorId, tuple[Entry, ...]]

plain_text = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
json_scalars: st.SearchStrategy[Json] = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | plain_text
)
any_json: st.SearchStrategy[Json] = st.recursive(
    json_scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain_text, inner, max_size=3),
    max_leaves=5,
)
moments = st.sampled_from(
    ("2026-11-23T13:58Z", "2026-11-23T14:03:07Z", "2026-11-23T14:00L", "2026-11-23", "2026-11")
) | st.builds(
    "{:%Y-%m-%dT%H:%M}{}".format,
    st.datetimes(),
    st.sampled_from(("Z", "L", "", "+03:00", "-11:30")),
).filter(lambda text: text[:4] > "1000")
days = st.dates().map(str) | st.sampled_from(("1999", "1999-04"))


def valid(field: Field) -> st.SearchStrategy[Json]:
    """Values that fit a field."""
    match field:
        case Text(chars_max, None):
            words = st.sampled_from(("penicillin", "Penicillin ", "morphine", "DOE"))
            return (words | plain_text).filter(lambda text: len(text) <= chars_max)
        case Text(_, pattern):
            return st.from_regex(f"(?a:{pattern})", fullmatch=True)
        case Code(values):
            return st.sampled_from(values)
        case Whole(low, high):
            return st.integers(low, high)
        case Number(low, high):
            return _decimals(low, high)
        case Moment():
            return moments.filter(lambda text: not list(field.problems(text, "")))
        case Day():
            return days
        case Flag():
            return st.booleans()
        case Many(item, items_max):
            return st.lists(valid(item), max_size=min(3, items_max))
        case Anything():
            return any_json
        case Group(fields):
            some = {name: st.none() | valid(inner) for name, inner in fields.items()}
            return st.fixed_dictionaries({}, optional=some)
    raise AssertionError(f"no strategy for {field}")


def _decimals(low: str, high: str) -> st.SearchStrategy[str]:
    return st.decimals(low, high, allow_nan=False, allow_infinity=False, places=2).map(str)


def values(slot: Slot) -> st.SearchStrategy[Json]:
    """Valid values of a slot, nearly always with the fields that its policy looks at."""
    telling = {
        name: valid(slot.shape.fields[name])
        for name in _telling(slot)
        if name in slot.shape.fields
    }
    rest = {name: valid(field) for name, field in slot.shape.fields.items() if name not in telling}
    return st.fixed_dictionaries(telling, optional=rest) | valid(slot.shape)


def _telling(slot: Slot) -> tuple[str, ...]:
    policy: Any = slot.policy
    names = ("field", "evidence", "key", "status")
    return tuple(getattr(policy, name, "") for name in names) + getattr(policy, "compared", ())


@st.composite
def histories(
    draw: st.DrawFn, slot: Slot, *, value: st.SearchStrategy[Json] | None = None, most: int = 6
) -> list[tuple[StatementId, Draft, Stamp]]:
    """Statements of one slot by up to three actors: corrections, voids and repeated imports."""
    pool = draw(st.lists(values(slot) if value is None else value, min_size=1, max_size=3))
    counts = dict.fromkeys(ACTORS, 0)
    made: list[tuple[StatementId, Draft, Stamp]] = []
    for _ in range(draw(st.integers(1, most))):
        actor = draw(st.sampled_from(ACTORS))
        counts[actor] += 1
        earlier = [identity for identity, _, _ in made]
        names = st.lists(st.sampled_from(earlier), max_size=2, unique=True) if earlier else None
        supersedes = tuple(draw(names)) if names else ()
        void = draw(st.sampled_from((None, None, "wrong casualty"))) if supersedes else None
        source = draw(st.sampled_from((None, None, "1", "2"))) if void is None else None
        shown = None if void else draw(st.sampled_from(pool))
        draft = Draft(
            slot=slot.name,
            value=shown,
            by=draw(st.sampled_from(("Ruiz", "Okafor"))),
            at=draw(st.sampled_from((None, "2026-11-23T13:58Z", "2026-11-23T14:03Z"))),
            supersedes=supersedes,
            void=void,
            source=Source("ehr", source, canonical(shown)[-6:]) if source else None,
        )
        stamp = Stamp(draw(st.integers(0, 3)), draw(st.integers(0, 2)))
        made.append((statement_id(actor, counts[actor]), draft, stamp))
    return made


def lanes_of(history: list[tuple[StatementId, Draft, Stamp]]) -> Lanes:
    """The lanes that hold a history."""
    lanes: Lanes = {}
    for identity, draft, stamp in history:
        actor, _, number = identity.partition(".")
        key = ActorId(bytes.fromhex(actor))
        entry = Entry(draft.slot, int(number), encode(draft, stamp))
        lanes[key] = (*lanes.get(key, ()), entry)
    return lanes


def home(slot: Slot) -> DocumentId:
    """A document of a kind that the slot belongs to."""
    return new_document(slot.kinds[0], b"home of a slot!")


assert records.TRIAGE.name in CATALOGUE  # importing the records fills the catalogue
SLOTS = sorted(CATALOGUE)
