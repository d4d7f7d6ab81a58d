"""Quantities as people type them: `64k` bit/s, `600ms`, `2%`, `5MB`.

Strict, because a misread unit is a thousandfold error: no spaces, no other case, no unit left to
guess. Bounds are the business of what the quantity is for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from node.errors import BadRequest

_FORM = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)([A-Za-z%]*)", re.ASCII)
_GIVEN_LETTERS_MAX = 40


_RATES = {"": "1", "k": "1000", "M": "1000000", "G": "1000000000"}
_TIMES = {"ms": "0.001", "s": "1", "min": "60", "h": "3600"}
_AGES = {"h": "3600", "d": "86400", "w": "604800"}
_SHARES = {"%": "0.01"}
_SIZES = {"B": "1", "kB": "1000", "MB": "1000000", "GB": "1000000000"}


def bits_per_second(name: str, text: str) -> float:
    """`9600`, `64k`, `1M`. Raises `BadRequest` about `name`, like all here."""
    return float(_read(name, text, _RATES, "bits per second as 9600, 64k or 1M"))


def seconds(name: str, text: str) -> float:
    """`600ms`, `1.2s`, `10min`, `1h` in seconds."""
    return float(_read(name, text, _TIMES, "a time as 600ms, 1.2s or 10min"))


def age(name: str, text: str) -> float:
    """`12h`, `30d`, `8w` in seconds."""
    return float(_read(name, text, _AGES, "an age as 12h, 30d or 8w"))


def share(name: str, text: str) -> float:
    """`2%` as 0.02."""
    return float(_read(name, text, _SHARES, "a share as 2% or 0.5%"))


def size(name: str, text: str) -> int:
    """`512B`, `64kB`, `5MB` (a thousand each) in bytes."""
    found = _read(name, text, _SIZES, "a size as 512B, 64kB or 5MB")
    if found != int(found):
        raise _refused(name, text, "whole bytes")
    return int(found)


def _read(name: str, text: str, units: Mapping[str, str], wanted: str) -> Decimal:
    form = _FORM.fullmatch(text)
    if form is None or form[2] not in units:
        raise _refused(name, text, wanted)
    return Decimal(form[1]) * Decimal(units[form[2]])


def _refused(name: str, text: str, wanted: str) -> BadRequest:
    return BadRequest(f"{name}: {text[:_GIVEN_LETTERS_MAX]!r} was given; write {wanted}")
