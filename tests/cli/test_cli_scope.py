"""`aidstation scope`: what a unit holds, a casualty that joins it whole and leaves it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from node.demo.founding import Member, found
from node.home import find_home
from tests.cli.cli_lab import aidstation, made


def scopes(home: Path) -> dict[str, Any]:
    answer = aidstation(home, "scope", "list", "--json")
    assert answer.code == 0, answer.err
    found: dict[str, Any] = json.loads(answer.out)["result"]
    return found


def test_a_casualty_joins_a_scope_with_all_its_records_and_leaves_it(home: Path) -> None:
    begun = aidstation(home, "casualty", "--wristband", "W-1", "--by", "Ruiz")
    _, person, episode = begun.out.splitlines()
    assert scopes(home) == {"scopes": [], "everything": True}
    joined = aidstation(home, "scope", "join", episode, "--scope", " role2-a ", "--by", "Ruiz")
    assert joined.code == 0, joined.err
    (one,) = scopes(home)["scopes"]
    assert (one["code"], one["records"], one["granted"]) == ("role2-a", 2, True)
    said = aidstation(home, "scope", "list").out
    assert "may hold everything" in said
    left = aidstation(home, "scope", "leave", person, "--scope", "ROLE2-A", "--to", "Role 3")
    assert left.code == 0, left.err
    (one,) = scopes(home)["scopes"]
    assert one["records"] == 0
    again = aidstation(home, "scope", "leave", person, "--scope", "ROLE2-A")
    assert again.code == 0  # a second word that it left changes nothing
    nobody = aidstation(home, "scope", "leave", person, "--scope", "BAS-9")
    assert nobody.code != 0
    assert "BAS-9" in nobody.err


def test_what_a_node_of_a_unit_writes_belongs_to_it(tmp_path: Path) -> None:
    home_of_unit = made(tmp_path)
    found((Member("bas", find_home(home_of_unit), ("BAS-2",)),))
    aidstation(home_of_unit, "casualty", "--wristband", "W-1", "--by", "Ruiz")
    (one,) = scopes(home_of_unit)["scopes"]
    assert (one["code"], one["records"], one["granted"]) == ("BAS-2", 2, True)
    assert scopes(home_of_unit)["everything"] is False
