"""The muster: who is in an invented theatre, with twins, siblings and namesakes among them.

Unlike those of persons.py the names are as frequent as in life (2010 US census), because that is what
makes matching hard. DoD IDs begin with 9 and units have impossible numbers all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from conflict import likeness
from node.sim.dice import dice, likely


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FREQUENT = {name.title(): share for name, share in likeness.FREQUENT.items()}
"""The most frequent of the 2010 US census with their shares; stems and endings make the long tail."""
STEMS = _words(
    "Ald Ash Bar Beck Black Brad Bran Brock Burn Cald Carl Clay Col Cran Dal Dun East Eld Ell Fair Farn "
    "Ferr Gar Gil Glen Gold Gran Hamp Hart Hath Hol Hutch Kel Kirk Lang Law Lind Lock Mar Mead Mor New "
    "Nor Oak Pem Pres Rad Ray Ros Rush Sand Sel Shel Stan Stock Strat Thorn Tru Van Wade Wal Whit Win Wood"
)
ENDINGS = _words(
    "berg bert born bourne bridge bury by cott den dale ell er field ford gate ham hurst ing ington "
    "land ley man mark mond more ner over ridge rick shaw stead stein ster stone sworth ton vale "
    "ville ward well wick win wood worth"
)
FOREIGN_FAMILIES = _words(
    "Kowalski Nowak Wiśniewski Müller Schäfer Weiß Dubois Lefèvre Moreau Rossi Esposito Jensen Sørensen "
    "Łukasz Novák Horváth Popescu Ivanenko Shevchenko Al-Masri Haddad Rahman Khan Hussain Okafor Mensah "
    "Park Kim Tanaka Silva Fernandes Papadopoulos Yılmaz van-der-Berg MacLeod O'Connor"
)
GIVEN = {
    "male": _words(
        "Michael Christopher Matthew Joshua Jacob Andrew Daniel Nicholas Tyler Joseph David Brandon James "
        "John Ryan Zachary Justin Anthony William Robert Jonathan Kyle Austin Alexander Kevin Cody Thomas "
        "Jordan Eric Benjamin Aaron Christian Samuel Dylan Steven Brian Jose Timothy Nathan Adam Richard "
        "Patrick Charles Sean Jason Cameron Jeremy Mark Stephen Jesus Juan Dustin Trevor Marcus Victor "
        "Luis Gabriel Travis Carlos Bradley Antonio Alejandro Mitchell Nathaniel Ian Peter Kenneth Gregory "
        "Edward Omar Malik Tyrone Mohammed Oluwaseun Kwame Hiroshi Dmitri Xavier Elijah"
    ),
    "female": _words(
        "Jessica Ashley Emily Samantha Sarah Amanda Brittany Elizabeth Taylor Megan Stephanie Kayla Lauren "
        "Jennifer Rachel Hannah Nicole Amber Alexis Courtney Victoria Danielle Alyssa Rebecca Jasmine "
        "Katherine Melissa Alexandra Brianna Chelsea Michelle Morgan Kelsey Tiffany Kimberly Christina "
        "Madison Maria Heather Allison Laura Mary Abigail Jacqueline Erin Guadalupe Xiomara Imani"
    ),
}
FOREIGN_GIVEN = {
    "male": _words(
        "Krzysztof Piotr Jürgen Björn François Jean-Luc Giuseppe Søren Łukasz Mihai Oleksandr Ahmed Yusuf "
        "Tariq Chidi Kofi Min-jun Kenji João Giorgos Mehmet Hamish"
    ),
    "female": _words(
        "Agnieszka Anja Élodie Chiara Freya Ioana Oksana Fatima Amina Ngozi Ji-woo Inês Elif"
    ),
}
UNITS = {
    "USA": tuple(
        f"{company}, 9-{battalion}"
        for battalion in ("999 IN", "998 IN", "997 CAV", "996 FA")
        for company in ("HHC", "A Co", "B Co", "C Co", "D Co")
    ),
    "USMC": tuple(
        f"{company}, {battalion}/99 Marines" for battalion in (7, 8) for company in ("Co K", "Co L")
    ),
    "USN": ("NMCB 999", "USS Exemplar", "Role 2 LM 99"),
    "USAF": ("999 SFS", "998 CES", "997 EAES"),
    "US CIV": ("Contractor, Camp Placeholder",),
    "NON US": ("9 (Sample) Royal Engineers", "99e Régiment d'Exemple", "Liaison Cell 9"),
}
_SERVICE_WEIGHTS = (50, 20, 8, 10, 4, 8)
LOOKALIKES = {"twin": 4, "sibling": 8, "namesake": 5, "family and birth date": 3, "roster": 5}
"""Persons in a thousand made to resemble the one before: more than in life, so that they count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What is true of somebody; `lookalike`: in what way made to resemble the person before, if so."""

    sex: str
    family: str
    given: str
    middle: str
    birth_date: str
    service: str
    unit: str
    dod_id: str
    last_four: str
    lookalike: str = ""


def muster(seed: int, people: int) -> Iterator[Person]:
    """The first `people` persons of `seed`, each lookalike right after whom it resembles."""
    before = None
    for index in range(people):
        before = _person(dice(seed, index, "person"), before)
        yield before


def _person(rng: Random, before: Person | None) -> Person:
    lot = rng.randrange(1_000)
    for kind, share in LOOKALIKES.items():
        if before and lot < share:
            return _LIKE[kind](rng, before, _stranger(rng))
        lot -= share
    return _stranger(rng)


def _stranger(rng: Random) -> Person:
    service = rng.choices(tuple(UNITS), _SERVICE_WEIGHTS)[0]
    sex = rng.choices(("male", "female"), (82, 18))[0]
    foreign = service == "NON US"
    day = rng.randint(1, 28)
    year = 2026 - min(rng.randint(18, 48), rng.randint(18, 48))  # the young are more
    return Person(
        sex=sex,
        family=rng.choice(FOREIGN_FAMILIES) if foreign else _family(rng),
        given=rng.choice(FOREIGN_GIVEN[sex]) if foreign else _given(rng, sex),
        middle=_given(rng, sex) if likely(rng, 75) and not foreign else "",
        birth_date=f"{year}-{rng.randint(1, 12):02}-{day:02}",
        service=service,
        unit=rng.choice(UNITS[service]),
        dod_id="" if foreign else f"9{rng.randrange(10**9):09}",
        last_four=f"{rng.randrange(10_000):04}",
    )


def _family(rng: Random) -> str:
    if likely(rng, 4):
        return f"{family_name(rng)}-{family_name(rng)}"
    return rng.choice(FOREIGN_FAMILIES) if likely(rng, 6) else family_name(rng)


def family_name(rng: Random) -> str:
    """A single family name, frequent or of the long tail, as in the US."""
    if rng.randrange(100_000) < sum(FREQUENT.values()) * 100_000:
        return rng.choices(tuple(FREQUENT), tuple(FREQUENT.values()))[0]
    return rng.choice(STEMS) + rng.choice(ENDINGS)


def _given(rng: Random, sex: str) -> str:
    names = GIVEN[sex]
    return rng.choices(names, [1 / (rank + 20) for rank in range(len(names))])[0]


def _twin(rng: Random, one: Person, other: Person) -> Person:
    sex = one.sex if likely(rng, 70) else other.sex
    like = [name for name in GIVEN[sex] if name[0] == one.given[0] and name != one.given]
    unlike = [name for name in GIVEN[sex] if name != one.given]
    after = f"{(int(one.last_four) + 1) % 10_000:04}"
    return replace(
        other,
        lookalike="twin",
        sex=sex,
        family=one.family,
        given=rng.choice(like if like and likely(rng, 30) else unlike),
        birth_date=one.birth_date,
        service=one.service,
        unit=one.unit if likely(rng, 50) else rng.choice(UNITS[one.service]),
        last_four=after if likely(rng, 50) else other.last_four,  # enumerated at birth
        dod_id=_next_dod_id(rng, one) if likely(rng, 40) else other.dod_id,  # enlisted together
    )


def _next_dod_id(rng: Random, one: Person) -> str:
    return one.dod_id and f"{int(one.dod_id[:9]) + 1}"[-9:] + str(rng.randrange(10))


def _sibling(rng: Random, one: Person, other: Person) -> Person:
    together = likely(rng, 20)
    return replace(
        other,
        lookalike="sibling",
        family=one.family,
        given=other.given if other.given != one.given else other.middle or "Leslie",
        service=one.service if together else other.service,
        unit=one.unit if together else other.unit,
    )


def _namesake(_: Random, one: Person, other: Person) -> Person:
    return replace(
        other,
        lookalike="namesake",
        sex=one.sex,
        family=one.family,
        given=one.given,
        service=one.service,
        unit=one.unit,
    )


def _same_day(_: Random, one: Person, other: Person) -> Person:
    return replace(
        other, lookalike="family and birth date", family=one.family, birth_date=one.birth_date
    )


def _same_roster(_: Random, one: Person, other: Person) -> Person:
    return replace(
        other,
        lookalike="roster",
        family=one.family[0] + other.family[1:],
        given=one.given[0] + other.given[1:],
        last_four=one.last_four,
    )


_LIKE = {
    "twin": _twin,
    "sibling": _sibling,
    "namesake": _namesake,
    "family and birth date": _same_day,
    "roster": _same_roster,
}
