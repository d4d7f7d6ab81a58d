"""Importing FHIR from the command line: counted, repeatable, refusals named and not silent."""

from __future__ import annotations

from pathlib import Path

from node.errors import EXIT_DEGRADED
from tests.cli.cli_lab import aidstation, made
from tests.fhir.synthea_bundle import dumps, patient_bundle


def _shown(home: Path, document: str) -> object:
    """What a chart says: no ids (which copy of an import has the smaller one is chance), no ages."""
    found = aidstation(home, "show", document, "--json").result["documents"]
    return [
        (one["document"], slot, reading["value"], reading["by"], reading.get("at"))
        for one in found
        for slot, readings in one["slots"].items()
        for reading in sorted(readings, key=lambda reading: dumps(reading["value"]))
    ]


def test_every_resource_is_counted_and_a_second_import_shows_nothing_twice(tmp_path: Path) -> None:
    home, files = made(tmp_path / "home"), tmp_path / "files"
    files.mkdir()
    bundle = patient_bundle(1)
    (files / "one.json").write_text(dumps(bundle))
    first = aidstation(home, "import", "fhir", str(files), "--system", "test", "--json")
    assert first.code == 0, first.err
    assert first.err == ""
    total = first.result["total"]
    assert total["read"] == len(bundle["entry"])
    assert total["read"] == total["mapped"] + total["verbatim"] + total["refused"]
    documents = aidstation(home, "find", "", "--json").result
    charts = [_shown(home, one["document"]) for one in documents[:2]]
    again = aidstation(home, "import", "fhir", str(files), "--system", "test", "--json")
    assert again.result["total"] == total
    assert aidstation(home, "find", "", "--json").result == documents
    assert [_shown(home, one["document"]) for one in documents[:2]] == charts


def test_what_was_refused_is_named_and_the_rest_is_imported(tmp_path: Path) -> None:
    home = made(tmp_path / "home")
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(dumps(patient_bundle(2)))
    bad.write_text('{"resourceType": ')
    answer = aidstation(home, "import", "fhir", str(good), str(bad), str(tmp_path / "none.json"))
    assert answer.code == EXIT_DEGRADED
    assert "bad.json" in answer.err
    assert "none.json" in answer.err
    assert "total" in answer.out
    assert aidstation(home, "status", "--json").result["statements"] > 0
