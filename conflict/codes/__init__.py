"""Code lists that ship with the record: drugs, allergens, doses, vaccines, LOINC, teeth, the card."""

from conflict.codes.allergens import HOW, Cover, allergy_covers
from conflict.codes.card import EVACUATION_HOURS, LISTS, NINE_LINE, UNVERIFIED, label, route_of
from conflict.codes.dose_ranges import DOSE_RANGES, DoseRange
from conflict.codes.doses import (
    SINGLE_OVER,
    SINGLE_UNDER,
    DoseWarning,
    check_dose,
    day_warning,
    to_base,
)
from conflict.codes.drug_classes import CLASSES, CROSSINGS, Crossing, DrugClass
from conflict.codes.drugs import find_drug, find_drugs, outward_rxcui
from conflict.codes.formulary import DRUGS, PACKS, Drug, Product, RxCui
from conflict.codes.loinc import NOTICE as LOINC_NOTICE
from conflict.codes.loinc import Loinc, outward_loinc
from conflict.codes.teeth import (
    SURFACES,
    UNIVERSAL,
    Tooth,
    from_fdi,
    is_anterior,
    is_permanent,
    surfaces_of,
    to_fdi,
    tooth,
)
from conflict.codes.vaccines import (
    GROUPS,
    ROUTINE,
    VACCINES,
    RoutineDue,
    Vaccine,
    groups_of,
    routine_of,
    vaccine,
)

__all__ = [
    "CLASSES",
    "CROSSINGS",
    "DOSE_RANGES",
    "DRUGS",
    "EVACUATION_HOURS",
    "GROUPS",
    "HOW",
    "LISTS",
    "LOINC_NOTICE",
    "NINE_LINE",
    "PACKS",
    "ROUTINE",
    "SINGLE_OVER",
    "SINGLE_UNDER",
    "SURFACES",
    "UNIVERSAL",
    "UNVERIFIED",
    "VACCINES",
    "Cover",
    "Crossing",
    "DoseRange",
    "DoseWarning",
    "Drug",
    "DrugClass",
    "Loinc",
    "Product",
    "RoutineDue",
    "RxCui",
    "Tooth",
    "Vaccine",
    "allergy_covers",
    "check_dose",
    "day_warning",
    "find_drug",
    "find_drugs",
    "from_fdi",
    "groups_of",
    "is_anterior",
    "is_permanent",
    "label",
    "outward_loinc",
    "outward_rxcui",
    "route_of",
    "routine_of",
    "surfaces_of",
    "to_base",
    "to_fdi",
    "tooth",
    "vaccine",
]
