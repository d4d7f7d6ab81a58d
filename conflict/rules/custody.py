"""Who has the casualty: offers of handover and their answers, over a chart.

Custody passes by a pair, an offer and its acceptance. An offer that nobody answered stays open and
is said, with the time since; nothing here assumes that a casualty who was sent has arrived.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from conflict.clock import Stamp
from conflict.finding import Act, Closing, Finding, Kind, Severity, finding, who_when
from conflict.policies.comparing import by_record_time, field_of, said, text_of
from conflict.records import HANDOVER
from conflict.rule import Derived, Facts, Rule
from conflict.rules.moments import Key, dated, identity_of, minutes_between, moment_at
from conflict.rules.references import References, heads
from conflict.statement import Json, Statement
from conflict.wording import raw

ANSWERS = ("accept", "decline", "withdraw")
_BASIS = "CLINICAL.md §3: custody by an offer and accept pair"


@dataclass(slots=True)
class Offer:
    """An offer with the answers that stand, in display order."""

    offered: Statement
    accepts: list[Statement] = field(default_factory=list)
    refusals: list[Statement] = field(default_factory=list)
    """Declined by the one side or withdrawn by the other."""

    @property
    def disputed(self) -> bool:
        """Whether its acceptances do not leave one holder."""
        return bool(self.accepts and self.refusals) or _differ(self.accepts)


def offers(facts: Facts) -> tuple[list[Offer], list[Statement]]:
    """Offers of the chart in display order, and acceptances that name none of them."""
    standing = heads(facts, HANDOVER)
    found: dict[Key, Offer] = {identity_of(one): Offer(one) for one in standing if _offers(one)}
    references = References(facts, HANDOVER.name)
    names_none: list[Statement] = []
    for one in standing:
        action = text_of(one, "action")
        if action not in ANSWERS:
            continue
        named = references.meant(one) if field_of(one, "of") else references.replaced(one)
        answered = [each for each in named if _offers(each)]
        for each in answered:
            offer = found.setdefault(identity_of(each), Offer(each))
            (offer.accepts if action == "accept" else offer.refusals).append(one)
        if action == "accept" and not answered:
            names_none.append(one)
    return sorted(found.values(), key=lambda one: _display_order(one.offered)), names_none


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
        body["with"] = [_holder(one, latest.offered) for one in latest.accepts]
        body["state"] = "disputed" if latest.disputed else "accepted"
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


def _twice(facts: Facts) -> Iterator[Finding]:
    for offer in offers(facts)[0]:
        if _differ(offer.accepts):
            yield finding(
                "handover-accepted-twice",
                Kind.CONTRADICTION,
                Severity.HIGH,
                HANDOVER.name,
                (offer.offered, *offer.accepts),
                f"One handover was accepted by more than one: {_said(offer)}",
                Closing(Act.VOID, HANDOVER.name, "mark the acceptance that is wrong as an error"),
            )
        elif offer.accepts and offer.refusals:
            yield finding(
                "handover-accepted-and-refused",
                Kind.CONTRADICTION,
                Severity.HIGH,
                HANDOVER.name,
                (offer.offered, *offer.accepts, *offer.refusals),
                "One handover was accepted, and declined or withdrawn: who has the casualty is "
                f"not certain: {_said(offer)}",
                Closing(Act.VOID, HANDOVER.name, "mark the answer that is wrong as an error"),
            )


def _said(offer: Offer) -> str:
    return said(HANDOVER, by_record_time((offer.offered, *offer.accepts, *offer.refusals)))


ANSWERED_APART = Rule(
    name="handover-answered-apart",
    plain="One handover accepted by two units or people, or accepted and refused",
    basis=_BASIS,
    find=_twice,
)


def _accepted_none(facts: Facts) -> Iterator[Finding]:
    for one in offers(facts)[1]:
        yield finding(
            "handover-accepts-none",
            Kind.CONTRADICTION,
            Severity.MEDIUM,
            HANDOVER.name,
            (one,),
            f"{who_when(one)} wrote {HANDOVER.words(one.value)}, which names no offer held here",
            Closing(Act.CHOOSE, HANDOVER.name, "write it with the offer that it accepts"),
        )


ACCEPTS_NONE = Rule(
    name="handover-accepts-none",
    plain="A handover accepted without an offer that is held here",
    basis=_BASIS,
    find=_accepted_none,
)
