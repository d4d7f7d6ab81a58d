"""Condition to `problem` and Immunization to `immunisation`, both facts about the person.

A problem's key is its code and the day it began: a second bout of the same illness is another
problem and must neither reopen the first nor contradict it.
"""

from __future__ import annotations

from conflict.records import IMMUNISATION, PROBLEM
from node.fhir.exact import Json
from node.fhir.sketch import Scene, Sketch, Target
from node.fhir.taking import UNKNOWN, Part, concept, status

_CLINICAL = {
    "active": "active",
    "recurrence": "active",
    "relapse": "active",
    "inactive": "inactive",
    "remission": "remission",
    "resolved": "resolved",
}
_VERIFICATION = {"confirmed": "confirmed", "refuted": "refuted"}
_GIVEN = {"completed": "completed", "not-done": "not-done"}


def occurrence(key: str, at: str) -> str:
    """Key of a thing that a person may have more than once: what, and the day it began."""
    return f"{key}@{at[:10]}" if at else key


def condition(part: Part, scene: Scene) -> list[Sketch]:
    """One statement, none for a mere possibility or where nothing names the condition."""
    scene.take_home(part)
    coded = concept(part.child("code"))
    clinical = status(part, "clinicalStatus", _CLINICAL)
    verification = status(part, "verificationStatus", _VERIFICATION)
    if not coded.name or _possible_only(part):
        return []
    onset = _period_start(part, "onset")
    abatement = "" if clinical in {"active", UNKNOWN} else _abatement(part)
    value: dict[str, Json] = {
        "key": occurrence(coded.key, onset or str(part.peek("recordedDate") or "")[:10]),
        "display": coded.name,
        "status": "refuted" if verification == "refuted" else _status(clinical, abatement),
    }
    value |= _code(coded.code, coded.system) | _where(scene)
    if abatement:
        value["abatement"] = abatement
    category = concept(part.first("category"), 80)
    if category.name:
        value["category"] = category.code or category.display
    part.drop_equal(onset, "recordedDate")
    at = onset or part.first_moment("recordedDate", "assertedDate")
    by = scene.take_name(part.child("recorder")) or scene.take_name(part.child("asserter"))
    return [Sketch(Target.PERSON, PROBLEM.name, value, at, by)]


def _possible_only(part: Part) -> bool:
    coding = part.child("verificationStatus").first("coding")
    return "differential" in (coding.peek("code"), part.peek("verificationStatus"))


def _abatement(part: Part) -> str:
    """Asked only where it may be (con-4): an end of what is active stays with the original."""
    return part.first_moment("abatementDateTime") or part.child("abatementPeriod").moment("end")


def _status(clinical: str, abatement: str) -> str:
    if clinical in {"", UNKNOWN}:
        return "resolved" if abatement and not clinical else "active"
    return clinical


def _period_start(part: Part, name: str) -> str:
    return part.first_moment(f"{name}DateTime") or part.child(f"{name}Period").moment("start")


def _code(code: str, system: str) -> dict[str, Json]:
    return {"code": code, "system": system} if code else {}


def _where(scene: Scene) -> dict[str, Json]:
    episode = scene.episode()
    return {"episode": episode} if episode else {}


def immunization(part: Part, scene: Scene) -> list[Sketch]:
    """One statement, none where the vaccine or whether it was given is not said."""
    scene.take_home(part)
    coded = concept(part.child("vaccineCode"))
    given = status(part, "status", _GIVEN)
    if not coded.name or given in {"", UNKNOWN}:
        return []
    value: dict[str, Json] = {"display": coded.name, "status": given}
    value |= _code(coded.code, coded.system) | _where(scene)
    if lot := part.text("lotNumber", 80):
        value["lot"] = lot
    if (primary := part.flag("primarySource")) is not None:
        value["primary_source"] = primary
    if number := part.first("protocolApplied").whole("doseNumberPositiveInt", 1, 20):
        value["dose_number"] = number
    at = part.first_moment("occurrenceDateTime", "date", "recorded")
    by = scene.take_name(part.first("performer").child("actor"))
    return [Sketch(Target.PERSON, IMMUNISATION.name, value, at, by)]
