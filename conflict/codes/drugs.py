"""Which drugs a text names, and the RxNorm code that may be emitted for it.

Nothing here raises, whatever the text: what is not recognised is simply not found. Answers are
cached, as a chart of two thousand statements asks the same few questions again and again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache

from conflict.codes.formulary import DRUGS, PACKS, Drug, Product
from conflict.codes.words import Phrases, shortened, words_of

_TEXTS_CACHED = 2048
_STRENGTH = re.compile(
    r"([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*(mg|mcg|ug|\u03bcg|g)(?:\s*/\s*(ml)\b|\b(?!\s*/))"
)
_MG = {"g": Decimal(1000), "mg": Decimal(1)}  # else a millionth of a gram
Strength = tuple[Decimal, bool]
"""Milligrams, and whether in each mL."""


def _names() -> Iterator[tuple[str, tuple[Drug, ...]]]:
    for drug in DRUGS.values():
        for name in (drug.name, *drug.synonyms):
            yield name, (drug,)
    for pack, names in PACKS.items():
        yield pack, tuple(DRUGS[name] for name in names)


_NAMES = Phrases(_names())
_COMBINATIONS = tuple(one for one in DRUGS.values() if one.ingredients)


def find_drugs(text: str) -> tuple[Drug, ...]:
    """Every drug that `text` names, in the order written, each once. A pack gives its drugs; the
    ingredients of a fixed combination, all named, give the combination.
    """
    return _found(shortened(text))


def find_drug(text: str) -> Drug | None:
    """The one drug that `text` names. None where it names none, or several: which of them a dose
    or a code belongs to would be a guess.
    """
    found = _found(shortened(text))
    return found[0] if len(found) == 1 else None


@lru_cache(maxsize=_TEXTS_CACHED)
def _found(text: str) -> tuple[Drug, ...]:
    found = {drug.name: drug for drugs in _NAMES.found(words_of(text)) for drug in drugs}
    if len(found) > 1:
        for whole in _COMBINATIONS:
            if all(part in found for part in whole.ingredients):
                found = {
                    name: one for name, one in found.items() if name not in whole.ingredients
                } | {whole.name: whole}
    return tuple(found.values())


def outward_rxcui(text: str) -> str | None:
    """RxNorm code that may leave the node for the drug in `text`: of the product where its
    strength is written ("Ketamine 50 mg/mL"), else of the ingredient; None without a verified one.
    """
    drug = find_drug(text)
    if drug is None:
        return None
    product = _product(drug, shortened(text))
    code = product.rxcui if product else drug.rxcui
    return code.code if code and code.verified else None


def _product(drug: Drug, text: str) -> Product | None:
    written, words = set(_strengths(text)), set(words_of(text))
    for product in drug.products:
        named = not product.forms or not words.isdisjoint(product.forms)
        if named and not written.isdisjoint(_strengths(product.strength)):
            return product
    return None


def _strengths(text: str) -> Iterator[Strength]:
    for number, unit, per_ml in _STRENGTH.findall(text.casefold()):
        yield Decimal(number) * _MG.get(unit, Decimal("0.001")), bool(per_ml)
