"""Imported statements: equal ones fold into one, different ones under one source id are a finding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from conflict.finding import Act, Closing, Finding, Kind, Severity, finding
from conflict.identity import StatementId
from conflict.standing import Standing
from conflict.statement import Statement, canonical


class Copies(NamedTuple):
    """`kept`: by copy, the one with the smallest id, which counts for all.

    `versions`: by (slot, system, record), what was imported of that source record.
    """

    kept: Mapping[StatementId, StatementId]
    versions: Mapping[tuple[str, str, str], Sequence[Statement]]


def copies(statements: Sequence[Statement]) -> Copies:
    """Copies among statements that are in id order."""
    kept: dict[StatementId, StatementId] = {}
    first: dict[tuple[str, ...], StatementId] = {}
    versions: dict[tuple[str, str, str], list[Statement]] = {}
    for one in statements:
        if one.source is None:
            continue
        content = (one.slot, *one.source, one.at or "", canonical([one.value, one.void]))
        kept[one.id] = first.setdefault(content, one.id)
        if kept[one.id] == one.id:
            key = (one.slot, one.source.system, one.source.record)
            versions.setdefault(key, []).append(one)
    return Copies(kept, versions)


def differing(found: Copies, stands: Standing) -> Iterator[Finding]:
    """Source records of which different contents stand."""
    for (slot, _, _), group in found.versions.items():
        if len(group) < 2:
            continue
        current = [one for one in group if one.id not in stands.superseded]
        if len({one.source.content_hash for one in current if one.source}) > 1:
            yield finding(
                "source-differs",
                Kind.SOURCE,
                Severity.LOW,
                slot,
                current,
                f"{slot}: one source record was imported with different content",
                Closing(Act.VOID, slot, "mark the outdated import as entered in error"),
            )
