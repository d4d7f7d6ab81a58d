"""Whether a recorded allergy speaks against a drug, and how: itself, its ingredient, its class.

Texts are compared, not codes, for that is what a medic writes. It errs on the side of speaking: a
person closes what is shown, and nothing here blocks a drug. Silence means "not known here".
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from conflict.codes.drug_classes import CLASSES, CROSSINGS, DrugClass
from conflict.codes.drugs import find_drugs
from conflict.codes.formulary import Drug
from conflict.codes.words import Phrases, shortened, words_of
from conflict.finding import Severity


class Cover(NamedTuple):
    """`how`: one of `HOW`; `words` for people; `source`: who says so, "" where it is the same drug."""

    how: str
    words: str
    severity: Severity
    source: str = ""


HOW = ("same", "ingredient", "class", "cross-class")
"""The most direct first."""

_TEXTS_CACHED = 1024
_PAIRS_CACHED = 16_384
_SEVERITIES = tuple(Severity)  # the worst first
_CLASSES = {one.name: one for one in CLASSES}
_SAID = Phrases(
    (said.strip(), one) for one in CLASSES for said in one.said.split(",") if said.strip()
)
_NO_ALLERGY = frozenset((
    "nkda", "nka", "none", "nil", "no", "not", "known", "unknown", "drug", "drugs", "allergy",
    "allergies", "to", "any", "denies",
))  # fmt: skip
"""Words that together say that there is none."""


def allergy_covers(substance: str, drug_text: str) -> Cover | None:
    """What a recorded allergy to `substance` says against what `drug_text` names: the most direct
    and most severe; None where nothing is known. Never raises.
    """
    return _cover(shortened(substance), shortened(drug_text))


class _Text(NamedTuple):
    """What a text names."""

    words: frozenset[str]
    drugs: tuple[Drug, ...]
    classes: tuple[DrugClass, ...]


@lru_cache(maxsize=_TEXTS_CACHED)
def _read(text: str) -> _Text:
    words = words_of(text)
    return _Text(frozenset(words), find_drugs(text), _SAID.found(words))


@lru_cache(maxsize=_PAIRS_CACHED)
def _cover(substance: str, drug_text: str) -> Cover | None:
    allergy, given = _read(substance), _read(drug_text)
    if allergy.words <= _NO_ALLERGY:
        return None
    cover = min(_covers(allergy, given), key=_rank, default=None)
    if cover is None and allergy.words <= given.words:
        return Cover("same", "the recorded allergy names it", Severity.HIGH)
    return cover


def _rank(cover: Cover) -> tuple[int, int]:
    return HOW.index(cover.how), _SEVERITIES.index(cover.severity)


def _covers(allergy: _Text, given: _Text) -> Iterator[Cover]:
    for drug in given.drugs:
        for allergen in allergy.drugs:
            yield from _itself(allergen, drug)
    targets = [(drug.name, drug.classes) for drug in given.drugs]
    targets += [("it", (one.name,)) for one in given.classes]  # "an NSAID", no drug named
    for what, classes in targets:
        for one in allergy.classes:
            yield from _by_class(one, "", what, classes)
        for allergen in allergy.drugs:
            for name in allergen.classes:
                yield from _by_class(_CLASSES[name], allergen.name, what, classes)


def _itself(allergen: Drug, drug: Drug) -> Iterator[Cover]:
    if allergen.name == drug.name:
        yield Cover("same", f"the recorded allergy names {drug.name}", Severity.HIGH)
    for part in _parts(drug):
        if part in _parts(allergen):
            yield Cover("ingredient", f"{drug.name} and the allergy share {part}", Severity.HIGH)


def _by_class(one: DrugClass, like: str, what: str, classes: tuple[str, ...]) -> Iterator[Cover]:
    """An allergy to class `one`, or to its member `like`, against `what` of `classes`."""
    plain = one.plain or one.name
    for name in classes:
        if one.name in _lineage(name):
            words = f"{what} is one of the {plain}" + (f", like {like}" if like else "")
            yield Cover("class", words, one.severity, one.source)
        crossing = CROSSINGS.get((one.name, name))
        if crossing:
            words = f"{what} after an allergy to {like or plain}: {crossing.words}"
            yield Cover("cross-class", words, crossing.severity, crossing.source)


def _parts(drug: Drug) -> tuple[str, ...]:
    return drug.ingredients or (drug.name,)


def _lineage(name: str) -> Iterator[str]:
    """A class and the wider ones that it belongs to."""
    while name:
        yield name
        name = _CLASSES[name].within
