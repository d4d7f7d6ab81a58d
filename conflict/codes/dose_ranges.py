"""What one adult dose and one day of a drug usually are, each range with its source. Data only.

CLINICAL.md §2 'Dosing context': context for plausibility, never advice and never a limit. A drug or
a route that is missing here is not checked; where sources differ the wider range stands.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple


class DoseRange(NamedTuple):
    """One drug by some routes. Amounts in `unit`; None where the source names no amount."""

    drug: str
    routes: tuple[str, ...]
    single_min: Decimal | None
    single_max: Decimal | None
    day_max: Decimal | None
    unit: str
    source: str


def _range(drug: str, routes: str, single: str, day: str, unit: str, source: str) -> DoseRange:
    """`single`: "20-30", or "30" where least and most are the same; `day`: "" where not named."""
    least, _, most = single.partition("-")
    return DoseRange(
        drug,
        tuple(routes.split()),
        Decimal(least),
        Decimal(most or least),
        Decimal(day) if day else None,
        unit,
        source,
    )


_TCCC = "TCCC Guidelines (CoTCCC, 2021 and later)"
_OTC = "US OTC label"

_TRAUMA = (
    _range("ketamine", "IV IO", "20-30", "", "mg", f"{_TCCC}: analgesia; sedation takes more"),
    _range("ketamine", "IM IN", "50-100", "", "mg", f"{_TCCC}: analgesia; sedation takes more"),
    _range("fentanyl", "transbuccal SL PO", "200-800", "", "ug", f"{_TCCC}: OTFC 800 ug; US label"),
    _range("fentanyl", "IV IO", "50-100", "", "ug", f"{_TCCC}: 50 ug (0.5-1 ug/kg, at 100 kg)"),
    _range("fentanyl", "IN", "100", "", "ug", _TCCC),
    _range("morphine", "IV IO", "5", "", "mg", "TCCC Guidelines (2017-2018): 5 mg, repeated"),
    _range("morphine", "IM", "10", "", "mg", "US label (morphine sulfate injection)"),
    _range("naloxone", "IV IO SQ", "0.1-2", "", "mg", "US label (injection)"),
    _range("naloxone", "IM", "0.1-10", "", "mg", "US labels: injection; auto-injector 10 mg, 2022"),
    _range("naloxone", "IN", "2-8", "", "mg", "US labels (nasal sprays)"),
    _range("ondansetron", "IV IO IM PO SL", "4-8", "24", "mg", f"{_TCCC}: at most 8 mg in 8 h"),
    _range("tranexamic acid", "IV IO", "1-2", "2", "g", f"{_TCCC}: 2 g once within 3 h"),
    _range("calcium chloride", "IV IO", "1", "", "g", "JTS CPG Damage Control Resuscitation"),
    _range("calcium gluconate", "IV IO", "1-3", "", "g", f"{_TCCC}: 3 g is 1 g of the chloride"),
    _range("epinephrine", "IM SQ", "0.3-0.5", "", "mg", "US label (anaphylaxis)"),
    _range("hydroxocobalamin", "IV IO", "5", "10", "g", "US label (Cyanokit)"),
    _range("pralidoxime", "IM", "600-1800", "", "mg", "US label: auto-injector, one to three"),
    _range("pralidoxime", "IV IO", "1-2", "", "g", "US label (injection)"),
    _range("midazolam", "IM", "5-10", "", "mg", "US label (Seizalam, status epilepticus)"),
    _range("midazolam", "IV IO", "1-5", "", "mg", "US label: sedation, rarely above 5 mg"),
    _range("diazepam", "IV IO IM PO", "2-10", "", "mg", "US label; CANA auto-injector 10 mg"),
    _range("lidocaine", "SQ nerve-block", "10-300", "", "mg", "US label: 300 mg plain, 4.5 mg/kg"),
    _range("promethazine", "IV IO IM PO PR", "12.5-50", "", "mg", "US label"),
)

_INFECTION = (
    _range("ertapenem", "IV IO IM", "1", "1", "g", f"{_TCCC}; US label: 1 g once a day"),
    _range("moxifloxacin", "PO IV", "400", "400", "mg", f"{_TCCC}; US label: 400 mg once a day"),
    _range("levofloxacin", "PO IV", "250-750", "750", "mg", "US label"),
    _range("ciprofloxacin", "PO", "250-750", "1500", "mg", "US label"),
    _range("ciprofloxacin", "IV", "200-400", "1200", "mg", "US label"),
    _range("cefazolin", "IV IO IM", "0.5-2", "12", "g", "JTS CPG Infection Prevention; US label"),
    _range("ceftriaxone", "IV IO IM", "0.25-2", "4", "g", "US label: at most 4 g a day"),
    _range("azithromycin", "PO IV", "250-2000", "2000", "mg", "US label (2 g once, gonorrhoea)"),
    _range("doxycycline", "PO IV", "50-200", "", "mg", "US label"),
    _range("amoxicillin", "PO", "250-1000", "3000", "mg", "US label (1 g three times, H. pylori)"),
    _range("metronidazole", "PO IV", "250-2000", "4000", "mg", "US label: at most 4 g in 24 h"),
    _range("clindamycin", "IV", "300-1200", "4800", "mg", "US label"),
    _range("mefloquine", "PO", "250-1250", "1250", "mg", "US label (treatment once)"),
)

_SICK_CALL = (
    _range("acetaminophen", "PO IV PR", "325-1000", "4000", "mg", "US label: 4 g in 24 h"),
    _range("meloxicam", "PO", "7.5-15", "15", "mg", f"{_TCCC}; US label: 15 mg a day"),
    _range("ibuprofen", "PO", "200-800", "3200", "mg", "US label (prescription)"),
    _range("naproxen", "PO", "220-750", "1500", "mg", "US label (prescription)"),
    _range("ketorolac", "IV IO", "15-30", "120", "mg", "US label"),
    _range("ketorolac", "IM", "15-60", "120", "mg", "US label"),
    _range("ketorolac", "PO", "10-20", "40", "mg", "US label"),
    _range("aspirin", "PO", "81-1000", "4000", "mg", _OTC),
    _range("codeine", "PO", "15-60", "360", "mg", "US label"),
    _range("tramadol", "PO", "50-100", "400", "mg", "US label"),
    _range("oxycodone", "PO", "5-15", "", "mg", "US label (first doses, immediate release)"),
    _range("hydromorphone", "IV IO", "0.2-1", "", "mg", "US label (first doses)"),
    _range("hydromorphone", "IM SQ", "1-2", "", "mg", "US label (first doses)"),
    _range("hydromorphone", "PO", "2-4", "", "mg", "US label (tablets, first doses)"),
    _range("diphenhydramine", "IV IO IM", "10-100", "400", "mg", "US label (injection)"),
    _range("diphenhydramine", "PO", "25-50", "300", "mg", _OTC),
    _range("loratadine", "PO", "10", "10", "mg", _OTC),
    _range("loperamide", "PO", "2-4", "16", "mg", "US label (prescription)"),
)

DOSE_RANGES: tuple[DoseRange, ...] = (*_TRAUMA, *_INFECTION, *_SICK_CALL)


def ranges_of(drug: str) -> tuple[DoseRange, ...]:
    """Every range of the drug with this name."""
    return tuple(one for one in DOSE_RANGES if one.drug == drug)
