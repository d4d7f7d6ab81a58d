"""storage/INVARIANTS.md names tests that exist, and leaves no promise without one."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_promise_names_tests_that_exist() -> None:
    promises, _, _ = (ROOT / "storage/INVARIANTS.md").read_text().partition("## What is not")
    sources = [*ROOT.glob("tests/contracts/test_store_*.py"), *ROOT.glob("tests/storage/*.py")]
    defined = set(re.findall(r"^def (test_\w+)", "".join(map(Path.read_text, sources)), re.M))
    for promise in re.split(r"^(?=\d+\. )", promises, flags=re.M)[1:]:
        named = set(re.findall(r"`(test_\w+)`", promise))
        assert named, promise
        assert named <= defined, named - defined
