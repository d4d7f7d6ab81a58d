"""Second records of the same people, with the errors of a card, an admission desk and a personnel file.

For measuring conflict/matching.py against a known truth. Kinds of error follow Just et al. 2016
(PMC4832129); rates at each place of writing are our estimates, set before the matcher was measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import NamedTuple

from conflict.matching import BATTLE_ROSTER, SSN_LAST_4, TRAUMA_IDENTITY, WRISTBAND, Profile
from node.sim.dice import dice, likely
from node.sim.muster import UNITS, Person, family_name, muster


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _by_first(text: str) -> dict[str, tuple[str, ...]]:
    groups = map(_words, text.split(","))
    return {first: tuple(others) for first, *others in groups}


# Kept apart from the matcher's own list: it knows some of these, not others.
NICKNAMES = _by_first("""
Michael Mike Mikey, Christopher Chris Topher, Matthew Matt, Joshua Josh, Jacob Jake, Andrew Andy
Drew, Daniel Dan Danny, Nicholas Nick Nico, Tyler Ty, Joseph Joe Joey, David Dave, James Jim Jimmy
Jamie, John Jack Johnny, Zachary Zach Zak, Anthony Tony Ant, William Will Bill, Robert Rob Bobby
Bob, Jonathan Jon, Alexander Alex Lex, Kevin Kev, Thomas Tom, Benjamin Ben Benji, Samuel Sam, Steven
Steve, Jose Pepe, Timothy Tim, Nathan Nate, Nathaniel Nate Nat, Richard Rick Rich, Patrick Pat,
Charles Chuck, Jeremy Jem, Stephen Steve, Jesus Chuy, Dustin Dusty, Gabriel Gabe, Bradley Brad,
Antonio Tony Toño, Alejandro Alex Jandro, Mitchell Mitch, Peter Pete, Kenneth Ken Kenny, Gregory
Greg, Edward Ed Ned, Mohammed Mo, Oluwaseun Seun, Elijah Eli, Jessica Jess, Samantha Sam Sammy,
Amanda Mandy, Elizabeth Liz Beth Lizzie, Stephanie Steph, Jennifer Jen, Rebecca Becca Becky,
Victoria Tori, Katherine Kat Katie, Alexandra Alex Lexi, Tiffany Tiff, Kimberly Kim, Christina Tina,
Abigail Abby, Jacqueline Jackie, Guadalupe Lupe, Krzysztof Krzysiek, Giuseppe Beppe, Oleksandr
Sasha, Agnieszka Aga
""")
CALL_SIGNS = _words("Doc Tex Ski Mac Tank Gunny Boomer Sparky")
SERVICE_WORDS = {
    "USA": ("US Army", "ARMY"),
    "USMC": ("Marines",),
    "USN": ("Navy",),
    "USAF": ("Air Force",),
    "US CIV": ("CIV",),
    "NON US": ("GBR", "POL", "FRA"),
}
# Percent at each place of writing: personnel file, admission desk at Role 1 or 2, DD 1380.
PLACES = ("file", "desk", "card")
HABITS: dict[str, tuple[int, int, int]] = {
    "unidentified": (0, 3, 5),  # trauma identity and sex, nothing else
    "no DoD ID": (6, 30, 70),
    "DoD ID mistyped": (0, 1, 2),
    "no birth date": (2, 10, 45),  # DD 1380 has no field for it
    "day and month exchanged": (0, 2, 2),
    "birth date digit": (1, 2, 3),
    "birth year only": (0, 1, 3),
    "no given name": (0, 1, 3),
    "nickname": (1, 6, 12),
    "initial": (0, 2, 9),
    "middle name": (1, 1, 1),
    "call sign": (0, 0, 1),
    "family mistyped": (1, 3, 5),
    "family by ear": (0, 2, 5),
    "given mistyped": (1, 2, 3),
    "given by ear": (0, 1, 2),
    "names exchanged": (1, 2, 2),
    "half of a double name": (10, 30, 60),
    "married since": (0, 2, 2),
    "middle stated": (60, 20, 5),
    "capitals": (20, 20, 40),
    "no roster": (45, 45, 25),
    "roster mistyped": (0, 2, 4),
    "last four": (55, 30, 10),
    "wristband": (0, 60, 0),
    "no unit": (3, 25, 12),
    "unit in other words": (10, 30, 40),
    "unit changed": (0, 12, 8),
    "no service": (1, 8, 4),
    "wrong service": (0, 2, 2),
    "service in words": (5, 15, 15),
    "no sex": (0, 1, 3),
    "wrong sex": (0, 1, 1),
    "both kept": (2, 8, 1),  # what was wrong was put right, and both are on record
}
EAR = tuple(
    tuple(rule.split(">"))
    for rule in _words(
        "ph>f f>ph ck>k c>k k>c ee>ea ie>y y>ie i>e e>i a>e o>u sch>sh tt>t ll>l n>nn s>z z>s ou>u v>w "
        "ei>ie ae>e gh>g th>t mm>m rr>r es>ez"
    )
)
NEIGHBOURS = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz",
        _words("s v x s w d f g u h j k n b i o w e d r y c q z t x"),
        strict=True,
    )
)


UNIT_WORDS = (
    (" Co, ", " Company "),
    (" Co, ", "/"),
    ("HHC, ", ""),
    ("A Co, ", ""),
    ("B Co, ", "Bravo Co "),
    (", ", " "),
    (" IN", " Infantry"),
    (" IN", ""),
    (" CAV", ""),
    ("Co ", "Company "),
    ("NMCB ", "Naval Mobile Construction Battalion "),
    (" SFS", " Security Forces Squadron"),
)


class Record(NamedTuple):
    """`person`: who it truly is; `place`: of `PLACES`; `habits`: those of `HABITS` that showed.

    `lookalike`: in what way the person was made to resemble the one before, if so.
    """

    number: int
    person: int
    place: str
    profile: Profile
    habits: tuple[str, ...]
    lookalike: str = ""


def population(seed: int, people: int, *, second_percent: int = 30) -> tuple[Record, ...]:
    """First records of `people` persons and second ones of `second_percent` in a hundred of them.

    Records come in the order of persons; a person has one or two. The same seed gives the same text.
    """
    return tuple(_records(seed, people, second_percent))


def _records(seed: int, people: int, second_percent: int) -> Iterator[Record]:
    number = 0
    for index, person in enumerate(muster(seed, people)):
        rng = dice(seed, index, "records")
        places = rng.choices(PLACES, (80, 10, 10))
        if likely(rng, second_percent):
            places += rng.choices(PLACES, (0, 40, 60))
        written = [_written(rng, person, place) for place in places]
        _sticker(rng, written)
        for place, (profile, habits) in zip(places, written, strict=True):
            yield Record(number, index, place, profile, habits, person.lookalike)
            number += 1


class _Pen:
    """One record being written at one place: `slips` says whether a habit shows, and remembers it."""

    def __init__(self, rng: Random, place: str) -> None:
        self.rng = rng
        self.habits: list[str] = []
        self._column = PLACES.index(place)

    def slips(self, habit: str) -> bool:
        """True in the habit's percentage of records."""
        slipped = likely(self.rng, HABITS[habit][self._column])
        if slipped:
            self.habits.append(habit)
        return slipped


def _written(rng: Random, who: Person, place: str) -> tuple[Profile, tuple[str, ...]]:
    pen = _Pen(rng, place)
    if pen.slips("unidentified"):
        tag = (TRAUMA_IDENTITY, f"T{rng.randrange(10**6):06}")
        return Profile(sexes=(who.sex,), identifiers=(tag,)), tuple(pen.habits)
    name, birth_date = _name_written(pen, who), _birth_date_written(pen, who)
    names, dates = [name] if any(name) else [], [birth_date] if birth_date else []
    if pen.slips("both kept"):
        names.append((who.family, who.given))
        dates.append(who.birth_date)
    profile = Profile(
        names=tuple(dict.fromkeys(names)),
        birth_dates=tuple(dict.fromkeys(dates)),
        sexes=_sex_written(pen, who),
        services=_service_written(pen, who),
        units=_unit_written(pen, who),
        dod_ids=_dod_id_written(pen, who),
        identifiers=tuple(_identifiers_written(pen, who)),
    )
    return profile, tuple(pen.habits)


def _name_written(pen: _Pen, who: Person) -> tuple[str, str]:
    family, given = _family_written(pen, who), _given_written(pen, who)
    if pen.slips("capitals"):
        family, given = family.upper(), given.upper()
    return (given, family) if given and pen.slips("names exchanged") else (family, given)


def _family_written(pen: _Pen, who: Person) -> str:
    family = who.family
    if who.sex == "female" and pen.slips("married since"):
        family = family_name(pen.rng)
    halves = [half for half in family.split("-") if len(half) > 3]
    if len(halves) == 2 and pen.slips("half of a double name"):
        family = pen.rng.choice(halves)
    if pen.slips("family by ear"):
        family = by_ear(pen.rng, family)
    return mistyped(pen.rng, family) if pen.slips("family mistyped") else family


def _given_written(pen: _Pen, who: Person) -> str:
    if pen.slips("no given name"):
        return ""
    if pen.slips("call sign"):
        return pen.rng.choice(CALL_SIGNS)
    if pen.slips("initial"):
        return who.given[0]
    given = who.given
    if who.middle and pen.slips("middle name"):
        given = who.middle
    elif given in NICKNAMES and pen.slips("nickname"):
        given = pen.rng.choice(NICKNAMES[given])
    if pen.slips("given by ear"):
        given = by_ear(pen.rng, given)
    if pen.slips("given mistyped"):
        given = mistyped(pen.rng, given)
    if who.middle and given == who.given and pen.slips("middle stated"):
        return f"{given} {who.middle if likely(pen.rng, 50) else who.middle[0]}"
    return given


def _birth_date_written(pen: _Pen, who: Person) -> str:
    year, month, day = who.birth_date.split("-")
    if pen.slips("no birth date"):
        return ""
    if pen.slips("birth year only"):
        return year
    if int(day) <= 12 and pen.slips("day and month exchanged"):
        month, day = day, month
    if pen.slips("birth date digit"):
        place = pen.rng.choice((2, 3, 3, 6, 8, 9))
        text = f"{year}-{month}-{day}"
        return f"{text[:place]}{pen.rng.choice('0123456789')}{text[place + 1 :]}"
    return f"{year}-{month}-{day}"


def _sex_written(pen: _Pen, who: Person) -> tuple[str, ...]:
    if pen.slips("no sex"):
        return ()
    if pen.slips("wrong sex"):
        return ("female" if who.sex == "male" else "male",)
    return (who.sex,)


def _service_written(pen: _Pen, who: Person) -> tuple[str, ...]:
    if pen.slips("no service"):
        return ()
    service = pen.rng.choice(tuple(UNITS)) if pen.slips("wrong service") else who.service
    return (pen.rng.choice(SERVICE_WORDS[service]) if pen.slips("service in words") else service,)


def _unit_written(pen: _Pen, who: Person) -> tuple[str, ...]:
    if pen.slips("no unit"):
        return ()
    unit = pen.rng.choice(UNITS[who.service]) if pen.slips("unit changed") else who.unit
    if pen.slips("unit in other words"):
        fitting = [(old, new) for old, new in UNIT_WORDS if old in unit]
        unit = unit.replace(*pen.rng.choice(fitting)) if fitting else unit.upper()
    return (unit,)


def _dod_id_written(pen: _Pen, who: Person) -> tuple[str, ...]:
    if not who.dod_id or pen.slips("no DoD ID"):
        return ()
    return (mistyped_digits(pen.rng, who.dod_id) if pen.slips("DoD ID mistyped") else who.dod_id,)


def _identifiers_written(pen: _Pen, who: Person) -> Iterator[tuple[str, str]]:
    if not pen.slips("no roster"):
        roster = f"{who.given[0]}{who.family[0]}{who.last_four}".upper()
        yield (
            BATTLE_ROSTER,
            mistyped_digits(pen.rng, roster) if pen.slips("roster mistyped") else roster,
        )
    if pen.slips("last four"):
        yield SSN_LAST_4, who.last_four
    if pen.slips("wristband"):
        yield WRISTBAND, f"W{pen.rng.randrange(3_000):04}"


def _sticker(rng: Random, written: list[tuple[Profile, tuple[str, ...]]]) -> None:
    """Half of the unidentified hand their trauma identity on to the record that knows them."""
    if len(written) == 2 and written[1][1] == ("unidentified",) and likely(rng, 50):
        known, habits = written[0]
        tag = written[1][0].identifiers
        written[0] = (
            replace(known, identifiers=tuple(dict.fromkeys((*known.identifiers, *tag)))),
            habits,
        )


def mistyped(rng: Random, text: str) -> str:
    """One slip of the fingers: a letter left out, doubled, exchanged with the next, or its neighbour."""
    place = rng.randrange(1, len(text)) if len(text) > 1 else 0
    before, letter, after = text[:place], text[place : place + 1], text[place + 1 :]
    slip = rng.choice(("out", "double", "exchange", "neighbour"))
    if slip == "out" and len(text) > 2:
        return before + after
    if slip == "double":
        return before + letter + letter.lower() + after
    if slip == "exchange" and place > 0:
        return before[:-1] + letter + before[-1] + after
    return before + NEIGHBOURS.get(letter.lower(), "e") + after


def by_ear(rng: Random, text: str) -> str:
    """Another spelling of the same sound, or nearly; the same text if no rule of `EAR` fits."""
    fitting = [(old, new) for old, new in EAR if old in text[1:]]
    if not fitting:
        return text
    old, new = rng.choice(fitting)
    return text[0] + text[1:].replace(old, new, 1)


def mistyped_digits(rng: Random, text: str) -> str:
    """One of the last four digits wrong, or two neighbours of them exchanged."""
    place = len(text) - rng.randint(2, 4)
    if likely(rng, 40):
        return text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    return text[:place] + str(rng.randrange(10)) + text[place + 1 :]
