"""Observations to vital signs: exact numbers, known units, nothing guessed."""

from __future__ import annotations

import pytest

from node.fhir.mapping import Outcome
from tests.fhir.single import became
from tests.fhir.synthea_bundle import LOINC, Body, concept, quantity

LB = "[lb_av]"


def value_of(found: Outcome) -> Body | None:
    return next((one.value for _, one in found.drafts if one.slot == "vitals"), None)


def observation(code: str, digits: str, unit: str, **more: object) -> Body:
    return {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2015-03-02T05:11:45.123-05:00",
        "code": concept(code, "a sign", LOINC),
        "valueQuantity": quantity(digits, unit),
        **more,
    }


@pytest.mark.parametrize(
    ("code", "digits", "unit", "value"),
    [
        ("8310-5", "36.60", "Cel", {"temperature": "36.60"}),
        ("29463-7", "87.43219", "kg", {"weight": "87.43219"}),
        ("8867-4", "77", "/min", {"pulse": 77}),
        ("9279-1", "14.0", "/min", {"respiration": 14}),
        ("59408-5", "97", "%", {"spo2": 97}),
        ("72514-3", "3", "{score}", {"pain": 3}),
    ],
)
def test_a_sign_that_fits_is_carried_as_given_and_needs_no_copy(
    code: str, digits: str, unit: str, value: Body
) -> None:
    found = became(observation(code, digits, unit))
    assert value_of(found) == value
    assert not found.kept


@pytest.mark.parametrize(
    ("code", "digits", "unit", "value"),
    [
        ("8302-2", "50.13664691894921", "cm", {"height": "50.14"}),
        ("8867-4", "83.37549919347063", "/min", {"pulse": 83}),
        ("72514-3", "3.8871955457061493", "{score}", {"pain": 4}),
        ("8310-5", "98.6", "[degF]", {"temperature": "37.00"}),
        ("29463-7", "154", LB, {"weight": "69.85"}),
        ("8331-1", "37.1", "Cel", {"temperature": "37.1"}),
    ],
)
def test_a_rounded_or_converted_sign_keeps_its_original(
    code: str, digits: str, unit: str, value: Body
) -> None:
    found = became(observation(code, digits, unit))
    assert value_of(found) == value
    kept = [one.value for _, one in found.drafts if one.slot == "source"]
    assert kept[0]["partly_mapped"] is True
    assert digits in kept[0]["verbatim"]


@pytest.mark.parametrize(
    "body",
    [
        observation("8310-5", "36.6", "K"),
        observation("29463-7", "87", "stone"),
        observation("8867-4", "999", "/min"),
        observation("8867-4", "1e300", "/min"),
        observation("8867-4", "1e99999999999999999999", "/min"),
        observation("8867-4", "77", "/min", status="entered-in-error"),
        observation("8867-4", "77", "/min", status="cancelled"),
        observation("8867-4", "77", "/min", focus=[{"reference": "RelatedPerson/baby"}]),
        observation("8867-4", "77", "/min", modifierExtension=[{"url": "urn:not"}]),
        observation("8867-4", "77", "/min", subject={"reference": "Device/d1"}),
        observation("718-7", "12.2", "g/dL"),
    ],
    ids=lambda body: body["code"]["coding"][0]["code"],
)
def test_what_cannot_be_read_surely_is_kept_and_not_shown(body: Body) -> None:
    found = became(body)
    assert not found.mapped
    assert found.kept
    assert value_of(found) is None


def test_a_bound_is_not_a_value() -> None:
    body = observation("59408-5", "70", "%")
    body["valueQuantity"]["comparator"] = "<"
    assert not became(body).mapped


def test_units_that_contradict_each_other_are_not_guessed() -> None:
    body = observation("29463-7", "154", "kg")
    body["valueQuantity"]["unit"] = "lb"
    assert not became(body).mapped


def test_both_pressures_stand_in_one_statement() -> None:
    body = observation("85354-9", "0", "mm[Hg]")
    del body["valueQuantity"]
    body["component"] = [
        {"code": concept("8480-6", "s", LOINC), "valueQuantity": quantity("134", "mm[Hg]")},
        {"code": concept("8462-4", "d", LOINC), "valueQuantity": quantity("83", "mm[Hg]")},
    ]
    found = became(body)
    assert value_of(found) == {"systolic": 134, "diastolic": 83}
    assert not found.kept


def test_a_second_value_for_one_sign_stays_in_the_original() -> None:
    body = observation("59408-5", "97", "%")
    body["component"] = [
        {"code": concept("2708-6", "s", LOINC), "valueQuantity": quantity("91", "%")}
    ]
    found = became(body)
    assert value_of(found) == {"spo2": 97}
    assert found.kept


def test_clinical_time_keeps_its_offset_and_milliseconds() -> None:
    found = became(observation("8867-4", "77", "/min"))
    assert found.drafts[0][1].at == "2015-03-02T05:11:45.123-05:00"


def test_a_time_that_cannot_be_read_does_not_hide_the_sign() -> None:
    found = became(observation("8867-4", "77", "/min", effectiveDateTime="yesterday"))
    assert value_of(found) == {"pulse": 77}
    assert found.drafts[0][1].at is None
    assert found.kept


def test_avpu_is_read_from_its_words() -> None:
    body = observation("67775-7", "1", "1")
    del body["valueQuantity"]
    body["valueCodeableConcept"] = {
        "coding": [{"system": "urn:x", "code": "9", "display": "Voice"}]
    }
    assert value_of(became(body)) == {"avpu": "V"}
