"""Same person or not: what agrees weighs for, what contradicts weighs against, and a person decides."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conflict import likeness, matching
from conflict.matching import (
    BATTLE_ROSTER,
    POSSIBLE,
    SSN_LAST_4,
    SUGGESTED,
    TRAUMA_IDENTITY,
    UNLIKELY,
    WRISTBAND,
    Match,
    Profile,
    blocks,
    candidates,
    compare,
    words,
)
from node.sim.duplicates import population

OKAFOR = Profile(
    names=(("Okafor", "Robert"),),
    birth_dates=("1999-03-14",),
    sexes=("male",),
    services=("USA",),
    units=("A Co, 9-999 IN",),
    dod_ids=("9123456789",),
    identifiers=((BATTLE_ROSTER, "RO1234"),),
)
ONE_FIELD_WRONG = {
    "family mistyped": replace(OKAFOR, names=(("Okafr", "Robert"),)),
    "family by another initial": replace(OKAFOR, names=(("Ikafor", "Robert"),)),
    "another family name": replace(OKAFOR, names=(("Hartwell", "Robert"),)),
    "nickname": replace(OKAFOR, names=(("Okafor", "Bob"),)),
    "initial": replace(OKAFOR, names=(("Okafor", "R"),)),
    "call sign": replace(OKAFOR, names=(("Okafor", "Tex"),)),
    "exchanged": replace(OKAFOR, names=(("ROBERT", "OKAFOR"),)),
    "no name": replace(OKAFOR, names=()),
    "day and month": replace(OKAFOR, birth_dates=("1999-14-03",)),
    "year": replace(OKAFOR, birth_dates=("1989-03-14",)),
    "no birth date": replace(OKAFOR, birth_dates=()),
    "sex": replace(OKAFOR, sexes=("female",)),
    "service": replace(OKAFOR, services=("USMC",)),
    "unit": replace(OKAFOR, units=("NMCB 999",)),
    "DoD ID mistyped": replace(OKAFOR, dod_ids=("9123456798",)),
    "no DoD ID": replace(OKAFOR, dod_ids=()),
    "roster mistyped": replace(OKAFOR, identifiers=((BATTLE_ROSTER, "RO1243"),)),
    "no roster": replace(OKAFOR, identifiers=()),
}
FIELDS = ("names", "birth_dates", "sexes", "services", "units", "dod_ids", "identifiers")


def some(*likely: str) -> st.SearchStrategy[str]:
    """Text that is often one of `likely`, so that values of two profiles meet."""
    return st.sampled_from(likely) | st.text(st.characters(codec=None), max_size=8)


def several(values: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(values, max_size=3).map(tuple)


NAMES = some("Smith", "Smyth", "Smith-Jones", "Robert", "Bob", "R", "unknown", "Łukasz", "司馬")
PROFILES = st.builds(
    Profile,
    names=several(st.tuples(NAMES, NAMES)),
    birth_dates=several(some("1999-03-04", "1999-04-03", "1998-03-04", "1999-03", "1999", "99")),
    sexes=several(some("male", "female", "unknown")),
    services=several(some("USA", "Army", "USMC")),
    units=several(some("A Co, 9-999 IN", "B Co, 9-999 IN", "9-999")),
    dod_ids=several(some("9123456789", "9123456798", "9999999999")),
    identifiers=several(
        st.tuples(
            some(BATTLE_ROSTER, SSN_LAST_4, WRISTBAND, "urn:x"), some("RS1234", "1234", "RS1243")
        )
    ),
)


def bits(match: Match, field: str) -> float:
    return sum(one.weight_bits for one in match.evidence if one.field == field)


@given(PROFILES, PROFILES)
def test_comparing_never_raises_and_does_not_depend_on_the_side(
    ours: Profile, theirs: Profile
) -> None:
    one, other = compare(ours, theirs), compare(theirs, ours)
    assert one[:3] == other[:3]
    turned = [each._replace(ours=each.theirs, theirs=each.ours) for each in other.evidence]
    assert [*one.evidence] == turned
    assert 0 <= one.probability <= 1
    assert words(one).isprintable()


@given(PROFILES, PROFILES, st.sampled_from(FIELDS))
def test_a_field_missing_on_one_side_weighs_as_if_missing_on_both(
    ours: Profile, theirs: Profile, field: str
) -> None:
    without: dict[str, tuple[()]] = {field: ()}
    alone = compare(ours, replace(theirs, **without))
    assert alone == compare(replace(ours, **without), replace(theirs, **without))


@given(PROFILES, PROFILES)
def test_the_order_and_repetition_of_what_is_asserted_does_not_matter(
    ours: Profile, theirs: Profile
) -> None:
    turned = {field: tuple(reversed(getattr(ours, field))) * 2 for field in FIELDS}
    assert compare(replace(ours, **turned), theirs) == compare(ours, theirs)


@given(PROFILES, PROFILES)
def test_the_score_is_the_sum_of_its_evidence(ours: Profile, theirs: Profile) -> None:
    match = compare(ours, theirs)
    assert match.score_bits == pytest.approx(sum(one.weight_bits for one in match.evidence))


def test_no_second_record_worth_suggesting_is_lost_to_the_blocks() -> None:
    for one, other in pairwise(population(100, 1_000)):
        if one.person == other.person and compare(one.profile, other.profile).band == SUGGESTED:
            assert not blocks(one.profile).isdisjoint(blocks(other.profile))


@given(PROFILES)
def test_a_record_of_nothing_is_nobodys_candidate(theirs: Profile) -> None:
    match = compare(Profile(), theirs)
    assert (match.score_bits, match.band, match.evidence) == (0, UNLIKELY, ())
    assert candidates(Profile(), [(1, theirs)]) == []


@pytest.mark.parametrize("name", ONE_FIELD_WRONG)
def test_one_wrong_or_missing_field_does_not_hide_a_second_record(name: str) -> None:
    ((key, match),) = candidates(OKAFOR, [("other", ONE_FIELD_WRONG[name])])
    assert (key, match.band) == ("other", SUGGESTED)


def test_without_a_dod_id_a_rare_name_with_unit_and_service_is_suggested() -> None:
    card = Profile(names=(("Okafor", "Robert"),), services=("USA",), units=("A Co, 9-999 IN",))
    assert compare(replace(OKAFOR, dod_ids=(), identifiers=()), card).band == SUGGESTED


def test_a_frequent_name_says_less_than_a_rare_one() -> None:
    smith, okafor = Profile(names=(("Smith", "Robert"),)), Profile(names=(("Okafor", "Robert"),))
    assert compare(smith, smith).score_bits < compare(okafor, okafor).score_bits - 4
    assert compare(smith, smith).band != SUGGESTED


def test_two_different_dod_ids_weigh_against_the_same_name() -> None:
    ours = Profile(names=OKAFOR.names, units=OKAFOR.units, dod_ids=("9123456789",))
    theirs = replace(ours, dod_ids=("9345612870",))
    match = compare(ours, theirs)
    assert bits(match, "DoD ID") < -10
    assert match.band == UNLIKELY
    assert "DoD ID differs (9123456789 / 9345612870)" in words(match)


def test_a_dod_id_equal_alone_is_suggested_and_one_digit_off_is_not() -> None:
    ours = Profile(dod_ids=("9123456789",))
    assert compare(ours, ours).band == SUGGESTED
    assert compare(Profile(dod_ids=("9123456",)), Profile(dod_ids=("9123456",))).evidence == ()
    for other in ("9123456780", "9123456798", "912345678"):
        match = compare(ours, Profile(dod_ids=(other,)))
        assert match.score_bits > 0
        assert match.band != SUGGESTED


def test_any_of_several_dod_ids_may_agree() -> None:
    both = replace(OKAFOR, dod_ids=("9345612870", "9123456789"))
    assert bits(compare(OKAFOR, both), "DoD ID") == likeness.DOD_ID["equal"].bits


def test_a_card_scanned_for_somebody_else_is_not_suggested() -> None:
    other = Profile(
        names=(("Hartwell", "James"),), birth_dates=("1988-11-02",), dod_ids=OKAFOR.dod_ids
    )
    assert compare(OKAFOR, other).band == POSSIBLE


def test_a_twin_in_the_same_unit_is_not_suggested() -> None:
    twin = replace(OKAFOR, names=(("Okafor", "Samuel"),), dod_ids=(), identifiers=())
    match = compare(OKAFOR, twin)
    assert match.band != SUGGESTED
    assert "relatives may share what agrees" in words(match)


def test_a_twin_with_the_next_social_security_number_is_not_suggested() -> None:
    twin = replace(
        OKAFOR,
        names=(("Okafor", "Raymond"),),
        dod_ids=(),
        identifiers=((BATTLE_ROSTER, "RO1235"),),
    )
    assert compare(OKAFOR, twin).band != SUGGESTED


def test_a_battle_roster_number_is_not_an_identity() -> None:
    other = Profile(
        names=(("Oakley", "Richard"),),
        birth_dates=("1991-07-30",),
        identifiers=OKAFOR.identifiers,
    )
    assert compare(OKAFOR, other).band == UNLIKELY


def test_a_battle_roster_with_other_initials_is_not_equal_where_no_name_explains_them() -> None:
    ours = Profile(identifiers=((BATTLE_ROSTER, "RO1234"),))
    theirs = Profile(identifiers=((BATTLE_ROSTER, "RH1234"),))
    assert compare(ours, theirs).score_bits < compare(ours, ours).score_bits - 10


def test_a_name_completed_later_does_not_agree_with_every_brother() -> None:
    twice = replace(
        OKAFOR, names=(("Okafor", ""), ("OKAFOR", "R."), ("Okafor", "Robert")), dod_ids=()
    )
    brother = replace(OKAFOR, names=(("Okafor", "Raymond"),), dod_ids=(), identifiers=())
    assert "given name differs" in words(compare(twice, brother))


def test_a_birth_year_completed_later_does_not_agree_with_the_whole_year() -> None:
    twice = Profile(birth_dates=("1999", "1999-03-14"))
    assert compare(twice, Profile(birth_dates=("1999-11-20",))).score_bits < 0


def test_exchanged_names_are_found_beside_a_middle_name() -> None:
    turned = Profile(names=(("ROBERT JAMES", "OKAFOR"),))
    match = compare(OKAFOR, turned)
    assert words(match) == ("family and given name swapped (Okafor Robert / ROBERT JAMES OKAFOR)")
    assert match.score_bits > 10


def test_initials_of_a_battle_roster_count_once() -> None:
    bare = Profile(identifiers=OKAFOR.identifiers)
    named = Profile(names=OKAFOR.names, identifiers=OKAFOR.identifiers)
    field = "battle roster or last four"
    assert bits(compare(named, named), field) < bits(compare(bare, bare), field) - 6


def test_a_battle_roster_and_the_last_four_it_ends_in_count_once() -> None:
    both = Profile(identifiers=((BATTLE_ROSTER, "RO1234"), (SSN_LAST_4, "1234")))
    last = Profile(identifiers=((SSN_LAST_4, "1234"),))
    assert len(compare(both, both).evidence) == 1
    assert compare(both, last).score_bits == likeness.LAST_FOUR["equal"].bits


def test_a_trauma_identity_kept_at_handover_is_suggested_and_another_says_nothing() -> None:
    ours = Profile(sexes=("male",), identifiers=((TRAUMA_IDENTITY, "T-004711"),))
    same = Profile(names=OKAFOR.names, identifiers=(("Trauma identity", "t004711"),))
    assert compare(ours, replace(same, sexes=("male",))).band == SUGGESTED
    other = Profile(identifiers=((TRAUMA_IDENTITY, "T-004712"),))
    assert compare(ours, other).evidence == ()


@pytest.mark.parametrize("nothing", ["", "  ", "unknown", "UNK", "N/A", "?", "00000000"])
def test_a_placeholder_is_not_an_assertion(nothing: str) -> None:
    blank = Profile(
        names=((nothing, nothing),),
        birth_dates=(nothing,),
        sexes=(nothing,),
        dod_ids=(nothing,),
        identifiers=((BATTLE_ROSTER, nothing), (WRISTBAND, nothing)),
    )
    evidence = compare(blank, blank).evidence
    assert {one.field for one in evidence} <= (
        {"family name", "given name"} if nothing == "00000000" else set()
    )


def test_two_john_does_are_not_one() -> None:
    doe = Profile(names=(("Doe", "John"),), sexes=("male",), services=("USA",))
    assert compare(doe, doe).band == UNLIKELY


def test_the_evidence_reads_as_a_sentence() -> None:
    other = replace(OKAFOR, names=(("Okafr", "Robert"),), services=("USMC",), dod_ids=())
    assert words(compare(OKAFOR, other)) == (
        "family name nearly the same (Okafor / Okafr), given name equal, birth date equal, sex equal, "
        "service differs (USA / USMC), unit equal, battle roster or last four equal"
    )


def test_text_of_a_peer_cannot_turn_the_screen_around() -> None:
    evil = Profile(names=(("Smith\u202egnp\x1b[2J\ud800" + "x" * 500, "Bob"),))
    shown = words(compare(evil, Profile(names=(("Smith", "Bob"),))))
    assert shown.isprintable()
    assert len(shown) < 200


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Profile(names=(("Okafor", "Robert"),)), Profile(names=(("OKAFUR", "Sam"),))),
        (Profile(names=(("Okafor", "Robert"),)), Profile(names=(("Hartwell", "Robert J"),))),
        (Profile(names=(("Okafor", "Robert"),)), Profile(names=(("Hartwell", "Bob"),))),
        (Profile(names=(("Okafor", "Robert"),)), Profile(names=(("Robert", ""),))),
        (Profile(names=(("De La Cruz", ""),)), Profile(names=(("Delacruz", ""),))),
        (Profile(names=(("Garcia-Lopez", ""),)), Profile(names=(("Lopez", ""),))),
        (Profile(names=(("Li", ""),)), Profile(names=(("LI", "Wei"),))),
        (Profile(birth_dates=("1999-03-04",)), Profile(birth_dates=("1999-04-03",))),
        (Profile(dod_ids=("9123456789",)), Profile(dod_ids=("912-345-6789",))),
        (
            Profile(identifiers=((BATTLE_ROSTER, "RO1234"),)),
            Profile(identifiers=((SSN_LAST_4, "1234"),)),
        ),
    ],
)
def test_each_kind_of_block_finds_by_itself(ours: Profile, theirs: Profile) -> None:
    assert not blocks(ours).isdisjoint(blocks(theirs))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Profile(names=(("van den Berg", "A"),)), Profile(names=(("van der Meer", "A"),))),
        (Profile(birth_dates=("unknown",)), Profile(birth_dates=("unknown",))),
        (Profile(names=(("Unknown", "Unknown"),)), Profile(names=(("Unknown", "Unknown"),))),
        (Profile(dod_ids=("0000000000",)), Profile(dod_ids=("0000000000",))),
    ],
)
def test_what_everybody_could_share_is_no_block(ours: Profile, theirs: Profile) -> None:
    assert blocks(ours).isdisjoint(blocks(theirs))


def test_the_unlikely_are_no_candidates() -> None:
    cousin = replace(
        OKAFOR, names=(("Okafor", "Anna"),), sexes=("female",), dod_ids=("9345612870",)
    )
    cousin = replace(cousin, birth_dates=("1984-11-20",), identifiers=())
    assert not blocks(OKAFOR).isdisjoint(blocks(cousin))
    assert candidates(OKAFOR, [("cousin", cousin)]) == []


def test_candidates_come_best_first_and_equal_ones_by_key_whatever_the_order_given() -> None:
    weak = replace(OKAFOR, dod_ids=(), birth_dates=())
    others = [
        ("c", OKAFOR),
        ("a", weak),
        ("d", Profile(names=(("Lindqvist", "Anna"),))),
        ("b", OKAFOR),
    ]
    for order in permutations(others):
        assert [key for key, _ in candidates(OKAFOR, order)] == ["b", "c", "a"]
    assert [key for key, _ in candidates(OKAFOR, others, most=1)] == ["b"]


def test_of_a_thousand_asserted_names_only_the_first_dozen_are_compared() -> None:
    def crowd(letter: str, count: int) -> Profile:
        crowded = tuple((f"{letter}{number:04}", "x") for number in range(count))
        return Profile(names=(*crowded, ("Zulu", "Anna")))

    few, many = matching.VALUES_MAX - 1, 1_000
    assert compare(crowd("A", few), crowd("B", few)).score_bits > 10
    assert compare(crowd("A", many), crowd("B", many)).score_bits < 10


def test_junk_after_the_best_evidence_does_not_hide_it() -> None:
    junk = tuple((f"Aa{number:04}", "x") for number in range(1_000))
    numbers = tuple((f"other {number:04}", f"{number:07}") for number in range(500))
    crowded = replace(
        OKAFOR,
        names=(*OKAFOR.names, *junk),
        identifiers=(*numbers, (matching.TRAUMA_IDENTITY, "T-ALFA-0007")),
    )
    plain = replace(OKAFOR, identifiers=((matching.TRAUMA_IDENTITY, "T-ALFA-0007"),))
    fields = {one.field for one in compare(plain, crowded).evidence if one.weight_bits > 0}
    assert fields >= {"family name", "given name", "trauma identity"}
    assert "ends 0007" in blocks(crowded)
