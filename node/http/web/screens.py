"""Every screen, once: what the menu and the tests walk. One module and one template each."""

from __future__ import annotations

from typing import NamedTuple


class Screen(NamedTuple):
    """`template`: its file without the ending, also the name of its module."""

    path: str
    template: str
    title: str


CASUALTIES = Screen("/", "casualties", "Casualties")
SCREENS = (CASUALTIES,)
"""In the order of the menu."""
THEMES = ("day", "sun", "night")
