"""Who has the casualty: offers of handover and their answers, over a chart.

Custody passes by a pair, an offer and its acceptance. An offer that nobody answered stays open and
is said, with the time since; nothing here assumes that a casualty who was sent has arrived.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

from conflict.clinical_time import Instants
from conflict.clock import Stamp
from conflict.finding import Act, Closing, Finding, Kind, Severity, finding
from conflict.policies.comparing import by_record_time, field_of, text_of
from conflict.records import HANDOVER
from conflict.rule import Derived, Facts, Rule
from conflict.rules.bounded import named, told
from conflict.rules.moments import (
    Key,
    clusters,
    dated,
    few_or_all,
    identity_of,
    minutes_between,
    moment_at,
    span,
)
from conflict.rules.references import References, heads
from conflict.statement import Json, Statement
from conflict.wording import raw

CHAIN_MAX = 64
"""Accepted handovers that are compared with each other: no casualty has had as many."""

OFFERS_NAMED_MAX = 64
ANSWERS = ("accept", "decline", "withdraw")
_BASIS = "CLINICAL.md §3: custody by an offer and accept pair"


@dataclass(slots=True)
class Offer:
    """One handover that was offered, with the answers that stand, all in display order.

    `versions`: the offer; several where it was corrected in different ways.
    """

    versions: list[Statement]
    accepts: list[Statement] = field(default_factory=list)
    refusals: list[Statement] = field(default_factory=list)
    """Declined by the one side or withdrawn by the other."""

    @property
    def offered(self) -> Statement:
        """The first of the versions."""
        return self.versions[0]

    @property
    def disputed(self) -> bool:
        """Whether its acceptances do not leave one holder."""
        return bool(self.accepts and self.refusals) or _differ(self.accepts)

    def statements(self) -> list[Statement]:
        """The offer and its answers, bounded."""
        answers = (*self.accepts, *self.refusals)
        return named(self.versions[:OFFERS_NAMED_MAX], answers)


def offers(facts: Facts) -> tuple[list[Offer], list[Statement]]:
    """Offers of the chart in display order, and acceptances that name none of them."""
    standing = heads(facts, HANDOVER)
    offered = {identity_of(one): one for one in standing if _offers(one)}
    answers: list[tuple[Statement, Statement]] = []
    names_none: list[Statement] = []
    joined: list[tuple[Statement, Statement]] = []
    meant = _Meant(facts)
    for one in standing:
        action = text_of(one, "action")
        if action not in ANSWERS:
            continue
        answered = meant.offers(one)
        for each in answered:
            if identity_of(each) not in offered:
                offered[identity_of(each)] = each
                joined.append((answered[0], each))
        if answered:
            answers.append((answered[0], one))
            if meant.fresh:
                joined += [(answered[0], each) for each in answered[1:]]
        elif action == "accept":
            names_none.append(one)
    return _answered(list(offered.values()), joined, answers), names_none


class _Meant:
    """The offers that answers name, looked up once for each statement that any of them names."""

    def __init__(self, facts: Facts) -> None:
        self._references = References(facts, HANDOVER.name)
        self._known: dict[Key, list[Statement]] = {}
        self.fresh = True
        """Whether the last ones were not given before."""

    def offers(self, one: Statement) -> list[Statement]:
        """In display order."""
        self.fresh = True
        key = self._references.key(one) if field_of(one, "of") else None
        if key is None or one.supersedes:  # what it replaced itself is still what it means
            return self._look_up(one)
        self.fresh = key not in self._known
        if self.fresh:
            self._known[key] = self._look_up(one)
        return self._known[key]

    def _look_up(self, one: Statement) -> list[Statement]:
        references = self._references
        found = references.meant(one) if field_of(one, "of") else references.replaced(one)
        return by_record_time(each for each in found if _offers(each))


def _answered(
    offered: Sequence[Statement],
    joined: Iterable[tuple[Statement, Statement]],
    answers: Iterable[tuple[Statement, Statement]],
) -> list[Offer]:
    """`joined`: corrections of one offer. `answers`: an offer, and what answers it."""
    found = [Offer(by_record_time(each)) for each in clusters(offered, joined)]
    offer_of = {identity_of(one): offer for offer in found for one in offer.versions}
    for named_offer, answer in answers:
        offer = offer_of[identity_of(named_offer)]
        kept = offer.accepts if text_of(answer, "action") == "accept" else offer.refusals
        kept.append(answer)
    return sorted(found, key=lambda one: _display_order(one.offered))


def _display_order(one: Statement) -> tuple[Stamp, Key]:
    return one.rec, identity_of(one)


def _offers(one: Statement) -> bool:
    """An offer; what says no known action and answers nothing is taken for one."""
    action = text_of(one, "action")
    return action == "offer" or (action not in ANSWERS and not field_of(one, "of"))


def _differ(accepts: Sequence[Statement]) -> bool:
    """Whether they do not leave one unit, or one person, who has the casualty."""
    units = {text_of(one, "to_unit") for one in accepts} - {""}
    persons = {text_of(one, "to_person") for one in accepts} - {""}
    if units or persons:
        return len(units) > 1 or len(persons) > 1
    return len({one.by for one in accepts}) > 1


# Two offers, two holders -------------------------------------------------------------------------


class _Passed(NamedTuple):
    """A handover that was accepted: when, and between which units, as its statements say."""

    offer: Offer
    offered: Instants | None
    accepted: Instants | None
    giving: frozenset[str]
    holding: frozenset[str]

    def follows(self, earlier: _Passed) -> bool:
        """Whether it was offered after the other was accepted: by the time, or by who offered it."""
        if _before(earlier.accepted, self.offered):
            return True
        by_holder = bool(self.giving & earlier.holding)
        return by_holder and not _before(self.accepted, earlier.offered)


def _before(one: Instants | None, other: Instants | None) -> bool:
    """Whether the one surely was not after the other."""
    return one is not None and other is not None and one.latest <= other.earliest


def _passed(offer: Offer) -> _Passed:
    giving = {text_of(one, "from_unit") for one in offer.versions} - {""}
    holding = {text_of(one, "to_unit") for one in offer.accepts} - {""}
    holding = holding or {text_of(one, "to_unit") for one in offer.versions} - {""}
    holding = holding or {
        text_of(one, "to_person") or one.by.strip().lower() for one in offer.accepts
    }
    return _Passed(
        offer, _span(offer.versions), _span(offer.accepts), frozenset(giving), frozenset(holding)
    )


def _span(statements: Sequence[Statement]) -> Instants | None:
    """All of the time that they can mean; None where one of them has none."""
    found = [known for one in statements if (known := moment_at(one))]
    return span(found) if len(found) == len(statements) else None


def concurrent(found: Iterable[Offer]) -> list[list[Offer]]:
    """Offers that were accepted by different units, of which none is known to follow the other.

    A chain of handovers in between orders two that say nothing of each other. Looks at the latest
    `CHAIN_MAX`.
    """
    passed = [_passed(one) for one in found if one.accepts][-CHAIN_MAX:]
    after = [
        {place for place, later in enumerate(passed) if later is not one and later.follows(one)}
        for one in passed
    ]
    reached = [_reached(place, after) for place in range(len(passed))]
    pairs = [
        (passed[one].offer.offered, passed[other].offer.offered)
        for one, other in combinations(range(len(passed)), 2)
        if other not in reached[one]
        and one not in reached[other]
        and not passed[one].holding & passed[other].holding
    ]
    offer_of = {identity_of(one.offer.offered): one.offer for one in passed}
    groups = clusters([one.offer.offered for one in passed], pairs)
    return [[offer_of[identity_of(one)] for one in each] for each in groups if len(each) > 1]


def _reached(start: int, after: Sequence[set[int]]) -> set[int]:
    waiting, reached = [start], set[int]()
    while waiting:
        for place in after[waiting.pop()] - reached:
            reached.add(place)
            waiting.append(place)
    return reached


def _custody(facts: Facts) -> Json:
    found, names_none = offers(facts)
    if not found and not names_none:
        return None
    accepted = [one for one in found if one.accepts]
    body: dict[str, Json] = {
        "open": [_open(one, facts) for one in found if not one.accepts and not one.refusals],
        "names_none": [one.name for one in names_none],
    }
    if accepted:
        latest = max(accepted, key=lambda one: _display_order(one.accepts[-1]))
        at_once = next((each for each in concurrent(found) if latest in each), [latest])
        body["with"] = [_holder(one, offer.offered) for offer in at_once for one in offer.accepts]
        body["state"] = "disputed" if len(at_once) > 1 or latest.disputed else "accepted"
    return body


def _open(one: Offer, facts: Facts) -> Json:
    asserted, now = moment_at(one.offered), facts.now
    return {
        "statement": one.offered.name,
        "to": _to(one.offered),
        "since": one.offered.at,
        "minutes": minutes_between(asserted.earliest, now) if asserted and now else None,
        "text": f"offered to {_to(one.offered)}, not confirmed since {dated(one.offered.at)}",
    }


def _holder(accept: Statement, offered: Statement) -> Json:
    return {
        "statement": accept.name,
        "unit": _field(accept, "to_unit") or _field(offered, "to_unit"),
        "person": _field(accept, "to_person") or accept.by,
        "since": accept.at,
    }


def _to(one: Statement) -> str:
    parts = (_field(one, "to_unit"), _field(one, "to_person"))
    return ", ".join(part for part in parts if part) or "nobody named"


def _field(one: Statement, name: str) -> str:
    value = field_of(one, name)
    return raw(value)[:120] if value else ""


CUSTODY = Derived(
    name="custody",
    plain="Who has the casualty, and offers of handover that nobody confirmed",
    basis=_BASIS,
    compute=_custody,
)


def _apart(facts: Facts) -> Iterator[Finding]:
    found, names_none = offers(facts)
    for offer in found:
        if _differ(offer.accepts):
            yield _who_has(
                "handover-accepted-twice",
                offer.statements(),
                f"One handover was accepted by more than one: {_said([offer])}",
                "mark the acceptance that is wrong as an error",
            )
        elif offer.accepts and offer.refusals:
            yield _who_has(
                "handover-accepted-and-refused",
                offer.statements(),
                "One handover was accepted, and declined or withdrawn: who has the casualty is "
                f"not certain: {_said([offer])}",
                "mark the answer that is wrong as an error",
            )
    for group in concurrent(found):
        yield _who_has(
            "handovers-accepted-apart",
            named([one for offer in group for one in offer.statements()]),
            f"Different units accepted the casualty, and neither handover is known to follow the "
            f"other: who has the casualty? {_said(group)}",
            "mark the acceptance that is wrong as an error, or say who has the casualty",
        )
    for each in few_or_all(names_none):
        yield _accepts_none(each)


def _who_has(rule: str, statements: Sequence[Statement], text: str, words: str) -> Finding:
    return finding(
        rule,
        Kind.CONTRADICTION,
        Severity.HIGH,
        HANDOVER.name,
        statements,
        text,
        Closing(Act.VOID, HANDOVER.name, words),
    )


def _said(group: Sequence[Offer]) -> str:
    return told(by_record_time(one for offer in group for one in offer.statements()))


def _accepts_none(accepts: Sequence[Statement]) -> Finding:
    return finding(
        "handover-accepts-none",
        Kind.CONTRADICTION,
        Severity.MEDIUM,
        HANDOVER.name,
        named(accepts),
        f"{told(accepts)}, which names no offer held here",
        Closing(
            Act.RESOLVE,
            HANDOVER.name,
            "correct it with the offer that it accepts, or say why it stands",
        ),
    )


ANSWERED_APART = Rule(
    name="handover-answered-apart",
    plain="One handover accepted by two units or people, or accepted and refused; two handovers "
    "accepted by different units at once; one accepted without an offer that is held here",
    basis=_BASIS,
    find=_apart,
    finds=(
        "handover-accepted-twice",
        "handover-accepted-and-refused",
        "handovers-accepted-apart",
        "handover-accepts-none",
    ),
)
