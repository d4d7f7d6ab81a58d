"""Which statements stand: who replaced whom, what was entered in error, and what that undoes.

A statement that was entered in error has no effect: what it replaced stands again. Statements that
replace each other in a circle (no honest author can write that) replace nothing and stay shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from conflict.identity import StatementId
from conflict.statement import Statement

Heirs = Mapping[StatementId, Sequence[Statement]]


class Standing(NamedTuple):
    """`superseded[id]`: statements in force that name id, voids included. `struck[id]`: of these, the
    ones that mark it as entered in error. `circles`: statements that replace each other. `elsewhere`:
    (statement, what it names) where the two are of different slots.
    """

    superseded: Heirs
    struck: Heirs
    circles: tuple[tuple[StatementId, ...], ...]
    elsewhere: tuple[tuple[Statement, Statement], ...]


def standing(
    statements: Mapping[StatementId, Statement], kept: Mapping[StatementId, StatementId]
) -> Standing:
    """What stands of a document. `kept`: by copy of an import, the copy that counts for all.

    To name one copy of an import is to name that import. A value replaces only statements of its own
    slot: a note cannot take an allergy away. Linear in the number of names.
    """
    names, elsewhere = _names(statements, kept)
    order, left = _heirs_first(names)
    circles: tuple[tuple[StatementId, ...], ...] = ()
    if left:
        circles = tuple(_circles(names, left))
        names = _without(names, circles)
        order, _ = _heirs_first(names)
    heirs: dict[StatementId, list[Statement]] = {}
    for key in sorted(names):
        for target in names[key]:
            heirs.setdefault(target, []).append(statements[key])
    struck_ids = _struck(order, heirs)
    superseded: dict[StatementId, list[Statement]] = {}
    struck: dict[StatementId, list[Statement]] = {}
    for target, all_heirs in heirs.items():
        if in_force := [one for one in all_heirs if one.id not in struck_ids]:
            superseded[target] = in_force
            if voids := [one for one in in_force if one.void is not None]:
                struck[target] = voids
    return Standing(superseded, struck, circles, elsewhere)


Names = Mapping[StatementId, tuple[StatementId, ...]]


def _names(
    statements: Mapping[StatementId, Statement], kept: Mapping[StatementId, StatementId]
) -> tuple[Names, tuple[tuple[Statement, Statement], ...]]:
    """By statement that names any: what it replaces, copies of an import taken as one.

    Then what is named from another slot, by something that is no mark of error.
    """
    found: dict[StatementId, dict[StatementId, None]] = {}
    elsewhere: dict[tuple[StatementId, StatementId], tuple[Statement, Statement]] = {}
    for key in sorted(key for key, one in statements.items() if one.supersedes):
        own, one = kept.get(key, key), statements[key]
        for name in one.supersedes:
            target = kept.get(name, name)
            if target == own:
                continue
            named = statements.get(target)
            if named is None or named.slot == one.slot or one.void is not None:
                found.setdefault(own, {})[target] = None
            else:
                elsewhere[own, target] = (statements[own], named)
    names = {key: tuple(targets) for key, targets in found.items()}
    return names, tuple(elsewhere.values())


def _heirs_first(names: Names) -> tuple[list[StatementId], set[StatementId]]:
    """The naming statements, each after those that name it; then what is in or behind a circle."""
    waiting = dict.fromkeys(names, 0)
    for targets in names.values():
        for target in targets:
            if target in waiting:
                waiting[target] += 1
    order = sorted(key for key, count in waiting.items() if not count)
    for key in order:
        for target in names[key]:
            if target in waiting:
                waiting[target] -= 1
                if not waiting[target]:
                    order.append(target)
    return order, waiting.keys() - set(order)


def _struck(order: Iterable[StatementId], heirs: Heirs) -> set[StatementId]:
    """Ids that a void in force names. `order`: the naming statements, heirs first."""
    struck: set[StatementId] = set()
    for key in [*order, *heirs]:  # the others name nothing: their order does not matter
        if any(one.void is not None and one.id not in struck for one in heirs.get(key, ())):
            struck.add(key)
    return struck


def _without(names: Names, circles: Iterable[Iterable[StatementId]]) -> Names:
    """Names that cross no circle."""
    circle_of = {key: number for number, circle in enumerate(circles) for key in circle}
    found: dict[StatementId, tuple[StatementId, ...]] = {}
    for key, targets in names.items():
        own = circle_of.get(key)
        if rest := tuple(one for one in targets if own is None or circle_of.get(one) != own):
            found[key] = rest
    return found


def _circles(names: Names, among: set[StatementId]) -> Iterator[tuple[StatementId, ...]]:
    """Strongly connected components of more than one statement (Tarjan 1972, without recursion)."""
    index: dict[StatementId, int] = {}
    low: dict[StatementId, int] = {}
    stack: list[StatementId] = []
    on_stack: set[StatementId] = set()
    for root in sorted(among):
        work: list[tuple[StatementId, Iterator[StatementId]]] = []
        if root not in index:
            work.append((root, iter(())))
        while work:
            key, targets = work.pop()
            if key not in index:
                index[key] = low[key] = len(index)
                stack.append(key)
                on_stack.add(key)
                targets = iter([one for one in names.get(key, ()) if one in among])
            for target in targets:
                if target not in index:
                    work += [(key, targets), (target, iter(()))]
                    break
                if target in on_stack:
                    low[key] = min(low[key], index[target])
            else:
                if low[key] == index[key]:
                    circle = [stack.pop()]
                    while circle[-1] != key:
                        circle.append(stack.pop())
                    on_stack.difference_update(circle)
                    if len(circle) > 1:
                        yield tuple(sorted(circle))
                if work:
                    parent = work[-1][0]
                    low[parent] = min(low[parent], low[key])
