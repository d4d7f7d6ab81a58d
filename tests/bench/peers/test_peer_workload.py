"""The work is the same for everyone, and what is installed for it is pinned."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.peers.comparison import IDLE, OURS, with_ratios
from tests.bench.peers.workload import CHANGED, CHARTS_MIN, plain_edits, workload

HERE = Path(__file__).parent


def test_both_sides_change_ten_charts_and_never_the_same_one() -> None:
    for charts in (CHARTS_MIN, 57):
        edits = workload(charts).edits
        documents = {save.document for save in (*edits.source, *edits.sink)}
        assert len(edits.source) == len(edits.sink) == CHANGED
        assert len(documents) == 2 * CHANGED


def test_other_systems_are_told_every_statement_of_all_eleven_steps(tmp_path: Path) -> None:
    work = workload(CHARTS_MIN)
    work.export(tmp_path / "charts")
    told = [json.loads(line) for line in (tmp_path / "charts").read_text().splitlines()]
    assert [one["id"] for one in told] == [document.hex() for document, _ in work.charts]
    for one, (_, steps) in zip(told, work.charts, strict=True):
        assert [len(step) for step in one["steps"]] == [len(step) for step in steps]
        assert len(steps) == 11
    assert plain_edits(work.edits.sink)[0]["statements"] == told[1]["steps"][5]


def test_too_few_charts_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 20"):
        workload(CHARTS_MIN - 1)


def test_a_ratio_is_ours_by_theirs_and_absent_where_either_is() -> None:
    place = {"charts": 1_000, "round_trip_ms": 0, "phase": IDLE}
    ours = place | {"system": OURS, "seconds": 1.0, "bytes": 30, "round_trips": 1, "sink_mb": None}
    theirs = place | {"system": "x", "seconds": 4.0, "bytes": 10, "round_trips": 0, "sink_mb": None}
    told = with_ratios([ours, theirs])[1]
    assert (told["ours_seconds"], told["ours_bytes"]) == (0.25, 3.0)
    assert told["ours_round_trips"] is None
    assert told["ours_sink_mb"] is None
    assert with_ratios([theirs])[0]["ours_seconds"] is None


def test_packages_are_pinned_and_the_lock_file_names_no_host_to_take_them_from() -> None:
    wanted = json.loads((HERE / "package.json").read_text())["dependencies"]
    locked = json.loads((HERE / "package-lock.json").read_text())["packages"]
    assert locked[""]["dependencies"] == wanted
    assert not [version for version in wanted.values() if not version[0].isdigit()]
    for name, entry in locked.items():
        assert "resolved" not in entry, name
        assert not name or entry["integrity"], name
