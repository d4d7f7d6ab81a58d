"""How alike two values of one field of a person are: levels of agreement and their probabilities.

Only single values are judged here; matching.py takes the best over all that was asserted and adds
up. m is how often a level is seen in two records of one person, u how often in records of two.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from math import log2
from typing import NamedTuple

from jellyfish import damerau_levenshtein_distance, jaro_winkler_similarity, metaphone

TEXT_MAX = 120
"""Characters of a value that are compared: distances cost the square of the length."""
NEAR_SIMILARITY_MIN = 0.92


def _groups(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(group.split()) for group in text.split(","))


class Level(NamedTuple):
    """A level of agreement, in words for a screen, with its two probabilities."""

    words: str
    m: float
    u: float

    @property
    def bits(self) -> float:
        """Weight log2(m/u), to a hundredth of a bit: the same on every machine."""
        return round(log2(self.m / self.u), 2)


# The kinds of error are those found in 398,939 confirmed duplicates (Just et al. 2016, PMC4832129):
# misspelling, nickname, exchanged names, another family name, a wrong digit, missing identifiers. No
# source gives rates for a card filled at the point of injury: m is our estimate of them. u is
# counted where a public count exists (census, calendar) and estimated elsewhere.
FAMILY = {
    "equal": Level(
        "equal", 0.85, 2e-4
    ),  # u: mean over names rarer than `FREQUENT`; those: their own
    "near": Level("nearly the same", 0.06, 0.002),
    "part": Level("partly equal", 0.04, 0.002),  # double and hyphenated names
    "sound": Level("sounds the same", 0.02, 0.0015),
    "differs": Level("differs", 0.03, 0.99),  # married, another transliteration
}
GIVEN = {
    "equal": Level("equal", 0.75, 0.012),  # u: sum of squared shares of given names (SSA)
    "short": Level("short form", 0.08, 0.004),
    "near": Level("nearly the same", 0.05, 0.005),
    "sound": Level("sounds the same", 0.01, 0.003),
    "initial": Level("same initial", 0.97, 0.09),  # given that one side has no more than an initial
    "middle": Level("equal to a middle name", 0.01, 0.004),
    "differs": Level("differs", 0.015, 0.97),
}
SWAPPED_BITS = -5.0
"""Three names in a hundred are written with family and given name exchanged."""
BIRTH_DATE = {
    "equal": Level("equal", 0.92, 1.5e-4),  # u: some 7,000 likely days
    "month": Level("agrees to the month", 0.95, 0.004),  # one side states no day
    "year": Level("agrees to the year", 0.95, 0.05),  # one side states no month
    "swapped": Level("day and month swapped", 0.01, 6e-5),
    "digit": Level("one digit off", 0.04, 0.004),
    "day": Level("agrees in day and month only", 0.01, 0.003),
    "only_year": Level("agrees in the year only", 0.01, 0.05),
    "differs": Level("differs", 0.01, 0.94),
}
SEX = {"equal": Level("equal", 0.985, 0.7), "differs": Level("differs", 0.015, 0.3)}  # 82 % male
SERVICE = {"equal": Level("equal", 0.95, 0.33), "differs": Level("differs", 0.05, 0.67)}
UNIT = {
    "equal": Level("equal", 0.6, 0.07),  # u: among persons of one service
    "near": Level("nearly the same", 0.2, 0.08),
    "differs": Level("differs", 0.2, 0.85),  # attached, moved, another echelon
}
DOD_ID = {
    "equal": Level("equal", 0.97, 1e-9),  # one per person for life, CLINICAL.md §1.6
    "near": Level("one digit off", 0.03, 1e-5),  # one-up numbers: neighbours enlisted together
    "differs": Level("differs", 1e-4, 1.0),  # somebody else's card was scanned
}
LAST_FOUR = {
    "roster": Level("equal", 0.9, 7e-7),  # 1.5 M effective values, CLINICAL.md §1.1
    "equal": Level("equal", 0.9, 1e-4),  # initials not stated, or counted with the names already
    "initials": Level("equal but for the initials", 0.03, 1e-4),  # no names to tell why
    "near": Level("one character off", 0.06, 0.004),
    "differs": Level("differs", 0.04, 0.99),
}
IDENTIFIER = {
    "equal": Level("equal", 0.6, 1e-6),
    "wristband": Level("equal", 0.6, 1e-4),  # short numbers, used again at the next event
}  # different ones say nothing: each facility gives its own

# Per 100,000 persons in the 2010 US census (public domain), down to one name in a thousand.
# Per 100,000 persons in the 2010 US census (public domain), down to one in a thousand.
_COUNTED = _groups("""
smith 828, johnson 655, williams 551, brown 487, jones 483, garcia 395, miller 394, davis 378, rodriguez
371, martinez 359, hernandez 354, lopez 296, gonzalez 285, wilson 272, anderson 266, thomas 256, taylor
255, moore 246, jackson 240, martin 238, lee 235, perez 231, thompson 225, white 224, harris 212, sanchez
208, clark 191, ramirez 189, lewis 180, robinson 180, walker 177, young 164, allen 164, king 158, wright
156, scott 149, torres 148, nguyen 148, hill 147, flores 147, green 146, adams 145, nelson 144, baker 142,
hall 138, rivera 133, campbell 131, mitchell 130, carter 128, roberts 128, gomez 124, phillips 122, evans
121, turner 118, diaz 118, parker 114, cruz 113, edwards 113, collins 112, reyes 111, stewart 110, morris
108, morales 106, murphy 105, cook 103, rogers 102
""")
FREQUENT = {name: int(count) / 100_000 for name, count in _COUNTED}
SHORT_FORMS = _groups("""
robert rob bob bobby bert, william will bill billy liam, richard rick dick rich ricky, james jim jimmy
jamie, john jack johnny jon, joseph joe joey, jose pepe, charles charlie chuck, edward ed eddie ted
ned, theodore ted teddy theo, anthony tony, antonio tony, michael mike mick mickey, mikhail misha,
christopher chris kit topher, thomas tom tommy, henry harry hank, lawrence larry, gerald jerry,
jerome jerry, andrew andy drew, alexander alex sandy sasha xander, francis frank, francisco frank paco
pancho, peter pete, patrick pat paddy, daniel dan danny, matthew matt, david dave, stephen steve,
steven steve, gregory greg, jeffrey jeff, geoffrey geoff, nicholas nick, benjamin ben, samuel sam,
samantha sam, joshua josh, zachary zach zack, kenneth ken, ronald ron, donald don, timothy tim, eugene
gene, albert al bert, walter walt, raymond ray, elizabeth liz beth betty eliza, katherine kate kathy
katie kit, catherine cathy kate cat, margaret maggie meg peggy, jennifer jen jenny, jessica jess
jessie, rebecca becky, susan sue, patricia pat trish patty, deborah deb debbie, victoria vicky tori,
stephanie steph, kimberly kim, ashley ash, amanda mandy, abigail abby, alexandra alex sandra sasha,
mary molly polly, sarah sally, dmitri dima, ivan vanya, muhammad mo, guillermo memo, ignacio nacho
""")
NOTHING = frozenset(("", "unknown", "unk", "none", "nil", "null", "n a", "tbd", "xx", "xxx", "doe"))
NO_CODE = frozenset(text.replace(" ", "") for text in NOTHING)
PARTICLES, SUFFIXES = map(
    frozenset, _groups("von van der den del dos das san los las the bin ibn abu, jr sr ii iii iv")
)
SEXES = {"m": "male", "male": "male", "f": "female", "female": "female"}
SERVICES = {
    "army": "usa",
    "us army": "usa",
    "air force": "usaf",
    "navy": "usn",
    "marines": "usmc",
    "marine corps": "usmc",
    "coast guard": "uscg",
    "space force": "ussf",
    "civ": "us civ",
    "civilian": "us civ",
}
US_SERVICES = frozenset(SERVICES.values())
UNIT_WORDS = {
    "company": "co",
    "battery": "btry",
    "battalion": "bn",
    "regiment": "regt",
    "platoon": "plt",
    "infantry": "in",
    "cavalry": "cav",
    "alpha": "a",
    "bravo": "b",
    "charlie": "c",
    "delta": "d",
}
# Letters that Unicode does not take apart into a plain letter and a mark.
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "ı": "i"})
ISO_DATE = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?")


def words_of(text: str) -> tuple[str, ...]:
    """Words of a value without case, accents, apostrophes and punctuation; none for "unknown"."""
    return _split(text[:TEXT_MAX])


@lru_cache(maxsize=1 << 14)
def _split(text: str) -> tuple[str, ...]:
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    words = tuple("".join(map(_kept, plain)).split())
    return () if " ".join(words) in NOTHING else words


def _kept(letter: str) -> str:
    if letter.isalnum():
        return letter
    return "" if unicodedata.combining(letter) or letter in "'’`" else " "


def code_of(text: str) -> str:
    """An identifier without case, spaces and punctuation; empty for "unknown" and for 0000."""
    plain = text[:TEXT_MAX].casefold()
    if not plain.isascii():
        plain = unicodedata.normalize("NFKD", plain)
    code = "".join(filter(str.isalnum, plain))
    return code if len(set(code)) > 1 and code not in NO_CODE else ""


def family_words(text: str) -> tuple[str, ...]:
    """Words of a family name without Jr and the like."""
    words = words_of(text)
    if SUFFIXES.isdisjoint(words):
        return words
    return tuple(word for word in words if word not in SUFFIXES) or words


@lru_cache(maxsize=1 << 14)
def sound(word: str) -> str:
    """Metaphone of a word in Latin letters, any other word itself."""
    return (word.isascii() and word.isalpha() and metaphone(word)) or word


@lru_cache(maxsize=1 << 12)
def short_forms(word: str) -> frozenset[str]:
    """Long forms in `SHORT_FORMS` of a given name, itself included if it is one."""
    return frozenset(group[0] for group in SHORT_FORMS if word in group)


def family(ours: str, theirs: str) -> Level | None:
    """Level of two family names; `None` if a side states none (so for every function below)."""
    one, other = family_words(ours), family_words(theirs)
    if not one or not other:
        return None
    whole, whole_other = "".join(one), "".join(other)
    if whole == whole_other:
        return FAMILY["equal"]._replace(u=FREQUENT.get(whole, FAMILY["equal"].u))
    if any(len(word) > 2 and word not in PARTICLES for word in {*one} & {*other}):
        return FAMILY["part"]
    if _near(whole, whole_other):
        return FAMILY["near"]
    return FAMILY["sound" if sound(whole) == sound(whole_other) else "differs"]


def given(ours: str, theirs: str) -> Level | None:
    """Level of two given names, which may hold middle names or be an initial."""
    one, other = words_of(ours), words_of(theirs)
    if not one or not other:
        return None
    first, first_other = one[0], other[0]
    if 1 in (len(first), len(first_other)):
        return GIVEN["initial" if first[0] == first_other[0] else "differs"]
    if first == first_other:
        return GIVEN["equal"]
    if _short(first, first_other):
        return GIVEN["short"]
    if _near(first, first_other):
        return GIVEN["near"]
    if sound(first) == sound(first_other):
        return GIVEN["sound"]
    return GIVEN["middle" if any(len(word) > 2 for word in {*one} & {*other}) else "differs"]


def birth_date(ours: str, theirs: str) -> Level | None:
    """Level of two ISO 8601 dates; what is none is as if not stated."""
    one, other = sorted((ours.strip(), theirs.strip()), key=len)
    if not (ISO_DATE.fullmatch(one) and ISO_DATE.fullmatch(other)):
        return None
    if len(one) < 10:
        agreed = {4: "year", 7: "month"}[len(one)]
        return BIRTH_DATE[agreed if other.startswith(one) else "differs"]
    if one == other:
        return BIRTH_DATE["equal"]
    if one[:4] + one[7:] + one[4:7] == other:
        return BIRTH_DATE["swapped"]
    if damerau_levenshtein_distance(one, other) == 1:
        return BIRTH_DATE["digit"]
    if one[4:] == other[4:]:
        return BIRTH_DATE["day"]
    return BIRTH_DATE["only_year" if one[:4] == other[:4] else "differs"]


def sex(ours: str, theirs: str) -> Level | None:
    """Level of two sexes; only male and female are compared."""
    one, other = (SEXES.get(" ".join(words_of(text))) for text in (ours, theirs))
    return SEX["equal" if one == other else "differs"] if one and other else None


def service(ours: str, theirs: str) -> Level | None:
    """Level of two services: form code (USA, USMC) or plain name.

    The form takes NON US or a nationality (CLINICAL.md §1.1): the two are no contradiction.
    """
    one, other = (" ".join(words_of(text)) for text in (ours, theirs))
    if not one or not other:
        return None
    one, other = SERVICES.get(one, one), SERVICES.get(other, other)
    if one != other and "non us" in (one, other) and US_SERVICES.isdisjoint((one, other)):
        return None
    return SERVICE["equal" if one == other else "differs"]


def unit(ours: str, theirs: str) -> Level | None:
    """Level of two units in free text: near if half of the longer one's words are shared."""
    one, other = (
        frozenset(UNIT_WORDS.get(word, word) for word in words_of(text)) for text in (ours, theirs)
    )
    if not one or not other:
        return None
    if one == other:
        return UNIT["equal"]
    return UNIT["near" if 2 * len(one & other) >= max(len(one), len(other)) else "differs"]


def dod_id(ours: str, theirs: str) -> Level | None:
    """Level of two DoD IDs; a text of fewer than eight characters is none."""
    one, other = code_of(ours), code_of(theirs)
    if min(len(one), len(other)) < 8:
        return None
    if one == other:
        return DOD_ID["equal"]
    return DOD_ID["near" if damerau_levenshtein_distance(one, other) == 1 else "differs"]


def last_four(ours: str, theirs: str, *, named: bool) -> Level | None:
    """Level of two battle roster numbers, or of one and the last four digits of an SSN.

    `named`: both records state a name, so that a roster's initials are no evidence of their own.
    """
    one, other = code_of(ours), code_of(theirs)
    if min(len(one), len(other)) < 4:
        return None
    if min(len(one), len(other)) > 4 and one[-4:] == other[-4:] and not named:
        return LAST_FOUR["roster" if one == other else "initials"]
    if one[-4:] == other[-4:]:
        return LAST_FOUR["equal"]
    near = damerau_levenshtein_distance(one[-4:], other[-4:]) == 1
    return LAST_FOUR["near" if near else "differs"]


def _near(one: str, other: str) -> bool:
    """One slip of the pen apart, or alike by Jaro-Winkler; short words differ by too little to tell."""
    if min(len(one), len(other)) < 4:
        return False
    one, other = sorted((one, other))  # the greedy matching of Jaro is not symmetric by definition
    if jaro_winkler_similarity(one, other) >= NEAR_SIMILARITY_MIN:
        return True
    return damerau_levenshtein_distance(one, other) == 1


def _short(one: str, other: str) -> bool:
    if short_forms(one) & short_forms(other):
        return True
    short, long = sorted((one, other), key=len)
    return len(short) >= 3 and long.startswith(short)
