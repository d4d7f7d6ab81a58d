"""Which catalogue of slots a node folds with, as a number: after an upgrade everything is folded anew.

An older catalogue lacks slots and fields; what it does not know it keeps, relays and shows raw.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import partial

from conflict.identity import DocumentKind
from conflict.policies.events import Events
from conflict.shape import Group, Text
from conflict.slot import Slot


def fingerprint(catalogue: Mapping[str, Slot]) -> int:
    """32 bits over names, kinds, shapes and policies: equal catalogues have equal ones."""
    parts = [_said(catalogue[name]) for name in sorted(catalogue)]
    return int.from_bytes(hashlib.sha256("\n".join(parts).encode()).digest()[:4], "big")


def without(catalogue: Mapping[str, Slot], *names: str) -> dict[str, Slot]:
    """A catalogue that lacks some slots (`vitals`) or fields (`vitals.spo2`): older software's."""
    older = {name: slot for name, slot in catalogue.items() if name not in names}
    for name in names:
        slot, _, gone = name.partition(".")
        if gone:
            shape = older[slot].shape
            left = {one: field for one, field in shape.fields.items() if one != gone}
            older[slot] = _with_shape(older[slot], Group(left))
    return older


def with_more(catalogue: Mapping[str, Slot], *names: str) -> dict[str, Slot]:
    """A catalogue with slots and fields of text that nobody has thought of yet: newer software's."""
    newer = dict(catalogue)
    for name in names:
        slot, _, come = name.partition(".")
        if come:
            fields_then = {**newer[slot].shape.fields, come: Text()}
            newer[slot] = _with_shape(newer[slot], Group(fields_then))
        else:
            newer[slot] = Slot(
                name=slot,
                kinds=(DocumentKind.EPISODE,),
                plain=slot,
                policy=Events(),
                shape=Group({"note": Text()}),
            )
    return newer


def _with_shape(slot: Slot, shape: Group) -> Slot:
    return Slot(**{one.name: getattr(slot, one.name) for one in fields(slot)} | {"shape": shape})


def _said(slot: Slot) -> str:
    """Worked out once: a slot never changes. Kept with it, so that its id stays its own."""
    if id(slot) not in _SAID:
        _SAID[id(slot)] = slot, _described(slot)
    return _SAID[id(slot)][1]


_SAID: dict[int, tuple[Slot, str]] = {}


def _described(slot: Slot) -> str:
    kinds = ",".join(kind.name for kind in slot.kinds)
    policy, shape = _described_value(slot.policy), _described_value(slot.shape)
    return f"{slot.name}|{kinds}|{policy}|{shape}|{slot.urgency.name}"


def _described_value(value: object) -> str:
    """Stable text of declarations: dataclasses, mappings and functions by their names."""
    if is_dataclass(value):
        parts = (
            f"{one.name}={_described_value(getattr(value, one.name))}" for one in fields(value)
        )
        return f"{type(value).__name__}({','.join(parts)})"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_described_value(one)}" for key, one in value.items()) + "}"
    if isinstance(value, partial):  # whose own text has an address in it
        return _described_value((value.func, value.args, value.keywords))
    if isinstance(value, tuple | list):
        return "(" + ",".join(_described_value(one) for one in value) + ")"
    return getattr(value, "__qualname__", "") or repr(value)
