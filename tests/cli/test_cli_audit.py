"""`aidstation audit`: what was done is listed, checked and exported; damage is told with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from node.errors import EXIT_INTEGRITY, EXIT_USAGE
from storage.database import writing
from tests.cli.cli_lab import aidstation, made, running, store_of

WORDS = ("triage", "--new", "episode", "category=immediate", "--by", "Ruiz", "--json")
SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A node in which somebody wrote, read and searched."""
    found = made(tmp_path / "alpha")
    saved = aidstation(found, "record", *WORDS).result
    assert aidstation(found, "show", saved["document"]).code == 0
    aidstation(found, "find", "Okafor")
    return found


def rows(home: Path, *more: str) -> list[Any]:
    found: list[Any] = aidstation(home, "audit", "list", *more, "--json").result["rows"]
    return found


def test_what_was_done_is_listed_with_who_did_it(home: Path) -> None:
    found = rows(home)
    kinds = [one["action"] for one in found]
    assert {"write", "read", "search"} <= set(kinds)
    assert [one["number"] for one in found] == list(range(1, len(found) + 1))
    assert all(one["person"] and one["role"] == "setup" for one in found)
    assert "Okafor" not in json.dumps(found)
    assert len(rows(home, "--last", "2")) == 2
    text = aidstation(home, "audit", "list").out
    assert "NUMBER" in text
    assert "episode-" in text


def test_a_running_node_notes_what_commands_ask_of_it(home: Path) -> None:
    with running(home):
        document = aidstation(home, "find", "episode").out.split()[0]
        before = len(rows(home, "--last", "1000"))
        aidstation(home, "find", document)
        found = rows(home, "--last", "1000")[before:]
        assert "search" in [one["action"] for one in found]


def test_a_whole_log_verifies(home: Path) -> None:
    answer = aidstation(home, "audit", "verify")
    assert answer.code == 0
    assert "Nothing was changed, nothing is missing." in answer.out
    assert aidstation(home, "audit", "verify", "--json").result["broken"] == []


@pytest.mark.parametrize(
    ("damage", "number", "code"),
    [
        ("UPDATE audit_entry SET entry = substr(entry, 2) WHERE number = 2", 2, "unreadable"),
        ("DELETE FROM audit_entry WHERE number = 2", 2, "missing"),
        ("DELETE FROM audit_entry WHERE number > 2", 3, "cut"),
        ("UPDATE audit_entry SET signature = x'01' WHERE number = 1", 1, "bad-signature"),
    ],
)  # fmt: skip
def test_damage_is_told_with_its_place_and_exits_6(
    home: Path, damage: str, number: int, code: str
) -> None:
    store = store_of(home)
    with writing(store.engine) as database:
        database.exec_driver_sql(damage)
    store.close()
    answer = aidstation(home, "audit", "verify", "--json")
    assert answer.code == EXIT_INTEGRITY
    (found,) = answer.result["broken"]
    assert (found["number"], found["code"], found["own"]) == (number, code, True)
    assert "this device: " in aidstation(home, "audit", "verify").out


def test_an_export_is_one_audit_event_a_line(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "audit.ndjson"
    count = len(rows(home, "--last", "1000"))
    answer = aidstation(home, "audit", "export", "--out", str(out), "--json")
    assert answer.code == 0
    events = [json.loads(line) for line in out.read_text().splitlines()]
    assert answer.result["entries"] == len(events) > count
    assert out.stat().st_mode & 0o777 == 0o600
    for one in events:
        assert one["resourceType"] == "AuditEvent"
        assert one["type"]["code"]
        assert one["agent"][0]["requestor"] in {True, False}
        assert one["source"]["observer"]["identifier"]["value"]
    assert len({one["id"] for one in events}) == len(events)
    written = next(one for one in events if one["subtype"][-1]["code"] == "write")
    assert written["entity"][0]["what"]["identifier"]["value"].startswith("episode-")
    assert "export" in [one["action"] for one in rows(home, "--last", "1000")]


def test_an_export_may_begin_later_and_a_wrong_time_or_device_is_said(
    home: Path, tmp_path: Path
) -> None:
    out = tmp_path / "audit.ndjson"
    late = ("--since", "2199-01-01T00:00Z")
    assert aidstation(home, "audit", "export", "--out", str(out), *late).code == 0
    assert out.read_text() == ""
    answer = aidstation(home, "audit", "export", "--out", str(out), "--since", "noon")
    assert answer.code == EXIT_USAGE
    assert "as 2026-11-23T06:00Z or 2026-11-23, nor how long ago, as 30min, 12h or 3d" in answer.err
    for since in ("1h", "30min", "3d", "2026-01-01", "2026-01-01 06:00Z"):
        assert aidstation(home, "audit", "list", "--since", since, "--json").result["rows"], since
    assert not aidstation(home, "audit", "list", "--since", "0s", "--json").result["rows"]
    assert aidstation(home, "audit", "list", "--device", "role3").code == 1
    assert aidstation(home, "audit", "export", "--out", str(tmp_path / "no" / "a")).code != 0


SCHEMAS = sorted(SHARED.rglob("fhir.schema.json")) if SHARED.is_dir() else []


@pytest.mark.skipif(not SCHEMAS, reason="no R4 fhir.schema.json under ../shared/data")
def test_every_field_of_an_export_is_one_of_the_r4_schema(home: Path, tmp_path: Path) -> None:
    known = json.loads(SCHEMAS[0].read_text())["definitions"]
    out = tmp_path / "audit.ndjson"
    aidstation(home, "audit", "export", "--out", str(out))
    for line in out.read_text().splitlines():
        event = json.loads(line)
        assert event.keys() <= known["AuditEvent"]["properties"].keys()
        assert set(known["AuditEvent"].get("required", ())) <= event.keys()
        for agent in event["agent"]:
            assert agent.keys() <= known["AuditEvent_Agent"]["properties"].keys()
        for entity in event.get("entity", ()):
            assert entity.keys() <= known["AuditEvent_Entity"]["properties"].keys()
