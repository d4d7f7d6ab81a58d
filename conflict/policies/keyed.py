"""Keyed: a register per natural key. Add wins, and a negative never removes a positive."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from conflict.finding import Act, Closing, Finding, Kind, Severity, finding
from conflict.policies.comparing import alike, by_record_time, field_of, grouped, key_of, said
from conflict.slot import History, Reading, Slot, View
from conflict.statement import Json, Statement, canonical

Shown = tuple[list[Reading], list[Finding]]


@dataclass(frozen=True, slots=True)
class Keyed:
    """A register per natural key; add wins, and a negative never removes a positive.

    `key` names the fields that identify an item. `status` holds active or one of `negatives`;
    `none_known` statements (NKDA) speak of the whole list but for the categories on which
    `silent_on` says that they say nothing. `union` fields are joined, `highest` fields take the first
    value of their order that anybody wrote, `aside` fields (where it was written down) contradict
    nothing, an `ends` field (abatement) contradicts whoever says that it goes on; positives that
    differ in another field all stand and are a finding. `doubt` is the state of a positive that
    somebody else denied. A negative for which `overrules` is true is shown first whatever stands
    beside it (a drug stopped for a reaction), and `proposes` says what it should lead to.
    """

    key: tuple[str, ...]
    status: str = "status"
    negatives: tuple[str, ...] = ()
    none_known: tuple[str, ...] = ()
    silent_on: tuple[tuple[str, tuple[str, ...]], ...] = ()
    union: tuple[str, ...] = ()
    highest: tuple[tuple[str, tuple[str, ...]], ...] = ()
    aside: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    doubt: str = "disputed"
    overrules: Callable[[Json], bool] | None = None
    proposes: Callable[[Statement], Closing] | None = None
    severity: Severity = Severity.HIGH
    family: str = "keyed"

    def view(self, slot: Slot, history: History) -> View:
        """See `Policy`."""
        standing = [one for one in history.statements if self._stands(one, history)]
        items = [one for one in standing if field_of(one, self.status) not in self.none_known]
        readings: list[Reading] = []
        findings: list[Finding] = []
        groups = grouped(items, lambda one: key_of(one, self.key))
        for name in sorted(groups):
            shown, found = self._item(slot, groups[name])
            readings.extend(shown)
            findings.extend(found)
        for status in self.none_known:
            blanket = [one for one in standing if field_of(one, self.status) == status]
            against = [one for one in items if self._contradicts(one, status)]
            if blanket:
                reading, found = self._blanket(slot, by_record_time(blanket), against)
                readings.append(reading)
                findings.extend(found)
        findings.extend(self._named_by_others(slot, standing, history))
        return View(tuple(readings), tuple(findings))

    def _stands(self, one: Statement, history: History) -> bool:
        if one.void is not None:
            return False
        return not any(self._replaces(heir, one) for heir in history.superseded.get(one.id, ()))

    def _replaces(self, heir: Statement, one: Statement) -> bool:
        """A positive goes only by a mark of error, its own item's negative, or another positive."""
        if heir.void is not None or not self._positive(one) or self._positive(heir):
            return True
        return self._negative(heir) and key_of(heir, self.key) == key_of(one, self.key)

    def _positive(self, one: Statement) -> bool:
        return field_of(one, self.status) not in (*self.negatives, *self.none_known)

    def _named_by_others(
        self, slot: Slot, standing: Sequence[Statement], history: History
    ) -> Iterator[Finding]:
        """Items that a none-known, or another item's negative, would have taken away."""
        for one in by_record_time(standing):
            if heirs := by_record_time(history.superseded.get(one.id, ())):
                yield finding(
                    "named-by-another",
                    Kind.CONTRADICTION,
                    self.severity,
                    slot.name,
                    (one, *heirs),
                    f"{slot.plain}: {said(slot, (one, *heirs))}; only a statement about the item "
                    "itself takes it away",
                    Closing(Act.VOID, slot.name, "deny the item itself, or mark what is in error"),
                )

    def _item(self, slot: Slot, group: list[Statement]) -> Shown:
        positive = [one for one in reversed(group) if not self._negative(one)]
        negative = [one for one in reversed(group) if self._negative(one)]
        overruling = [one for one in negative if self.overrules and self.overrules(one.value)]
        found = [_proposal(slot, one, self.proposes(one)) for one in overruling if self.proposes]
        if not positive:
            first = overruling[0] if overruling else negative[0]
            rest = (one for one in negative if one is not first)
            return [Reading(first.value, (first, *rest), "inactive")], found
        apart = self._apart(positive)
        if not negative and not apart:
            return [Reading(self.joined(positive), tuple(positive))], found
        found.append(self._contradiction(slot, group, positive, negative))
        if overruling or apart:
            state = self.doubt if negative else "disputed"
            each = [Reading(one.value, (one,), state) for one in positive]
            also = [Reading(one.value, (one,), "also") for one in negative if one not in overruling]
            if overruling:
                each.insert(0, Reading(overruling[0].value, tuple(overruling), "inactive"))
            return [*each, *also], found
        joined = Reading(self.joined(positive), (*positive, *negative), self.doubt)
        return [joined], found

    def _contradiction(
        self,
        slot: Slot,
        group: list[Statement],
        positive: Sequence[Statement],
        negative: Sequence[Statement],
    ) -> Finding:
        severity = self.severity if negative else Severity.MEDIUM
        text = f"{slot.plain}: {said(slot, group)}"
        words = "write what holds for this item, replacing these"
        return finding(
            "item-differs" if not negative else "item-denied",
            Kind.CONTRADICTION,
            severity,
            slot.name,
            (*positive, *negative),
            text,
            Closing(Act.CHOOSE, slot.name, words),
        )

    def _apart(self, positive: Sequence[Statement]) -> bool:
        """Whether two of them say different things where neither a union nor an order decides."""
        values = [one.value for one in positive]
        if not all(isinstance(value, dict) for value in values):
            return len({canonical(value) for value in values}) > 1
        decided = {*self.key, *self.union, *self.aside, *(name for name, _ in self.highest)}
        if any(value.get(name) for name in self.ends for value in values) and len(values) > 1:
            return True
        first: dict[str, str] = {}
        for value in values:
            for name, given in value.items():
                if name not in decided and given is not None:
                    text = canonical(alike(given))
                    if first.setdefault(name, text) != text:
                        return True
        return False

    def _contradicts(self, one: Statement, status: str) -> bool:
        """Whether an item is one that a none-known statement of this status denies."""
        category = field_of(one, "category")
        return category not in dict(self.silent_on).get(status, ()) and not self._negative(one)

    def _blanket(
        self, slot: Slot, blanket: list[Statement], against: list[Statement]
    ) -> tuple[Reading, list[Finding]]:
        shown = tuple(reversed(blanket))
        if not against:
            return Reading(shown[0].value, shown), []
        both = by_record_time([*blanket, *against])
        found = finding(
            "none-known-denied",
            Kind.CONTRADICTION,
            self.severity,
            slot.name,
            both,
            f"{slot.plain}: {said(slot, both)}",
            Closing(Act.VOID, slot.name, "withdraw the entry that is wrong"),
        )
        return Reading(shown[0].value, shown, "inactive"), [found]

    def adding(self, chosen: Statement, others: Sequence[Statement]) -> Json:
        """The chosen statement's value with the unions and worst cases that others add to it."""
        whole = self.joined([chosen, *others])
        if not isinstance(chosen.value, dict) or not isinstance(whole, dict):
            return chosen.value
        added = {*self.union, *(name for name, _ in self.highest)}
        return chosen.value | {name: whole[name] for name in sorted(added) if name in whole}

    def joined(self, shown: Sequence[Statement]) -> Json:
        """One value of statements that do not contradict each other, the first before the others."""
        if len(shown) == 1 or not isinstance(shown[0].value, dict):
            return shown[0].value
        value: dict[str, Json] = {}
        for one in reversed(shown):
            value |= {name: given for name, given in one.value.items() if given is not None}
        for name in self.union:
            lists = [given for one in shown if isinstance(given := field_of(one, name), list)]
            items = {canonical(item): item for given in lists for item in given}
            if items:
                value[name] = [items[key] for key in sorted(items)]
        for name, order in self.highest:
            codes = [field_of(one, name) for one in shown]  # a list: not all JSON has a hash
            if top := next((code for code in order if code in codes), None):
                value[name] = top
        return dict(sorted(value.items()))

    def _negative(self, statement: Statement) -> bool:
        return field_of(statement, self.status) in self.negatives


def _proposal(slot: Slot, one: Statement, closing: Closing) -> Finding:
    return finding(
        "leads-to",
        Kind.HAZARD,
        Severity.HIGH,
        slot.name,
        (one,),
        f"{slot.plain}: {said(slot, (one,))}: {closing.words}",
        closing,
    )
