"""The chart as people read it: contradictions first, times with their age, nothing left out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from node.cli.charts import chart_lines
from node.cli.output import age, plain, when

NOW = datetime(2026, 11, 23, 14, 40, tzinfo=UTC)
FINDING = {"id": "f1", "severity": "low", "text": "low one"}
CHART: dict[str, Any] = {
    "label": "Ruiz",
    "documents": [
        {
            "document": "episode-a",
            "slots": {
                "vitals": [
                    {
                        "value": {"pulse": 88, "spo2": None},
                        "statements": ["s"],
                        "by": "Chen",
                        "at": "2026-11-23T14:02Z",
                        "problems": ["pulse: odd"],
                    }
                ],
                "triage": [
                    {"value": {"category": "immediate"}, "by": "", "state": "safer"},
                    {"value": {"category": "minimal"}, "by": "Bob", "state": "also"},
                ],
                "newer": [{"value": [1, 2], "by": "x"}],
            },
            "struck": [
                {
                    "slot": "vitals",
                    "value": {"pulse": 300},
                    "by": "Ruiz",
                    "void": {"by": "Okafor", "reason": "wrong casualty"},
                }
            ],
            "unknown": [{"slot": "future", "statement": "s", "value": {"a": 1}}],
            "unreadable": ["vitals/x.1"],
        }
    ],
    "findings": [
        FINDING,
        {"id": "f2", "severity": "high", "text": "high one"},
        {"id": "f3", "severity": "high", "text": "closed one", "closed_by": ["s"]},
    ],
    "derived": {
        "tourniquets": [
            {
                "limb": "left-leg",
                "state": "on",
                "minutes": 188,
                "minutes_least": 170,
                "band": "2-6h",
            }
        ],
        "dose_totals": [
            {
                "drug": "morphine",
                "totals": [{"unit": "mg", "day": ["10", "20"], "all": ["30", "30"]}],
            }
        ],
        "code_status": {"kind": "full-treatment", "statements": ["s"]},
    },
    "not_held": ["person-b"],
    "held_by": [
        {"node": "00", "name": "Role 2", "garrison": True, "all": False, "statements": 3, "of": 4},
        {"node": "01", "name": "bas-2", "garrison": False, "all": True, "statements": 4, "of": 4},
    ],
}


def text_of(chart: dict[str, Any]) -> str:
    return "\n".join(text for text, _ in chart_lines(chart, NOW))


def test_findings_come_first_worst_first_and_closed_ones_not() -> None:
    text = text_of(CHART)
    assert text.index("Review 2") < text.index("high one") < text.index("low one")
    assert text.index("low one") < text.index("episode-a")
    assert "closed one" not in text


def test_disputed_slots_come_before_others_with_the_safer_reading_marked() -> None:
    text = text_of(CHART)
    assert text.index("SAFER READING: immediate") < text.index("also said")
    assert text.index("Triage") < text.index("Vital signs")
    assert "(unnamed)" in text


def test_values_have_units_author_time_and_age() -> None:
    assert "pulse 88 /min  (Chen, 14:02Z, 38 min)" in text_of(CHART)
    assert "outside its form: pulse: odd" in text_of(CHART)


def test_what_cannot_be_read_or_is_elsewhere_is_said() -> None:
    text = text_of(CHART)
    for said in ("future (from newer software)", "vitals/x.1", "not held on this node", "person-b"):
        assert said in text
    assert "Also on garrison Role 2: at least 3 of 4 entries" in text
    assert "Also on bas-2: all of it" in text
    assert "Saved here" in text


def test_an_empty_chart_is_calm() -> None:
    assert "Nothing to review." in text_of({})


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2026-11-23T14:02Z", "14:02Z, 38 min"),
        ("2026-11-23T17:02+03:00", "14:02Z, 38 min"),
        ("2026-11-20T14:02Z", "2026-11-20 14:02Z, 3 d"),
        ("2026-11-23T14:45Z", "14:45Z, in 5 min"),
        ("2026-11-23T14:02L", "2026-11-23T14:02L"),
        ("2026-11-23", "2026-11-23"),
        ("nonsense", "nonsense"),
        (None, ""),
    ],
)
def test_only_a_time_that_means_one_instant_has_an_age(at: str | None, said: str) -> None:
    assert when(at, NOW) == said


def test_ages_are_short() -> None:
    assert [age(seconds) for seconds in (5, 60, 7_200, 200_000)] == ["now", "1 min", "2 h", "2 d"]


def test_text_of_a_record_cannot_move_the_cursor() -> None:
    assert plain("a\x1b[2J\r\n\u202eb\u2028c") == "a�[2J� �b�c"


def test_what_was_entered_in_error_is_shown_as_such_with_who_said_so() -> None:
    text = text_of(CHART)
    assert "entered in error (Okafor: wrong casualty)" in text
    assert "Vital signs: pulse 300 /min  (Ruiz)" in text


def test_clocks_and_totals_are_read_out_with_their_ranges() -> None:
    text = text_of(CHART)
    assert "Tourniquet left leg: on, 2 h 50 min to 3 h 08 min (2-6h)" in text
    assert "morphine: 10 to 20 mg in 24 h, 30 mg in all" in text
    assert "Code status: kind full-treatment" in text


def test_allergies_that_nobody_asked_about_are_said_to_be_so() -> None:
    person = {"document": "person-a", "slots": {}}
    assert "Allergy: not asked" in text_of({**CHART, "documents": [person]})
    assert "not asked" not in text_of(CHART)
