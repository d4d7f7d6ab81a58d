"""How statements are ordered, grouped and told apart; shared by every family of merge rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from conflict.clinical_time import Instants, instants
from conflict.errors import BadTime
from conflict.finding import who_when
from conflict.identity import document_text
from conflict.shape import Reference
from conflict.slot import Slot
from conflict.statement import Json, Statement, canonical

SAID_MAX = 12  # statements that a finding's text quotes


def by_record_time(statements: Iterable[Statement]) -> list[Statement]:
    """The one order of display: record stamp, then name. It decides nothing clinical."""
    return sorted(statements, key=lambda one: (one.rec, one.id, one.document))


def grouped(
    statements: Iterable[Statement], key: Callable[[Statement], str]
) -> dict[str, list[Statement]]:
    """Statements by key, in display order within each."""
    groups: dict[str, list[Statement]] = {}
    for one in by_record_time(statements):
        groups.setdefault(key(one), []).append(one)
    return groups


def field_of(statement: Statement, name: str) -> Json:
    """A field of a statement's value, None when a peer wrote something else there."""
    return statement.value.get(name) if isinstance(statement.value, dict) else None


def text_of(statement: Statement, name: str) -> str:
    """A text field, trimmed and in lower case; empty when there is none."""
    value = field_of(statement, name)
    return value.strip().lower() if isinstance(value, str) else ""


def alike(value: Json) -> Json:
    """A value for comparing: text trimmed and in lower case."""
    return value.strip().lower() if isinstance(value, str) else value


def key_of(statement: Statement, names: Sequence[str]) -> str:
    """Natural key over some fields. An item that says none of them is no other such item."""
    return value_key(statement.value, names)


def value_key(value: Json, names: Sequence[str]) -> str:
    """`key_of` for a value that nobody has written yet."""
    fields = value if isinstance(value, dict) else {}
    parts = [alike(fields.get(name)) for name in names]
    if all(part in (None, "") for part in parts):
        return canonical([value])
    return canonical(parts[0] if len(parts) == 1 else {"key": parts})


def register_of(slot: Slot, statement: Statement, names: Sequence[str]) -> str:
    """`key_of`, where a reference means the same statement however it is written."""
    meant = {
        name: reference(statement, field_of(statement, name))
        for name in names
        if isinstance(slot.shape.fields.get(name), Reference)
    }
    if not any(meant.values()) or not isinstance(statement.value, dict):
        return key_of(statement, names)
    return value_key({**statement.value, **meant}, names)


def compared(statement: Statement, names: Sequence[str]) -> str:
    """What decides whether two statements say the same: some fields, or the whole value."""
    if not names:
        return canonical(statement.value)
    return canonical([alike(field_of(statement, name)) for name in names])


def said(slot: Slot, statements: Iterable[Statement]) -> str:
    """`Ruiz 13:58Z wrote 10 mg; Okafor 14:01Z wrote 20 mg`, the first few in the order given."""
    given = list(statements)
    parts = [f"{who_when(one)} wrote {slot.words(one.value)}" for one in given[:SAID_MAX]]
    if len(given) > SAID_MAX:
        parts.append(f"and {len(given) - SAID_MAX} more")
    return "; ".join(parts)


def moment_of(statement: Statement) -> Instants | None:
    """UTC range of the clinical time; None where there is none that can be read."""
    try:
        return instants(statement.at or "")
    except BadTime:
        return None


def writer_of(statement: Statement) -> tuple[str, str, str]:
    """Who recorded it: the actor that wrote it, in whose name, imported from which system.

    Two people share a laptop; one node imports from two systems.
    """
    by = statement.by.strip().lower()
    return statement.id.partition(".")[0], by, statement.source.system if statement.source else ""


def reference(statement: Statement, text: Json) -> str:
    """Name of the statement that a reference field means: an id alone is of the same document."""
    if not isinstance(text, str) or not text:
        return ""
    return text if "/" in text else f"{document_text(statement.document)}/{text}"
