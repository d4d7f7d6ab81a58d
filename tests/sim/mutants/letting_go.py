"""What is let go and does not stay away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from node.shedding import Shedding
from tests.sim.mutants.mutant import Patch, mutant


@mutant("let-go", "let-go-stays-away")
def shed_document_refilled() -> Sequence[Patch]:
    """What was let go is taken for missing, and asked for."""
    let_go = Shedding.let_go

    def missed(self: Shedding, documents: Any, **named: Any) -> Any:
        freed = let_go(self, documents, **named)
        self.want(documents)
        return freed

    return [(Shedding, "let_go", missed)]
