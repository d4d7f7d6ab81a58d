"""What Anna and Ben wrote in the documents of one casualty, and the chart that a reader gets of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from conflict.chart import Chart, chart_of
from conflict.finding import Finding
from conflict.fold import fold_statements
from conflict.identity import ActorId, DocumentId, DocumentKind, new_document
from conflict.rule import Facts
from conflict.statement import Json, Source, Statement
from tests.conflict.conflict_lab import EPISODE
from tests.conflict.conflict_said import ANNA, say

OTHER_EPISODE = new_document(DocumentKind.EPISODE, b"second episode!")
OTHER_PERSON = new_document(DocumentKind.PERSON, b"second record!!")


def clock(time: str) -> str:
    """A clinical time of the day of these stories: "13:00" is 13:00Z."""
    return f"2026-11-23T{time}Z"


def moment(time: str) -> datetime:
    """The same as an instant."""
    hour, minute = map(int, time.split(":"))
    return datetime(2026, 11, 23, hour, minute, tzinfo=UTC)


def write(
    slot: str,
    value: Json,
    *names: Statement,
    at: str | None = None,
    by: ActorId = ANNA,
    document: DocumentId = EPISODE,
    ms: int = 1,
    void: str | None = None,
    source: Source | None = None,
) -> Statement:
    """A statement in a document; `at` as `clock` takes it, or a whole clinical time."""
    when = clock(at) if at and len(at) == 5 else at
    one = say(slot, value, *names, by=by, at=when, ms=ms, void=void, source=source)
    return one._replace(document=document)


def error(target: Statement, by: ActorId = ANNA) -> Statement:
    """Entered in error."""
    return write(target.slot, None, target, by=by, document=target.document, void="wrong casualty")


def facts(statements: Iterable[Statement], now: str | None = None) -> Facts:
    """The documents that hold the statements, folded."""
    by_document: dict[DocumentId, list[Statement]] = defaultdict(list)
    for one in statements:
        by_document[one.document].append(one)
    folds = tuple(fold_statements(key, by_document[key]) for key in sorted(by_document))
    return Facts(folds, moment(now) if now else None)


def charted(*statements: Statement, now: str | None = None) -> Chart:
    """The chart over those documents, read at `now`."""
    return chart_of(facts(statements, now))


def found(rule: str, *statements: Statement, now: str | None = None) -> list[Finding]:
    """Findings of one rule."""
    return [one for one in charted(*statements, now=now).findings if one.rule == rule]


def derived(name: str, *statements: Statement, now: str) -> Any:
    """One derived value, None where nothing is known."""
    return charted(*statements, now=now).derived.get(name)
