"""Blood products against the recorded type, units written twice, and the calcium that is due."""

from __future__ import annotations

from typing import Any

import pytest

from conflict.statement import Json, Statement
from tests.conflict.conflict_charted import (
    OTHER_EPISODE,
    OTHER_PERSON,
    charted,
    derived,
    write,
)
from tests.conflict.conflict_lab import PERSON
from tests.conflict.conflict_said import BEN, blood

GROUPS = ("O", "A", "B", "AB")


def typed(abo: str, rh: str = "+", method: str = "lab", **more: Any) -> Statement:
    return write("blood_type", blood(abo, rh, method), document=PERSON, **more)


def gave(
    product: str | None, abo: str | None = None, rh: str | None = None, **more: Any
) -> Statement:
    fields: dict[str, Json] = {"product": product, "abo": abo, "rh": rh}
    if "number" in more:
        fields["unit_number"] = more.pop("number")
    value = {name: given for name, given in fields.items() if given is not None}
    return write("blood_product", value, **{"at": "12:00", **more})


def against(*statements: Statement) -> list[tuple[str, str]]:
    """Rule and severity of each finding about blood given."""
    found = charted(*statements).findings
    return [(one.rule, one.severity) for one in found if one.slot == "blood_product"]


def compatible(product: str, recipient: str) -> set[str]:
    """Groups of the product that nothing is found against."""
    return {abo for abo in GROUPS if not against(typed(recipient), gave(product, abo, "-"))}


def test_red_cells_go_to_who_has_no_antibodies_against_them() -> None:
    assert {abo: compatible("red-cells", abo) for abo in GROUPS} == {
        "O": {"O"},
        "A": {"A", "O"},
        "B": {"B", "O"},
        "AB": set(GROUPS),
    }
    assert against(typed("O"), gave("red-cells", "A")) == [("blood-incompatible", "high")]


@pytest.mark.parametrize(
    "plasma", ["plasma-fresh-frozen", "plasma-thawed", "plasma-liquid", "plasma-freeze-dried"]
)
def test_plasma_goes_to_who_has_no_antigens_that_it_speaks_against(plasma: str) -> None:
    assert {abo: compatible(plasma, abo) for abo in GROUPS} == {
        "O": set(GROUPS),
        "A": {"A", "AB"},
        "B": {"B", "AB"},
        "AB": {"AB"},
    }
    assert against(typed("A"), gave(plasma, "O")) == [("blood-incompatible", "medium")]
    assert against(typed("B"), gave(plasma, "A")) == [("blood-incompatible", "low")]


def test_whole_blood_is_of_the_same_group_or_of_low_titer_o() -> None:
    for fresh in ("whole-blood", "whole-blood-fresh"):
        assert {abo: compatible(fresh, abo) for abo in GROUPS} == {abo: {abo} for abo in GROUPS}
        assert against(typed("A"), gave(fresh, "B")) == [("blood-incompatible", "high")]
        assert against(typed("A"), gave(fresh, "O")) == [("blood-incompatible", "medium")]
    for abo in GROUPS:
        assert not against(typed(abo), gave("whole-blood-ltowb"))
        assert not against(typed(abo), gave("whole-blood-ltowb", "O"))


def test_only_universal_products_where_no_type_is_recorded() -> None:
    assert against(gave("red-cells", "A")) == [("blood-not-universal", "high")]
    assert against(gave("whole-blood", "O")) == [("blood-not-universal", "medium")]
    assert against(gave("plasma-thawed", "A")) == [("blood-not-universal", "low")]
    for product, abo in (("red-cells", "O"), ("whole-blood-ltowb", "O"), ("plasma-thawed", "AB")):
        assert not against(gave(product, abo, "+"))


@pytest.mark.parametrize("where", [PERSON, OTHER_PERSON])
def test_only_universal_products_where_the_evidence_of_the_type_differs(where: Any) -> None:
    lab, tag = typed("A"), write("blood_type", blood("B", "+", "tag"), by=BEN, document=where)
    unit = gave("red-cells", "A")
    assert not against(lab, unit)
    assert against(lab, tag, unit) == [("blood-not-universal", "high")]
    (one,) = (each for each in charted(lab, tag, unit).findings if each.slot == "blood_product")
    assert set(one.statements) == {lab.name, tag.name, unit.name}


def test_a_product_whose_group_nobody_recorded_is_not_judged() -> None:
    for unit in (
        gave("red-cells"),
        gave("red-cells", "unknown"),
        gave(None, "A"),
        gave("platelets", "A"),
    ):
        assert not against(typed("O"), unit)


def test_rh_positive_cells_for_an_rh_negative_casualty_matter_by_sex() -> None:
    unit, plasma = gave("red-cells", "O", "+"), gave("plasma-thawed", "AB", "+")
    man, woman = (write("sex", {"code": code}, document=PERSON) for code in ("male", "female"))
    assert against(typed("O", "-"), unit) == [("blood-rh", "medium")]
    assert against(typed("O", "-"), woman, unit) == [("blood-rh", "medium")]
    assert against(typed("O", "-"), man, unit) == [("blood-rh", "low")]
    assert against(woman, unit) == [("blood-rh", "low")]
    for rest in ((man, unit), (unit,), (typed("O"), woman, unit), (typed("O", "-"), woman, plasma)):
        assert not against(*rest)


def test_a_flood_of_units_is_one_finding_that_names_all() -> None:
    units = [gave("red-cells", "A", ms=place) for place in range(20)]
    (one,) = charted(typed("O"), *units).findings
    assert len(one.statements) == 21


def test_one_unit_number_in_two_episodes_is_found() -> None:
    one = gave("red-cells", "O", number="W1")
    other = gave("red-cells", "O", number=" w1", at="18:00", document=OTHER_EPISODE)
    assert against(one, other) == [("unit-given-twice", "medium")]
    assert not against(one, gave("red-cells", "O", number="W2", by=BEN, document=OTHER_EPISODE))


def test_a_unit_without_a_number_may_be_the_one_in_the_other_episode() -> None:
    one = gave("red-cells", "O", number="W1")
    other = gave("red-cells", "O", at="12:10", by=BEN, document=OTHER_EPISODE)
    assert against(one, other) == [("written-twice", "medium")]
    assert derived("calcium", one, other, now="13:00")["units"] == [1, 2]


def calcium(*statements: Statement, now: str = "15:00") -> Any:
    return derived("calcium", *statements, now=now)


def dose(drug: str, amount: str, unit: str, **more: Any) -> Statement:
    return write(
        "medication_given", {"drug": drug, "dose": amount, "unit": unit}, **{"at": "12:30", **more}
    )


@pytest.mark.parametrize(("units", "due"), [(1, 1), (3, 1), (4, 2), (7, 2), (8, 3)])
def test_a_gram_of_calcium_is_due_with_the_first_unit_and_after_every_four(
    units: int, due: int
) -> None:
    given = [gave("red-cells", number=f"W{place}") for place in range(units)]
    assert calcium(*given)["units"] == [units, units]
    assert calcium(*given)["due_g"] == [due, due]
    assert "Damage Control" in calcium(*given)["text"]
    assert not charted(*given, now="15:00").findings


def test_calcium_of_both_salts_adds_up_as_grams_of_calcium() -> None:
    unit = gave("whole-blood-ltowb")
    chloride = dose("Calcium chloride", "1", "g")
    gluconate = dose("calcium gluconate", "30", "mL", by=BEN)
    assert calcium(unit, chloride, gluconate)["given_g"] == ["2", "2"]
    assert "text" not in calcium(unit, chloride)
    assert "text" in calcium(unit, dose("calcium gluconate", "1", "g"))
    again = dose("CaCl", "1", "g", at="12:35", by=BEN, document=OTHER_EPISODE)
    assert calcium(unit, chloride, again)["given_g"] == ["1", "2"]


def test_blood_of_another_day_asks_for_no_calcium_today() -> None:
    assert calcium(gave("red-cells", at="2026-11-21T12:00Z")) is None
    assert calcium(gave("red-cells", at=None)) is not None
    assert calcium() is None
