"""MedicationRequest to `medication` (what a person is on) and MedicationAdministration to
`medication_given` (what went in, in an episode). A proposal, an order not to give and a drug that
was not given are none of these: they are kept verbatim.
"""

from __future__ import annotations

from conflict.records import MEDICATION, MEDICATION_GIVEN
from node.fhir.condition import occurrence
from node.fhir.exact import Json
from node.fhir.sketch import Scene, Sketch, Target
from node.fhir.taking import UNKNOWN, Part, status, words

_STATUS = {
    name: name for name in ("active", "stopped", "completed", "cancelled", "on-hold", "draft")
}
_GIVEN = {name: name for name in ("completed", "in-progress", "stopped", "on-hold")}
_NOT_ORDERED = ("proposal", "plan", "option")


def request(part: Part, scene: Scene) -> list[Sketch]:
    """One statement of a person's medication list."""
    scene.take_home(part)
    drug = scene.medication(part, 300)
    state = status(part, "status", _STATUS)
    forbidden = part.peek("doNotPerform") not in (None, False)
    if not drug.name or state in {"", UNKNOWN} or forbidden or part.peek("intent") in _NOT_ORDERED:
        return []
    part.drop_equal("order", "intent")
    part.drop_equal(False, "doNotPerform")
    at = part.first_moment("authoredOn")
    value: dict[str, Json] = {
        "key": occurrence(drug.key, at),
        "display": drug.name,
        "status": state,
        **({"code": drug.code, "system": drug.system} if drug.code else {}),
    }
    if episode := scene.episode():
        value["episode"] = episode
    dosage = part.first("dosageInstruction")
    if instructions := dosage.text("text", 1_000):
        value["instructions"] = instructions
    value |= _dose(dosage.first("doseAndRate").child("doseQuantity")) | _route(dosage)
    by = scene.take_name(part.child("requester"))
    return [Sketch(Target.PERSON, MEDICATION.name, value, at, by)]


def administration(part: Part, scene: Scene) -> list[Sketch]:
    """One statement of a drug that was given, whole or in part."""
    scene.take_home(part)
    drug = scene.medication(part, 200)
    state = status(part, "status", _GIVEN)
    if not drug.name or state in {"", UNKNOWN}:
        return []
    value: dict[str, Json] = {
        "drug": drug.name,
        "status": state,
        **({"code": drug.code, "system": drug.system} if drug.code else {}),
    }
    dosage = part.child("dosage")
    value |= _dose(dosage.child("dose")) | _route(dosage)
    at = part.first_moment("effectiveDateTime") or part.child("effectivePeriod").moment("start")
    by = scene.take_name(part.first("performer").child("actor"))
    return [Sketch(Target.EPISODE, MEDICATION_GIVEN.name, value, at, by)]


def _dose(quantity: Part) -> dict[str, Json]:
    """Dose and unit; none where the number is only a bound, or has no unit to mean anything."""
    unit = quantity.peek("unit") or quantity.peek("code")
    if quantity.peek("comparator") or not isinstance(unit, str) or len(unit) > 40:
        return {}
    dose = quantity.decimal("value")
    if not dose:
        return {}
    quantity.drop("unit", "code", "system")
    return {"dose": dose, "unit": unit}


def _route(dosage: Part) -> dict[str, Json]:
    route = words(dosage.child("route"), 80)
    return {"route": route} if route else {}
