"""A wristband that has a record already, on the command line, with and without a running node."""

from __future__ import annotations

from pathlib import Path

from tests.cli.cli_lab import aidstation


def test_a_used_wristband_is_said_and_another_who_wears_it_has_his_own_record(home: Path) -> None:
    def casualty(*words: str) -> list[str]:
        answer = aidstation(home, "casualty", *words, "--by", "Ruiz")
        assert answer.code == 0, answer.err
        return answer.out.splitlines()

    first = casualty("--wristband", "W-4711")
    said, *again = casualty("--wristband", " w-4711")
    assert "has a record here already" in said
    assert again == first
    other = casualty("--wristband", "W-4711", "--another")
    assert len(other) == 3
    assert not set(other) & set(first)
    listed = aidstation(home, "candidates", other[1]).out
    assert first[1] in listed
