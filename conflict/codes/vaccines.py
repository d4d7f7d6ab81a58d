"""CVX codes of the vaccines that deployments ask for, and which routine doses fall due when.

Codes and names are the CDC's (CLINICAL.md §2). Intervals are policy, not facts of a code: the list
here is the usual one with its source, and a deployment may give its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Vaccine(NamedTuple):
    """A CVX code; `groups`: what a dose of it counts for; `status` in the CDC table."""

    code: str
    name: str
    groups: tuple[str, ...]
    status: str = "Active"


class RoutineDue(NamedTuple):
    """A series of `doses`, then one every `interval_days` (None: none). `codes` narrows it to these
    CVX codes, () means every vaccine of the group.
    """

    group: str
    interval_days: int | None
    doses: int
    source: str
    codes: tuple[str, ...] = ()


_LIST = (
    Vaccine("03", "MMR", ("mmr",)),
    Vaccine("09", "Td (adult), adsorbed", ("tetanus-diphtheria",)),
    Vaccine("10", "IPV", ("polio",)),
    Vaccine("18", "rabies, intramuscular (retired code)", ("rabies",), "Inactive"),
    Vaccine("21", "varicella", ("varicella",)),
    Vaccine("24", "anthrax", ("anthrax",)),
    Vaccine("25", "typhoid, oral", ("typhoid",)),
    Vaccine("37", "yellow fever", ("yellow-fever",)),
    Vaccine("43", "Hep B, adult", ("hepatitis-b",)),
    Vaccine("52", "Hep A, adult", ("hepatitis-a",)),
    Vaccine("75", "vaccinia (smallpox)", ("smallpox-mpox",)),
    Vaccine("101", "typhoid, ViCPs", ("typhoid",)),
    Vaccine("104", "Hep A-Hep B", ("hepatitis-a", "hepatitis-b")),
    Vaccine("113", "Td (adult), preservative free", ("tetanus-diphtheria",)),
    Vaccine("114", "meningococcal MCV4P", ("meningococcal-acwy",)),
    Vaccine("115", "Tdap", ("tetanus-diphtheria",)),
    Vaccine("134", "Japanese encephalitis, intramuscular", ("japanese-encephalitis",)),
    Vaccine("136", "meningococcal MCV4O", ("meningococcal-acwy",)),
    Vaccine("140", "influenza, trivalent, preservative free", ("influenza",)),
    Vaccine("143", "adenovirus types 4 and 7", ("adenovirus",)),
    Vaccine("150", "influenza, quadrivalent, preservative free", ("influenza",)),
    Vaccine("162", "meningococcal B, recombinant (FHbp)", ("meningococcal-b",)),
    Vaccine("163", "meningococcal B, OMV", ("meningococcal-b",)),
    Vaccine("174", "cholera, live attenuated", ("cholera",)),
    Vaccine("175", "rabies, intramuscular, human diploid cell", ("rabies",)),
    Vaccine("176", "rabies, intramuscular, fibroblast culture", ("rabies",)),
    Vaccine("189", "Hep B, adjuvanted", ("hepatitis-b",)),
    Vaccine("203", "meningococcal MenACWY-TT", ("meningococcal-acwy",)),
    Vaccine("206", "smallpox/mpox, non-replicating", ("smallpox-mpox",)),
    Vaccine("208", "COVID-19, mRNA, 30 mcg", ("covid-19",), "Inactive"),
    Vaccine("216", "pneumococcal conjugate PCV20", ("pneumococcal",)),
    Vaccine("224", "tick-borne encephalitis, adult", ("tick-borne-encephalitis",)),
)

VACCINES: Mapping[str, Vaccine] = {one.code: one for one in _LIST}
GROUPS: tuple[str, ...] = tuple(sorted({group for one in _LIST for group in one.groups}))

_YEAR = 365
ROUTINE: tuple[RoutineDue, ...] = (
    RoutineDue("influenza", _YEAR, 1, "ACIP: every person from 6 months, every year"),
    RoutineDue("tetanus-diphtheria", 10 * _YEAR + 2, 1, "ACIP, MMWR 2020;69:77: every 10 years"),
    RoutineDue("typhoid", 2 * _YEAR, 1, "US label (Typhim Vi): every 2 years", ("101",)),
    RoutineDue("typhoid", 5 * _YEAR + 1, 1, "US label (Vivotif): every 5 years", ("25",)),
    RoutineDue("meningococcal-acwy", 5 * _YEAR + 1, 1, "ACIP, MMWR 2020;69(RR-9): at risk"),
    RoutineDue("anthrax", _YEAR, 5, "US label (BioThrax): 0, 1, 6, 12, 18 months, then yearly"),
    RoutineDue("yellow-fever", None, 1, "ACIP, MMWR 2015;64:647: one dose for most travellers"),
    RoutineDue("hepatitis-a", None, 2, "US labels (Havrix, Vaqta)", ("52",)),
    RoutineDue("hepatitis-b", None, 3, "US labels (Engerix-B, Recombivax HB)", ("43",)),
    RoutineDue("hepatitis-b", None, 2, "US label (Heplisav-B)", ("189",)),
    RoutineDue("smallpox-mpox", None, 2, "US label (Jynneos)", ("206",)),
    RoutineDue("varicella", None, 2, "US label (Varivax): adults"),
)
"""Only where a routine interval or series can be cited; what is not here has no due date."""


def vaccine(code: str) -> Vaccine | None:
    """The vaccine with this CVX code, "3" and "03" alike; None where it is not listed."""
    return VACCINES.get(code.strip().zfill(2))


def groups_of(cvx: str) -> tuple[str, ...]:
    """Readiness groups that a dose of this code counts for: two for a combined vaccine, () where
    the code is not listed.
    """
    known = vaccine(cvx)
    return known.groups if known else ()


def routine_of(group: str, cvx: str = "") -> RoutineDue | None:
    """What falls due in a group after a dose of `cvx`; None where no routine is cited."""
    known = vaccine(cvx)
    for one in ROUTINE:
        if one.group == group and (not one.codes or (known and known.code in one.codes)):
            return one
    return None
