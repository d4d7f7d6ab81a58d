"""`set-aside`: each item with cause and next step; retry after an upgrade; export."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from conflict.identity import document_text
from node.errors import EXIT_DEGRADED
from node.quotas import AUTHOR_QUOTA
from node.set_aside import ADVICE, advice
from node.workers import FAULT, KILLED
from sync.ports import SetAside
from sync.receipts import AUTHOR_UNKNOWN
from tests.cli.cli_lab import aidstation, made, running, store_of
from tests.conflict.conflict_lab import LabAuthor, vitals_lane
from tests.node.node_lab import NOW_MS, document

AUTHOR, STRANGER = LabAuthor(1), LabAuthor(2)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A node where one lane could not be opened and one delivery was refused."""
    made(tmp_path)
    vitals_lane(AUTHOR, 2, document(1))
    vitals_lane(STRANGER, 1, document(2))
    store = store_of(tmp_path)
    run, other = AUTHOR.run(document(1)), STRANGER.run(document(2))
    with store.write() as transaction:
        transaction.hold([run], AUTHOR.node, NOW_MS)
        transaction.refuse_admission(document(1), AUTHOR.actor, 2, "bad-statement", "field pulse")
        transaction.mark_clean(document(1))
        item = SetAside(other.lane, 1, AUTHOR_UNKNOWN, "its key is not known")
        transaction.set_aside([item], {item: other.changes[0]}, AUTHOR.node, NOW_MS)
    store.close()
    yield tmp_path
    AUTHOR.written.clear()
    AUTHOR._writers.clear()
    STRANGER.written.clear()
    STRANGER._writers.clear()


def test_each_item_is_listed_with_its_cause_and_the_next_step(home: Path) -> None:
    answer = aidstation(home, "set-aside", "list", "--json")
    assert answer.code == EXIT_DEGRADED
    delivery, lane = answer.result
    assert (delivery["kind"], delivery["code"]) == ("delivery", AUTHOR_UNKNOWN)
    assert (lane["kind"], lane["code"]) == ("lane", "bad-statement")
    assert lane["document"] == document_text(document(1))
    text = aidstation(home, "set-aside", "list").out
    for one in (delivery, lane):
        assert f"Cause: {one['cause']}" in text
        assert f"Next: {one['next_step']}" in text


def test_nothing_set_aside_is_said_and_no_fault(tmp_path: Path) -> None:
    answer = aidstation(made(tmp_path), "set-aside", "list")
    assert (answer.code, answer.out) == (0, "Nothing is set aside.\n")


def test_retry_opens_again_what_a_newer_version_may_open(home: Path) -> None:
    with running(home):
        assert len(aidstation(home, "set-aside", "list", "--json").result) == 2
        assert aidstation(home, "set-aside", "retry", "--json").result == {
            "documents": 1,
            "lanes": 1,
        }
        shown = document_text(document(1))
        charts = (aidstation(home, "show", shown, "--json").out for _ in range(500))
        assert any('"pulse":61' in chart.replace(" ", "") for chart in charts)
        assert aidstation(home, "set-aside", "list", "--json").result == []
    assert aidstation(home, "set-aside", "retry", "--json").result == {"documents": 0, "lanes": 0}


def test_export_writes_reasons_and_bytes_for_its_owner_alone(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "evidence.ndjson"
    done = aidstation(home, "set-aside", "export", "--to", str(file), "--json")
    assert done.result == {"file": str(file), "items": 2}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    items = [json.loads(line) for line in file.read_text().splitlines()]
    assert all(one["bytes"] and one["cause"] for one in items)
    again = aidstation(home, "set-aside", "export", "--to", str(file))
    assert again.code != 0
    assert "new file" in again.err


def test_every_code_has_words_of_its_own_or_those_of_a_broken_rule() -> None:
    for code in (AUTHOR_UNKNOWN, AUTHOR_QUOTA, KILLED, FAULT, "bad-signature", "equivocation"):
        assert advice(code) is ADVICE[code]
    assert "upgrade" in advice("a code of tomorrow").next_step
