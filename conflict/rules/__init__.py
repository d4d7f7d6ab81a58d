"""Rules over a chart, one clinical subject a module. A new rule is a declaration and a line here."""

from conflict.rule import Derived, Rule
from conflict.rules import blood, custody, doses, times, tourniquets, vitals
from conflict.rules.allergies import ALLERGY_AGAINST_DRUG
from conflict.rules.directives import CODE_STATUS, DIRECTIVE_NOT_CARRIED
from conflict.rules.identity import ACTIVE_RECORD
from conflict.rules.immunisations import IMMUNISATIONS_DUE
from conflict.rules.links import LINK_DENIED
from conflict.rules.moves import MOVE_UNFINISHED
from conflict.rules.overrides import GLASS_BROKEN
from conflict.rules.questionnaires import DEPLOYMENT_HEALTH
from conflict.rules.readiness import READINESS
from conflict.rules.records_apart import ACROSS_RECORDS
from conflict.rules.teeth import DENTAL_CLASS, FINDING_ON_MISSING_TOOTH

RULES: tuple[Rule, ...] = (
    ALLERGY_AGAINST_DRUG,
    doses.FAR_OUTSIDE,
    doses.DAY_OVER,
    doses.WRITTEN_TWICE,
    blood.AGAINST_TYPE,
    blood.WRITTEN_TWICE,
    tourniquets.OVER_2_HOURS,
    tourniquets.OVER_6_HOURS,
    tourniquets.WITHOUT_TIME,
    tourniquets.NAMES_NONE,
    tourniquets.ENDED_APART,
    tourniquets.WRITTEN_TWICE,
    times.BEFORE_BIRTH,
    times.BEFORE_INJURY_TIME,
    times.REMOVED_FIRST,
    times.ENDS_FIRST,
    times.AFTER_WRITTEN,
    times.TXA_LATE,
    times.IN_FUTURE,
    vitals.REASSESSMENT_DUE,
    custody.ANSWERED_APART,
    *ACROSS_RECORDS,
    DIRECTIVE_NOT_CARRIED,
    FINDING_ON_MISSING_TOOTH,
    MOVE_UNFINISHED,
    LINK_DENIED,
    GLASS_BROKEN,
)
"""Every rule, in the order of the reference."""

DERIVED: tuple[Derived, ...] = (
    tourniquets.TOURNIQUETS,
    doses.DOSE_TOTALS,
    blood.CALCIUM,
    vitals.LAST_VITALS,
    custody.CUSTODY,
    ACTIVE_RECORD,
    CODE_STATUS,
    DENTAL_CLASS,
    IMMUNISATIONS_DUE,
    READINESS,
    DEPLOYMENT_HEALTH,
)
"""Every derived value, in the order of the reference."""

__all__ = ["DERIVED", "RULES"]
