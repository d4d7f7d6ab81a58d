"""LOINC codes and UCUM units of what this record measures, and the notice that goes with them.

CLINICAL.md §2. A field of the `vitals` slot has its code under its own name. Codes tagged [G] there
are not `verified` and are not emitted. The importer knows more codes than are written here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

SYSTEM = "http://loinc.org"
NOTICE = (
    "This material contains content from LOINC (http://loinc.org). LOINC is copyright © Regenstrief "
    "Institute, Inc. and the Logical Observation Identifiers Names and Codes (LOINC) Committee and "
    "is available at no cost under the license at http://loinc.org/license. LOINC® is a registered "
    "United States trademark of Regenstrief Institute, Inc."
)


class Loinc(NamedTuple):
    """A code, its UCUM unit ("" for an answer in words), and whether it may be emitted."""

    code: str
    unit: str
    verified: bool = True


VITALS: Mapping[str, Loinc] = {
    "pulse": Loinc("8867-4", "/min"),
    "systolic": Loinc("8480-6", "mm[Hg]"),
    "diastolic": Loinc("8462-4", "mm[Hg]"),
    "mean_pressure": Loinc("8478-0", "mm[Hg]"),
    "respiration": Loinc("9279-1", "/min"),
    "spo2": Loinc("59408-5", "%"),
    "temperature": Loinc("8310-5", "Cel"),
    "avpu": Loinc("67775-7", ""),
    "pain": Loinc("72514-3", "{score}"),
    "gcs": Loinc("9269-2", "{score}"),
    "gcs_eye": Loinc("9267-6", "{score}"),
    "gcs_verbal": Loinc("9270-0", "{score}"),
    "gcs_motor": Loinc("9268-4", "{score}"),
    "etco2": Loinc("19889-5", "mm[Hg]"),
    "glucose": Loinc("2339-0", "mg/dL"),
    "weight": Loinc("29463-7", "kg"),
    "height": Loinc("8302-2", "cm"),
    "bmi": Loinc("39156-5", "kg/m2"),
    "head_circumference": Loinc("9843-4", "cm"),  # the FHIR R4 vital signs table
}
"""Field of the `vitals` slot to its code; `pulse_site` and `systolic_method` qualify, have none."""

PANELS: Mapping[str, Loinc] = {
    "vitals": Loinc("85353-1", ""),
    "blood_pressure": Loinc("85354-9", ""),
    "gcs": Loinc("35088-4", ""),
}
OTHERS: Mapping[str, Loinc] = {
    "spo2_any_method": Loinc("2708-6", "%"),  # US Core wants it beside 59408-5
    "oxygen_flow": Loinc("3151-8", "L/min"),
    "oxygen_fraction": Loinc("3150-0", "%"),
    "abo_rh": Loinc("882-1", "", verified=False),
    "abo": Loinc("883-9", "", verified=False),
    "rh": Loinc("10331-7", "", verified=False),
    "lactate": Loinc("2524-7", "mmol/L", verified=False),
}


def outward_loinc(field: str) -> Loinc | None:
    """Code to emit for a field of `VITALS` or `OTHERS`; None without a verified one."""
    known = VITALS.get(field) or OTHERS.get(field)
    return known if known and known.verified else None
