"""The generated reference says what the declarations say, and the declarations say enough."""

from __future__ import annotations

from pathlib import Path

import pytest

import conflict
from conflict.reference import policies_text, slots_text
from conflict.rules import DERIVED, RULES
from conflict.slot import CATALOGUE

ROOM = Path(conflict.__file__).parent


@pytest.mark.parametrize(
    ("name", "text"), [("POLICIES.md", policies_text), ("SLOTS.md", slots_text)]
)
def test_the_reference_is_current(name: str, text: object) -> None:
    assert callable(text)
    written = (ROOM / name).read_text(encoding="utf-8")
    assert written == text(), "run `make docs`"


def test_every_slot_and_rule_says_what_it_rests_on() -> None:
    for slot in CATALOGUE.values():
        assert slot.basis, slot.name
        assert slot.plain, slot.name
    for rule in (*RULES, *DERIVED):
        assert rule.basis, rule.name
        assert rule.plain, rule.name
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert len({one.name for one in DERIVED}) == len(DERIVED)
