"""Blood products against the recorded blood type, units written twice, and the calcium that goes with them.

Groups that do not go together are a hazard; so is anything but universal products where the type is
unknown or its evidence differs. A product whose group nobody recorded is not judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from conflict.finding import Act, Closing, Finding, Kind, Severity, finding
from conflict.policies.comparing import by_record_time, said, text_of, writer_of
from conflict.records import BLOOD_PRODUCT, BLOOD_TYPE, SEX
from conflict.rule import Derived, Facts, Rule
from conflict.rules.administrations import administrations, least_and_most, possible_duplicates
from conflict.rules.bounded import named, told
from conflict.rules.moments import (
    DAY,
    clusters,
    few_or_all,
    identity_of,
    may_be_since,
    perhaps_one,
    written_twice,
)
from conflict.rules.references import heads
from conflict.statement import Json, Statement

# Red cells carry antigens that the recipient's antibodies meet, plasma carries antibodies that meet the
# recipient's red cells; whole blood carries both, with few antibodies where its titer is low.
CELLS_FOR: Mapping[str, str] = {"O": "O", "A": "A O", "B": "B O", "AB": "A B AB O", "": "O"}
PLASMA_FOR: Mapping[str, str] = {"O": "O A B AB", "A": "A AB", "B": "B AB", "AB": "AB", "": "AB"}
"""Groups of the product for each group of the recipient; "" is universal, for a type not known.

JTS/ASBP CPG Type A Whole Blood: O receives O, each other group its own or LTOWB; unknown: LTOWB."""

CARRIES: Mapping[str, str] = {
    "whole-blood-ltowb": "cells",
    "whole-blood-fresh": "cells plasma",
    "whole-blood": "cells plasma",
    "red-cells": "cells",
    "plasma-fresh-frozen": "plasma",
    "plasma-thawed": "plasma",
    "plasma-liquid": "plasma",
    "plasma-freeze-dried": "plasma",
}
"""What of each product its group speaks of. Platelets and cryoprecipitate are given across groups."""

_BASIS = "CLINICAL.md §3 blood type; JTS/ASBP CPG Type A Whole Blood"
_CELLS_WHY = "its red cells meet the casualty's antibodies (JTS/ASBP CPG Type A Whole Blood)"
_PLASMA_WHY = "its plasma has antibodies against the casualty's red cells unless its titer is low"
_A_PLASMA_WHY = (
    "group A plasma is not universal; in emergencies it is given "
    "(J Trauma Acute Care Surg 2013;74:69)"
)
_RH_WHY = (
    "Rh-positive red cells can sensitize an Rh-negative casualty: it matters to a woman who may bear "
    "children"
)


class Recipient(NamedTuple):
    """The blood type as recorded: group and Rh, "" where unknown or where the evidence differs."""

    abo: str
    rh: str
    sexes: Set[str]
    words: str
    statements: tuple[Statement, ...] = ()


def recipient(facts: Facts) -> Recipient:
    """What all person documents of the chart say together."""
    shown = [readings[0] for one in facts.persons() if (readings := one.readings(BLOOD_TYPE.name))]
    sexes = {text_of(one.statements[0], "code") for one in facts.active(SEX.name)}
    statements = by_record_time(one for reading in shown for one in reading.statements)
    types = {(_group(reading.value), _rh(reading.value)) for reading in shown}
    if not shown:
        return Recipient("", "", sexes, "no blood type is recorded")
    if len(types) > 1:
        types = {("", "")}
    ((abo, rh),) = types
    words = f"recorded type: {said(BLOOD_TYPE, statements[:4])}"
    return Recipient(abo, rh, sexes, words, tuple(statements))


def _group(value: Json) -> str:
    given = value.get("abo") if isinstance(value, dict) else None
    known = given.strip().upper() if isinstance(given, str) else ""
    return known if known in {"A", "B", "AB", "O"} else ""


def _rh(value: Json) -> str:
    given = value.get("rh") if isinstance(value, dict) else None
    return given if given in ("+", "-") else ""


class Mismatch(NamedTuple):
    """Why a product does not go with a recipient."""

    rule: str
    severity: Severity
    why: str


def mismatch(product: Json, given_to: Recipient) -> Mismatch | None:
    """The gravest reason against a product's value; None where nothing recorded speaks against it."""
    kind = product.get("product") if isinstance(product, dict) else None
    carries = CARRIES.get(kind, "") if isinstance(kind, str) else ""
    abo = _group(product) or ("O" if kind == "whole-blood-ltowb" else "")
    rule = "blood-incompatible" if given_to.abo else "blood-not-universal"
    if "cells" in carries and abo and abo not in CELLS_FOR[given_to.abo].split():
        return Mismatch(rule, Severity.HIGH, _CELLS_WHY)
    if "plasma" in carries and abo and abo not in PLASMA_FOR[given_to.abo].split():
        if carries == "plasma" and abo == "A":
            return Mismatch(rule, Severity.LOW, _A_PLASMA_WHY)
        return Mismatch(rule, Severity.MEDIUM, _PLASMA_WHY)
    if "cells" in carries and _rh(product) == "+":
        return _rh_mismatch(given_to)
    return None


def _rh_mismatch(given_to: Recipient) -> Mismatch | None:
    """Rh-positive cells for a casualty who is, or may be, Rh-negative."""
    if given_to.rh == "-":
        severity = Severity.LOW if given_to.sexes == {"male"} else Severity.MEDIUM
        return Mismatch("blood-rh", severity, _RH_WHY)
    if not given_to.rh and "female" in given_to.sexes:
        return Mismatch("blood-rh", Severity.LOW, _RH_WHY)
    return None


def _against_type(facts: Facts) -> Iterator[Finding]:
    given_to = recipient(facts)
    found: dict[Mismatch, list[Statement]] = {}
    for one in heads(facts, BLOOD_PRODUCT):
        if reason := mismatch(one.value, given_to):
            found.setdefault(reason, []).append(one)
    for reason, products in found.items():
        yield from (_hazard(each, reason, given_to) for each in few_or_all(products))


def _hazard(products: Sequence[Statement], reason: Mismatch, given_to: Recipient) -> Finding:
    return finding(
        reason.rule,
        Kind.HAZARD,
        reason.severity,
        BLOOD_PRODUCT.name,
        named(products, given_to.statements),
        f"{told(products)}; {given_to.words}: {reason.why}",
        Closing(Act.RESOLVE, BLOOD_PRODUCT.name, "say what was done about it"),
    )


AGAINST_TYPE = Rule(
    name="blood-against-type",
    plain="A blood product that does not go with the recorded type, or is not universal where the "
    "type is unknown or its evidence differs",
    basis=_BASIS,
    find=_against_type,
    finds=("blood-incompatible", "blood-not-universal", "blood-rh"),
)


def _unit_twice(facts: Facts) -> Iterator[Finding]:
    """In two documents; within one the slot itself finds it."""
    products = heads(facts, BLOOD_PRODUCT)
    pairs = perhaps_one(products, _same_product)
    yield from written_twice([pair for pair in pairs if pair[0].document != pair[1].document])
    by_number: dict[str, list[Statement]] = {}
    for one in products:
        if number := text_of(one, "unit_number"):
            by_number.setdefault(number, []).append(one)
    for units in by_number.values():
        if len({one.document for one in units}) > 1:
            yield finding(
                "unit-given-twice",
                Kind.DUPLICATE,
                Severity.MEDIUM,
                BLOOD_PRODUCT.name,
                named(units),
                f"One unit number in two documents: {told(units)}",
                Closing(
                    Act.VOID,
                    BLOOD_PRODUCT.name,
                    "mark the wrong ones, or the wrong number, as errors",
                ),
            )


WRITTEN_TWICE = Rule(
    name="blood-written-twice",
    plain="One unit of blood, certainly or perhaps, written in two documents",
    basis="CLINICAL.md §3; a unit is given once",
    find=_unit_twice,
    finds=("unit-given-twice", "written-twice", "written-many-times"),
)

GRAM_OF_CALCIUM: Mapping[tuple[str, str], int] = {
    ("calcium chloride", "mg"): 1_000,
    ("calcium chloride", "mL"): 10,
    ("calcium gluconate", "mg"): 3_000,
    ("calcium gluconate", "mL"): 30,
}
"""How much of each is 1 g of calcium, mL of the 10 % solution. JTS CPG Damage Control Resuscitation."""

UNITS_A_GRAM = 4
"""1 g of calcium with the first unit, and 1 g after every so many. Same source."""


def _calcium(facts: Facts) -> Json:
    """Over what may be of the last 24 h; pairs are least and most."""
    if facts.now is None:
        return None
    since = facts.now - DAY
    units = [one for one in heads(facts, BLOOD_PRODUCT) if may_be_since(one, since)]
    if not units:
        return None
    count = (_fewest(units), len(units))
    due = [1 + number // UNITS_A_GRAM for number in count]
    least, most = _calcium_given(facts, since)
    body: dict[str, Json] = {
        "units": list(count),
        "due_g": due,
        "given_g": [_plain(least), _plain(most)],
        "statements": [one.name for one in units],
    }
    if most < due[0]:
        body["text"] = (
            f"{_plain(most)} g of calcium for {count[0]} units of blood: 1 g is due with the first "
            f"and 1 g after every {UNITS_A_GRAM} (JTS CPG Damage Control Resuscitation)"
        )
    return body


def _calcium_given(facts: Facts, since: datetime) -> tuple[Decimal, Decimal]:
    """Grams of calcium."""
    least, most = Decimal(), Decimal()
    recent = [one for one in administrations(facts) if may_be_since(one.statement, since)]
    for kind, gram in GRAM_OF_CALCIUM.items():
        given = [one for one in recent if (one.drug, one.unit) == kind]
        held = {identity_of(one.statement) for one in given}
        low, high = least_and_most(given, possible_duplicates(given), held)
        least, most = least + low / gram, most + high / gram
    return least, most


def _plain(grams: Decimal) -> str:
    return format(grams.quantize(Decimal("0.1")).normalize(), "f")


def _fewest(units: Sequence[Statement]) -> int:
    """Fewest units that these entries can be: one number is one unit."""
    by_number: dict[str, Statement] = {}
    pairs = []
    for one in units:
        if number := text_of(one, "unit_number"):
            pairs.append((by_number.setdefault(number, one), one))
    pairs += perhaps_one(units, _same_product)
    return sum(_events(cluster) for cluster in clusters(units, pairs))


def _same_product(first: Statement, second: Statement) -> bool:
    if text_of(first, "unit_number") and text_of(second, "unit_number"):
        return False
    return text_of(first, "product") == text_of(second, "product")


def _events(cluster: Sequence[Statement]) -> int:
    numbers = {number for one in cluster if (number := text_of(one, "unit_number"))}
    entries = {
        (writer_of(one), text_of(one, "unit_number") or one.source or one.id) for one in cluster
    }
    return max(len(numbers), *Counter(writer for writer, _ in entries).values())


CALCIUM = Derived(
    name="calcium",
    plain="Calcium given for the blood products of 24 h, and what is due",
    basis="JTS CPG Damage Control Resuscitation: 1 g with the first unit and after every 4",
    compute=_calcium,
)
