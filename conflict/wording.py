"""A value in plain words, from the shape of its slot: field names, values and units in order.

Whatever JSON a peer wrote has words here; nothing raises.
"""

from __future__ import annotations

from conflict.shape import Code, Field, Flag, Group, Many, Number, Reference, Text, Whole
from conflict.statement import Json


def in_words(shape: Group, value: Json) -> str:
    """`pulse 88 /min, pulse site radial`: every field that says something."""
    if not isinstance(value, dict):
        return raw(value)
    known = [name for name in shape.fields if value.get(name) not in (None, "", [])]
    unknown = sorted(name for name in value if name not in shape.fields)
    parts = [_field(shape.fields[name], name, value[name]) for name in known]
    parts += [f"{name[:40]} {raw(value[name])}" for name in unknown]
    return ", ".join(part for part in parts if part) or "nothing"


def said(value: Json, *names: str) -> str:
    """Some fields of a value, one after the other, those that are there."""
    if not isinstance(value, dict):
        return raw(value)
    return " ".join(raw(value[name]) for name in names if value.get(name) not in (None, "", []))


def raw(value: Json) -> str:
    """Any JSON as one line."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {raw(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(raw(inner) for inner in value)
    return str(value)


def _field(shape: Field, name: str, value: Json) -> str:
    label = name.replace("_", " ")
    if isinstance(shape, Flag) and isinstance(value, bool):
        return label if value else f"no {label}"
    if isinstance(shape, Code | Text | Reference) and isinstance(value, str):
        return value if name in _SPEAKS_FOR_ITSELF else f"{label} {value}"
    if isinstance(shape, Whole | Number):
        return f"{label} {raw(value)} {shape.unit}".strip()
    if isinstance(shape, Many) and isinstance(value, list):
        return f"{label} " + ", ".join(_item(shape.item, one) for one in value)
    if isinstance(shape, Group):
        return f"{label} ({in_words(shape, value)})"
    return f"{label} {raw(value)}"


def _item(shape: Field, value: Json) -> str:
    return in_words(shape, value) if isinstance(shape, Group) else raw(value)


_SPEAKS_FOR_ITSELF = frozenset(
    {"category", "precedence", "what", "type", "text", "name", "display", "drug", "substance"}
)
"""Fields whose value needs no label before it."""
