"""Who the casualty is: invented identities as a medic writes them on a DD Form 1380.

Every family name is the word for "example" in some language and every DoD ID begins with 9, so none
can be taken for a real person. CLINICAL.md §1.1, §1.6.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from conflict.records import (
    ALLERGY,
    BATTLE_ROSTER,
    BIRTH_DATE,
    DOD_ID,
    NAME,
    SERVICE,
    SEX,
    UNIT,
)
from conflict.statement import Draft, Json
from node.sim.dice import likely
from node.sim.moment import Moment


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FAMILIES = _words(
    "Adibide Apeere Beispielmann Contohan Daemisson Ejemplo Eksempelsen Enghraifft Esempio "
    "Esimerkki Exemplaire Exempelsson Exemplu Halimbawa Kielelezo Lizi Mfano Mithal Misal "
    "Namunawala Ornekoglu Paradeigma Pavyzdys Példa Primerova Przyklad Tatoeba Tauira Udaharan "
    "Vidu Voorbeeld Yesi"
)
GIVEN = {
    "male": _words(
        "Abel Bao Cyrus Dmitri Efua-Kofi Farid Gael Hemi Ioan Jun Kwame Luca Mateo Nils Omar Pavel "
        "Quy Rashad Sione Tomasz Uri Viktor Wen Xavier Yusuf Zoltan"
    ),
    "female": _words(
        "Aroha Brigid Chiara Dalia Esi Freya Greta Hana Ines Jolanta Kalinda Leilani Mei Noor "
        "Odile Priya Quyen Rosa Signe Tala Ulla Vesna Wanjiru Ximena Yara Zuzana"
    ),
}
UNITS = {
    "USA": ("A Co, 9-999 IN", "HHC, 9-998 CAV", "B Btry, 9-997 FA"),
    "USMC": ("Co K, 9/99 Marines", "Wpns Co, 8/99 Marines"),
    "USN": ("NMCB 999", "USS Exemplar (XX-999)"),
    "USAF": ("999 SFS", "998 CES"),
    "USCG": ("PSU 399",),
    "US CIV": ("Contractor, Camp Placeholder",),
    "NON US": ("9 (Sample) Royal Engineers", "99e Régiment d'Exemple"),
}
_SERVICE_WEIGHTS = (50, 20, 8, 10, 3, 4, 5)


class Allergen(NamedTuple):
    """A substance with what it does, most harmful reactions as `criticality` says."""

    substance: str
    category: str
    reaction: str
    criticality: str


ALLERGENS = (
    Allergen("Penicillin", "drug", "anaphylaxis", "high"),
    Allergen("Morphine", "drug", "urticaria", "low"),
    Allergen("Moxifloxacin", "drug", "tendon pain", "low"),
    Allergen("Ketamine", "drug", "laryngospasm", "high"),
    Allergen("Sulfamethoxazole", "drug", "rash", "low"),
    Allergen("Ibuprofen", "drug", "bronchospasm", "high"),
    Allergen("Codeine", "drug", "vomiting", "low"),
    Allergen("Iodinated contrast", "drug", "flushing", "unable-to-assess"),
    Allergen("Latex", "environment", "contact dermatitis", "low"),
    Allergen("Bee venom", "environment", "anaphylaxis", "high"),
    Allergen("Peanut", "food", "anaphylaxis", "high"),
    Allergen("Shellfish", "food", "swelling of the lips", "unable-to-assess"),
)
NONE_KNOWN_DRUG: dict[str, Json] = {"status": "none-known-drug"}
NONE_KNOWN: dict[str, Json] = {"status": "none-known"}
ABO = ("O", "A", "B", "AB")
_ABO_WEIGHTS = (45, 40, 11, 4)


def identity(rng: Random, moment: Moment, *, alert: bool, dod_id: str) -> Iterator[Draft]:
    """What could be found out; of an unknown casualty only what is seen. `dod_id` may stay unused."""
    sex = rng.choices(("male", "female"), (82, 18))[0]
    if likely(rng, 3 if alert else 40):
        seen = "unknown" if likely(rng, 15) else sex
        yield moment.says(SEX, {"code": seen, "evidence": "observed"})
        return
    evidence = "self" if alert else "tag"
    called = name(rng, sex, evidence)
    yield moment.says(NAME, called)
    yield moment.says(SEX, {"code": sex, "evidence": "observed"})
    yield moment.says(BIRTH_DATE, {"date": _birth_date(rng, moment), "evidence": evidence})
    roster = f"{called['given'][0]}{called['family'][0]}{rng.randrange(10_000):04d}"
    yield moment.says(BATTLE_ROSTER, {"number": roster, "evidence": "tag"})
    service = rng.choices(tuple(UNITS), _SERVICE_WEIGHTS)[0]
    yield moment.says(SERVICE, {"code": service, "evidence": evidence})
    yield moment.says(UNIT, {"name": rng.choice(UNITS[service]), "evidence": evidence})
    if service != "NON US" and likely(rng, 60):
        yield moment.says(DOD_ID, {"number": dod_id, "evidence": "card-scan"})


def name(rng: Random, sex: str, evidence: str) -> dict[str, Json]:
    """An invented name; `sex` is male or female."""
    family, given = rng.choice(FAMILIES), rng.choice(GIVEN[sex])
    return {"family": family, "given": given, "evidence": evidence}


def _birth_date(rng: Random, moment: Moment) -> str:
    year = int(moment.at[:4]) - rng.randint(19, 45)
    return f"{year}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"


def allergies(rng: Random, moment: Moment) -> tuple[Draft, ...]:
    """NKDA, one or two substances, or nothing where nobody asked."""
    lot = rng.randrange(100)
    if lot < 55:
        return (moment.says(ALLERGY, NONE_KNOWN_DRUG),)
    if lot < 85:
        return moment.each(ALLERGY, map(allergy, rng.sample(ALLERGENS, rng.choice((1, 1, 2)))))
    return ()


def allergy(allergen: Allergen) -> dict[str, Json]:
    """Value of an active allergy to `allergen`."""
    return {
        "substance": allergen.substance,
        "status": "active",
        "category": allergen.category,
        "reactions": [allergen.reaction],
        "criticality": allergen.criticality,
        "verification": "unconfirmed",
    }


def blood_type(rng: Random) -> dict[str, Json]:
    """ABO and Rh with the method they were learned by."""
    return {
        "abo": rng.choices(ABO, _ABO_WEIGHTS)[0],
        "rh": rng.choices(("+", "-"), (85, 15))[0],
        "method": rng.choices(("tag", "field-card", "lab", "self"), (60, 20, 15, 5))[0],
    }
