"""Doses far outside a cited range are warned of; usual ones, and what nobody can judge, are not."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conflict.codes import (
    DOSE_RANGES,
    DRUGS,
    SINGLE_OVER,
    SINGLE_UNDER,
    DoseRange,
    check_dose,
    day_warning,
    to_base,
)
from conflict.codes.card import ROUTES
from node.sim import care

UNITS = ("mg", "g", "ug", "mcg", "µg", "mL", "IU", "mEq", "mmol")
amounts = st.decimals(allow_nan=True, allow_infinity=True)


@pytest.mark.parametrize(
    ("drug", "amount", "unit", "route", "kind"),
    [
        ("Ketamine", "300", "mg", "IV", "above"),
        ("Ketamine", "61", "mg", "IV", "above"),
        ("ketamine", "2", "mg", "IO", "below"),
        ("Fentanyl lozenge (OTFC)", "800", "mg", "transbuccal", "above"),
        ("fentanyl", "50", "mg", "IV push", "above"),
        ("fentanyl", "50", "mg", None, "above"),
        ("TXA", "20", "mg", "IV", "below"),
        ("Ertapenem", "4", "g", "", "above"),
        ("Morphine", "50", "mg", "iv", "above"),
        ("acetaminophen", "10", "g", "PO", "above"),
        ("Calcium gluconate", "30", "g", "IV", "above"),
        ("naloxone", "40", "mg", "intranasal", "above"),
    ],
)
def test_a_slip_of_ten_is_warned_of(
    drug: str, amount: str, unit: str, route: str | None, kind: str
) -> None:
    warning = check_dose(drug, Decimal(amount), unit, route)
    assert warning is not None
    assert warning.kind == kind
    assert warning.source
    assert amount in warning.words
    assert warning.unit in {"mg", "g", "ug"}


def test_the_usual_doses_of_the_generator_are_not_warned_of() -> None:
    doses = (
        *care.KETAMINE, *care.OPIOIDS, *care.PILLS, *care.TXA, *care.CALCIUM, *care.ERTAPENEM,
        *care.MOXIFLOXACIN, *care.ONDANSETRON,
    )  # fmt: skip
    for dose in doses:
        assert check_dose(dose.drug, Decimal(dose.dose), dose.unit, dose.route) is None
        assert day_warning(dose.drug, Decimal(0)) is None


@given(st.sampled_from(DOSE_RANGES), st.sampled_from(sorted(ROUTES)))
@settings(deadline=None)
def test_no_cited_dose_is_warned_of_by_its_own_routes(one: DoseRange, route: str) -> None:
    for amount in (one.single_min, one.single_max):
        warning = check_dose(one.drug, amount, one.unit, route)
        assert warning is None or route not in one.routes


@pytest.mark.parametrize(
    ("amount", "kind"), [("60", None), ("60.01", "above"), ("2.01", None), ("2", "below")]
)
def test_the_bounds_are_those_named(amount: str, kind: str | None) -> None:
    warning = check_dose("Ketamine", Decimal(amount), "mg", "IV")
    assert (warning.kind if warning else None) == kind
    assert (SINGLE_OVER, SINGLE_UNDER) == (2, 10)


@pytest.mark.parametrize(
    ("drug", "amount", "unit", "route"),
    [
        ("Ketamine", "300", "mg", "epidural"),  # a route that nobody cites
        ("Ketamine", "300", "mg/kg", "IV"),
        ("Ketamine", "300", "mL", "IV"),
        ("Ketamine", "300", "", "IV"),
        ("Ketamine", "300", None, None),
        ("Ketamine", "0", "mg", "IV"),
        ("atropine", "600", "mg", "IM"),  # no cited range: nerve agents take what they take
        ("combat pill pack", "3000", "mg", "PO"),
        ("lidocaine with epinephrine", "3000", "mg", "SQ"),
        ("moon dust", "300", "g", "IV"),
    ],
)
def test_what_cannot_be_judged_is_not_warned_of(
    drug: str, amount: str, unit: str | None, route: str | None
) -> None:
    assert check_dose(drug, Decimal(amount), unit, route) is None


def test_a_dose_without_a_route_is_held_against_the_widest_range() -> None:
    assert check_dose("Ketamine", Decimal(100), "mg", None) is None  # usual by IM
    assert check_dose("Ketamine", Decimal(100), "mg", "IV") is not None
    assert check_dose("Ketamine", Decimal(201), "mg", None) is not None


@pytest.mark.parametrize(
    ("drug", "total_mg", "limit"),
    [
        ("Acetaminophen", 4001, "4000"),
        ("TXA", 4000, "2"),
        ("Ertapenem", 2000, "1"),
        ("moxifloxacin", 800, "400"),
        ("Meloxicam", 30, "15"),
        ("ibuprofen", 3201, "3200"),
    ],
)
def test_a_day_above_the_cited_maximum_is_warned_of(drug: str, total_mg: int, limit: str) -> None:
    warning = day_warning(drug, Decimal(total_mg))
    assert warning is not None
    assert (warning.kind, warning.limit) == ("day", Decimal(limit))
    assert warning.source


@pytest.mark.parametrize(
    ("drug", "total", "unit"),
    [
        ("Acetaminophen", 4000, "mg"),
        ("TXA", 2000, "mg"),
        ("Ketamine", 9000, "mg"),  # nobody cites a day
        ("Acetaminophen", 9000, "mL"),
        ("moon dust", 9000, "mg"),
    ],
)
def test_a_day_within_the_maximum_or_without_one_is_not(drug: str, total: int, unit: str) -> None:
    assert day_warning(drug, Decimal(total), unit) is None


@pytest.mark.parametrize(
    ("amount", "unit", "base"),
    [
        ("1", "g", ("1000", "mg")),
        ("1.50", "grams", ("1500", "mg")),
        ("36.60", "mg", ("36.60", "mg")),
        ("800", "mcg", ("0.8", "mg")),
        ("800", "ug", ("0.8", "mg")),
        ("800", "\u00b5g", ("0.8", "mg")),
        ("800", "\u03bcg", ("0.8", "mg")),
        ("2", " MG. ", ("2", "mg")),
        ("0.5", "L", ("500", "mL")),
        ("5", "cc", ("5", "mL")),
        ("5000", "IU", ("5000", "units")),
        ("20", "mEq", ("20", "mEq")),
        ("10", "mmol", ("10", "mmol")),
    ],
)
def test_units_come_to_their_base_exactly(amount: str, unit: str, base: tuple[str, str]) -> None:
    assert to_base(Decimal(amount), unit) == (Decimal(base[0]), base[1])


@pytest.mark.parametrize("unit", ["", None, "mg/kg", "mg/h", "tab", "puffs", "mgg", "gr"])
def test_a_unit_that_is_not_known_has_no_base(unit: str | None) -> None:
    assert to_base(Decimal(1), unit) is None


@given(st.text() | st.sampled_from(sorted(DRUGS)), amounts, st.text() | st.sampled_from(UNITS))
@settings(deadline=None)
def test_no_amount_and_no_text_raises(drug: str, amount: Decimal, unit: str) -> None:
    for warning in (check_dose(drug, amount, unit, drug), day_warning(drug, amount, unit)):
        assert warning is None or warning.source
    base = to_base(amount, unit)
    assert base is None or base[0] >= 0


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-1", "1E+999999", "1E-999999"])
def test_what_is_no_dose_is_not_judged(text: str) -> None:
    assert day_warning("Ketamine", Decimal(text)) is None
    warning = check_dose("Ketamine", Decimal(text), "g", "IV")
    assert warning is None or warning.kind == "below"


def test_every_range_is_in_order_of_a_known_drug_and_route_and_has_a_source() -> None:
    for one in DOSE_RANGES:
        assert one in DRUGS[one.drug].doses
        assert set(one.routes) <= set(ROUTES)
        assert one.single_min <= one.single_max
        assert one.day_max is None or one.day_max >= one.single_max
        assert to_base(Decimal(1), one.unit)
        assert one.source
