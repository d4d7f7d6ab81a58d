"""Linked records of one casualty that say different things: the merge rules hold over the whole chart.

What one document says by itself is its own slot's finding; these are of statements in two documents
or more. Nothing is merged: a person corrects one of the records, or unlinks them. CLINICAL.md §3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise

from conflict.clinical_time import Instants
from conflict.finding import Act, Closing, Finding, Kind, Severity, finding
from conflict.fold import Folded
from conflict.identity import DocumentKind, document_kind, document_text
from conflict.policies import Keyed, Single
from conflict.policies.comparing import by_record_time, compared, field_of, grouped, key_of, text_of
from conflict.records import (
    ALLERGY,
    BIRTH_DATE,
    BLOOD_TYPE,
    CONSENT,
    DISCHARGE,
    DOD_ID,
    EVACUATION,
    LINK,
    SEX,
    TRIAGE,
)
from conflict.records.identity import EVIDENCE
from conflict.rule import WITHOUT_EFFECT, Facts, Rule
from conflict.rules.bounded import named, told
from conflict.rules.moments import FEW, clusters, few_or_all, moment_at
from conflict.slot import Slot
from conflict.statement import Statement

Agree = Callable[[Sequence[Statement]], bool]

STRONG = EVIDENCE[:2]
"""Evidence on which two dates of birth, or sexes, cannot both be right."""

ONE_STAY = timedelta(hours=12)
"""Triage of two episodes within this time is of one stay, unless one of them ended in discharge."""

_BASIS = "CLINICAL.md §1.6, §3: linked records are read as one chart"
_UNLINK = "correct the entry that is wrong or mark it as an error, or unlink the records"


def _shown(folds: Iterable[Folded], slot: Slot) -> list[Statement]:
    """What stands in a slot of some documents, each statement once."""
    found = {
        one.name: one
        for folded in folds
        for reading in folded.readings(slot.name)
        if reading.state not in WITHOUT_EFFECT
        for one in reading.statements
    }
    return by_record_time(found.values())


def _apart(statements: Sequence[Statement], agree: Agree) -> bool:
    """Whether documents differ: what one says alone, or says against itself, is its own finding."""
    return len({one.document for one in statements}) > 1 and not agree(statements)


def _same(fields: Sequence[str]) -> Agree:
    return lambda statements: len({compared(one, fields) for one in statements}) < 2


def _found(
    slot: Slot, statements: Sequence[Statement], text: str, kind: Kind, severity: Severity, to: str
) -> Finding:
    return finding(
        f"{slot.name}-across-records",
        kind,
        severity,
        slot.name,
        named(statements),
        f"{text}: {told(statements)}",
        Closing(Act.RESOLVE, slot.name, to),
    )


# Who it is ---------------------------------------------------------------------------------------


def _differing(
    facts: Facts,
    *,
    slot: Slot,
    agree: Agree,
    text: str,
    counts: Callable[[Statement], bool] | None = None,
    kind: Kind = Kind.HAZARD,
) -> Iterator[Finding]:
    """One value a person."""
    statements = [one for one in _shown(facts.persons(), slot) if not counts or counts(one)]
    if _apart(statements, agree):
        yield _found(slot, statements, text, kind, Severity.HIGH, _UNLINK)


def _strong(one: Statement, field: str) -> bool:
    return field_of(one, "evidence") in STRONG and text_of(one, field) not in {"", "unknown"}


def _one_date(statements: Sequence[Statement]) -> bool:
    """Whether one date can be all of them: a year agrees with any day in it."""
    dates = sorted({text_of(one, "date") for one in statements}, key=len)
    return all(dates[-1].startswith(one) for one in dates)


BLOOD_ACROSS_RECORDS = Rule(
    name="blood_type-across-records",
    plain="Linked records with different blood types: universal products only",
    basis="Mil Med 1999;164:785: tags or cards were wrong in 34 of 923 soldiers",
    find=partial(
        _differing,
        slot=BLOOD_TYPE,
        agree=_same(("abo", "rh")),
        text="Blood type differs between records",
    ),
)
DOD_IDS_ACROSS_RECORDS = Rule(
    name="dod_id-across-records",
    plain="Two DoD IDs on one person: no hand-off to another health system until it is settled",
    basis="CLINICAL.md §1.6, §3",
    find=partial(
        _differing, slot=DOD_ID, agree=_same(("number",)), text="Two DoD IDs on one person"
    ),
)
SEX_ACROSS_RECORDS = Rule(
    name="sex-across-records",
    plain="Linked records with different sexes, each by a card or a registry: perhaps two people",
    basis=_BASIS,
    find=partial(
        _differing,
        slot=SEX,
        agree=_same(("code",)),
        text="Sex differs between records, perhaps of two people",
        counts=partial(_strong, field="code"),
        kind=Kind.CONTRADICTION,
    ),
)
BIRTH_ACROSS_RECORDS = Rule(
    name="birth_date-across-records",
    plain="Linked records with different dates of birth, each by a card or a registry: perhaps two "
    "people",
    basis=_BASIS,
    find=partial(
        _differing,
        slot=BIRTH_DATE,
        agree=_one_date,
        text="Date of birth differs between records, perhaps of two people",
        counts=partial(_strong, field="date"),
        kind=Kind.CONTRADICTION,
    ),
)


# What it is dangerous to believe of one record alone ---------------------------------------------


def _allergies(facts: Facts) -> Iterator[Finding]:
    """An active item of one record against its denial, or none known, in another."""
    policy = ALLERGY.policy
    if not isinstance(policy, Keyed):
        return
    standing = by_record_time(
        one
        for folded in facts.persons()
        for reading in folded.readings(ALLERGY.name)
        for one in {each.name: each for each in reading.statements}.values()
    )
    status = {one.name: field_of(one, "status") for one in standing}
    blanket = [one for one in standing if status[one.name] in policy.none_known]
    denials = [one for one in standing if status[one.name] in policy.negatives]
    apart = {one.name for one in (*blanket, *denials)}
    active = [one for one in standing if one.name not in apart]
    denied = grouped(denials, lambda one: key_of(one, policy.key))
    newest = [one for each in _by_document(blanket) for one in each[-FEW:]]
    clashes: list[Sequence[Statement]] = []
    for key, items in grouped(active, lambda one: key_of(one, policy.key)).items():
        against = [*denied.get(key, ()), *(one for one in newest if _speaks_of(one, items))]
        documents = {one.document for one in items}
        if elsewhere := [one for one in against if documents != {one.document}]:
            clashes.append((*items, *elsewhere))
    for several in few_or_all(clashes):
        statements = {one.name: one for clash in several for one in clash}
        yield _found(
            ALLERGY,
            by_record_time(statements.values()),
            "An allergy in one record is denied in another, and counts",
            Kind.CONTRADICTION,
            Severity.HIGH,
            _UNLINK,
        )


def _by_document(statements: Iterable[Statement]) -> list[list[Statement]]:
    return list(grouped(statements, lambda one: document_text(one.document)).values())


def _speaks_of(blanket: Statement, items: Sequence[Statement]) -> bool:
    """Whether none known is said of one of the items: NKDA says nothing of food."""
    policy = ALLERGY.policy
    silent = dict(policy.silent_on) if isinstance(policy, Keyed) else {}
    status = text_of(blanket, "status")
    return any(text_of(one, "category") not in silent.get(status, ()) for one in items)


ALLERGY_ACROSS_RECORDS = Rule(
    name="allergy-across-records",
    plain="An allergy active in one record and denied, or none known, in a linked one",
    basis="CLINICAL.md §3: a negative never removes a positive",
    find=_allergies,
)


def _ordered(slot: Slot, statements: Iterable[Statement]) -> list[Statement]:
    """The safer first, as the slot itself shows them."""
    policy = slot.policy
    given = by_record_time(statements)
    return sorted(given, key=policy.place) if isinstance(policy, Single) else given


def _consents(facts: Facts) -> Iterator[Finding]:
    """Of one matter."""
    matters = grouped(
        _shown(facts.persons(), CONSENT), lambda one: key_of(one, ("about", "procedure"))
    )
    for statements in matters.values():
        if _apart(statements, _same(("decision", "restriction"))):
            yield _found(
                CONSENT,
                _ordered(CONSENT, statements),
                "Consent on one matter differs between records, and the most restrictive holds",
                Kind.CONTRADICTION,
                Severity.HIGH,
                _UNLINK,
            )


CONSENT_ACROSS_RECORDS = Rule(
    name="consent-across-records",
    plain="Consent on one matter that differs between linked records",
    basis="CLINICAL.md §3 consent: the most restrictive until a person settles it",
    find=_consents,
)


# One stay in two episodes ------------------------------------------------------------------------


def _stays(facts: Facts, slot: Slot) -> list[list[Statement]]:
    """Heads of a slot by stay: episodes linked as the same, or near in time and not discharged."""
    episodes = [one for one in facts.folds if document_kind(one.document) is DocumentKind.EPISODE]
    heads = {folded.document: found for folded in episodes if (found := _shown((folded,), slot))}
    pairs = [(group[0], one) for group in heads.values() for one in group[1:]]
    texts = {document_text(document): document for document in heads}
    for folded in episodes:
        for other in _same_episode(folded):
            if folded.document in heads and other in texts:
                pairs.append((heads[folded.document][0], heads[texts[other]][0]))
    ended = {one.document for one in _shown(episodes, DISCHARGE)}
    pairs += _near([one for key, group in heads.items() if key not in ended for one in group])
    return clusters(by_record_time(one for group in heads.values() for one in group), pairs)


def _same_episode(folded: Folded) -> Iterator[str]:
    for reading in folded.readings(LINK.name):
        for one in reading.statements if reading.state not in WITHOUT_EFFECT else ():
            if text_of(one, "relation") == "same-episode":
                yield text_of(one, "document")


def _near(heads: Sequence[Statement]) -> Iterator[tuple[Statement, Statement]]:
    """Neighbours in time; what has no time was, as far as anybody knows, when it was written."""
    timed = sorted(
        ((_when(one), one.document, one.id, one) for one in heads), key=lambda one: one[:3]
    )
    for (early, *_, first), (late, *_, second) in pairwise(timed):
        if late.earliest - early.latest <= ONE_STAY:
            yield first, second


def _when(one: Statement) -> Instants:
    if found := moment_at(one):
        return found
    written = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=min(one.rec.ms, _MS_MAX))
    return Instants(written, written)


_MS_MAX = 253_000_000_000_000  # year 9987: what a peer's stamp says may be no date


def _between_episodes(facts: Facts, *, slot: Slot, field: str) -> Iterator[Finding]:
    for heads in _stays(facts, slot):
        if _apart(heads, _same((field,))):
            yield _found(
                slot,
                _ordered(slot, heads),
                f"{slot.plain} differs between episodes of one casualty, the more cautious first",
                Kind.CONTRADICTION,
                Severity.MEDIUM,
                "say which holds now, or correct the one that is wrong",
            )


TRIAGE_ACROSS_RECORDS = Rule(
    name="triage-across-records",
    plain="Triage that differs between two open episodes of one casualty within 12 h",
    basis="CLINICAL.md §3: expectant never wins by merge; two medics may open two episodes",
    find=partial(_between_episodes, slot=TRIAGE, field="category"),
)
EVACUATION_ACROSS_RECORDS = Rule(
    name="evacuation-across-records",
    plain="Evacuation precedence that differs between two open episodes of one casualty within 12 h",
    basis="CLINICAL.md §3: the more urgent first; two medics may open two episodes",
    find=partial(_between_episodes, slot=EVACUATION, field="precedence"),
)

ACROSS_RECORDS = (
    BLOOD_ACROSS_RECORDS,
    DOD_IDS_ACROSS_RECORDS,
    SEX_ACROSS_RECORDS,
    BIRTH_ACROSS_RECORDS,
    ALLERGY_ACROSS_RECORDS,
    CONSENT_ACROSS_RECORDS,
    TRIAGE_ACROSS_RECORDS,
    EVACUATION_ACROSS_RECORDS,
)
"""Every rule of this file."""
