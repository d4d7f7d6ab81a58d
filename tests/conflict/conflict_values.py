"""Strategies: valid values of any slot, read off its shape, and histories of statements in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

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
    Reference,
    Text,
    Whole,
)
from conflict.slot import CATALOGUE, Slot
from conflict.statement import Draft, Json, Source, canonical, encode

ACTORS = tuple(ActorId(bytes([number]) * 16) for number in (0x11, 0x77, 0xEE))
Lanes = dict[ActorId, tuple[Entry, ...]]
Draw = Callable[[st.SearchStrategy[Any]], Any]

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
    found: st.SearchStrategy[Json]
    match field:
        case Text(chars_max, pattern):
            found = _texts(chars_max, pattern)
        case Reference():
            found = st.sampled_from(("11" * 16 + ".1", "nowhere", ""))
        case Code(values):
            found = st.sampled_from(values)
        case Whole(low, high):
            found = st.integers(low, high)
        case Number(low, high):
            found = _decimals(low, high)
        case Moment():
            found = moments.filter(lambda text: not list(field.problems(text, "")))
        case Day():
            found = days
        case Flag():
            found = st.booleans()
        case Many(item, items_max):
            found = st.lists(valid(item), max_size=min(3, items_max))
        case Anything():
            found = any_json
        case Group(fields):
            some = {name: st.none() | valid(inner) for name, inner in fields.items()}
            found = st.fixed_dictionaries({}, optional=some)
        case _:
            raise AssertionError(f"no strategy for {field}")
    return found


def _texts(chars_max: int, pattern: str | None) -> st.SearchStrategy[str]:
    if pattern:
        return st.from_regex(f"(?a:{pattern})", fullmatch=True)
    words = st.sampled_from(("penicillin", "Penicillin ", "morphine", "DOE"))
    return (words | plain_text).filter(lambda text: len(text) <= chars_max)


def _decimals(low: str, high: str) -> st.SearchStrategy[str]:
    return st.decimals(low, high, allow_nan=False, allow_infinity=False, places=2).map(str)


@cache
def values(name: str) -> st.SearchStrategy[Json]:
    """Valid values of a slot, nearly always with the fields that its policy looks at."""
    slot = CATALOGUE[name]
    fields = {one: valid(field) for one, field in slot.shape.fields.items()}
    telling = {one: fields[one] for one in _telling(slot) if one in fields}
    rest = {one: field for one, field in fields.items() if one not in telling}
    return st.fixed_dictionaries(telling, optional=rest) | valid(slot.shape)


def _telling(slot: Slot) -> tuple[str, ...]:
    """Fields that the policy looks at."""
    policy: Any = slot.policy
    found: list[str] = []
    for name in ("field", "evidence", "key", "status", "same", "compared", "permanent", "outranks"):
        given = getattr(policy, name, ())
        found += [given] if isinstance(given, str) else given
    return tuple(dict.fromkeys(found))


def pool(draw: Draw, slot: Slot) -> list[Json]:
    """Up to three values to choose from; for a register often of one item with differing status."""
    status = getattr(slot.policy, "status", "") or getattr(slot.policy, "field", "")
    shape = slot.shape.fields.get(status)
    if not isinstance(shape, Code) or draw(st.booleans()):
        found: list[Json] = draw(_pools(slot.name))
        return found
    base = draw(values(slot.name))
    codes = draw(st.permutations(shape.values))[:3]
    return [{**base, status: code} for code in codes]


class Step(NamedTuple):
    """One statement of a history, as numbers: what they choose from is there when it is written."""

    actor: int
    value: int
    names: list[int]
    flavour: str | None
    by: str
    at: str | None
    rec: Stamp


_STEPS = st.lists(
    st.builds(
        Step,
        actor=st.integers(0, len(ACTORS) - 1),
        value=st.integers(0, 2),
        names=st.lists(st.integers(0, 5), max_size=2),
        flavour=st.sampled_from((None, None, "void", "1", "2")),
        by=st.sampled_from(("Ruiz", "Okafor")),
        at=st.sampled_from((None, "2026-11-23T13:58Z", "2026-11-23T14:03Z")),
        rec=st.builds(Stamp, st.integers(0, 3), st.integers(0, 2)),
    ),
    min_size=1,
    max_size=7,
)
History = list[tuple[StatementId, Draft, Stamp]]


def history(draw: Draw, name: str, among: Sequence[Json] = ()) -> History:
    """Statements of one slot by up to three actors: corrections, voids and repeated imports."""
    choices = list(among) or draw(_pools(name))
    counts = dict.fromkeys(ACTORS, 0)
    made: History = []
    for step in draw(_STEPS):
        actor = ACTORS[step.actor]
        counts[actor] += 1
        earlier = [identity for identity, _, _ in made]
        named = dict.fromkeys(earlier[number % len(earlier)] for number in step.names if earlier)
        void = "wrong casualty" if named and step.flavour == "void" else None
        value = None if void else choices[step.value % len(choices)]
        source = step.flavour if step.flavour in {"1", "2"} else None
        draft = Draft(
            slot=name,
            value=value,
            by=step.by,
            at=step.at,
            supersedes=tuple(named),
            void=void,
            source=Source("ehr", source, canonical(value)[-6:]) if source else None,
        )
        made.append((statement_id(actor, counts[actor]), draft, step.rec))
    return made


@cache
def _pools(name: str) -> st.SearchStrategy[list[Json]]:
    return st.lists(values(name), min_size=1, max_size=3)


def lanes_of(made: History) -> Lanes:
    """The lanes that hold a history."""
    lanes: Lanes = {}
    for identity, draft, stamp in made:
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
