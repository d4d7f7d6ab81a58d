"""Teeth, immunisations, questionnaires and readiness: computed when read, for the time of reading."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from conflict.chart import chart_of
from conflict.errors import ValueRefused
from conflict.rule import Facts
from conflict.slot import CATALOGUE
from conflict.statement import Draft, Json, Statement
from tests.conflict.conflict_charted import OTHER_PERSON, facts, found, write
from tests.conflict.conflict_lab import PERSON
from tests.conflict.conflict_said import ANNA, BEN, folded, shown, the_finding
from tests.conflict.conflict_said import say as say_in

TODAY = datetime(2026, 11, 23, 12, tzinfo=UTC)


def say(slot: str, value: Json, *names: Statement, at: str | None = None, **more: Any) -> Statement:
    """A statement in the person's record."""
    return write(slot, value, *names, at=at, **({"document": PERSON} | more))


def derived(name: str, *statements: Statement, now: datetime = TODAY) -> Any:
    """A derived value, None where nothing is known."""
    held = facts(statements)
    return chart_of(Facts(held.folds, now)).derived.get(name)


# Teeth -------------------------------------------------------------------------------------------


def tooth(state: str, at: str | None = None, by: Any = ANNA) -> Statement:
    return say("tooth", {"tooth": "19", "state": state}, at=at, by=by)


def test_a_tooth_lost_after_it_was_charted_is_no_contradiction() -> None:
    present, missing = tooth("present", "2024-05-01"), tooth("missing", "2026-02-01", BEN)
    implant = tooth("implant", "2026-08-01")
    states = [(value["state"], state) for value, state in shown(implant, present, missing)]
    assert states == [("implant", "stands"), ("missing", "also"), ("present", "also")]
    assert not folded(present, missing, implant).findings


@pytest.mark.parametrize(
    ("first", "second"), [("2026-02-01", "2024-05-01"), (None, "2026-02-01"), ("2026", "2026-02")]
)
def test_a_tooth_that_comes_back_is_a_contradiction(first: str | None, second: str) -> None:
    present, missing = tooth("present", first), tooth("missing", second, BEN)
    states = [(value["state"], state) for value, state in shown(present, missing)]
    assert states == [("missing", "safer"), ("present", "also")]
    assert the_finding(present, missing).rule == "heads-differ"


def test_only_a_correction_brings_a_tooth_back() -> None:
    missing = tooth("missing", "2026-02-01")
    back = say("tooth", {"tooth": "19", "state": "present"}, missing, by=BEN, at="2026-02-02")
    assert shown(missing, back) == [(back.value, "stands")]


CARIES = {"tooth": "19", "surface": "O", "finding": "caries", "status": "active"}


def test_findings_are_kept_by_tooth_and_surface() -> None:
    one = say("dental_finding", CARIES)
    other = say("dental_finding", {**CARIES, "surface": "D"}, by=BEN)
    treated = say("dental_finding", {**CARIES, "status": "treated"}, by=BEN)
    assert [(value["surface"], state) for value, state in shown(one, other, treated)] == [
        ("D", "stands"),
        ("O", "disputed"),
    ]


def test_a_surface_that_a_tooth_does_not_have_is_refused_at_entry() -> None:
    with pytest.raises(ValueRefused, match="surface"):
        CATALOGUE["dental_finding"].check(
            Draft(slot="dental_finding", value={**CARIES, "surface": "I"})
        )


@pytest.mark.parametrize("when", ["2026-03-01", "2026-02-01", None])
@pytest.mark.parametrize("document", [PERSON, OTHER_PERSON])
def test_a_finding_on_a_missing_tooth_is_a_contradiction(when: str | None, document: Any) -> None:
    missing = tooth("missing", "2026-02-01")
    caries = say("dental_finding", CARIES, at=when, by=BEN, document=document)
    (clash,) = found("finding-on-missing-tooth", missing, caries)
    assert set(clash.statements) == {missing.name, caries.name}
    assert "Tooth 19" in clash.text


def test_a_finding_from_before_the_tooth_was_lost_is_history() -> None:
    missing = tooth("missing", "2026-02-01")
    before = say("dental_finding", CARIES, at="2025-02-01")
    elsewhere = say("dental_finding", {**CARIES, "tooth": "20"}, at="2026-03-01")
    treated = say("dental_finding", {**CARIES, "status": "treated"}, at="2026-03-01")
    assert not found("finding-on-missing-tooth", missing, before, elsewhere)
    assert not found("finding-on-missing-tooth", missing, treated)
    undated = say("dental_finding", CARIES, by=BEN)
    assert found("finding-on-missing-tooth", missing, before, undated)


def test_a_finding_on_an_implant_is_no_contradiction() -> None:
    missing, implant = tooth("missing", "2026-02-01"), tooth("implant", "2026-08-01", BEN)
    loose = say("dental_finding", {**CARIES, "finding": "mobility"}, at="2026-09-01")
    assert not found("finding-on-missing-tooth", missing, implant, loose)


def exam(
    number: str, *names: Statement, at: str | None = "2026-06-01", by: Any = ANNA
) -> Statement:
    return say("dental_exam", {"class": number}, *names, at=at, by=by)


def test_dental_class_is_the_worst_of_concurrent_exams_and_4_when_overdue() -> None:
    one, other = exam("1", at="2026-07-01"), exam("3", by=BEN)
    assert derived("dental_class", one, other)["class"] == "3"
    assert shown(one, other)[0] == (other.value, "safer")
    assert the_finding(one, other).rule == "heads-differ"
    seen = exam("2", one, other, at="2026-08-01")
    assert derived("dental_class", one, other, seen)["class"] == "2"
    assert derived("dental_class", one, other, seen)["due"] == "2027-08-01"
    on_the_day, next_day = (datetime(2027, 8, day, tzinfo=UTC) for day in (1, 2))
    assert derived("dental_class", seen, now=on_the_day)["class"] == "2"
    assert derived("dental_class", seen, now=next_day)["class"] == "4"


@pytest.mark.parametrize("at", [None, "2025-06-01", "2062-06-01", "2025"])
def test_an_exam_without_a_current_date_makes_class_4(at: str | None) -> None:
    assert derived("dental_class", exam("1", at=at))["class"] == "4"


def test_class_4_is_derived_and_never_written() -> None:
    with pytest.raises(ValueRefused, match="class"):
        CATALOGUE["dental_exam"].check(Draft(slot="dental_exam", value={"class": "4"}))


# Immunisations -----------------------------------------------------------------------------------


def shot(code: str, at: str | None, status: str = "completed", **more: Json) -> Statement:
    return say("immunisation", {"code": code, "status": status, **more}, at=at)


def due(group: str, *statements: Statement, now: datetime = TODAY) -> tuple[bool, str | None]:
    listed = derived("immunisations_due", *statements, now=now)
    (one,) = [one for one in listed if one["group"] == group]
    return one["is_due"], one["due"]


def test_an_immunisation_is_due_when_its_interval_has_passed() -> None:
    flu = shot("140", "2026-10-01")
    assert due("influenza", flu) == (False, "2027-10-01")
    assert due("influenza", flu, now=datetime(2027, 10, 2, tzinfo=UTC)) == (True, "2027-10-01")
    assert due("mmr", flu) == (True, None), "nothing recorded counts as due"
    assert due("influenza", shot("140", None)) == (True, None)


def test_a_series_is_counted_in_doses_on_days_apart() -> None:
    first, copy = shot("43", "2026-01-01"), shot("43", "2026-01-02")
    assert due("hepatitis-b", first, copy, shot("43", "2026-02-01")) == (True, None)
    assert due("hepatitis-b", first, shot("43", "2026-02-01"), shot("43", "2026-07-01"))[0] is False
    assert due("hepatitis-b", shot("43", "2026-07-01", dose_number=3))[0] is False
    assert due("hepatitis-b", shot("43", "2026-07-01", dose_number=10**18))[0] is True


def test_a_vaccine_given_and_not_done_on_one_day_is_due() -> None:
    given = shot("140", "2026-10-01")
    denied = say(
        "immunisation",
        {"code": "140", "status": "not-done"},
        at="2026-10-01",
        document=OTHER_PERSON,
    )
    assert due("influenza", given, denied) == (True, None)


def test_a_code_of_another_system_is_no_cvx() -> None:
    assert due("influenza", shot("140", "2026-10-01", system="http://snomed.info/sct"))[0] is True


# Questionnaires ----------------------------------------------------------------------------------


def part(part: str, form: str = "dd-2795", at: str = "2026-09-01", **more: Json) -> Statement:
    return say("questionnaire", {"form": form, "part": part, "signed": True, **more}, at=at)


def test_two_completions_of_a_questionnaire_are_both_kept() -> None:
    one = part("member", answers=[{"item": "1", "answer": "no"}])
    other = say("questionnaire", {**one.value, "answers": []}, by=BEN, at="2026-09-01")
    assert [state for _, state in shown(one, other)] == ["stands", "stands"]
    assert the_finding(one, other).kind == "possible-duplicate"


def test_the_parts_of_a_questionnaire_are_signed_separately_and_stay() -> None:
    member = part("member")
    provider = part("provider", of=member.id)
    corrected = say("questionnaire", {**member.value, "concerns": ["sleep"]}, member)
    assert [state for _, state in shown(member, provider, corrected)] == [
        "stands",
        "stands",
        "amended",
    ]


def test_dd_2973_is_no_questionnaire() -> None:
    with pytest.raises(ValueRefused, match="form"):
        CATALOGUE["questionnaire"].check(Draft(slot="questionnaire", value={"form": "dd-2973"}))


def states(*statements: Statement, now: datetime = TODAY) -> dict[str, str]:
    (deployment,) = derived("deployment_health", *statements, now=now)
    return {one["form"]: one["state"] for one in reversed(deployment["forms"])}


def test_questionnaires_fall_due_by_the_days_of_a_deployment() -> None:
    member = part("member")
    assert derived("deployment_health", member) is None, "no deployment is on record"
    away = say("deployment", {"departs": "2026-10-01", "returns": "2027-06-01"})
    assert states(away) == {
        "dd-2795": "overdue",
        "dd-2796": "not yet",
        "dd-2900": "not yet",
        "dd-2978": "not yet",
    }
    assert states(away, member)["dd-2795"] == "waits for the provider"
    provider = part("provider", of=member.id, at="2026-09-20")
    second = part("member")
    answered = part("provider", of=second.id)
    assert states(away, member, second, answered)["dd-2795"] == "complete"
    assert states(away, member, provider)["dd-2795"] == "complete"
    assert states(away, part("member", at="2026-05-01"))["dd-2795"] == "overdue"
    assert states(away, now=datetime(2027, 6, 20, tzinfo=UTC))["dd-2796"] == "due"


def test_a_health_assessment_serves_as_the_mental_health_form() -> None:
    away = say("deployment", {"returns": "2026-01-01"})
    member = part("member", form="dd-3024", at="2026-08-01")
    provider = part("provider", form="dd-3024", of=member.id, at="2026-08-02")
    assert states(away, member, provider)["dd-2978"] == "complete"


def test_a_month_alone_opens_no_window() -> None:
    assert derived("deployment_health", say("deployment", {"departs": "2026-10"}))[0]["forms"] == []


# Readiness ---------------------------------------------------------------------------------------


def ready() -> list[Statement]:
    """Everything current on the day of reading."""
    shots = {"52": 2, "43": 3, "140": 1, "03": 1, "10": 1, "115": 1, "21": 2}
    return [
        say("health_assessment", {"status": "completed"}, at="2026-06-01"),
        exam("2"),
        *(shot(code, "2026-10-01", dose_number=number) for code, number in shots.items()),
        *(
            say("readiness_lab", {"test": test, "status": "resulted"}, at="2026-01-01")
            for test in ("dna", "g6pd", "hiv")
        ),
        say("equipment", {"item": "hearing-protection", "status": "issued"}),
    ]


def category(*statements: Statement, now: datetime = TODAY) -> str:
    return str(derived("readiness", *statements, now=now)["category"])


def test_readiness_is_computed_when_read() -> None:
    everything = ready()
    shown_today = derived("readiness", *everything)
    assert shown_today["category"] == "fully-ready"
    assert shown_today["next_due"] == "2027-06-01"
    assert category(*everything, now=datetime(2027, 6, 2, tzinfo=UTC)) == "indeterminate"
    assert "readiness" not in CATALOGUE, "there is no slot to write it in"
    assert chart_of(facts(everything)).derived == {}, "nothing is derived without a time"
    assert derived("readiness", say("name", {"family": "Doe"})) is None


def test_every_element_names_what_it_was_computed_from() -> None:
    everything = ready()
    names = {
        name
        for element in derived("readiness", *everything)["elements"]
        for name in element["statements"]
    }
    assert names == {one.name for one in everything}


@pytest.mark.parametrize(
    ("slot", "value", "expected"),
    [
        ("limiting_condition", {"condition": "asthma", "status": "active"}, "not-ready"),
        ("limiting_condition", {"condition": "asthma", "status": "resolved"}, "fully-ready"),
        ("dental_exam", {"class": "3"}, "not-ready"),
        ("equipment", {"item": "mask-inserts", "status": "required"}, "partially-ready"),
        ("equipment", {"item": "mask-inserts", "status": "not-required"}, "fully-ready"),
    ],
)
def test_one_element_decides_the_category(slot: str, value: Json, expected: str) -> None:
    assert category(*ready(), say(slot, value, at="2026-06-01", by=BEN)) == expected


@pytest.mark.parametrize(
    ("slot", "expected"),
    [
        ("health_assessment", "indeterminate"),
        ("dental_exam", "indeterminate"),
        ("immunisation", "partially-ready"),
        ("readiness_lab", "partially-ready"),
        ("equipment", "partially-ready"),
    ],
)
def test_what_is_missing_decides_the_category(slot: str, expected: str) -> None:
    left = [one for one in ready() if one.slot != slot]
    assert category(*left) == expected
    barred = say("limiting_condition", {"condition": "asthma"})
    assert category(*left, barred) == "not-ready", "what is known to bar outranks what is missing"


def test_a_lab_that_lapses_is_overdue() -> None:
    assert category(*ready(), now=datetime(2028, 1, 2, tzinfo=UTC)) == "indeterminate"
    (labs,) = [
        one
        for one in derived("readiness", *ready(), now=datetime(2028, 1, 2, tzinfo=UTC))["elements"]
        if one["element"] == "labs"
    ]
    assert (labs["because"], labs["due"]) == ("hiv: overdue", "2028-01-01")


def test_a_dd_3024_signed_by_both_is_a_health_assessment() -> None:
    left = [one for one in ready() if one.slot != "health_assessment"]
    member = part("member", form="dd-3024", at="2026-08-01")
    assert category(*left, member) == "indeterminate"
    assert category(*left, member, part("provider", form="dd-3024", of=member.id)) == "fully-ready"


def test_a_trait_that_was_found_and_not_found_is_a_contradiction() -> None:
    lab = {"test": "g6pd", "status": "resulted"}
    normal = say_in("readiness_lab", {**lab, "result": "normal"})
    deficient = say_in("readiness_lab", {**lab, "result": "deficient"}, by=BEN)
    assert the_finding(normal, deficient).severity == "high"
    hiv = [say_in("readiness_lab", {"test": "hiv", "result": one}) for one in ("-", "+")]
    assert not folded(*hiv).findings


def test_missing_equipment_wins_over_issued_equipment() -> None:
    issued = say_in("equipment", {"item": "glasses", "status": "issued"}, ms=9)
    missing = say_in("equipment", {"item": "glasses", "status": "missing"}, by=BEN)
    assert shown(issued, missing)[0] == (missing.value, "safer")
