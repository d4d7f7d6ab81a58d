"""`aidstation scope asked`: two units under one wristband, as the garrison that took both sees it."""

from __future__ import annotations

from pathlib import Path

from node.demo.founding import Member, found
from node.home import find_home
from tests.cli.cli_lab import aidstation, made


def test_a_record_that_a_second_unit_asked_for_is_listed_until_garrison_joins_it(
    tmp_path: Path,
) -> None:
    homes = [made(tmp_path / name, name) for name in ("role3", "bas", "role2")]
    garrison = homes[0]
    config = garrison / "config.toml"
    config.write_text(config.read_text().replace('role = "field"', 'role = "garrison"'))
    codes = (None, ("BAS-2",), ("ROLE2-A",))
    found(Member(one.name, find_home(one), each) for one, each in zip(homes, codes, strict=True))
    none = aidstation(garrison, "scope", "asked")
    assert none.out == "No unit was given a record of others on its own word.\n", none.err
    for home in homes[1:]:
        assert aidstation(home, "casualty", "--wristband", "W-1", "--by", "Ruiz").code == 0
        stick = str(tmp_path / f"{home.name}.bundle")
        assert aidstation(home, "bundle", "export", "--to", "role3", stick).code == 0
        taken = aidstation(garrison, "bundle", "import", stick)
        assert taken.code == 0, taken.err
    rows = aidstation(garrison, "scope", "asked", "--json").result["asked"]
    assert {(one["unit"], *one["units"], one["name"]) for one in rows} == {
        ("ROLE2-A", "BAS-2", "role2")
    }
    assert len(rows) == 2
    shown = aidstation(garrison, "scope", "asked").out.splitlines()
    assert shown[0].split()[:3] == ["WHEN", "UNIT", "DEVICE"]
    assert len(shown) == 3
    assert all("ROLE2-A" in line and "bas" in line for line in shown[1:])
    join = aidstation(garrison, "scope", "join", rows[0]["document"], "--scope", "ROLE2-A")
    assert join.code == 0, join.err
    assert aidstation(garrison, "scope", "asked", "--json").result == {"asked": [], "more": 0}
