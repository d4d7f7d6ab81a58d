"""Observation to `vitals`, by LOINC code and unit (CLINICAL.md §2). One Observation, one statement.

A number is carried as given where the slot can hold it. Where the slot counts whole beats, or a
source wrote fifteen digits of a thermometer, the rounded number is shown and the original is kept
beside it. A unit that is not known here is never guessed: the Observation is kept verbatim.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from conflict.records import VITALS
from node.fhir.exact import Digits, Json
from node.fhir.sketch import Scene, Sketch, Target
from node.fhir.taking import Part, plain_decimal, status

LOINC = "http://loinc.org"


class Scale(NamedTuple):
    """Slot's unit = (given - shift) x factor."""

    factor: Decimal = Decimal(1)
    shift: Decimal = Decimal(0)


class Sign(NamedTuple):
    """A field of the slot, whether it counts in whole numbers, and the units it is read from."""

    field: str
    whole: bool
    units: Mapping[str, Scale]
    unitless: bool = False


_SAME = Scale()
_RATE = dict.fromkeys(
    ("/min", "{beats}/min", "{Beats}/min", "beats/min", "{breaths}/min", "breaths/min", "bpm"),
    _SAME,
)
_PRESSURE = dict.fromkeys(("mm[Hg]", "mmHg", "mm Hg"), _SAME)
_SCORE = dict.fromkeys(("{score}", "{Score}", "{#}", "1", "score"), _SAME)
_LENGTH = {
    "cm": _SAME,
    "m": Scale(Decimal(100)),
    "mm": Scale(Decimal("0.1")),
    "[in_i]": Scale(Decimal("2.54")),
    "in": Scale(Decimal("2.54")),
}
_MASS = {
    "kg": _SAME,
    "g": Scale(Decimal("0.001")),
    "[lb_av]": Scale(Decimal("0.45359237")),
    "lb": Scale(Decimal("0.45359237")),
    "lbs": Scale(Decimal("0.45359237")),
}
_FAHRENHEIT = Scale(Decimal(5) / Decimal(9), Decimal(32))
_WARMTH = {
    **dict.fromkeys(("Cel", "°C", "degC", "C"), _SAME),
    **dict.fromkeys(("[degF]", "°F", "degF", "F"), _FAHRENHEIT),
}

_TEMPERATURE = Sign("temperature", False, _WARMTH)
_SPO2 = Sign("spo2", True, {"%": _SAME})
_HEAD = Sign("head_circumference", False, _LENGTH)

SIGNS: Mapping[str, Sign] = {
    "8867-4": Sign("pulse", True, _RATE),
    "9279-1": Sign("respiration", True, _RATE),
    "8480-6": Sign("systolic", True, _PRESSURE),
    "8462-4": Sign("diastolic", True, _PRESSURE),
    "2708-6": _SPO2,
    "59408-5": _SPO2,
    "8310-5": _TEMPERATURE,
    "8331-1": _TEMPERATURE,
    "29463-7": Sign("weight", False, _MASS),
    "3141-9": Sign("weight", False, _MASS),
    "8302-2": Sign("height", False, _LENGTH),
    "39156-5": Sign("bmi", False, {"kg/m2": _SAME, "kg/m²": _SAME}),
    "9843-4": _HEAD,
    "8287-5": _HEAD,
    "72514-3": Sign("pain", True, _SCORE, unitless=True),
    "9269-2": Sign("gcs", True, _SCORE, unitless=True),
    "19889-5": Sign("etco2", True, _PRESSURE),
    "2339-0": Sign("glucose", False, {"mg/dL": _SAME}),
}
AVPU_LOINC = "67775-7"
_AVPU = {
    "a": "A", "alert": "A", "v": "V", "voice": "V", "verbal": "V", "p": "P", "pain": "P",
    "painful": "P", "u": "U", "unresponsive": "U",
}  # fmt: skip
_PANELS = frozenset({"85354-9", "55284-4", "85353-1"})
_SITED = frozenset({"8331-1", "3141-9", "8287-5"})
"""Codes that say how or where it was measured, which the slot does not: the code is kept."""

_FINAL = {"final": "final"}
_NO_RESULT = ("registered", "cancelled", "unknown")


def observation(part: Part, scene: Scene) -> list[Sketch]:
    """One statement with every sign in the Observation, none where there is no sign in it."""
    if part.peek("status") in _NO_RESULT or status(part, "status", _FINAL) == "":
        return []
    if part.peek("focus"):  # measured on somebody or something else
        return []
    value: dict[str, Json] = {}
    _take(part, value)
    for component in part.each("component"):
        _take(component, value)
    if not value:
        return []
    scene.take_home(part)
    _take_kind(part)
    at = part.first_moment("effectiveDateTime") or part.child("effectivePeriod").moment("start")
    part.drop("issued")  # when the source's software released it
    by = scene.take_name(part.first("performer"))
    return [Sketch(Target.EPISODE, VITALS.name, value, at, by)]


def _take(part: Part, value: dict[str, Json]) -> None:
    """Take one sign, from an Observation or one of its components."""
    code = _loinc(part)
    sign = SIGNS.get(code)
    field = sign.field if sign else "avpu"
    found: Json = None
    if field not in value and (sign or code == AVPU_LOINC):
        found = _number(part, sign) if sign else _avpu(part)
    if found is not None:
        value[field] = found
    if (found is not None and code not in _SITED) or code in _PANELS:
        part.drop("code")


def _loinc(part: Part) -> str:
    """The code of a coding that is known here; empty where there is none."""
    for coding in part.child("code").each("coding"):
        code = coding.peek("code")
        known = isinstance(code, str) and (code in SIGNS or code in _PANELS or code == AVPU_LOINC)
        if known and coding.peek("system") in (LOINC, None):
            return str(code)
    return ""


def _number(part: Part, sign: Sign) -> Json:
    quantity = part.child("valueQuantity")
    if sign.unitless and not quantity.body:
        return part.whole("valueInteger", 0, 100)
    given = quantity.peek("value")
    number = given.decimal() if isinstance(given, Digits) else None
    scale = _scale(quantity, sign)
    if number is None or scale is None or quantity.peek("comparator"):
        return None
    wanted = (number - scale.shift) * scale.factor
    if sign.whole:
        shown: Json = int(wanted.quantize(Decimal(1), ROUND_HALF_EVEN))
        exact = scale == _SAME and shown == number
    else:
        shown = plain_decimal(given) if scale == _SAME else ""
        exact = bool(shown)
        shown = shown or format(wanted.quantize(Decimal("0.01"), ROUND_HALF_EVEN), "f")
    if exact:
        quantity.drop("value", "unit", "code", "system")
    return shown


def _scale(quantity: Part, sign: Sign) -> Scale | None:
    """How to read the number; None for a unit that is not known here, or for two that differ."""
    names = [quantity.peek(one) for one in ("code", "unit") if quantity.peek(one) is not None]
    scales = [sign.units.get(one) for one in names if isinstance(one, str)]
    known = [one for one in scales if one is not None]
    if not names and sign.unitless:
        return _SAME
    return known[0] if known and len(set(known)) == 1 else None


def _avpu(part: Part) -> str | None:
    answer = part.child("valueCodeableConcept")
    coding = answer.first("coding")
    for word in (part.peek("valueString"), coding.peek("code"), *_words(coding), *_words(answer)):
        if isinstance(word, str) and (level := _AVPU.get(word.strip().lower())):
            return level  # the answer stays: its code system is not agreed (CLINICAL.md §2)
    return None


def _words(part: Part) -> tuple[Json, Json]:
    return part.peek("display"), part.peek("text")


def _take_kind(part: Part) -> None:
    """Count the category `vital-signs` as carried: the slot is that."""
    for category in part.each("category"):
        coding = category.first("coding")
        if coding.peek("code") == "vital-signs":
            category.drop("text", "coding")
