"""Two values of one field: which level of agreement they have, either way round."""

from __future__ import annotations

import pytest

from conflict import likeness


@pytest.mark.parametrize(
    ("ours", "theirs", "level"),
    [
        ("1999-03-04", "1999-03-04", "equal"),
        ("1999-03-04", "1999-04-03", "swapped"),
        ("1999-03-04", "1989-03-04", "digit"),
        ("1999-03-04", "1999-03-40", "digit"),
        ("1999-03-04", "2001-03-04", "day"),
        ("1999-03-04", "1999-11-20", "only_year"),
        ("1999-03-04", "1984-11-20", "differs"),
        ("1999-03-04", "1999-03", "month"),
        ("1999-03", "1999", "year"),
        ("1999-03", "1998", "differs"),
    ],
)
def test_birth_dates_agree_by_levels(ours: str, theirs: str, level: str) -> None:
    assert likeness.birth_date(ours, theirs) == likeness.BIRTH_DATE[level]
    assert likeness.birth_date(theirs, ours) == likeness.BIRTH_DATE[level]


@pytest.mark.parametrize("text", ["04 MAR 99", "1999-3-4", "١٩٩٩-٠٣-٠٤", "1999-03-04T00:00Z", "-"])
def test_what_is_no_iso_date_is_not_a_birth_date(text: str) -> None:
    assert likeness.birth_date(text, text) is None


@pytest.mark.parametrize(
    ("ours", "theirs", "level"),
    [
        ("Müller", "MULLER", "equal"),
        ("O’Connor", "OConnor", "equal"),
        ("Sørensen", "Sorensen", "equal"),
        ("Smith Jr.", "Smith", "equal"),
        ("De La Cruz", "Delacruz", "equal"),
        ("Garcia-Lopez", "Lopez", "part"),
        ("Okafor", "Okafr", "near"),
        ("Philips", "Filips", "sound"),
        ("Kowalsky", "Cowalski", "sound"),
        ("van den Berg", "van der Meer", "differs"),
        ("Hartwell", "Okafor", "differs"),
    ],
)
def test_family_names_agree_by_levels(ours: str, theirs: str, level: str) -> None:
    found = likeness.family(ours, theirs)
    assert found is not None
    assert found.words == likeness.FAMILY[level].words


@pytest.mark.parametrize(
    ("ours", "theirs", "level"),
    [
        ("Robert", "ROBERT", "equal"),
        ("Robert James", "Robert J", "equal"),
        ("Robert", "Bob", "short"),
        ("Rob", "Bob", "short"),
        ("Nathaniel", "Nat", "short"),
        ("Robert", "R.", "initial"),
        ("Robert", "J", "differs"),
        ("Robert", "Rboert", "near"),
        ("Catherine", "Kathryn", "sound"),
        ("Robert James", "James", "middle"),
        ("Robert", "Samuel", "differs"),
    ],
)
def test_given_names_agree_by_levels(ours: str, theirs: str, level: str) -> None:
    assert likeness.given(ours, theirs) == likeness.GIVEN[level]


@pytest.mark.parametrize(
    ("ours", "theirs", "level"),
    [
        ("A Co, 9-999 IN", "Alpha Company 9-999 Infantry", "equal"),
        ("A Co, 9-999 IN", "9-999 IN", "near"),
        ("A Co, 9-999 IN", "NMCB 999", "differs"),
    ],
)
def test_units_agree_by_levels(ours: str, theirs: str, level: str) -> None:
    assert likeness.unit(ours, theirs) == likeness.UNIT[level]


def test_levels_of_a_field_weigh_in_their_order() -> None:
    for table in (likeness.FAMILY, likeness.DOD_ID, likeness.UNIT, likeness.SERVICE, likeness.SEX):
        weights = [level.bits for level in table.values()]
        assert weights == sorted(weights, reverse=True)
        assert weights[-1] < 0 < weights[0]


def test_a_nationality_does_not_contradict_not_us() -> None:
    assert likeness.service("NON US", "GBR") is None
    assert likeness.service("NON US", "Army") == likeness.SERVICE["differs"]
    assert likeness.service("GBR", "POL") == likeness.SERVICE["differs"]
