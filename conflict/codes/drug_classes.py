"""Classes of drugs as allergies see them, their names in free text, what crosses between. Data only.

A class is here because its members share what people react to, and `source` says who warns. What
is not established is left out: shellfish and iodine, sulfa antibiotics and sulfates, morphine and
fentanyl do not speak against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from conflict.finding import Severity


class DrugClass(NamedTuple):
    """`said`: what a person writes for it, by commas; `severity` of an allergy to one member against
    another; `within`: the wider class it belongs to, or ""; `plain`: the name shown, where it is
    not `name`.
    """

    name: str
    said: str
    severity: Severity
    source: str
    within: str = ""
    plain: str = ""


class Crossing(NamedTuple):
    """What an allergy in one class means for a drug of another."""

    severity: Severity
    words: str
    source: str


_LABEL = "US labels: contraindicated after an allergic reaction to the class"
_LABEL_DRUG = "US labels name the drug itself only; shared structure"

CLASSES: tuple[DrugClass, ...] = (
    DrugClass("beta-lactams", "beta lactam, beta lactams", Severity.HIGH, _LABEL),
    DrugClass("penicillins", "penicillin, penicillins, pcn", Severity.HIGH, _LABEL, "beta-lactams"),
    DrugClass(
        "aminopenicillins",
        "aminopenicillin, aminopenicillins",
        Severity.HIGH,
        _LABEL,
        "penicillins",
    ),
    DrugClass(
        "cephalosporins",
        "cephalosporin, cephalosporins, cephalosporine",
        Severity.HIGH,
        _LABEL,
        "beta-lactams",
    ),
    DrugClass("aminocephalosporins", "", Severity.HIGH, _LABEL, "cephalosporins"),
    DrugClass("carbapenems", "carbapenem, carbapenems", Severity.HIGH, _LABEL, "beta-lactams"),
    DrugClass(
        "fluoroquinolones",
        "fluoroquinolone, fluoroquinolones, quinolone, quinolones",
        Severity.HIGH,
        _LABEL,
    ),
    DrugClass("macrolides", "macrolide, macrolides", Severity.HIGH, _LABEL),
    DrugClass(
        "sulfonamides",
        "sulfa, sulpha, sulfas, sulfonamide, sulfonamides, sulphonamide, sulphonamides",
        Severity.HIGH,
        _LABEL,
    ),
    DrugClass("tetracyclines", "tetracycline, tetracyclines", Severity.HIGH, _LABEL),
    DrugClass("lincosamides", "lincosamide, lincosamides", Severity.HIGH, _LABEL),
    DrugClass("nitroimidazoles", "nitroimidazole, nitroimidazoles", Severity.HIGH, _LABEL),
    DrugClass("aminoglycosides", "aminoglycoside, aminoglycosides", Severity.HIGH, _LABEL),
    DrugClass("glycopeptides", "glycopeptide, glycopeptides", Severity.MEDIUM, _LABEL_DRUG),
    DrugClass("8-aminoquinolines", "8 aminoquinoline, 8 aminoquinolines", Severity.HIGH, _LABEL),
    DrugClass("4-aminoquinolines", "4 aminoquinoline, 4 aminoquinolines", Severity.HIGH, _LABEL),
    DrugClass(
        "opioids",
        "opioid, opioids, opiate, opiates, narcotic, narcotics",
        Severity.MEDIUM,
        _LABEL_DRUG,
    ),
    DrugClass("phenanthrenes", "", Severity.MEDIUM, _LABEL_DRUG, "opioids", "phenanthrene opioids"),
    DrugClass(
        "phenylpiperidines", "", Severity.MEDIUM, _LABEL_DRUG, "opioids", "phenylpiperidine opioids"
    ),
    DrugClass("phenylpropylamines", "", Severity.MEDIUM, _LABEL_DRUG, "opioids"),
    DrugClass("diphenylheptanes", "", Severity.MEDIUM, _LABEL_DRUG, "opioids"),
    DrugClass(
        "nsaids",
        "nsaid, nsaids, non steroidal anti inflammatory, nonsteroidal anti inflammatory",
        Severity.HIGH,
        _LABEL,
        plain="NSAIDs",
    ),
    DrugClass("coxibs", "coxib, coxibs", Severity.HIGH, _LABEL),
    DrugClass("salicylates", "salicylate, salicylates", Severity.HIGH, _LABEL),
    DrugClass(
        "benzodiazepines", "benzodiazepine, benzodiazepines, benzos", Severity.MEDIUM, _LABEL_DRUG
    ),
    DrugClass(
        "local anaesthetics",
        "local anaesthetic, local anaesthetics, local anesthetic, local anesthetics, caines",
        Severity.HIGH,
        "US labels: contraindicated after a reaction to an anaesthetic of the same type",
    ),
    DrugClass(
        "amide-anaesthetics",
        "",
        Severity.HIGH,
        _LABEL,
        "local anaesthetics",
        "amide local anaesthetics",
    ),
    DrugClass(
        "ester-anaesthetics",
        "",
        Severity.HIGH,
        _LABEL,
        "local anaesthetics",
        "ester local anaesthetics",
    ),
    DrugClass("phenothiazines", "phenothiazine, phenothiazines", Severity.HIGH, _LABEL),
    DrugClass("setrons", "setron, setrons", Severity.MEDIUM, "US label of ondansetron, warnings"),
    DrugClass("corticosteroids", "corticosteroid, corticosteroids", Severity.MEDIUM, _LABEL_DRUG),
    DrugClass("heparins", "heparins", Severity.HIGH, "US label of enoxaparin: contraindications"),
)

# Picard M et al., Cross-reactivity to cephalosporins and carbapenems in penicillin-allergic
# patients: two systematic reviews and meta-analyses, J Allergy Clin Immunol Pract 2019;7:2722-38.
# Khan DA et al., Drug allergy: a 2022 practice parameter update, J Allergy Clin Immunol
# 2022;150:1333-93: a carbapenem may be given after a penicillin or cephalosporin allergy.
_PICARD = "Picard et al., J Allergy Clin Immunol Pract 2019;7:2722"
_KHAN = "Khan et al., J Allergy Clin Immunol 2022;150:1333"
_NSAID_LABEL = (
    "US labels of NSAIDs: contraindicated after an allergic reaction to aspirin or an NSAID"
)

_CARBAPENEM = Crossing(
    Severity.LOW,
    "under 1 % react to a carbapenem; its label warns after anaphylaxis to any beta-lactam",
    f"{_PICARD}; {_KHAN}; US label of ertapenem",
)
_UNLIKE_CHAIN = Crossing(
    Severity.LOW,
    "about 2 % react to a cephalosporin with another side chain",
    f"{_PICARD}; {_KHAN}",
)
_LIKE_CHAIN = Crossing(
    Severity.MEDIUM, "this cephalosporin has the side chain of ampicillin or amoxicillin", _PICARD
)
_BETA_LACTAM = Crossing(
    Severity.MEDIUM,
    "its label warns after a serious reaction to any beta-lactam",
    "US labels of amoxicillin and cefazolin",
)
_NSAIDS = Crossing(
    Severity.HIGH, "who reacts to one of aspirin and the NSAIDs may react to all", _NSAID_LABEL
)
_COXIBS = Crossing(
    Severity.MEDIUM, "its label warns after a reaction to aspirin or an NSAID", _NSAID_LABEL
)
_TRAMADOL = Crossing(
    Severity.MEDIUM,
    "its label warns after a reaction to codeine or another opioid",
    "US label of tramadol, warnings",
)

CROSSINGS: Mapping[tuple[str, str], Crossing] = {
    ("penicillins", "carbapenems"): _CARBAPENEM,
    ("cephalosporins", "carbapenems"): _CARBAPENEM,
    ("penicillins", "cephalosporins"): _UNLIKE_CHAIN,
    ("penicillins", "aminocephalosporins"): _LIKE_CHAIN,
    ("cephalosporins", "penicillins"): _BETA_LACTAM,
    ("carbapenems", "penicillins"): _BETA_LACTAM,
    ("carbapenems", "cephalosporins"): _BETA_LACTAM,
    ("salicylates", "nsaids"): _NSAIDS,
    ("nsaids", "salicylates"): _NSAIDS,
    ("coxibs", "nsaids"): _NSAIDS,
    ("coxibs", "salicylates"): _NSAIDS,
    ("nsaids", "coxibs"): _COXIBS,
    ("salicylates", "coxibs"): _COXIBS,
    ("sulfonamides", "coxibs"): Crossing(
        Severity.MEDIUM,
        "its label warns after a reaction to sulfonamides",
        "US label of celecoxib, contraindications",
    ),
    ("phenanthrenes", "phenylpropylamines"): _TRAMADOL,
    ("phenylpiperidines", "phenylpropylamines"): _TRAMADOL,
}
"""From a class with a recorded allergy to the class of the drug to be given."""
