"""The dental chart: state of each tooth, findings by tooth and surface, treatments, exams.

Teeth and surfaces are in Universal notation (`codes/teeth.py`). Dental class 4 (exam overdue) is
never written: it is derived when read. DD 2813, DoDI 6025.19, CLINICAL.md §1.4, §3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from conflict.codes.teeth import SURFACES, UNIVERSAL, surfaces_of
from conflict.finding import Severity
from conflict.policies import Events, Keyed, Single, field_of
from conflict.policies.comparing import moment_of
from conflict.records.fields import REFERENCE
from conflict.records.identity import PERSON
from conflict.shape import Code, Field, Group, Many, Text
from conflict.slot import Slot, declare
from conflict.statement import Json, Statement

TOOTH_STATES = ("unerupted", "present", "missing", "implant")
"""In the one order that a tooth goes through; back only by a correction."""

TEETH = Code(tuple(UNIVERSAL))


def moved_on(heads: Sequence[Statement]) -> bool:
    """Whether differing states are one tooth's history: each earlier state was definitely written of
    an earlier time than each further one. Statements without a time are no history.
    """
    places = [TOOTH_STATES.index(state) for one in heads if (state := _state(one))]
    moments = [found for one in heads if (found := moment_of(one))]
    if len(places) < len(heads) or len(moments) < len(heads):
        return False
    by_place: dict[int, list[int]] = {}
    for number, place in enumerate(places):
        by_place.setdefault(place, []).append(number)
    order = [by_place[place] for place in sorted(by_place)]
    return all(
        max(moments[one].latest for one in early) <= min(moments[one].earliest for one in late)
        for early, late in pairwise(order)
    )


def _state(one: Statement) -> str:
    state = field_of(one, "state")
    return state if state in TOOTH_STATES else ""


TOOTH = declare(
    Slot(
        name="tooth",
        kinds=PERSON,
        plain="Tooth",
        policy=Single(
            field="state",
            safer=tuple(reversed(TOOTH_STATES)),
            key=("tooth",),
            same=("state",),
            agree=moved_on,
            severity=Severity.MEDIUM,
        ),
        shape=Group({"tooth": TEETH, "state": Code(TOOTH_STATES)}),
        absent="not charted",
        basis="CLINICAL.md §3 dental chart; Universal numbering (ADA)",
    )
)


def _surface_rule(value: Mapping[str, Json]) -> Iterator[str]:
    tooth, surface = value.get("tooth"), value.get("surface")
    known = surfaces_of(tooth) if isinstance(tooth, str) else ()
    if known and surface in tuple(SURFACES) and surface not in known:
        yield f"surface: one of {', '.join(known)} expected on tooth {tooth}, {surface!r} given"


_ON_TOOTH: dict[str, Field] = {"tooth": TEETH, "surface": Code(tuple(SURFACES))}

DENTAL_FINDING = declare(
    Slot(
        name="dental_finding",
        kinds=PERSON,
        plain="Dental finding",
        policy=Keyed(
            key=("tooth", "surface", "finding"),
            negatives=("treated", "refuted"),
            union=("notes",),
            severity=Severity.MEDIUM,
        ),
        shape=Group(
            {
                **_ON_TOOTH,
                "finding": Code(
                    (
                        "caries",
                        "fracture",
                        "restoration",
                        "defective-restoration",
                        "crown",
                        "bridge",
                        "sealant",
                        "root-canal-filling",
                        "pulpitis",
                        "periapical-lesion",
                        "periodontitis",
                        "impaction",
                        "mobility",
                        "wear",
                        "other",
                    )
                ),
                "status": Code(("active", "treated", "refuted")),
                "notes": Many(Text(400)),
            }
        ),
        absent="none charted",
        rule=_surface_rule,
        basis="CLINICAL.md §3 dental chart: a set of findings by tooth and surface",
    )
)

DENTAL_TREATMENT = declare(
    Slot(
        name="dental_treatment",
        kinds=PERSON,
        plain="Dental treatment",
        policy=Events(same=("tooth", "procedure"), within_minutes=24 * 60),
        shape=Group(
            {
                "tooth": TEETH,
                "surfaces": Many(Code(tuple(SURFACES)), 5),
                "procedure": Code(
                    (
                        "restoration",
                        "extraction",
                        "root-canal",
                        "crown",
                        "sealant",
                        "scaling",
                        "implant",
                        "splint",
                        "other",
                    )
                ),
                "material": Text(80),
                "of": REFERENCE,  # the finding that it treats
                "note": Text(1_000),
            }
        ),
        basis="CLINICAL.md §2 dental: Procedure with bodySite tooth",
    )
)

DENTAL_EXAM = declare(
    Slot(
        name="dental_exam",
        kinds=PERSON,
        plain="Dental exam",
        policy=Single(
            field="class", safer=("3", "2", "1"), same=("class",), severity=Severity.MEDIUM
        ),
        shape=Group(
            {"class": Code(("1", "2", "3")), "form": Code(("military", "dd-2813", "other"))}
        ),
        absent="class 4: no exam on record",
        basis="DoDI 6025.19; DD 2813; CLINICAL.md §1.4, §3: the worst of concurrent exams",
    )
)
"""The next exam names the one before, which then is history; imported exams that name none stand side
by side and the worst counts."""
