"""Candidates for "the same person?": a Fellegi-Sunter score over what two records assert of a person.

The machine shows candidates with their evidence and never links: a person does, by a `link`
statement (CLINICAL.md §3, "same person?"). Weights are in bits, log2(m/u) (Fellegi and Sunter,
"A Theory for Record Linkage", 1969); likeness.py holds m and u.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import product
from math import log2
from typing import Any, NamedTuple, Protocol, TypeVar

from conflict import likeness
from conflict.likeness import Level, code_of, sound, words_of

SUGGESTED = "suggested"
"""Band of what is shown unasked."""
POSSIBLE = "possible"
"""Band of what is shown when somebody asks."""
UNLIKELY = "unlikely"
"""Band of what is not shown."""

PRIOR = 1 / 30_000
"""Before any evidence: three records in ten have a second one among the 10,000 persons of a node."""
SUGGESTED_PROBABILITY = 0.85
POSSIBLE_PROBABILITY = 0.01
RELATIVES_BITS_MAX = 15.0
"""Most that family name, birth date, service and unit count together if given names differ: twins and
brothers share all of them, so they are no longer independent."""

BATTLE_ROSTER = "battle-roster"
SSN_LAST_4 = "ssn-last-4"
WRISTBAND = "wristband"
TRAUMA_IDENTITY = "trauma-identity"
"""Systems of `Profile.identifiers` known here; any other text is a system too."""

VALUES_MAX = 12
"""Values of one field that are compared, the first that are given: a record with a thousand names
must not cost minutes."""
IDENTIFIERS_MAX = 1_000
"""Identifiers and DoD IDs that are looked up, which costs little: junk does not hide the real one."""
SHOWN_MAX = 40
_PRIOR_BITS = log2(PRIOR / (1 - PRIOR))
_SHARED_BY_RELATIVES = frozenset(("family name", "birth date", "service", "unit"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """All that is asserted of one person: nothing is overwritten, so a field may hold several values,
    the best evidence first.

    `names`: (family, given). `birth_dates`: ISO 8601, also a year or a year and month only.
    `identifiers`: (system, value). Empty text, "unknown" and the like count as not asserted.
    """

    names: tuple[tuple[str, str], ...] = ()
    birth_dates: tuple[str, ...] = ()
    sexes: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    dod_ids: tuple[str, ...] = ()
    identifiers: tuple[tuple[str, str], ...] = ()


class Evidence(NamedTuple):
    """What one field says: `level` in plain words, `ours` and `theirs` the values that agree best."""

    field: str
    level: str
    weight_bits: float
    ours: str
    theirs: str


class Match(NamedTuple):
    """`score_bits`: sum of the weights; `probability`: the same with `PRIOR`; `band`: see above."""

    score_bits: float
    probability: float
    band: str
    evidence: tuple[Evidence, ...]


class Ordered(Protocol):
    """What a candidate's key must be able to do, so that equal scores have one order."""

    def __lt__(self, other: Any, /) -> bool:
        """Standard order."""


Key = TypeVar("Key", bound=Ordered)
_Name = tuple[str, str]
_Value = TypeVar("_Value", str, tuple[str, str])
_Judge = Callable[[str, str], Level | None]


def compare(ours: Profile, theirs: Profile) -> Match:
    """How likely the two are one person. A field missing on a side weighs nothing. Never raises.

    Exchanging the sides exchanges `ours` and `theirs` in the evidence and nothing else; the order in
    which values are asserted does not matter until there are more than `VALUES_MAX`.
    """
    evidence = [*_names(ours.names, theirs.names)]
    named = bool(evidence)
    for field, judge, mine, others in (
        (
            "birth date",
            likeness.birth_date,
            _precise(ours.birth_dates),
            _precise(theirs.birth_dates),
        ),
        ("sex", likeness.sex, ours.sexes, theirs.sexes),
        ("service", likeness.service, ours.services, theirs.services),
        ("unit", likeness.unit, ours.units, theirs.units),
        ("DoD ID", likeness.dod_id, ours.dod_ids, theirs.dod_ids),
    ):
        evidence += _best(field, judge, mine, others)
    evidence += _last_four(ours, theirs, named=named)
    evidence += _identifiers(ours, theirs)
    evidence += _relatives(evidence)
    return _match(tuple(evidence))


def candidates(
    ours: Profile, others: Iterable[tuple[Key, Profile]], most: int = 20
) -> list[tuple[Key, Match]]:
    """The `most` best of `others` that are suggested or possible, best first, equal ones by key.

    Only those that share a block with `ours` are scored; the caller leaves out `ours` itself and
    whoever is linked already or was found to be somebody else.
    """
    mine = blocks(ours)
    found = [
        (key, compare(ours, profile))
        for key, profile in others
        if not mine.isdisjoint(blocks(profile))
    ]
    shown = [one for one in found if one[1].band != UNLIKELY]
    shown.sort(key=lambda one: one[0])
    shown.sort(key=lambda one: one[1].score_bits, reverse=True)
    return shown[:most]


def blocks(profile: Profile) -> frozenset[str]:
    """Keys of which two records of one person share one unless much is wrong; an index may be kept.

    Every word of a name by sound, whichever field it stands in, and every short form's long form;
    birth date, day and month in either order; the last four characters of every identifier.
    """
    return frozenset(_blocks(profile))


def words(match: Match) -> str:
    """The evidence in plain words, for a screen: "birth date equal, service differs (USA / USN)"."""
    return ", ".join(
        f"{one.field} {one.level}"
        + (f" ({one.ours} / {one.theirs})" if one.ours != one.theirs else "")
        for one in match.evidence
    )


def _blocks(profile: Profile) -> Iterator[str]:
    for family, given in _asserted(profile.names):
        yield from _spoken(family[: likeness.TEXT_MAX])
        yield from _spoken(given[: likeness.TEXT_MAX])
    for date in filter(likeness.ISO_DATE.fullmatch, _asserted(profile.birth_dates)):
        month, day = sorted((date[5:7], date[8:10]))
        yield f"born {date[:4]} {month} {day}"
    codes = [code_of(text) for text in _asserted(profile.dod_ids, IDENTIFIERS_MAX)]
    codes += [code_of(text) for _, text in _asserted(profile.identifiers, IDENTIFIERS_MAX)]
    yield from (f"ends {code[-4:]}" for code in codes if code)


@lru_cache(maxsize=1 << 14)
def _spoken(name: str) -> tuple[str, ...]:
    """A name's words by sound with the long forms of each, and the words run together."""
    heard = [word for word in words_of(name) if len(word) > 2 and word not in likeness.PARTICLES]
    heard.append("".join(likeness.family_words(name)))
    forms = [form for word in heard for form in sorted(likeness.short_forms(word))]
    return tuple(f"name {sound(word)}" for word in (*heard, *forms) if len(word) > 1)


def _asserted(values: Sequence[_Value], most: int = VALUES_MAX) -> Sequence[_Value]:
    """The first of what is asserted (the caller gives the best evidence first), in one order."""
    return values if len(values) < 2 else sorted(list(dict.fromkeys(values))[:most])


def _fullest(names: tuple[_Name, ...]) -> list[_Name]:
    """Names without those that another one only states more of: "R Okafor" beside "Robert Okafor".

    Otherwise what was written first and completed later would agree with every brother.
    """
    kept = _asserted(names)
    return [one for one in kept if not any(_says_more(other, one) for other in kept)]


def _says_more(full: _Name, short: _Name) -> bool:
    (family, given), (family_short, given_short) = (
        ([*words_of(name[0])], [*words_of(name[1])]) for name in (full, short)
    )
    if family_short not in ([], family) or (family, given) == (family_short, given_short):
        return False
    return given_short in ([], given) or (len(given) > 0 and given_short == [given[0][0]])


def _precise(dates: tuple[str, ...]) -> tuple[str, ...]:
    """Dates without those that another one states to the month or day."""
    kept = _asserted(dates)
    return tuple(
        one for one in kept if not any(other != one and other.startswith(one) for other in kept)
    )


def _names(ours: tuple[_Name, ...], theirs: tuple[_Name, ...]) -> tuple[Evidence, ...]:
    """Evidence of the two names that agree best, as wholes: never family of one, given of another."""
    readings = (_name(mine, other) for mine, other in product(_fullest(ours), _fullest(theirs)))
    return max(filter(None, readings), key=_rank, default=())


def _name(ours: _Name, theirs: _Name) -> tuple[Evidence, ...]:
    levels = likeness.family(ours[0], theirs[0]), likeness.given(ours[1], theirs[1])
    straight = tuple(
        _evidence(field, level, mine, other)
        for field, level, mine, other in zip(
            ("family name", "given name"), levels, ours, theirs, strict=True
        )
        if level
    )
    if sum(one.weight_bits for one in straight) > 0:
        return straight
    swapped = _swapped(ours, theirs)
    return max(straight, swapped, key=_rank) if swapped else straight


def _swapped(ours: _Name, theirs: _Name) -> tuple[Evidence, ...]:
    """Evidence that one side exchanged its names; empty unless both agree crosswise."""
    crossed = (
        likeness.family(ours[0], theirs[1]),
        likeness.given(ours[1], theirs[0]),
        likeness.family(ours[1], theirs[0]),
        likeness.given(ours[0], theirs[1]),
    )
    bits = [level.bits for level in crossed if level]
    if len(bits) < 4 or min(bits) <= 0:
        return ()
    # either side may be the wrong one: half of the better reading, hence one bit less
    weight = max(bits[0] + bits[1], bits[2] + bits[3]) - 1 + likeness.SWAPPED_BITS
    texts = (_shown(" ".join(name)) for name in (ours, theirs))
    return (Evidence("family and given name", "swapped", round(weight, 2), *texts),)


def _best(
    field: str, judge: _Judge, ours: tuple[str, ...], theirs: tuple[str, ...]
) -> tuple[Evidence, ...]:
    rated = (
        (_evidence(field, level, mine, other),)
        for mine, other in product(_asserted(ours), _asserted(theirs))
        if (level := judge(mine, other))
    )
    return max(rated, key=_rank, default=())


def _last_four(ours: Profile, theirs: Profile, *, named: bool) -> tuple[Evidence, ...]:
    """A battle roster number ends in the last four of an SSN: the two are one piece of evidence."""

    def numbers(profile: Profile) -> tuple[str, ...]:
        systems = _systems(profile)
        return (*systems.get(BATTLE_ROSTER, ()), *systems.get(SSN_LAST_4, ()))

    judge = partial(likeness.last_four, named=named)
    return _best("battle roster or last four", judge, numbers(ours), numbers(theirs))


def _identifiers(ours: Profile, theirs: Profile) -> Iterator[Evidence]:
    mine, others = _systems(ours), _systems(theirs)
    for system in sorted(mine.keys() & others.keys() - {BATTLE_ROSTER, SSN_LAST_4}):
        level = likeness.IDENTIFIER["wristband" if system == WRISTBAND else "equal"]
        codes = {code_of(text): text for text in sorted(others[system])}
        equal = [text for text in sorted(mine[system]) if code_of(text) in codes]
        if equal:
            yield _evidence(system.replace("-", " "), level, equal[0], codes[code_of(equal[0])])


def _systems(profile: Profile) -> dict[str, list[str]]:
    """Identifiers by system, in the order given, both without "unknown" and the like."""
    systems: dict[str, list[str]] = {}
    for system, value in list(dict.fromkeys(profile.identifiers))[:IDENTIFIERS_MAX]:
        if code_of(value):
            systems.setdefault("-".join(words_of(system)), []).append(value)
    return systems


def _relatives(evidence: list[Evidence]) -> Iterator[Evidence]:
    """Takes back what a twin or a brother would share, down to `RELATIVES_BITS_MAX`."""
    by_field = {one.field: one for one in evidence}
    family, given = by_field.get("family name"), by_field.get("given name")
    if not family or not given or family.weight_bits <= 0 or given.weight_bits > 0:
        return
    shared = sum(max(one.weight_bits, 0.0) for one in evidence if one.field in _SHARED_BY_RELATIVES)
    if shared > RELATIVES_BITS_MAX:
        yield Evidence(
            "relatives", "may share what agrees", round(RELATIVES_BITS_MAX - shared, 2), "", ""
        )


def _match(evidence: tuple[Evidence, ...]) -> Match:
    score = round(sum(one.weight_bits for one in evidence), 2)
    probability = 1 / (1 + 2 ** min(-(score + _PRIOR_BITS), 1_000.0))
    if probability >= SUGGESTED_PROBABILITY:
        return Match(score, probability, SUGGESTED, evidence)
    band = POSSIBLE if probability >= POSSIBLE_PROBABILITY else UNLIKELY
    return Match(score, probability, band, evidence)


def _evidence(field: str, level: Level, ours: str, theirs: str) -> Evidence:
    return Evidence(field, level.words, level.bits, _shown(ours), _shown(theirs))


def _rank(reading: tuple[Evidence, ...]) -> tuple[float, list[str]]:
    """Best reading first by weight, then by its texts, whichever side they stand on."""
    texts = sorted(text for one in reading for text in (one.ours, one.theirs))
    return round(sum(one.weight_bits for one in reading), 2), texts


def _shown(text: str) -> str:
    """Text of a peer made fit for a screen: no control or direction marks, bounded."""
    return "".join(letter for letter in text[:SHOWN_MAX] if letter.isprintable())
