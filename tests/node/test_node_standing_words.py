"""Where a node stands with the authority, in words: expiry by the authority's time, clocks that are off."""

from __future__ import annotations

from typing import Any

import pytest

from node.standing_words import CLOCK_AFTER_MS_MAX, DAY_MS, SOON_MS, line, stopped, verdicts

NOW_MS = 1_800_000_000_000


def here(**fields: Any) -> dict[str, Any]:
    given = {
        "theatre": "ab" * 16,
        "standing": "enrolled",
        "role": "field",
        "log": 7,
        "now_ms": NOW_MS,
        "issued_ms": NOW_MS - DAY_MS,
        "expires_ms": NOW_MS + 200 * DAY_MS,
        "scopes": None,
        "revoked": None,
        "forked": "",
    }
    return given | fields


def grades(standing: dict[str, Any], wall_ms: int = NOW_MS) -> dict[str, str]:
    found = list(verdicts(standing, wall_ms, ""))
    assert all(one.cure for one in found if one.grade != "ok")
    return {one.name: one.grade for one in found}


def test_all_is_well() -> None:
    assert grades(here()) == {"enrolment": "ok", "theatre clock": "ok"}
    assert stopped(here()) == []
    assert "expires in 200 days by the authority's time" in line(here())


def test_a_role_that_differs_from_the_certificates_is_warned_of() -> None:
    found = {one.name: one for one in verdicts(here(), NOW_MS, "garrison")}
    assert found["role"].grade == "warn"
    assert "certified as field" in found["role"].cause
    assert "role" not in {one.name for one in verdicts(here(), NOW_MS, "field")}


def test_a_certificate_that_runs_out_is_warned_of_by_the_authoritys_time() -> None:
    soon = here(expires_ms=NOW_MS + SOON_MS - 1)
    assert grades(soon, NOW_MS - 50 * DAY_MS)["enrolment"] == "warn"
    assert (
        grades(here(), NOW_MS + 300 * DAY_MS)["enrolment"] == "ok"
    )  # our own clock expires nobody


def test_an_expired_node_is_told_what_it_still_does_and_what_to_do() -> None:
    over = here(standing="expired", expires_ms=NOW_MS - 3 * DAY_MS)
    (words,) = stopped(over)
    (verdict, _) = verdicts(over, NOW_MS, "")
    for text in (words, verdict.cause):
        for part in ("expired", "records", "upward", "receives nothing new"):
            assert part in text
    assert "enrol renew" in words
    assert "enrol renew" in verdict.cure
    assert verdict.grade == "fail"
    assert "expired 3 days ago" in line(over)


def test_who_is_out_is_told_so() -> None:
    out = here(standing="revoked", revoked=[6, "left in a taxi"])
    (words,), (verdict, _) = stopped(out), verdicts(out, NOW_MS, "")
    for text in (words, verdict.cause):
        assert "revoked by entry 6 of the authority's log (left in a taxi)" in text
        assert "records and shows" in text
    assert "enrol a new node" in words
    assert "enrol a new node" in verdict.cure
    assert grades(out)["enrolment"] == "fail"
    assert stopped(out)[0].startswith("Stopped: revoked")
    assert "expires" not in line(out)


def test_who_is_in_no_theatre_is_told_how_to_get_in_and_nothing_is_stopped() -> None:
    alone = here(theatre="", standing="unknown", issued_ms=None, expires_ms=None, now_ms=0)
    assert grades(alone) == {"enrolment": "warn"}
    assert stopped(alone) == []
    assert "enrol request" in line(alone)


def test_a_fork_is_never_silent() -> None:
    forked = here(forked="the authority has signed two entries 7")
    assert grades(forked)["authority"] == "fail"
    assert "two authority logs" in stopped(forked)[0]


@pytest.mark.parametrize(
    ("wall_ms", "grade"),
    [
        (0, "fail"),
        (NOW_MS - DAY_MS - 300_001, "fail"),
        (NOW_MS - DAY_MS, "ok"),
        (NOW_MS + CLOCK_AFTER_MS_MAX, "ok"),
        (NOW_MS + CLOCK_AFTER_MS_MAX + 1, "warn"),
        (4_070_908_800_000, "warn"),
    ],
    ids=["1970", "before it was issued", "behind", "a year on", "more than that", "2099"],
)
def test_a_clock_that_is_years_off_is_told(wall_ms: int, grade: str) -> None:
    found = {one.name: one for one in verdicts(here(), wall_ms, "")}
    assert found["theatre clock"].grade == grade
    assert "2027-01-15" in found["theatre clock"].cause  # what the authority says beside it
