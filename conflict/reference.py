"""The reference of slots and merge rules, as text from the declarations themselves.

`make docs` writes it to POLICIES.md and SLOTS.md beside this file; a test keeps them current.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import fields as fields_of
from typing import Any

from conflict.identity import DocumentKind
from conflict.policies import Events, Keyed, Ranked, Single
from conflict.rules import DERIVED, RULES  # importing the rules fills the catalogue
from conflict.shape import Code, Field, Flag, Group, Many, Number, Reference, Text, Whole
from conflict.slot import CATALOGUE, STATES, Policy, Slot, Urgency

GENERATED = "<!-- Generated from the declarations by `make docs`. Do not edit. -->"
_FAMILIES = (Events, Single, Ranked, Keyed)
_CODES_SHOWN_MAX = 16


def policies_text() -> str:
    """POLICIES.md: families, the rule of every slot, rules over a chart, derived values."""
    return "\n".join(_policies()) + "\n"


def slots_text() -> str:
    """SLOTS.md: every slot with its fields, units, limits and codes, by kind of document."""
    return "\n".join(_slots()) + "\n"


def _policies() -> Iterator[str]:
    yield from ("# Merge rules", "", GENERATED, "")
    yield "What a value becomes when several people wrote it, some of them without having seen the"
    yield "others. Every rule is a function of the set of statements: order, grouping and duplication do"
    yield "not matter, a hazard leaves only by a statement that names it, and a contradiction is a finding"
    yield "until a person closes it. These laws are tested for every slot below."
    yield from ("", "## Families", "", "| family | rule |", "|---|---|")
    for family in _FAMILIES:
        yield f"| {family.__name__.lower()} | {_sentence(inspect.getdoc(family))} |"
    yield "| derived | Computed when read, the time given; never stored, never merged. |"
    yield from ("", "## States of a reading", "", "| state | meaning |", "|---|---|")
    yield from (f"| {state} | {meaning} |" for state, meaning in STATES.items())
    yield from (
        "",
        "## The rule of each slot",
        "",
        "| slot | family | rule | basis |",
        "|---|---|---|---|",
    )
    for slot in CATALOGUE.values():
        words = "; ".join(_rule(slot)) or "every statement stands"
        yield f"| `{slot.name}` | {slot.policy.family} | {_cell(words)} | {_cell(slot.basis)} |"
    yield from ("", "## Findings over a chart", "")
    yield "Over all held documents of linked persons and episodes. *Timed*: computed when read."
    yield from ("", "| rule | finds | timed | basis |", "|---|---|---|---|")
    for rule in RULES:
        timed = "yes" if rule.timed else ""
        yield f"| `{rule.name}` | {_cell(rule.plain)} | {timed} | {_cell(rule.basis)} |"
    yield from ("", "## Derived values", "", "| value | what it says | basis |", "|---|---|---|")
    for one in DERIVED:
        yield f"| `{one.name}` | {_cell(one.plain)} | {_cell(one.basis)} |"


def _rule(slot: Slot) -> Iterator[str]:
    """The options of a slot's policy, in words."""
    policy: Policy = slot.policy
    if isinstance(policy, Events):
        if policy.same:
            same = _names(policy.same)
            yield f"same {same} within {_span(policy.within_minutes)} by two writers: possible duplicate"
    elif isinstance(policy, Single):
        if policy.safer:
            yield "safer first: " + " > ".join(policy.safer)
        yield "the last written is shown" if policy.latest else "heads that differ are a finding"
    elif isinstance(policy, Ranked):
        yield "evidence: " + " > ".join(_rank(one) for one in policy.ranks)
        if policy.discrepant:
            yield "any disagreement shows " + CATALOGUE[slot.name].words(policy.discrepant)
    elif isinstance(policy, Keyed):
        yield f"one item for each {_names(policy.key)}"
        if policy.negatives:
            yield f"{_names(policy.negatives)} never removes what stands beside it"
        if policy.none_known:
            yield f"{_names(policy.none_known)} never hides an item"
        for name, order in policy.highest:
            yield f"{name}: " + " > ".join(order)
    yield from _options(policy)


def _options(policy: Policy) -> Iterator[str]:
    """Options that several families have, and the slot's own named functions."""
    given: Any = policy
    for one in fields_of(given):
        value = getattr(policy, one.name)
        if callable(value):
            yield f"own rule `{_name(value)}`: {_sentence(inspect.getdoc(_function(value)))}"
    if (key := getattr(policy, "key", ())) and isinstance(policy, Single):
        yield f"one for each {_names(key)}"
    for name, words in _FLAGS.items():
        if value := getattr(policy, name, None):
            yield words.format(value if isinstance(value, str) else _names(value))


_FLAGS = {
    "permanent": "{} text stays shown beside its correction",
    "outranks": "of two possible duplicates, the one that is {} comes first",
    "follows": "shown after the statement that {} names",
    "union": "{} are joined",
    "aside": "{} differ without contradiction",
}


def _slots() -> Iterator[str]:
    yield from ("# Slots", "", GENERATED, "")
    yield "Every place where a statement can stand. No clinical field is ever required. A value outside its"
    yield "shape is refused at entry; from a peer it is kept, shown and marked."
    for kind in DocumentKind:
        yield from ("", f"## {kind.name.capitalize()}")
        for slot in CATALOGUE.values():
            if slot.kinds[0] is kind:
                yield from _slot(slot)


def _slot(slot: Slot) -> Iterator[str]:
    also = ", ".join(kind.name.lower() for kind in slot.kinds[1:])
    yield from ("", f"### {slot.plain} (`{slot.name}`)", "")
    facts = [f"Family: {slot.policy.family}."]
    if also:
        facts.append(f"Also in: {also}.")
    if slot.absent:
        facts.append(f"Nothing written means: {slot.absent}.")
    if slot.rule:
        facts.append(f"Held together: {_sentence(inspect.getdoc(slot.rule))}")
    if words := _TRAVELS.get(slot.urgency):
        facts.append(f"{words}.")
    if slot.basis:
        facts.append(f"Basis: {slot.basis}.")
    yield " ".join(facts)
    yield from ("", "| field | holds |", "|---|---|")
    for name, field in slot.shape.fields.items():
        yield f"| `{name}` | {_cell(_holds(field))} |"


_TRAVELS = {
    Urgency.URGENT: "Travels first: urgent",
    Urgency.SUMMARY: "Travels early: summary of the casualty",
}


def _holds(field: Field) -> str:
    match field:
        case Text(chars_max, pattern, hint):
            return hint or (
                f"text of the form {pattern}" if pattern else f"text, {chars_max} characters"
            )
        case Code(values):
            shown = ", ".join(values[:_CODES_SHOWN_MAX])
            more = len(values) - _CODES_SHOWN_MAX
            return f"one of {shown}" + (f" and {more} more" if more > 0 else "")
        case Whole(low, high, unit) | Number(low, high, unit):
            kind = "whole number" if isinstance(field, Whole) else "decimal as text"
            return f"{kind}, {low} to {high} {unit}".strip()
        case Many(item, items_max):
            return f"up to {items_max} of: {_holds(item)}"
        case Group(fields):
            return "; ".join(f"`{name}` {_holds(inner)}" for name, inner in fields.items())
        case Reference():
            return "another statement: its id, or `<document>/<id>`"
        case Flag():
            return "true or false"
        case _:
            return _sentence(inspect.getdoc(type(field))).rstrip(".").lower()


def _name(function: Callable[..., Any]) -> str:
    return str(getattr(_function(function), "__name__", "")).lstrip("_")


def _function(function: Any) -> Any:
    return getattr(function, "func", function)


def _sentence(text: str | None) -> str:
    return (text or "").partition("\n\n")[0].replace("\n", " ").strip()


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(names)


def _rank(level: str | tuple[str, ...]) -> str:
    return level if isinstance(level, str) else " = ".join(level)


def _span(minutes: int) -> str:
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
