"""AllergyIntolerance to `allergy`. The safer reading wins where the source is unclear.

An unknown clinical status reads as active. "No known …" codes speak of the whole list, and only two
kinds of them mean what the record means by it; the others (no known food allergy) are kept verbatim
and never become an allergy to a thing called "no known food allergy".
"""

from __future__ import annotations

import re

from conflict.records import ALLERGY
from node.fhir.exact import Json
from node.fhir.sketch import Scene, Sketch, Target
from node.fhir.taking import UNKNOWN, Concept, Part, concept, status, words

NONE_KNOWN = {
    "716186003": "none-known",
    "160244002": "none-known",
    "409137002": "none-known-drug",
}
_SNOMED = "http://snomed.info/sct"
_NO_KNOWN = re.compile(r"\s*no (known|history of)\b", re.IGNORECASE)
_WRAPPING = re.compile(
    r"(allergy to |allergic to )?(?P<substance>.+?)( allergy)?( \((substance|disorder|finding)\))?",
    re.IGNORECASE,
)
_CLINICAL = {"active": "active", "inactive": "inactive", "resolved": "resolved"}
_VERIFICATION = {"confirmed": "confirmed", "unconfirmed": "unconfirmed", "refuted": "refuted"}
_CATEGORY = {
    "medication": "drug",
    "food": "food",
    "environment": "environment",
    "biologic": "biologic",
}


def allergy(part: Part, scene: Scene) -> list[Sketch]:
    """One statement, none where the resource names no substance."""
    scene.take_home(part)
    coded = _substance(part)
    none_known = NONE_KNOWN.get(coded.code) if coded.system in {"", _SNOMED} else None
    clinical = status(part, "clinicalStatus", _CLINICAL)
    verification = status(part, "verificationStatus", _VERIFICATION)
    if none_known:
        stands = clinical in {"", "active"} and verification != "refuted"
        value: dict[str, Json] | None = {"status": none_known} if stands else None
    elif not coded.display or _NO_KNOWN.match(coded.display):
        value = None
    else:
        value = {"substance": coded.display, "status": _status(clinical, verification)}
    if value is None:
        return []
    if coded.code:
        value |= {"code": coded.code, "system": coded.system}
    if verification in {"confirmed", "unconfirmed"} and not none_known:
        value["verification"] = verification
    value |= {} if none_known else _details(part)
    by = scene.take_name(part.child("recorder")) or scene.take_name(part.child("asserter"))
    at = part.first_moment("recordedDate", "assertedDate", "onsetDateTime")
    return [Sketch(Target.PERSON, ALLERGY.name, value, at, by)]


def _substance(part: Part) -> Concept:
    """The coded substance, its name without the words "allergy to" that would hide it."""
    coded = concept(part.child("code"), 200)
    bare = _WRAPPING.fullmatch(coded.display.strip())
    if bare is None or bare["substance"] == coded.display:
        return coded
    part.child("code").body["text"] = coded.display  # its own words stay with the original
    return coded._replace(display=bare["substance"])


def _status(clinical: str, verification: str) -> str:
    if verification == "refuted":
        return "refuted"
    return clinical if clinical not in {"", UNKNOWN} else "active"


def _details(part: Part) -> dict[str, Json]:
    details: dict[str, Json] = {}
    category = part.peek("category")
    code = category[0] if isinstance(category, list) and category else category
    if isinstance(code, str) and code in _CATEGORY:
        details["category"] = _CATEGORY[code]
        part.body["category"] = category[1:] if isinstance(category, list) else None
    if (criticality := part.peek("criticality")) in ("high", "unable-to-assess", "low"):
        part.drop("criticality")
        details["criticality"] = criticality
    if reactions := _reactions(part):
        details["reactions"] = reactions
    part.drop_equal("allergy", "type")
    return details


def _reactions(part: Part) -> list[Json]:
    found: list[Json] = []
    for reaction in part.each("reaction"):
        for manifestation in reaction.each("manifestation"):
            if name := words(manifestation, 200):
                found.append(name)
    return found[:40]
