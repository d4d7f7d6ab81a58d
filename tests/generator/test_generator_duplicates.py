"""Second records are the same people with the errors of their place, and lookalikes are other people."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from conflict.matching import BATTLE_ROSTER, SSN_LAST_4, TRAUMA_IDENTITY
from node.sim.dice import dice
from node.sim.duplicates import (
    HABITS,
    PLACES,
    Record,
    by_ear,
    mistyped,
    mistyped_digits,
    population,
)
from node.sim.muster import LOOKALIKES, Person, muster


@pytest.fixture(scope="module")
def people() -> list[Person]:
    return list(muster(7, 4_000))


@pytest.fixture(scope="module")
def records() -> tuple[Record, ...]:
    return population(7, 4_000)


def second(records: tuple[Record, ...]) -> list[Record]:
    """Records written of a person that already had one."""
    return [one for before, one in pairwise(records) if before.person == one.person]


def test_the_same_seed_gives_the_same_records_and_another_seed_others() -> None:
    assert population(3, 50) == population(3, 50)
    assert population(3, 50) != population(4, 50)
    assert list(muster(3, 5)) != list(muster(4, 5))


def test_more_people_do_not_change_the_first_ones() -> None:
    assert population(3, 80)[: len(population(3, 40))] == population(3, 40)


def test_everybody_has_one_record_or_two_and_about_a_third_has_two(
    records: tuple[Record, ...],
) -> None:
    counts = Counter(Counter(one.person for one in records).values())
    assert set(counts) == {1, 2}
    assert 0.27 < counts[2] / 4_000 < 0.33
    assert [one.number for one in records] == list(range(len(records)))


def test_every_habit_shows_and_only_where_its_place_has_it(records: tuple[Record, ...]) -> None:
    for habit, percents in HABITS.items():
        shown = Counter(one.place for one in records if habit in one.habits)
        for place, percent in zip(PLACES, percents, strict=True):
            assert bool(shown[place]) == bool(percent), (habit, place)


def test_most_cards_have_no_dod_id_and_most_files_have_one(records: tuple[Record, ...]) -> None:
    with_id = {
        place: [bool(one.profile.dod_ids) for one in records if one.place == place]
        for place in PLACES
    }
    share = {place: sum(found) / len(found) for place, found in with_id.items()}
    assert share["card"] < 0.35
    assert 0.5 < share["desk"] < 0.75
    assert share["file"] > 0.75


def test_an_unidentified_casualty_has_a_trauma_identity_and_no_name(
    records: tuple[Record, ...],
) -> None:
    unidentified = [one.profile for one in records if "unidentified" in one.habits]
    assert unidentified
    for profile in unidentified:
        assert (profile.names, profile.birth_dates, profile.dod_ids) == ((), (), ())
        assert [system for system, _ in profile.identifiers] == [TRAUMA_IDENTITY]


def test_some_trauma_identities_are_kept_at_handover_and_some_are_lost(
    records: tuple[Record, ...],
) -> None:
    known: defaultdict[int, set[tuple[str, str]]] = defaultdict(set)
    for one in records:
        if "unidentified" not in one.habits:
            known[one.person].update(one.profile.identifiers)
    kept = Counter(
        one.profile.identifiers[0] in known[one.person]
        for one in second(records)
        if "unidentified" in one.habits
    )
    assert min(kept[True], kept[False]) > 5


def test_every_kind_of_lookalike_resembles_the_one_before_and_is_another_person(
    people: list[Person],
) -> None:
    seen: Counter[str] = Counter()
    for before, one in pairwise(people):
        if not one.lookalike:
            continue
        seen[one.lookalike] += 1
        assert not one.dod_id or one.dod_id != before.dod_id
        same = {
            field
            for field in ("family", "given", "birth_date", "unit", "last_four")
            if getattr(one, field) == getattr(before, field)
        }
        assert (
            same
            >= {
                "twin": {"family", "birth_date"},
                "sibling": {"family"},
                "namesake": {"family", "given", "unit"},
                "family and birth date": {"family", "birth_date"},
                "roster": {"last_four"},
            }[one.lookalike]
        )
        if one.lookalike in {"twin", "sibling"}:
            assert "given" not in same
        if one.lookalike == "roster":
            assert (one.family[0], one.given[0]) == (before.family[0], before.given[0])
    assert set(seen) == set(LOOKALIKES)


def test_names_are_as_skewed_as_in_life(people: list[Person]) -> None:
    names = Counter(one.family for one in people)
    assert 15 < names["Smith"] < 60  # 0.83 % in the census
    assert len(names) > 1_000


def test_every_dod_id_begins_with_nine_and_has_ten_digits(records: tuple[Record, ...]) -> None:
    for one in records:
        for number in one.profile.dod_ids:
            assert len(number) == 10
            assert number[0] == "9"
            assert number.isdigit()


def test_a_battle_roster_is_two_initials_and_the_last_four(records: tuple[Record, ...]) -> None:
    for one in records:
        held = dict(one.profile.identifiers)
        if BATTLE_ROSTER in held and SSN_LAST_4 in held and "roster mistyped" not in one.habits:
            assert held[BATTLE_ROSTER][2:] == held[SSN_LAST_4]


def test_a_slip_of_the_fingers_leaves_most_of_the_text() -> None:
    rng = dice(1, "slips")
    slipped = [mistyped(rng, "Hartwell") for _ in range(200)]
    assert all(7 <= len(text) <= 9 for text in slipped)
    assert all(len(set("hartwell") & set(text.lower())) >= 6 for text in slipped)
    assert len(set(slipped)) > 15


def test_spelling_by_ear_keeps_the_first_letter_and_may_find_nothing_to_change() -> None:
    rng = dice(1, "ear")
    assert {by_ear(rng, "Phillips")[0] for _ in range(50)} == {"P"}
    assert by_ear(rng, "Bb") == "Bb"


def test_a_wrong_digit_stands_among_the_last_four() -> None:
    rng = dice(1, "digits")
    for _ in range(200):
        wrong = mistyped_digits(rng, "9123456789")
        assert wrong[:6] == "912345"
        assert len(wrong) == 10
