"""Patient to identity: name, sex, date of birth, DoD ID. Everything else is kept verbatim.

Two current names, or two DoD IDs, would contradict each other in the chart: only the name in use is
mapped, while every DoD ID is, because two on one person must be seen (CLINICAL.md §3).
"""

from __future__ import annotations

import re

from conflict.records import BIRTH_DATE, DOD_ID, NAME, SEX
from node.fhir.exact import Json
from node.fhir.sketch import Scene, Sketch, Target
from node.fhir.taking import Part

DOD_ID_SYSTEM = "urn:oid:2.16.840.1.113883.3.42.10001.100001.12"
EVIDENCE = "registry"

_NOT_CURRENT = ("old", "maiden", "nickname", "temp", "anonymous")
_NUMBER = re.compile(r"\d{10,11}")


def patient(part: Part, scene: Scene) -> list[Sketch]:  # noqa: ARG001  every mapper's signature
    """Identity statements of a Patient."""
    sketches = [_sketch(DOD_ID.name, {"number": number}) for number in _dod_ids(part)]
    if name := _name(part):
        sketches.append(_sketch(NAME.name, name))
    if (gender := part.peek("gender")) in ("male", "female", "other", "unknown"):
        part.drop("gender")
        sketches.append(_sketch(SEX.name, {"code": gender}))
    if len(str(part.peek("birthDate"))) <= 10 and (born := part.moment("birthDate")):
        sketches.append(_sketch(BIRTH_DATE.name, {"date": born}))
    if part.peek("active") is True:
        part.drop("active")
    return sketches


def _sketch(slot: str, value: dict[str, Json]) -> Sketch:
    return Sketch(Target.PERSON, slot, {**value, "evidence": EVIDENCE})


def _dod_ids(part: Part) -> list[str]:
    found: list[str] = []
    for identifier in part.each("identifier"):
        value = identifier.peek("value")
        ours = identifier.peek("system") == DOD_ID_SYSTEM
        if ours and isinstance(value, str) and _NUMBER.fullmatch(value):
            identifier.drop("system", "value", "use", "type")
            found.append(value)
    return found


def _name(part: Part) -> dict[str, Json]:
    names = part.each("name")
    usable = [one for one in names if one.peek("use") not in _NOT_CURRENT]
    usable.sort(key=lambda one: one.peek("use") != "official")
    if not usable:
        return {}
    name = usable[0]
    value: dict[str, Json] = {}
    if family := name.text("family", 120):
        value["family"] = family
    if given := _given(name):
        value["given"] = given
    if not value and (spoken := name.text("text", 120)):
        value["family"] = spoken
    said = " ".join(str(value[one]) for one in ("given", "family") if one in value)
    name.drop_equal(said, "text")
    name.drop("use")
    return value


def _given(name: Part) -> str:
    given = name.peek("given")
    words = given if isinstance(given, list) else []
    text = " ".join(word for word in words if isinstance(word, str))
    if not text or len(text) > 120 or not all(isinstance(word, str) for word in words):
        return ""
    name.drop("given")
    return text
