"""Scenarios by name: those that come with the software, and files of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from node.sim.lab.toml import BadScenario, nearest

SUFFIX = ".toml"
_PLACES = (
    Path(__file__).parent / "scenarios",  # a wheel: the build puts them there
    Path(__file__).parents[3] / "deploy" / "scenarios",  # a checkout, also one that is installed
)


def shipped() -> Iterator[Path]:
    """Files that come with the software, by name."""
    folder = next((one for one in _PLACES if one.is_dir()), None)
    return iter(sorted(folder.glob(f"*{SUFFIX}")) if folder else ())


def find(name: str) -> Path:
    """The file of a name, or a path. Raises `BadScenario`."""
    if name.endswith(SUFFIX) or "/" in name:
        return Path(name)
    known = {path.stem: path for path in shipped()}
    if name not in known:
        raise BadScenario(f"there is no scenario {name!r}{nearest(name, known)}")
    return known[name]
