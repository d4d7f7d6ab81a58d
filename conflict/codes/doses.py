"""Dose plausibility: one administration or one day far outside the range that a source cites.

Warnings for a person to look at, with their source; never advice, never a block. What is not in
`dose_ranges`, or is written in a unit or a way that is not known here, gets no warning.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from conflict.codes.card import route_of
from conflict.codes.dose_ranges import DoseRange
from conflict.codes.drugs import find_drug

SINGLE_OVER = Decimal(2)
"""One dose above this many times the highest cited single dose is warned of."""

SINGLE_UNDER = Decimal(10)
"""One dose at or below this fraction of the lowest cited single dose is warned of."""

AMOUNT_MAX = Decimal(10) ** 12
"""More than this, of any unit, is a slip of another kind and is not judged."""

_UNITS: dict[str, tuple[Decimal, str]] = {
    **dict.fromkeys(("g", "gm", "gms", "gram", "grams"), (Decimal(1000), "mg")),
    **dict.fromkeys(("mg", "mgs", "milligram", "milligrams"), (Decimal(1), "mg")),
    **dict.fromkeys(
        ("ug", "mcg", "mcgs", "\u03bcg", "microgram", "micrograms"), (Decimal("0.001"), "mg")
    ),
    **dict.fromkeys(("l", "liter", "liters", "litre", "litres"), (Decimal(1000), "mL")),
    **dict.fromkeys(
        ("ml", "mls", "cc", "milliliter", "milliliters", "millilitre", "millilitres"),
        (Decimal(1), "mL"),
    ),
    **dict.fromkeys(("iu", "[iu]", "unit", "units", "u", "[u]"), (Decimal(1), "units")),
    "meq": (Decimal(1), "mEq"),
    "mmol": (Decimal(1), "mmol"),
}


class DoseWarning(NamedTuple):
    """`kind`: above, below (one administration) or day; `limit` in `unit`, as `source` cites it."""

    kind: str
    drug: str
    words: str
    limit: Decimal
    unit: str
    source: str


def to_base(amount: Decimal, unit: str | None) -> tuple[Decimal, str] | None:
    """`amount` in the base unit of its kind: mg, mL, units, mEq or mmol. None for another unit, one
    per kg or per hour, and for an amount that is no number, negative or absurd.
    """
    known = _UNITS.get((unit or "").strip().rstrip(".").casefold())
    if known is None or not amount.is_finite() or not 0 <= amount <= AMOUNT_MAX:
        return None
    factor, base = known
    return amount * factor, base


def check_dose(
    drug_text: str, amount: Decimal, unit: str | None, route: str | None
) -> DoseWarning | None:
    """Warning of one administration more than `SINGLE_OVER` times above, or `SINGLE_UNDER` times
    below, every cited range of the drug by this route (by any, where none is written). Never raises.
    """
    drug, given = find_drug(drug_text), to_base(amount, unit)
    if drug is None or given is None or not given[0]:
        return None
    dose, base = given
    by = route_of(route or "")
    ranges = [one for one in drug.doses if _base(one)[1] == base and (not by or by in one.routes)]
    words = " ".join(one for one in (drug.name, _plain(amount), unit, by) if one)
    return _above(ranges, dose, words) or _below(ranges, dose, words)


def day_warning(drug_text: str, total_max: Decimal, base_unit: str = "mg") -> DoseWarning | None:
    """Warning of a 24 h total, in a base unit, above the highest cited day maximum. Never raises."""
    drug, total = find_drug(drug_text), to_base(total_max, base_unit)
    if drug is None or total is None:
        return None
    limits = [
        (one.day_max * factor, one.day_max, one)
        for one in drug.doses
        for factor, base in (_base(one),)
        if one.day_max is not None and base == total[1]
    ]
    if not limits:
        return None
    limit, cited, one = max(limits, key=lambda each: each[0])
    if total[0] <= limit:
        return None
    words = f"{one.drug}: up to {_plain(total[0])} {total[1]} in 24 h, more than the cited"
    return _warning("day", words, cited, one)


def _above(ranges: Sequence[DoseRange], dose: Decimal, words: str) -> DoseWarning | None:
    limits = [
        (one.single_max * _base(one)[0], one.single_max, one)
        for one in ranges
        if one.single_max is not None
    ]
    if not limits:
        return None
    limit, cited, one = max(limits, key=lambda each: each[0])
    if dose <= limit * SINGLE_OVER:
        return None
    return _warning("above", f"{words}: more than {SINGLE_OVER} times the cited", cited, one)


def _below(ranges: Sequence[DoseRange], dose: Decimal, words: str) -> DoseWarning | None:
    limits = [
        (one.single_min * _base(one)[0], one.single_min, one)
        for one in ranges
        if one.single_min is not None
    ]
    if not limits:
        return None
    limit, cited, one = min(limits, key=lambda each: each[0])
    if dose * SINGLE_UNDER > limit:
        return None
    return _warning("below", f"{words}: a {SINGLE_UNDER}th or less of the cited", cited, one)


def _warning(kind: str, words: str, cited: Decimal, one: DoseRange) -> DoseWarning:
    words = f"{words} {_plain(cited)} {one.unit}"
    return DoseWarning(kind, one.drug, words, cited, one.unit, one.source)


def _base(one: DoseRange) -> tuple[Decimal, str]:
    return _UNITS[one.unit.casefold()]


def _plain(number: Decimal) -> str:
    return format(number.normalize(), "f")
