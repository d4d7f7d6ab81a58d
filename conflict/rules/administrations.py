"""What was given of which drug over a chart: the statements that count, with amounts that add up.

An administration counts unless it says that nothing was given. Which of them may be one event,
written twice, is kept apart from what they add up to.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from decimal import Decimal
from typing import NamedTuple

from conflict.codes import find_drugs, route_of, to_base
from conflict.policies.comparing import field_of, text_of, writer_of
from conflict.records import MEDICATION_GIVEN, OTHER_CARE
from conflict.rule import Facts
from conflict.rules.moments import Key, clusters, identity_of, perhaps_one
from conflict.rules.references import heads
from conflict.statement import Json, Statement

NOT_GIVEN = frozenset(
    {
        "not-done",
        "not-given",
        "entered-in-error",
        "refused",
        "declined",
        "cancelled",
        "canceled",
        "held",
        "withheld",
        "omitted",
    }
)
_DECIMAL = re.compile(r"\d{1,12}(\.\d{1,9})?", re.ASCII)


Record = tuple[object, ...]


class Administration(NamedTuple):
    """One administration of one drug. `drug`: RxNorm name, else what was written, in lower case.

    `amount` in `unit` (a base unit: mg, mL, units, mEq, mmol); None where it cannot be added: no
    number, no known unit, or a text that names several drugs.
    """

    statement: Statement
    drug: str
    amount: Decimal | None
    unit: str
    route: str


def administrations(facts: Facts) -> list[Administration]:
    """All that count, one for each drug that a statement names: the combat pill pack names three."""
    counting = [one for one in heads(facts, MEDICATION_GIVEN) if given(one)]
    packs = [one for one in heads(facts, OTHER_CARE) if find_drugs(drug_text(one))]
    return [each for one in (*counting, *packs) for each in _parts(one)]


def given(statement: Statement) -> bool:
    """Whether it does not say that nothing was given."""
    return text_of(statement, "status").replace(" ", "-") not in NOT_GIVEN


def _parts(one: Statement) -> Iterator[Administration]:
    text = drug_text(one)
    route = text_of(one, "route")
    drugs = find_drugs(text)
    amount = decimal(field_of(one, "dose"))
    base = to_base(amount, text_of(one, "unit")) if amount is not None else None
    added, unit = base if base and len(drugs) < 2 else (None, "")
    for name in [drug.name for drug in drugs] or [text.strip().lower()]:
        yield Administration(one, name, added, unit, route_of(route) or route)


def drug_text(one: Statement) -> str:
    """The drug as it was written; its code where there is no name."""
    for field in ("drug", "display", "what", "key", "code"):
        if isinstance(value := field_of(one, field), str) and value.strip():
            return value
    return ""


def decimal(value: Json) -> Decimal | None:
    """A decimal written as text, or a whole number; None for everything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    fits = isinstance(value, str) and _DECIMAL.fullmatch(value.strip())
    return Decimal(value.strip()) if fits else None


def possible_duplicates(group: Sequence[Administration]) -> list[tuple[Statement, Statement]]:
    """Pairs of one drug that may be one event: near time, two writers, no route against it."""
    routes = {identity_of(one.statement): one.route for one in group}

    def same_route(first: Statement, second: Statement) -> bool:
        one, other = routes[identity_of(first)], routes[identity_of(second)]
        return not one or not other or one == other

    return list(perhaps_one([one.statement for one in group], same_route))


def least_and_most(
    group: Sequence[Administration], pairs: Sequence[tuple[Statement, Statement]], sure: Set[Key]
) -> tuple[Decimal, Decimal]:
    """Sum of amounts in one unit: possible duplicates counted once, and all counted.

    Each writer's own entries are so many events, so of a cluster as many count as the writer with
    the most has, the smallest first; what is not in `sure` may be none of them.
    """
    amounts = {identity_of(one.statement): one.amount or Decimal() for one in group}
    statements = [one.statement for one in group]
    joined = [pair for pair in pairs if all(identity_of(one) in amounts for one in pair)]
    first_of: dict[Record, Statement] = {}
    joined += [(first_of.setdefault(_record(one), one), one) for one in statements]
    least = Decimal()
    for cluster in clusters(statements, joined):
        certain = [one for one in cluster if identity_of(one) in sure]
        events = _events(cluster) - (len(cluster) - len(certain))
        smallest = sorted(amounts[identity_of(one)] for one in certain)
        least += sum(smallest[: max(0, events)], Decimal())
    return least, sum(amounts.values(), Decimal())


def _record(one: Statement) -> Record:
    """What is certainly one event: copies of one source record, corrections of one statement."""
    if one.source:
        return one.source[:2]
    return one.document, min(one.supersedes, default=one.id)


def _events(cluster: Sequence[Statement]) -> int:
    """Fewest events that the entries of a cluster can be."""
    if len(cluster) == 1:
        return 1
    records = {(writer_of(one), _record(one)) for one in cluster}
    return max(Counter(writer for writer, _ in records).values())
