"""Laws of rules and derived values over any chart: pure, bounded, and no hazard leaves unnamed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conflict.chart import Chart, chart_of
from conflict.finding import Act, Finding
from conflict.identity import DocumentKind, statement_id
from conflict.rules import RULES
from conflict.slot import CATALOGUE
from conflict.statement import Json, Statement, canonical
from tests.conflict.conflict_charted import OTHER_EPISODE, OTHER_PERSON, charted, facts, write
from tests.conflict.conflict_lab import EPISODE, PERSON
from tests.conflict.conflict_said import ANNA, BEN
from tests.conflict.conflict_values import any_json, moments, valid

NOW = "14:00"
slow_is_fine = [HealthCheck.too_slow, HealthCheck.data_too_large]  # a busy machine is no failure
SLOTS = (
    "tourniquet",
    "medication_given",
    "other_care",
    "blood_product",
    "fluid",
    "order",
    "order_event",
    "handover",
    "vitals",
    "procedure",
    "injury_time",
    "triage",
    "discharge",
    "allergy",
    "medication",
    "blood_type",
    "birth_date",
    "sex",
    "consent",
    "evacuation",
    "immunisation",
    "directive",
    "link",
    "dod_id",
    "tooth",
    "dental_finding",
    "dental_exam",
    "health_assessment",
    "limiting_condition",
    "readiness_lab",
    "equipment",
    "questionnaire",
    "deployment",
)
TELLING: dict[str, st.SearchStrategy[Json]] = {
    "drug": st.sampled_from(("morphine", "MSO4", "TXA", "Augmentin", "pill pack", "Xyzal", "CaCl")),
    "key": st.sampled_from(("amoxicillin", "ibuprofen")),
    "substance": st.sampled_from(("penicillin", "morphine", "nsaids")),
    "dose": st.sampled_from(("10", "500", "0.5")),
    "unit": st.sampled_from(("mg", "g", "ampoules")),
    "route": st.sampled_from(("IV", "IM")),
    "kind": st.just("pharmacy"),
    "unit_number": st.sampled_from(("W1", "W2")),
    "to_unit": st.sampled_from(("ROLE 2", "ROLE 3")),
    "tooth": st.sampled_from(("19", "A")),
    "form": st.sampled_from(("dd-2795", "dd-3024")),
    "code": st.sampled_from(("140", "43", "161")),
}
"""Fields whose text decides something."""

OFTEN = ("tourniquet", "tourniquet", "medication_given", "allergy")

TIMES = st.sampled_from((None, "07:00", "11:30", "11:40", "13:50", "noon", "2026-11-23")) | moments
ODD = st.sampled_from((None, 5, True, -1, "x", "", [], [[]], {}, {"a": 1}, 10**18)) | any_json


@cache
def values(slot: str) -> st.SearchStrategy[Json]:
    """Values with some of their fields: telling, valid, or odd; now and then no fields at all."""
    fields = {
        name: st.one_of(*[TELLING.get(name, valid(field))] * 5, valid(field), ODD)
        for name, field in CATALOGUE[slot].shape.fields.items()
    }
    telling = [
        name for name in fields if name in {*TELLING, "action", "of", "product", "abo", "rh"}
    ]
    some = st.fixed_dictionaries(
        {name: fields.pop(name) for name in telling if name != "kind"}, optional=fields
    )
    return st.one_of(*[some] * 7, ODD)


def refers(draw: st.DrawFn, slot: str, value: Json, earlier: list[Statement]) -> Json:
    """The value, with a reference to what was written of its subject where it has one."""
    subject = [one for one in earlier if one.slot == slot.removesuffix("_event")]
    if not (isinstance(value, dict) and "of" in value and subject):
        return value
    target = draw(st.sampled_from(subject))
    return value | {"of": draw(st.sampled_from((target.name, target.name, target.id)))}


@st.composite
def charts(draw: st.DrawFn) -> list[Statement]:
    """Some statements in up to four documents, with corrections, voids and references."""
    made: list[Statement] = []
    for _ in range(draw(st.integers(3, 14))):
        slot = draw(st.sampled_from((*SLOTS, *OFTEN)))
        person = CATALOGUE[slot].kinds == (DocumentKind.PERSON,)
        document = draw(
            st.sampled_from((PERSON, OTHER_PERSON) if person else (EPISODE, OTHER_EPISODE))
        )
        own = [one for one in made if one.document == document]
        corrects = own and draw(st.integers(0, 2)) == 0
        names = (
            [draw(st.sampled_from(own)) for _ in range(draw(st.integers(1, 2)))] if corrects else []
        )
        void = "wrong casualty" if names and draw(st.booleans()) else None
        by = draw(st.sampled_from((ANNA, BEN)))
        one = write(
            slot,
            None if void else refers(draw, slot, draw(values(slot)), made),
            *names,
            at=draw(TIMES),
            by=by,
            document=document,
            ms=draw(st.integers(0, 3)),
            void=void,
        )
        made.append(one._replace(id=statement_id(by, len(made) + 1)))
    return made


@given(statements=charts())
@settings(deadline=None, max_examples=150, suppress_health_check=slow_is_fine)
def test_no_json_whatever_in_any_field_stops_a_rule_or_a_derived_value(
    statements: list[Statement],
) -> None:
    for now in (None, NOW):
        shown = charted(*statements, now=now)
        assert canonical(shown.body())
        names = {one.name for one in statements}
        for finding in shown.findings:
            assert finding.statements
            assert set(finding.statements) <= names
            assert finding.rule in DECLARED | of_one_document(shown)
            if finding.closing.act == Act.CHOOSE:
                assert finding.rule not in DECLARED, (
                    "rules over a chart name what contends for nothing"
                )
                assert is_one_register(finding, statements)
        assert set(_named(shown.derived)) <= names


DECLARED = {name for rule in RULES for name in rule.names()}


def of_one_document(shown: Chart) -> set[str]:
    """Rules of the slots' own findings, and of resolutions that differ."""
    own = {one.rule for folded in shown.documents for one in folded.findings}
    return own | {"heads-differ"}


def is_one_register(finding: Finding, statements: list[Statement]) -> bool:
    """Whether one value can replace all that a finding names: of one slot, in one document."""
    named = [one for one in statements if one.name in finding.statements]
    return len({(one.slot, one.document) for one in named}) == 1


def _named(value: Json) -> Iterator[str]:
    """Statements that a derived value names."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "statement":
                yield inner
            elif name in {"statements", "names_none"}:
                yield from inner
            else:
                yield from _named(inner)
    if isinstance(value, list):
        for inner in value:
            yield from _named(inner)


@given(statements=charts(), data=st.data())
@settings(deadline=None, max_examples=80, suppress_health_check=slow_is_fine)
def test_the_order_of_statements_and_documents_changes_nothing(
    statements: list[Statement], data: st.DataObject
) -> None:
    mixed = data.draw(st.permutations(statements))
    other = facts([*mixed, *mixed[:2]], NOW)
    folds = tuple(data.draw(st.permutations(other.folds)))
    shown, again = charted(*statements, now=NOW), chart_of(replace(other, folds=folds))
    assert again.findings == shown.findings
    assert again.derived == shown.derived


@given(statements=charts(), data=st.data())
@settings(deadline=None, max_examples=80, suppress_health_check=slow_is_fine)
def test_what_names_nothing_stops_no_clock_lowers_no_total_and_hides_no_allergy(
    statements: list[Statement], data: st.DataObject
) -> None:
    slot = data.draw(st.sampled_from(SLOTS[:5]))
    value = data.draw(values(slot))
    if isinstance(value, dict):
        value = {name: given for name, given in value.items() if name != "of"}
    by = data.draw(st.sampled_from((ANNA, BEN)))
    new = write(slot, value, at=data.draw(TIMES), by=by, ms=9)._replace(id=statement_id(by, 99))
    before, after = charted(*statements, now=NOW), charted(*statements, new, now=NOW)
    on_before, on_after = _running(before), _running(after)
    assert on_before.items() <= on_after.items()
    most_before, most_after = _most(before), _most(after)
    assert all(float(most_after[key]) >= float(most) for key, most in most_before.items())
    assert _against(before) <= _against(after)


def _running(chart: Chart) -> dict[tuple[str, ...], Any]:
    """By tourniquet that is on: its minutes."""
    listed = chart.derived.get("tourniquets", [])
    return {tuple(one["statements"]): one["minutes"] for one in listed if one["state"] == "on"}


def _most(chart: Chart) -> dict[tuple[str, str, str], str]:
    return {
        (each["drug"], one["unit"], span): one[span][1]
        for each in chart.derived.get("dose_totals", [])
        for one in each["totals"]
        for span in ("day", "all")
    }


def _against(chart: Chart) -> set[tuple[str, ...]]:
    return {one.statements for one in chart.findings if one.rule.startswith("allergy-against")}


@given(statements=charts())
@settings(deadline=None, max_examples=50, suppress_health_check=slow_is_fine)
def test_the_least_is_never_more_than_the_most(statements: list[Statement]) -> None:
    derived = charted(*statements, now=NOW).derived
    pairs = [
        pair
        for each in derived.get("dose_totals", [])
        for one in each["totals"]
        for pair in (one["day"], one["all"])
    ]
    if calcium := derived.get("calcium"):
        pairs += [calcium[name] for name in ("units", "due_g", "given_g")]
    for least, most in pairs:
        assert 0 <= float(least) <= float(most)
