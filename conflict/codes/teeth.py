"""Teeth: Universal numbering as US charts write it, FDI as exchange wants it, and surfaces.

Stored in Universal (1-32 permanent, A-T primary), converted on export (CLINICAL.md §2: FHIR R4's
tooth codes are FDI). Both count from the patient's upper right. Unknown text gets None, not an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple


class Tooth(NamedTuple):
    """`universal` and `fdi` codes of one tooth; `anterior`: incisor or canine."""

    universal: str
    fdi: str
    plain: str
    permanent: bool
    anterior: bool


SURFACES: Mapping[str, str] = {
    "M": "Mesial",
    "O": "Occlusal",
    "I": "Incisal",
    "D": "Distal",
    "B": "Buccal",
    "F": "Facial",
    "L": "Lingual",
}
_POSTERIOR = ("M", "O", "D", "B", "L")
_ANTERIOR = ("M", "I", "D", "F", "L")
_PERMANENT = (
    "central incisor",
    "lateral incisor",
    "canine",
    "first premolar",
    "second premolar",
    "first molar",
    "second molar",
    "third molar",
)
_PRIMARY = ("central incisor", "lateral incisor", "canine", "first molar", "second molar")
_QUADRANTS = ("upper right", "upper left", "lower left", "lower right")  # FDI 1-4, 5-8


def _arch(names: tuple[str, ...], first_quadrant: int) -> Iterator[tuple[str, str, bool]]:
    """FDI code, plain name, anterior: clockwise from the upper right, as Universal counts."""
    for number, quadrant in enumerate(_QUADRANTS):
        outward = range(1, len(names) + 1)  # FDI counts each quadrant from the midline
        for place in outward if number % 2 else reversed(outward):
            plain = f"{quadrant} {names[place - 1]}"
            yield f"{first_quadrant + number}{place}", plain, place <= 3


def _teeth() -> Iterator[Tooth]:
    for number, (fdi, plain, anterior) in enumerate(_arch(_PERMANENT, 1), 1):
        yield Tooth(str(number), fdi, plain, True, anterior)
    for letter, (fdi, plain, anterior) in zip(
        "ABCDEFGHIJKLMNOPQRST", _arch(_PRIMARY, 5), strict=True
    ):
        yield Tooth(letter, fdi, f"{plain} (primary)", False, anterior)


UNIVERSAL: Mapping[str, Tooth] = {one.universal: one for one in _teeth()}
_BY_FDI = {one.fdi: one for one in UNIVERSAL.values()}


def tooth(universal: str) -> Tooth | None:
    """The tooth with this Universal code, written " 3", "03" or "a" as well."""
    return UNIVERSAL.get(universal.strip().lstrip("0").upper())


def to_fdi(universal: str) -> str | None:
    """FDI code ("11" to "48", "51" to "85") of a Universal one."""
    known = tooth(universal)
    return known.fdi if known else None


def from_fdi(fdi: str) -> str | None:
    """Universal code of an FDI one."""
    known = _BY_FDI.get(fdi.strip())
    return known.universal if known else None


def surfaces_of(universal: str) -> tuple[str, ...]:
    """Surfaces that the tooth has, () for no tooth: a front tooth has an incisal edge and a facial
    surface, a back tooth an occlusal and a buccal one.
    """
    known = tooth(universal)
    if known is None:
        return ()
    return _ANTERIOR if known.anterior else _POSTERIOR


def is_anterior(universal: str) -> bool:
    """Whether it is an incisor or a canine; False for no tooth."""
    known = tooth(universal)
    return known is not None and known.anterior


def is_permanent(universal: str) -> bool:
    """Whether it is one of 1-32; False for a primary tooth and for no tooth."""
    known = tooth(universal)
    return known is not None and known.permanent
