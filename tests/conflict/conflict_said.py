"""Anna and Ben, two medics who may not have met yet: what they say, and what is shown of it."""

from __future__ import annotations

from hypothesis import strategies as st

from conflict.clock import Stamp
from conflict.finding import Finding
from conflict.fold import Folded, fold_statements, statements_of
from conflict.identity import ActorId, DocumentKind, statement_id
from conflict.slot import CATALOGUE, Reading
from conflict.statement import Json, Source, Statement
from tests.conflict.conflict_lab import EPISODE, PERSON
from tests.conflict.conflict_values import history, lanes_of

ANNA, BEN = ActorId(b"a" * 16), ActorId(b"b" * 16)
_COUNT = {ANNA: 0, BEN: 0}


def say(
    slot: str,
    value: Json,
    *names: Statement,
    by: ActorId = ANNA,
    at: str | None = None,
    void: str | None = None,
    source: Source | None = None,
    ms: int = 1,
) -> Statement:
    """A statement by Anna or Ben that names `names`."""
    _COUNT[by] += 1
    return Statement(
        id=statement_id(by, _COUNT[by]),
        slot=slot,
        value=value,
        by="Anna" if by == ANNA else "Ben",
        rec=Stamp(ms, 0),
        at=at,
        supersedes=tuple(one.id for one in names),
        void=void,
        source=source,
    )


def error(target: Statement, by: ActorId = ANNA) -> Statement:
    """Entered in error."""
    return say(target.slot, None, target, by=by, void="wrong casualty")


def folded(*statements: Statement) -> Folded:
    """Their document, folded."""
    person = {one.slot for one in statements} & {
        name for name, slot in CATALOGUE.items() if slot.kinds == (DocumentKind.PERSON,)
    }
    return fold_statements(PERSON if person else EPISODE, statements)


def readings(*statements: Statement) -> list[Reading]:
    """What is shown of their slot."""
    slot = statements[0].slot
    view = folded(*statements).views.get(slot)
    return list(view.readings) if view else []


def shown(*statements: Statement) -> list[tuple[Json, str]]:
    """Values and states of what is shown."""
    return [(one.value, one.state) for one in readings(*statements)]


def values(*statements: Statement) -> list[Json]:
    """Values of what is shown, first to last."""
    return [one.value for one in readings(*statements)]


def the_finding(*statements: Statement) -> Finding:
    """The one finding of their document."""
    (found,) = folded(*statements).findings
    return found


def allergy(substance: str | None, status: str = "active", **more: Json) -> dict[str, Json]:
    """An allergy's value."""
    return {"status": status, **more} | ({} if substance is None else {"substance": substance})


def blood(abo: str, rh: str, method: str) -> dict[str, Json]:
    """A blood type's value."""
    return {"abo": abo, "rh": rh, "method": method}


def drawn_statements(data: st.DataObject, slot: str) -> list[Statement]:
    """A history of one slot, read back from its lanes."""
    found, _ = statements_of(lanes_of(history(data.draw, slot)))
    return found
