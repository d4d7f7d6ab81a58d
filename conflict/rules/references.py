"""What a reference between statements (`of`) means over a chart: within a document or across two.

A reference to a statement that was since corrected means its corrections; one to a statement that
was entered in error, or is not held, means nothing.
"""

from __future__ import annotations

from conflict.policies.comparing import field_of, reference
from conflict.rule import Facts
from conflict.rules.moments import Key, key_of
from conflict.slot import History
from conflict.statement import Statement


class References:
    """References to the statements of one slot."""

    def __init__(self, facts: Facts, slot: str) -> None:
        self._slot = slot
        self._documents = {
            text: one.document for text, one in zip(facts.titles(), facts.folds, strict=True)
        }
        self._held: dict[Key, tuple[Statement, History]] = {
            key_of(one): (one, history)
            for folded in facts.folds
            if (history := folded.histories.get(slot))
            for one in history.statements
        }

    def key(self, one: Statement, field: str = "of") -> Key | None:
        """The statement of a held document that a field names; None where it names none."""
        document, _, identity = reference(one, field_of(one, field)).partition("/")
        held = self._documents.get(document)
        return (held, identity) if held is not None else None

    def meant(self, one: Statement, field: str = "of") -> list[Statement]:
        """Standing statements that a field means today, in no order that matters."""
        key = self.key(one, field)
        waiting, seen = [key] if key else [], set[Key]()
        found: list[Statement] = []
        while waiting:
            key = waiting.pop()
            if key in seen or key not in self._held:
                continue
            seen.add(key)
            statement, history = self._held[key]
            if statement.void is not None:
                continue
            heirs = history.superseded.get(statement.id)
            if heirs is None:
                found.append(statement)
            else:
                waiting.extend(key_of(heir) for heir in heirs if heir.slot == self._slot)
        return found
