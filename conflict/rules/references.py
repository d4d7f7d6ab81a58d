"""What counts of a slot, and what a reference (`of`) means over a chart, in one document or two.

A reference to a statement that was since corrected means its corrections; one to a statement that
was entered in error, or is not held, means nothing.
"""

from __future__ import annotations

from conflict.moving import origins
from conflict.policies.comparing import by_record_time, field_of, reference
from conflict.rule import Facts
from conflict.rules.moments import Key, identity_of
from conflict.slot import History, Slot
from conflict.statement import Statement


def heads(facts: Facts, slot: Slot) -> list[Statement]:
    """Statements of an events slot that count, in display order."""
    return by_record_time(one.statements[0] for one in facts.active(slot.name))


class References:
    """References to the statements of one slot."""

    def __init__(self, facts: Facts, slot: str) -> None:
        self._slot = slot
        self._documents = {
            text: one.document for text, one in zip(facts.titles(), facts.folds, strict=True)
        }
        self._held: dict[Key, tuple[Statement, History]] = {
            identity_of(one): (one, history)
            for folded in facts.folds
            if (history := folded.histories.get(slot))
            for one in history.statements
        }

        self._copies: dict[Key, str] = {
            (folded.document, copy): kept
            for folded in facts.folds
            for copy, kept in folded.copies.items()
        }
        self._moved: dict[str, list[Key]] = {}
        for key, (one, history) in sorted(self._held.items(), key=lambda item: item[0]):
            for name in origins(one) if one.id not in history.struck else ():
                self._moved.setdefault(name, []).append(key)

    def key(self, one: Statement, field: str = "of") -> Key | None:
        """The statement of a held document that a field names; None where it names none.

        What was moved here is still called by the names that it had, however often it was moved.
        """
        name = reference(one, field_of(one, field))
        if copies := self._moved.get(name):
            own = (key for key in copies if key[0] == one.document)
            return next(own, copies[0])
        document, _, identity = name.partition("/")
        held = self._documents.get(document)
        if held is None:
            return None
        return held, self._copies.get((held, identity), identity)

    def meant(self, one: Statement, field: str = "of") -> list[Statement]:
        """Standing statements that a field means today, in no order that matters.

        What `one` itself replaced is still what it means.
        """
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
            heirs = [heir for heir in history.superseded.get(statement.id, ()) if heir is not one]
            if not heirs:
                found.append(statement)
            waiting.extend(identity_of(heir) for heir in heirs if heir.slot == self._slot)
        return found

    def replaced(self, one: Statement) -> list[Statement]:
        """What `one` replaced, for a statement that replaces what it should have named."""
        held = (self._held.get((one.document, target)) for target in one.supersedes)
        return [
            statement
            for statement, history in (found for found in held if found)
            if statement.void is None and statement.id not in history.struck
        ]
