"""`aidstation bundle`: two nodes that meet by a stick, with and without a running node, and a courier."""

from __future__ import annotations

import json
import random
import stat
from contextlib import nullcontext
from pathlib import Path

import pytest

from conflict.identity import DocumentKind, new_document
from conflict.statement import Draft
from node.app import open_desk
from node.config import load
from node.demo.founding import Member, found
from node.desk import Save
from node.errors import EXIT_DEGRADED, EXIT_FAILURE, EXIT_LOCKED, EXIT_USAGE
from node.home import Home
from tests.cli.cli_lab import aidstation, key_file_of, made, running

WORDS = ("triage", "--new", "episode", "category=immediate", "--by", "Ruiz")


Homes = tuple[Path, Path, Path]


@pytest.fixture
def homes(tmp_path: Path) -> Homes:
    """Two of one theatre, and a courier of it."""
    alpha, bravo, courier = (made(tmp_path / name, name) for name in ("alpha", "bravo", "courier"))
    all_three = (alpha, bravo, courier)
    found(Member(one.name, Home(one, one / "config.toml")) for one in all_three)
    return all_three


def record(home: Path) -> None:
    answer = aidstation(home, "record", *WORDS, "--json")
    assert answer.code == 0, answer.err


@pytest.mark.parametrize("runs", [False, True])
def test_two_nodes_become_equal_by_stick_and_answer(
    homes: Homes, tmp_path: Path, *, runs: bool
) -> None:
    alpha, bravo, _ = homes
    with running(bravo) if runs else nullcontext():
        _become_equal(alpha, bravo, tmp_path)


def _become_equal(alpha: Path, bravo: Path, tmp_path: Path) -> None:
    record(alpha)
    record(bravo)
    there, back = tmp_path / "there.bundle", tmp_path / "back.bundle"
    made_ = aidstation(alpha, "bundle", "export", "--to", "bravo", str(there))
    assert made_.code == 0, made_.err
    assert made_.out.splitlines()[1] == "Sealed to: bravo"
    assert stat.S_IMODE(there.stat().st_mode) == 0o600
    seen = aidstation(bravo, "bundle", "inspect", str(there))
    assert "places for recipients" in seen.out
    assert "Holds: 1 runs, 1 changes" in seen.out
    taken = aidstation(bravo, "bundle", "import", str(there), "--answer", str(back))
    assert taken.code == 0, taken.err
    assert "New here: 1 documents, 1 statements" in taken.out
    assert "From: alpha (" in taken.out
    answered = aidstation(alpha, "bundle", "import", str(back))
    assert answered.code == 0, answered.err
    assert "Both hold the same records now." in answered.out
    digests = {aidstation(one, "status", "--json").result["digest"] for one in (alpha, bravo)}
    assert len(digests) == 1


def test_a_courier_carries_what_it_cannot_read(homes, tmp_path):
    alpha, bravo, courier = homes
    record(alpha)
    stick, second = tmp_path / "stick.bundle", tmp_path / "second"
    second.mkdir()
    aidstation(alpha, "bundle", "export", "--to", "bravo", str(stick))
    refused = aidstation(courier, "bundle", "import", str(stick))
    assert refused.code == EXIT_FAILURE
    assert "Carry it on (`aidstation bundle carry`)" in refused.err
    seen = aidstation(courier, "bundle", "inspect", str(stick), "--json").result
    assert seen["inside"] is None
    assert "none of them" in seen["closed"]
    assert set(seen) == {"id", "bytes", "version", "key_ids", "inside", "closed"}
    assert aidstation(courier, "bundle", "carry", str(stick)).code == 0
    (listed,) = aidstation(courier, "bundle", "carried", "--json").result["carried"]
    assert listed["bytes"] == stick.stat().st_size
    assert listed["id"] == seen["id"]
    answer = aidstation(courier, "bundle", "carried", "--out", str(second), "--json")
    (copy,) = answer.result["written"]
    assert aidstation(bravo, "bundle", "import", copy).code == 0
    assert aidstation(courier, "bundle", "carried", "--drop", listed["id"][:6]).code == 0
    assert aidstation(courier, "bundle", "carried").out == "Nothing is carried.\n"


def test_what_cannot_be_done_is_said_with_its_next_step(homes, tmp_path):
    alpha, bravo, _ = homes
    record(alpha)
    out = tmp_path / "a.bundle"
    for words, code, says in (
        (("export", str(out)), EXIT_USAGE, "--to-scope"),
        (("export", "--to", "nobody", str(out)), EXIT_FAILURE, "no single device"),
        (("export", "--to", "alpha", str(out)), EXIT_USAGE, "this node"),
        (("import", str(out)), EXIT_USAGE, "cannot be read: No such file"),
    ):
        answer = aidstation(alpha, "bundle", *words)
        assert answer.code == code, answer.err
        assert says in answer.err
    assert aidstation(alpha, "bundle", "export", "--to", "bravo", str(out)).code == 0
    again = aidstation(alpha, "bundle", "export", "--to", "bravo", str(out))
    assert again.code == EXIT_USAGE
    assert "exists already" in again.err
    out.write_bytes(b"something else")
    other = aidstation(bravo, "bundle", "import", str(out), "--json")
    assert json.loads(other.out)["error"]["code"] == "not-a-bundle"


def test_a_cut_bundle_exits_degraded_and_keeps_what_was_whole(homes, tmp_path):
    alpha, bravo, _ = homes
    home = Home(alpha, alpha / "config.toml")
    dice = random.Random(1)
    with open_desk(home, load(home).settings) as desk:
        for at in range(30):
            text = {"text": dice.randbytes(5000).hex()}
            draft = Draft(slot="note", value=text, by="Ruiz")
            document = new_document(DocumentKind.EPISODE, at.to_bytes(15, "big"))
            desk.save([Save(document, (draft,))])
    whole, cut = tmp_path / "whole.bundle", tmp_path / "cut.bundle.part"
    aidstation(alpha, "bundle", "export", "--to", "bravo", str(whole))
    cut.write_bytes(whole.read_bytes()[:-1000])
    answer = aidstation(bravo, "bundle", "import", str(cut))
    assert answer.code == EXIT_DEGRADED
    assert "(bundle-cut)" in answer.err
    assert aidstation(bravo, "bundle", "import", str(whole)).code == 0


def test_a_locked_node_keeps_a_bundle_sealed_and_takes_it_once_it_is_unlocked(
    homes: Homes, tmp_path: Path
) -> None:
    alpha, bravo, _ = homes
    record(alpha)
    stick = tmp_path / "stick.bundle"
    assert aidstation(alpha, "bundle", "export", "--to", "bravo", str(stick)).code == 0
    key = Path(key_file_of(bravo))
    hidden = key.rename(key.with_name("hidden"))
    answer = aidstation(bravo, "bundle", "import", str(stick))
    assert answer.code == 0, answer.err
    assert answer.out.startswith("This node is locked: ")
    assert aidstation(bravo, "bundle", "import").code == EXIT_LOCKED
    hidden.rename(key)
    taken = aidstation(bravo, "bundle", "import", "--json")
    assert taken.code == 0, taken.err
    assert [one["changes"] for one in taken.result] == [1]
    assert aidstation(bravo, "bundle", "import", "--json").result == []
