"""Lists of the card, vaccines, LOINC and teeth: they fit the slots, and each other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conflict.codes import (
    EVACUATION_HOURS,
    GROUPS,
    LISTS,
    LOINC_NOTICE,
    NINE_LINE,
    ROUTINE,
    SURFACES,
    UNIVERSAL,
    UNVERIFIED,
    VACCINES,
    from_fdi,
    groups_of,
    is_anterior,
    is_permanent,
    label,
    outward_loinc,
    route_of,
    routine_of,
    surfaces_of,
    to_fdi,
    tooth,
    vaccine,
)
from conflict.codes.card import CARD_PRECEDENCES, NATO_TRIAGE_OF, NINE_LINE_PRECEDENCE
from conflict.codes.loinc import OTHERS, PANELS, VITALS
from conflict.shape import Code, Many, Number, Whole
from conflict.slot import CATALOGUE
from node.fhir.vitals import AVPU_LOINC, SIGNS
from node.sim import care, persons

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("slot", "field", "list_name"),
    [
        ("triage", "category", "triage"),
        ("evacuation", "precedence", "precedence"),
        ("mechanism", "mechanisms", "mechanism"),
        ("tourniquet", "limb", "limb"),
        ("tourniquet", "action", "tourniquet-action"),
        ("vitals", "pulse_site", "pulse-site"),
        ("vitals", "systolic_method", "systolic-method"),
        ("vitals", "avpu", "avpu"),
        ("medication_given", "category", "drug-category"),
        ("encounter", "role_of_care", "role-of-care"),
    ],
)
def test_a_list_has_exactly_the_codes_of_its_slot(slot: str, field: str, list_name: str) -> None:
    shape = CATALOGUE[slot].shape.fields[field]
    code = shape.item if isinstance(shape, Many) else shape
    assert isinstance(code, Code)
    assert tuple(LISTS[list_name]) == code.values


def test_every_code_is_lower_case_or_a_standard_abbreviation_and_has_a_label() -> None:
    for name, codes in LISTS.items():
        for code, plain in codes.items():
            assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*|[A-Z][A-Z0-9]*( [A-Z]+)?", code), name
            assert label(name, code) == plain
            assert plain
    assert label("triage", "new-code") == "new-code"
    assert label("new-list", "x") == "x"


def test_what_nobody_has_read_is_marked() -> None:
    assert all(code in LISTS[name] for name, code in UNVERIFIED)
    assert {("service", "USSF"), ("nato-triage", "T1"), ("nato-triage", "T4")} <= UNVERIFIED
    assert set(NATO_TRIAGE_OF) == set(LISTS["triage"])
    for ours, nato in NATO_TRIAGE_OF.items():
        assert LISTS["triage"][ours] == LISTS["nato-triage"][nato]


def test_the_generator_writes_services_routes_and_limbs_of_the_lists() -> None:
    assert set(persons.UNITS) <= set(LISTS["service"])
    doses = (*care.KETAMINE, *care.OPIOIDS, *care.PILLS, *care.TXA, *care.ONDANSETRON)
    assert {route_of(dose.route) for dose in doses} <= set(LISTS["route"])


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("IV", "IV"),
        ("iv push", "IV"),
        ("In", "IN"),
        ("intranasal", "IN"),
        ("ODT", "PO"),
        ("by mouth", "PO"),
        ("sub-q", None),
        ("subcut.", "SQ"),
        ("oral transmucosal", "transbuccal"),
        ("left in place", None),
        ("", None),
    ],
)
def test_a_route_is_read_from_what_is_written(text: str, route: str | None) -> None:
    assert route_of(text) == route


def test_evacuation_hours_are_of_known_precedences_and_grow() -> None:
    for hours in EVACUATION_HOURS.values():
        assert set(hours) <= set(LISTS["precedence"])
        assert list(hours.values()) == sorted(hours.values())
    assert tuple(EVACUATION_HOURS["2025-07"]) == CARD_PRECEDENCES


def test_the_nine_line_has_its_coded_lines_and_one_letter_for_each_precedence() -> None:
    assert sorted(NINE_LINE) == [3, 4, 5, 6, 7, 8, 9]
    for precedence, letter in NINE_LINE_PRECEDENCE.items():
        assert NINE_LINE[3][letter] == LISTS["precedence"][precedence]
    assert sorted(NINE_LINE_PRECEDENCE.values()) == list("ABCDE")


def test_every_field_of_vitals_that_is_measured_has_a_code_in_the_unit_of_the_slot() -> None:
    fields = CATALOGUE["vitals"].shape.fields
    measured = {name: one for name, one in fields.items() if isinstance(one, Whole | Number)}
    assert set(VITALS) == {*measured, "avpu"}
    units = {"mmHg": "mm[Hg]", "": "{score}"}
    for name, one in measured.items():
        assert VITALS[name].unit == units.get(one.unit, one.unit)


def test_a_code_means_the_same_field_when_it_is_read_and_when_it_is_written() -> None:
    codes = {one.code: name for name, one in VITALS.items()}
    assert codes[AVPU_LOINC] == "avpu"
    both = set(codes) & set(SIGNS)
    assert both >= {"8867-4", "9279-1", "8480-6", "8462-4", "59408-5", "8310-5"}
    assert {code: SIGNS[code].field for code in both} == {code: codes[code] for code in both}


def test_codes_from_memory_are_not_emitted() -> None:
    every = [*VITALS.values(), *PANELS.values(), *OTHERS.values()]
    assert {one.code for one in every if not one.verified} == {
        "882-1",
        "883-9",
        "10331-7",
        "2524-7",
    }
    assert outward_loinc("lactate") is None
    assert outward_loinc("pulse") == VITALS["pulse"]
    assert outward_loinc("pulse_site") is None
    assert len({one.code for one in every}) == len(every)
    assert all(re.fullmatch(r"\d{3,5}-\d", one.code) for one in every)


@pytest.mark.parametrize("code", [one.code for one in (*VITALS.values(), *OTHERS.values())])
def test_the_last_digit_of_a_loinc_code_checks_the_others(code: str) -> None:
    digits, _, check = code.partition("-")
    doubled = str(int(digits[::-1][::2]) * 2)  # LOINC Users' Guide: modulus 10
    total = sum(map(int, doubled)) + sum(map(int, digits[::-1][1::2]))
    assert int(check) == -total % 10


def test_the_notices_stand_in_the_notice_file() -> None:
    text = " ".join((ROOT / "NOTICE").read_text().split())
    assert LOINC_NOTICE in text
    assert "National Library of Medicine" in text
    assert "CVX" in text


def test_vaccines_are_found_by_code_and_count_for_their_groups() -> None:
    assert vaccine("3") == vaccine("03") == VACCINES["03"]
    assert vaccine(" 140 ") == VACCINES["140"]
    assert vaccine("999") is None
    assert vaccine("") is None
    assert groups_of("104") == ("hepatitis-a", "hepatitis-b")
    assert groups_of("113") == groups_of("115") == groups_of("09") == ("tetanus-diphtheria",)
    assert groups_of("999") == ()
    assert VACCINES["18"].status == VACCINES["208"].status == "Inactive"
    assert len(VACCINES) == 32


def test_routine_intervals_are_of_known_groups_cite_a_source_and_go_by_the_vaccine_given() -> None:
    for one in ROUTINE:
        assert one.group in GROUPS
        assert one.source
        assert all(one.group in groups_of(code) for code in one.codes)
    assert routine_of("influenza").interval_days == 365
    assert routine_of("tetanus-diphtheria", "115").interval_days == 3652
    assert routine_of("typhoid", "101").interval_days == 730
    assert routine_of("typhoid", "25").interval_days == 1826
    assert routine_of("typhoid") is None
    assert routine_of("cholera", "174") is None


@pytest.mark.parametrize(
    ("universal", "fdi", "plain"),
    [
        ("1", "18", "upper right third molar"),
        ("8", "11", "upper right central incisor"),
        ("9", "21", "upper left central incisor"),
        ("16", "28", "upper left third molar"),
        ("17", "38", "lower left third molar"),
        ("24", "31", "lower left central incisor"),
        ("25", "41", "lower right central incisor"),
        ("32", "48", "lower right third molar"),
        ("3", "16", "upper right first molar"),
        ("A", "55", "upper right second molar (primary)"),
        ("E", "51", "upper right central incisor (primary)"),
        ("F", "61", "upper left central incisor (primary)"),
        ("J", "65", "upper left second molar (primary)"),
        ("K", "75", "lower left second molar (primary)"),
        ("O", "71", "lower left central incisor (primary)"),
        ("P", "81", "lower right central incisor (primary)"),
        ("T", "85", "lower right second molar (primary)"),
    ],
)
def test_universal_and_fdi_name_the_same_tooth(universal: str, fdi: str, plain: str) -> None:
    assert to_fdi(universal) == fdi
    assert from_fdi(fdi) == universal
    assert UNIVERSAL[universal].plain == plain


@given(st.sampled_from(sorted(UNIVERSAL)))
def test_every_tooth_comes_back_from_fdi_and_has_five_surfaces(universal: str) -> None:
    assert from_fdi(to_fdi(universal)) == universal
    surfaces = surfaces_of(universal)
    assert len(surfaces) == 5
    assert set(surfaces) <= set(SURFACES)
    assert ("I" in surfaces, "O" in surfaces) == (
        is_anterior(universal),
        not is_anterior(universal),
    )
    assert is_permanent(universal) == universal.isdigit()


@given(st.text())
@settings(deadline=None)
def test_text_that_is_no_tooth_has_no_code(text: str) -> None:
    known = tooth(text)
    assert known is None or known.universal in UNIVERSAL
    assert (to_fdi(text) is None) == (known is None) == (surfaces_of(text) == ())
    assert from_fdi(text) is None or to_fdi(from_fdi(text)) == text.strip()


def test_there_are_52_teeth_of_which_24_are_in_front() -> None:
    assert len(UNIVERSAL) == len({one.fdi for one in UNIVERSAL.values()}) == 52
    front = [one for one in UNIVERSAL if is_anterior(one)]
    assert front == ["6", "7", "8", "9", "10", "11", *map(str, range(22, 28)), *"CDEFGHMNOPQR"]
    assert tooth(" 03") == tooth("3")
    assert tooth("a") == tooth("A")
    assert tooth("33") is tooth("0") is tooth("") is None
