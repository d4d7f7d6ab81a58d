"""Encounter to `encounter` and Procedure to `procedure`: what happened in an episode."""

from __future__ import annotations

from conflict.records import ENCOUNTER, PROCEDURE
from node.fhir.exact import Json
from node.fhir.sketch import Scene, Sketch, Target
from node.fhir.taking import UNKNOWN, Part, concept, drop_code, status, words

_STATUS = {
    name: name
    for name in (
        "planned", "arrived", "triaged", "in-progress", "onleave", "finished", "cancelled",
    )
}  # fmt: skip
_DONE = {name: name for name in ("completed", "in-progress", "stopped", "on-hold")}


def encounter(part: Part, scene: Scene) -> list[Sketch]:
    """One statement, none where the source does not say whether it took place."""
    scene.take_home(part)
    state = status(part, "status", _STATUS)
    if state in {"", UNKNOWN}:
        return []
    value: dict[str, Json] = {"status": state}
    if kind := part.child("class").text("code", 40):
        value["class"] = kind
        drop_code(part.child("class"))
    coded = concept(part.first("type"))
    if coded.name:
        value["type"] = coded.name
    if coded.code:
        value |= {"code": coded.code, "system": coded.system}
    if reason := words(part.first("reasonCode"), 300):
        value["reason"] = reason
    if facility := scene.take_name(part.child("serviceProvider"), "Organization"):
        value["facility"] = facility
    period = part.child("period")
    at = period.moment("start")
    if end := period.moment("end"):
        value["end"] = end
    by = scene.take_name(part.first("participant").child("individual"))
    return [Sketch(Target.EPISODE, ENCOUNTER.name, value, at, by)]


def procedure(part: Part, scene: Scene) -> list[Sketch]:
    """One statement, none for what was planned or not done."""
    scene.take_home(part)
    coded = concept(part.child("code"))
    state = status(part, "status", _DONE)
    if not coded.name or state in {"", UNKNOWN}:
        return []
    value: dict[str, Json] = {"what": coded.name, "status": state}
    if coded.code:
        value |= {"code": coded.code, "system": coded.system}
    if site := words(part.first("bodySite"), 120):
        value["site"] = site
    period = part.child("performedPeriod")
    at = part.first_moment("performedDateTime") or period.moment("start")
    if end := period.moment("end"):
        value["end"] = end
    by = scene.take_name(part.first("performer").child("actor"))
    return [Sketch(Target.EPISODE, PROCEDURE.name, value, at, by)]
