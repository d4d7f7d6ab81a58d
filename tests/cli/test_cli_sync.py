"""Two nodes as processes: of one theatre, equal when `sync` says so, strangers refused."""

from __future__ import annotations

import json
from pathlib import Path

from node.demo.founding import Member, found
from node.errors import EXIT_NO_PEER
from node.home import find_home
from tests.cli.cli_lab import aidstation, made, node_of, running


def introduce(home: Path, other: Path, name: str, address: str = "") -> None:
    node = node_of(other)
    with (home / "config.toml").open("a") as file:
        file.write(f'\n[[peers]]\nname = "{name}"\nnode = "{node}"\naddress = "{address}"\n')


def address_of(home: Path) -> str:
    address: str = json.loads((home / "running.json").read_text())["sync"]
    return address


def test_what_one_records_the_other_shows_after_sync(tmp_path: Path) -> None:
    alpha, bravo = made(tmp_path / "alpha", "alpha"), made(tmp_path / "bravo", "bravo")
    introduce(alpha, bravo, "bravo")
    found((Member("alpha", find_home(alpha)), Member("bravo", find_home(bravo))))
    with running(alpha):
        introduce(bravo, alpha, "alpha", address_of(alpha))
        with running(bravo):
            words = ("triage", "--new", "episode", "category=immediate", "--by", "Ruiz", "--json")
            saved = aidstation(alpha, "record", *words).result
            synced = aidstation(bravo, "sync", "alpha", "--timeout", "60", "--json")
            assert synced.code == 0, synced.err
            assert synced.result["equal"]
            digests = {
                aidstation(one, "status", "--json").result["digest"] for one in (alpha, bravo)
            }
            assert len(digests) == 1
            listed = aidstation(bravo, "peers", "--json").result
            assert [one["name"] for one in listed] == ["alpha"]
            assert "alpha" in aidstation(bravo, "peers").out
    shown = aidstation(bravo, "show", saved["document"]).out
    assert "immediate  (Ruiz" in shown


def test_a_node_of_another_theatre_is_refused(tmp_path: Path) -> None:
    alpha, bravo = made(tmp_path / "alpha", "alpha"), made(tmp_path / "bravo", "bravo")
    found((Member("alpha", find_home(alpha)),))
    found((Member("bravo", find_home(bravo)),))
    with running(alpha):
        introduce(bravo, alpha, "alpha", address_of(alpha))
        with running(bravo):
            aidstation(bravo, "record", "triage", "--new", "episode", "category=immediate")
            refused = aidstation(bravo, "sync", "alpha", "--timeout", "3")
            assert refused.code == EXIT_NO_PEER
            assert "next:" in refused.err
            assert aidstation(alpha, "status", "--json").result["documents"] == 0
