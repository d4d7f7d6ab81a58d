"""Shapes: what fits is taken, what does not is refused with field, limit and what was given."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conflict.errors import ValueRefused
from conflict.shape import (
    Anything,
    Code,
    Day,
    Field,
    Flag,
    Group,
    Many,
    Moment,
    Number,
    Text,
    Whole,
)
from conflict.slot import CATALOGUE
from conflict.statement import Draft, Json
from tests.conflict.conflict_values import SLOTS, any_json, valid, values

FIELDS: dict[str, Field] = {
    "text": Text(5),
    "pattern": Text(20, r"\d{10,11}", "10 digits"),
    "code": Code(("A", "V")),
    "whole": Whole(3, 15),
    "number": Number("10", "50"),
    "moment": Moment(),
    "day": Day(),
    "flag": Flag(),
    "many": Many(Code(("A",)), 2),
    "anything": Anything(),
    "group": Group({"inner": Whole(0, 1)}),
}


def problems(name: str, value: Json) -> list[str]:
    return list(FIELDS[name].problems(value, name))


@pytest.mark.parametrize("name", SLOTS)
@given(data=st.data())
@settings(deadline=None, max_examples=25)
def test_every_slot_takes_the_values_of_its_shape(name: str, data: st.DataObject) -> None:
    """What is left to object to is what fields say that cannot be true together."""
    slot = CATALOGUE[name]
    value = data.draw(values(name))
    together = slot.rule(value) if slot.rule else ()
    assert list(slot.problems(value)) == list(together)


@pytest.mark.parametrize("name", SLOTS)
def test_no_field_of_any_slot_is_required(name: str) -> None:
    slot = CATALOGUE[name]
    for value in (None, {}, dict.fromkeys(slot.shape.fields)):
        slot.check(Draft(slot=name, value=value))


@pytest.mark.parametrize("name", SLOTS)
@pytest.mark.parametrize("value", [[], "", 0, False, "text", [1], True, {"no such field": 1}])
def test_no_slot_takes_what_is_not_its_fields(name: str, value: Json) -> None:
    with pytest.raises(ValueRefused) as caught:
        CATALOGUE[name].check(Draft(slot=name, value=value))
    assert caught.value.slot == name
    assert caught.value.problems


@pytest.mark.parametrize("name", sorted(FIELDS))
@given(data=st.data())
@settings(deadline=None, max_examples=50)
def test_the_strategies_of_these_tests_make_valid_values(name: str, data: st.DataObject) -> None:
    assert problems(name, data.draw(valid(FIELDS[name]))) == []


@pytest.mark.parametrize("name", sorted(FIELDS))
@given(value=any_json)
@settings(deadline=None, max_examples=50)
def test_no_json_whatever_makes_a_shape_fail(name: str, value: Json) -> None:
    assert all(isinstance(problem, str) for problem in problems(name, value))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", "123456"),
        ("text", 5),
        ("pattern", "123456789"),
        ("pattern", "1234567890\n"),
        ("pattern", "١٢٣٤٥٦٧٨٩٠"),
        ("code", "a"),
        ("code", ["A"]),
        ("code", {}),
        ("whole", 2),
        ("whole", 16),
        ("whole", "5"),
        ("whole", True),
        ("number", "9.99"),
        ("number", "50.01"),
        ("number", "36,6"),
        ("number", "NaN"),
        ("number", "1e1"),
        ("number", "٣٦.٦"),
        ("number", 36),
        ("moment", "1358Z"),
        ("moment", 5),
        ("day", "1999-02-29"),
        ("day", "19990430"),
        ("day", "1999-W01-1"),
        ("day", "١٩٩٩-04-30"),
        ("day", 1999),
        ("flag", 1),
        ("flag", "true"),
        ("many", "A"),
        ("many", ["A", "A", "A"]),
        ("many", ["B"]),
        ("group", {"inner": 2}),
        ("group", {"other": 1}),
        ("group", []),
    ],
)
def test_what_does_not_fit_is_named_with_its_field(name: str, value: Json) -> None:
    found = problems(name, value)
    assert found
    assert all(problem.startswith((name, f"{name}.", f"{name}[")) for problem in found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", "36.60"),
        ("number", "10"),
        ("number", "50.0"),
        ("day", "1999"),
        ("day", "1999-04"),
        ("day", "2000-02-29"),
        ("pattern", "12345678901"),
        ("group", {"inner": None}),
        ("many", []),
    ],
)
def test_what_fits_is_taken(name: str, value: Json) -> None:
    assert problems(name, value) == []


def test_a_problem_names_limit_and_what_was_given() -> None:
    with pytest.raises(ValueRefused) as caught:
        CATALOGUE["vitals"].check(Draft(slot="vitals", value={"pulse": 400, "avpu": "X"}))
    assert caught.value.problems == (
        "pulse: 0 to 350 /min expected, 400 given",
        "avpu: one of A, V, P, U expected, 'X' given",
    )


def test_a_statement_that_voids_needs_no_value_but_a_reason() -> None:
    slot = CATALOGUE["vitals"]
    slot.check(Draft(slot="vitals", value=None, void="wrong casualty"))
    for reason in ("", "  "):
        with pytest.raises(ValueRefused, match="reason"):
            slot.check(Draft(slot="vitals", value={"pulse": "no number"}, void=reason))
