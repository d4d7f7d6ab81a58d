"""Rules over a chart, one clinical subject a module. A new rule is a declaration and a line here."""

from conflict.rule import Derived, Rule
from conflict.rules.allergies import ALLERGY_AGAINST_DRUG
from conflict.rules.identity import BLOOD_ACROSS_RECORDS, DOD_IDS_ACROSS_RECORDS

RULES: tuple[Rule, ...] = (
    ALLERGY_AGAINST_DRUG,
    BLOOD_ACROSS_RECORDS,
    DOD_IDS_ACROSS_RECORDS,
)
"""Every rule, in the order of the reference."""

DERIVED: tuple[Derived, ...] = ()
"""Every derived value, in the order of the reference."""

__all__ = ["DERIVED", "RULES"]
