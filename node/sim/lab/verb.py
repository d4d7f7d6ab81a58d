"""What a verb is: one thing that can be done to a theatre, as data.

Its fields are the keys of an `[[at]]` table in a scenario. What cannot be done now (a process that does not
run is crashed) does nothing: a schedule stays playable whatever is left out of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

if TYPE_CHECKING:
    from node.sim.lab.world import World


class Verb(Protocol):
    """A frozen dataclass. `word`: its name in scenarios."""

    word: ClassVar[str]

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def act(self, world: World) -> None:
        """Do it, on the loop."""
        ...

    @classmethod
    def draw(cls, dice: Random, names: Sequence[str]) -> Self:
        """One by chance, about these nodes."""
        ...
