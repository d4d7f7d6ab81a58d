"""A bug to plant, and the list of them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

Patch = tuple[object, str, Any]


@dataclass(frozen=True)
class Mutant:
    """`patches`: what is put in the place of what."""

    name: str
    scenario: str
    found_by: frozenset[str]
    patches: Callable[[], Sequence[Patch]]

    @contextmanager
    def planted(self) -> Iterator[None]:
        """The bug is in the code until the block ends."""
        before = [(owner, name, vars(owner)[name]) for owner, name, _ in self.patches()]
        try:
            for owner, name, new in self.patches():
                setattr(owner, name, new)
            yield
        finally:
            for owner, name, old in before:
                setattr(owner, name, old)


MUTANTS: dict[str, Mutant] = {}


def mutant(scenario: str, *found_by: str) -> Callable[[Callable[[], Sequence[Patch]]], Mutant]:
    """A function that gives patches becomes a mutant of its name."""

    def made(patches: Callable[[], Sequence[Patch]]) -> Mutant:
        name = patches.__name__.replace("_", "-")
        MUTANTS[name] = Mutant(name, scenario, frozenset(found_by), patches)
        return MUTANTS[name]

    return made


SPLIT = "three-way-split"
