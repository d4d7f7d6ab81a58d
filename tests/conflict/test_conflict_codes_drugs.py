"""Drugs in free text: what a medic writes is recognised, by whole words, and only checked codes go out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conflict.codes import CLASSES, DRUGS, PACKS, find_drug, find_drugs, outward_rxcui
from conflict.codes.words import TEXT_CHARS_MAX, Phrases, words_of
from node.sim import care, persons

# tagged [G] in CLINICAL.md §2
UNVERIFIED_IN_CLINICAL = {
    "6130", "10691", "4337", "325642", "139462", "1901", "1908", "161", "41493", "7052", "7242",
    "26225",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("TXA", "tranexamic acid"),
        ("Tranexamic acid", "tranexamic acid"),
        ("OTFC", "fentanyl"),
        ("Fentanyl lozenge (OTFC)", "fentanyl"),
        ("fentanyl inj 50 ug/mL", "fentanyl"),
        ("Morphine, IV", "morphine"),
        ("morphine sulphate", "morphine"),
        ("Ketamine 50 mg/mL", "ketamine"),
        ("KETALAR", "ketamine"),
        ("calcium gluconate", "calcium gluconate"),
        ("CaCl2 10 %", "calcium chloride"),
        ("Pen VK 500", "penicillin V"),
        ("penicillin G benzathine", "penicillin G"),
        ("Tylenol", "acetaminophen"),
        ("paracetamol", "acetaminophen"),
        ("salbutamol neb", "albuterol"),
        ("2-PAM Cl", "pralidoxime"),
        ("0.3 mg epi", "epinephrine"),
        ("Z-Pak", "azithromycin"),
    ],
)
def test_what_a_medic_writes_is_recognised(text: str, name: str) -> None:
    drug = find_drug(text)
    assert drug is not None
    assert drug.name == name


def test_every_drug_of_the_generator_is_recognised() -> None:
    doses = (
        *care.KETAMINE, *care.OPIOIDS, *care.PILLS, *care.TXA, *care.CALCIUM, *care.ERTAPENEM,
        *care.MOXIFLOXACIN, *care.ONDANSETRON,
    )  # fmt: skip
    assert [dose.drug for dose in doses if find_drug(dose.drug) is None] == []
    allergens = [one.substance for one in persons.ALLERGENS if one.category == "drug"]
    assert [one for one in allergens if find_drug(one) is None] == ["Iodinated contrast"]


@pytest.mark.parametrize(
    "text", ["", " ", "detxab", "txab", "apomorphine", "ketamines", "calcium", "§%&", "a\ud800b"]
)
def test_part_of_a_word_names_no_drug(text: str) -> None:
    assert find_drugs(text) == ()
    assert find_drug(text) is None


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Combat Pill Pack", ("moxifloxacin", "acetaminophen", "meloxicam")),
        ("CWMP", ("moxifloxacin", "acetaminophen", "meloxicam")),
        ("DuoDote", ("atropine", "pralidoxime")),
        ("Percocet 5/325", ("oxycodone", "acetaminophen")),
        ("TXA then ketamine, TXA again", ("tranexamic acid", "ketamine")),
        ("lidocaine with epi", ("lidocaine", "epinephrine")),
    ],
)
def test_a_text_of_several_drugs_gives_each_once_in_order(text: str, names: tuple[str]) -> None:
    assert tuple(drug.name for drug in find_drugs(text)) == names
    assert find_drug(text) is None, "whose dose it is would be a guess"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Bactrim DS", "sulfamethoxazole-trimethoprim"),
        ("trimethoprim/sulfamethoxazole", "sulfamethoxazole-trimethoprim"),
        ("amoxicillin 875 mg / clavulanic acid 125 mg", "amoxicillin-clavulanate"),
        ("Malarone", "atovaquone-proguanil"),
    ],
)
def test_a_fixed_combination_is_one_drug(text: str, name: str) -> None:
    drug = find_drug(text)
    assert drug is not None
    assert drug.name == name
    assert all(part in DRUGS for part in drug.ingredients)


@given(st.text(max_size=1_000))
@settings(deadline=None)
def test_no_text_raises(text: str) -> None:
    for drug in find_drugs(text):
        assert DRUGS[drug.name] is drug
    assert find_drug(text) is None or outward_rxcui(text) is None or outward_rxcui(text).isdigit()


@given(st.sampled_from(sorted(DRUGS)), st.sampled_from("-/ (,;"), st.booleans())
@settings(deadline=None)
def test_every_drug_is_found_by_its_name_in_any_case(name: str, mark: str, up: bool) -> None:
    text = f"give{mark}{name.upper() if up else name}{mark}now"
    assert [drug.name for drug in find_drugs(text)] == [name]


def test_no_two_drugs_share_a_name_and_every_class_is_known() -> None:
    names = [words_of(name) for one in DRUGS.values() for name in (one.name, *one.synonyms)]
    names += [words_of(pack) for pack in PACKS]
    assert len(names) == len(set(names))
    known = {one.name for one in CLASSES}
    assert {name for one in DRUGS.values() for name in one.classes} <= known
    assert {name for names in PACKS.values() for name in names} <= set(DRUGS)
    codes = [one.rxcui.code for one in DRUGS.values() if one.rxcui]
    assert len(codes) == len(set(codes))


def test_codes_from_memory_are_never_emitted() -> None:
    ingredients = [one for one in DRUGS.values() if one.rxcui]
    for drug in ingredients:
        out = outward_rxcui(drug.name)
        assert out == (drug.rxcui.code if drug.rxcui.verified else None)
    unverified = {one.rxcui.code for one in ingredients if not one.rxcui.verified}
    assert unverified >= UNVERIFIED_IN_CLINICAL


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Ketamine 50 mg/mL", "238084"),
        ("ketamine 100 mg / mL vial", "238083"),
        ("fentanyl inj 50 ug/mL", "1735003"),
        ("fentanyl inj 50 µg/mL", "1735003"),
        ("Fentanyl lozenge 800 mcg", "313993"),
        ("Calcium chloride 100 mg/mL, syringe", "828527"),
        ("Moxifloxacin 400 mg tab", "311787"),
        ("aspirin 325 mg", "1191"),
        ("Ketamine 50 mg", None),
        ("Ketamine 50 mg/mLx", None),
        ("Ketamine 50 mg/kg", None),
        ("Fentanyl 800 mcg", None),
        ("Fentanyl lozenge 800 mcg/h", None),
        ("Ketamine", None),
        ("combat pill pack", None),
        ("", None),
    ],
)
def test_a_product_code_needs_its_strength_in_the_text(text: str, code: str | None) -> None:
    assert outward_rxcui(text) == code


def test_text_beyond_the_limit_is_not_read_and_no_word_is_cut_in_two() -> None:
    assert find_drugs("x " * TEXT_CHARS_MAX + "TXA") == ()
    assert find_drugs("x" * (TEXT_CHARS_MAX - 4) + " txapenem") == ()
    assert find_drugs("x" * 16_000) == ()


def test_the_longest_name_counts_and_names_do_not_overlap() -> None:
    phrases = Phrases([("calcium", 1), ("calcium chloride", 2), ("chloride", 3)])
    assert phrases.found(words_of("Calcium chloride chloride calcium")) == (2, 3, 1)
    assert phrases.found(words_of("calcium x chloride")) == (1, 3)
