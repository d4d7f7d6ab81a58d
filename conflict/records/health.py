"""What stays true of a person's health across episodes: allergies, blood type, problems, medications,
precautions. DD 2766 and CLINICAL.md §3.

*Entered in error* is never a status here: it is a statement of its own that names what it voids, so
FHIR's ait-2 and con-5 cannot be broken, and no status at all reads as active.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from conflict.codes.drugs import find_drug
from conflict.finding import Act, Closing, Severity
from conflict.policies import Keyed, Ranked, field_of
from conflict.records.fields import CODED, DOCUMENT
from conflict.records.identity import PERSON
from conflict.shape import Code, Field, Flag, Group, Many, Moment, Number, Text
from conflict.slot import Slot, Urgency, declare
from conflict.statement import Json, Statement
from conflict.wording import raw

Value = Mapping[str, Json]

NONE_KNOWN = ("none-known-drug", "none-known")
CRITICALITY = ("high", "unable-to-assess", "low")
VERIFICATION = ("confirmed", "unconfirmed")


def _allergy_words(value: Value) -> str:
    if value.get("status") == "none-known-drug":
        return "no known drug allergies"
    if value.get("status") == "none-known":
        return "no known allergies"
    named = value.get("substance") or value.get("code") or "unnamed substance"
    parts = [raw(value.get("status") or "active")]
    parts += [raw(value[name]) for name in ("category", "verification") if value.get(name)]
    parts += [f"criticality {raw(level)}"] if (level := value.get("criticality")) else []
    reactions = f": {raw(given)}" if (given := value.get("reactions")) else ""
    return f"{raw(named)} ({', '.join(parts)}){reactions}"


def _allergy_rule(value: Value) -> Iterator[str]:
    status = value.get("status")
    if status in NONE_KNOWN and (named := value.get("substance")):
        yield f"substance: none with status {raw(status)}, {raw(named)[:40]!r} given"
    if status == "refuted" and value.get("verification") == "confirmed":
        yield "verification: refuted and confirmed at once"


ALLERGY = declare(
    Slot(
        name="allergy",
        kinds=PERSON,
        plain="Allergy",
        policy=Keyed(
            key=("substance",),
            negatives=("refuted", "inactive", "resolved"),
            none_known=NONE_KNOWN,
            silent_on=(("none-known-drug", ("food", "environment")),),
            union=("reactions",),
            highest=(("criticality", CRITICALITY), ("verification", VERIFICATION)),
        ),
        shape=Group(
            {
                "substance": Text(200),
                **CODED,
                "status": Code(("active", "refuted", "inactive", "resolved", *NONE_KNOWN)),
                "category": Code(("drug", "food", "environment", "biologic")),
                "reactions": Many(Text(200)),
                "criticality": Code(CRITICALITY),
                "verification": Code(VERIFICATION),
            }
        ),
        wording=_allergy_words,
        absent="not asked",
        rule=_allergy_rule,
        urgency=Urgency.SUMMARY,
        basis="DD Form 1380 (NKDA: drugs only); CLINICAL.md §3; FHIR R4 ait-1, ait-2",
    )
)

BLOOD_METHODS = ("two-lab-samples", "lab", "field-card", ("tag", "self"))

UNIVERSAL_ONLY = "unknown: universal products only"


def _blood_type_words(value: Value) -> str:
    """What is not known, or differs, is never read out as a group."""
    abo, rh = (given if (given := value.get(name)) else "unknown" for name in ("abo", "rh"))
    method = f" ({raw(value['method'])})" if value.get("method") else ""
    if value.get("discrepant") or abo == "unknown":
        known = f", Rh {raw(rh)}" if rh != "unknown" and not value.get("discrepant") else ""
        return f"{UNIVERSAL_ONLY}{known}{method}"
    return f"{raw(abo)}{raw(rh) if rh != 'unknown' else ', Rh unknown'}{method}"


BLOOD_TYPE = declare(
    Slot(
        name="blood_type",
        kinds=PERSON,
        plain="Blood type",
        policy=Ranked(
            evidence="method",
            ranks=BLOOD_METHODS,
            compared=("abo", "rh"),
            discrepant={"abo": "unknown", "rh": "unknown", "discrepant": True},
            severity=Severity.HIGH,
        ),
        shape=Group(
            {
                "abo": Code(("A", "B", "AB", "O", "unknown")),
                "rh": Code(("+", "-", "unknown")),
                "method": Code(("two-lab-samples", "lab", "field-card", "tag", "self")),
                "discrepant": Flag(),
            }
        ),
        wording=_blood_type_words,
        absent=UNIVERSAL_ONLY,
        urgency=Urgency.SUMMARY,
        basis="Mil Med 1999;164:785 (tags or cards wrong in 34 of 923 soldiers); CLINICAL.md §3",
    )
)

_CODED: dict[str, Field] = {
    **CODED,
    "display": Text(300),
    "episode": DOCUMENT,  # of the encounter that it was recorded in
}


ABATED = ("resolved", "inactive", "remission", "refuted")


def _problem_rule(value: Value) -> Iterator[str]:
    """FHIR R4 con-4: what says no status is active."""
    status = value.get("status")
    if value.get("abatement") and status not in ABATED:
        given = repr(raw(status)[:40]) if status else "none"
        yield f"status: resolved, inactive or remission expected beside an abatement, {given} given"


PROBLEM = declare(
    Slot(
        name="problem",
        kinds=PERSON,
        plain="Problem",
        policy=Keyed(
            key=("key",),
            negatives=("resolved", "inactive", "remission", "refuted"),
            aside=("episode",),
            ends=("abatement",),
            severity=Severity.MEDIUM,
        ),
        shape=Group(
            {
                **_CODED,
                "key": Text(300),
                "status": Code(("active", "resolved", "inactive", "remission", "refuted")),
                "abatement": Moment(),
                "category": Text(80),
            }
        ),
        absent="not asked",
        rule=_problem_rule,
        basis="DD 2766 significant health problems; CLINICAL.md §3; FHIR R4 con-4, con-5",
    )
)


def _stopped_for_reaction(value: Json) -> bool:
    return isinstance(value, dict) and value.get("reason") == "adverse-reaction"


def _allergy_to(stopped: Statement) -> Closing:
    """The allergy that a reaction to a drug should lead to, its name the ingredient where known."""
    named = raw(field_of(stopped, "display") or field_of(stopped, "key") or "").partition("@")[0]
    drug = find_drug(named)
    value: dict[str, Json] = {
        "substance": (drug.name if drug else named)[:200],
        "status": "active",
        "category": "drug",
        "verification": "unconfirmed",
    }
    if isinstance(reaction := field_of(stopped, "reaction"), str) and reaction.strip():
        value["reactions"] = [reaction[:200]]
    words = f"record an allergy to {value['substance'] or 'this drug'}, or say why there is none"
    return Closing(Act.RECORD, ALLERGY.name, words, value)


MEDICATION = declare(
    Slot(
        name="medication",
        kinds=PERSON,
        plain="Medication",
        policy=Keyed(
            key=("key",),
            negatives=("stopped", "completed", "cancelled"),
            aside=("episode",),
            doubt="stopped?",
            overrules=_stopped_for_reaction,
            proposes=_allergy_to,
        ),
        shape=Group(
            {
                **_CODED,
                "key": Text(300),
                "status": Code(("active", "stopped", "completed", "cancelled", "on-hold", "draft")),
                "dose": Number("0", "999999999"),
                "unit": Text(40),
                "route": Text(80),
                "instructions": Text(1_000),
                "reason": Code(("adverse-reaction", "no-effect", "finished", "refused", "other")),
                "reaction": Text(400),
            }
        ),
        absent="not asked",
        basis="DD 2766 medications; CLINICAL.md §3 medication list",
    )
)


FLAGS = (
    "contact-precautions",
    "droplet-precautions",
    "airborne-precautions",
    "isolation",
    "contaminated-chemical",
    "contaminated-biological",
    "contaminated-radiological",
    "contaminated-nuclear",
    "weapon-carried",
    "ordnance-embedded",
    "under-guard",
    "violence-risk",
    "self-harm-risk",
    "fall-risk",
    "pregnant",
    "other",
)

FLAG = declare(
    Slot(
        name="flag",
        kinds=PERSON,
        plain="Flag",
        policy=Keyed(key=("kind", "name"), negatives=("removed",), union=("details",)),
        shape=Group(
            {
                "kind": Code(FLAGS),
                "name": Text(120),
                "status": Code(("active", "removed")),
                "details": Many(Text(200)),
                "reason": Text(200),
            }
        ),
        absent="none raised",
        urgency=Urgency.SUMMARY,
        basis="CLINICAL.md §3 flags: add wins, removed only by one that saw it; FHIR R4 Flag",
    )
)
