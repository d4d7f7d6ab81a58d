"""Safe to wipe: every reason why not, in words with figures; and what "as of" may claim."""

from __future__ import annotations

import pytest

from conflict.identity import DocumentId, NodeId
from node.custody import at_garrison_ms, reasons
from storage import Counts, Custody, Uncovered

ONE = DocumentId(b"\x02" + bytes(15))
ALL = Custody((NodeId(b"g" * 16),), 5_000, 0, 0, (), 0, 0, 0)
NOTHING = Counts(1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0)


def codes(custody: Custody = ALL, counts: Counts = NOTHING) -> list[str]:
    return [one.code for one in reasons(custody, counts, {})]


def test_safe_is_having_no_reason_against_it() -> None:
    assert codes() == []


@pytest.mark.parametrize(
    ("custody", "counts", "code"),
    [
        (ALL._replace(garrisons=()), NOTHING, "no-garrison"),
        (ALL._replace(documents=1, changes=1), NOTHING, "not-at-garrison"),
        (ALL._replace(blobs=1), NOTHING, "blobs-not-at-garrison"),
        (ALL._replace(staged=1), NOTHING, "staged"),
        (ALL._replace(set_aside=1), NOTHING, "set-aside"),
        (ALL, NOTHING._replace(waiting=1), "waiting"),
        (ALL, NOTHING._replace(refused=1), "refused"),
    ],
)
def test_each_doubt_alone_is_enough(custody: Custody, counts: Counts, code: str) -> None:
    assert codes(custody, counts) == [code]


def test_audit_rows_that_are_at_no_garrison_are_enough_too() -> None:
    (reason,) = reasons(ALL, NOTHING, {}, 1_200)
    assert reason.code == "audit-not-at-garrison"
    assert reason.words == "1,200 audit rows known to be at no garrison."


def test_the_reason_says_how_many_whose_and_since_when() -> None:
    lacks = (Uncovered(ONE, 2, 1_794_484_800_000),)
    found = ALL._replace(documents=3, changes=1_234, uncovered=lacks)
    (reason,) = reasons(found, NOTHING, {ONE: "Baker"})
    assert reason.words == (
        "1,234 changes in 3 documents known to be at no garrison, "
        "the oldest since 2026-11-12 12:00Z: Baker and others."
    )


def test_as_of_is_the_moment_before_the_first_change_that_is_at_no_garrison() -> None:
    assert at_garrison_ms(ALL) == 5_000
    lacks = ALL._replace(documents=1, changes=1, uncovered=(Uncovered(ONE, 1, 3_000),))
    assert at_garrison_ms(lacks) == 3_000
    assert at_garrison_ms(ALL._replace(told_ms=0)) is None


def test_a_garrison_is_never_safe_to_wipe_and_speaks_of_other_garrisons() -> None:
    (alone,) = reasons(ALL, NOTHING, {}, garrison=True)
    assert alone.code == "garrison"
    lacks = ALL._replace(garrisons=(), documents=1, changes=2, uncovered=(Uncovered(ONE, 2, 0),))
    found = reasons(lacks, NOTHING, {}, 3, garrison=True)
    assert [one.words for one in found[1:]] == [
        "No other garrison is known here: have this node enrolled, and meet one.",
        "2 changes in 1 document known to be at no other garrison.",
        "3 audit rows known to be at no other garrison.",
    ]
