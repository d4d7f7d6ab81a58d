"""Allergies against drugs: the drug, its ingredient, its class, what crosses; and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conflict.codes import CLASSES, CROSSINGS, DRUGS, HOW, allergy_covers
from conflict.finding import Severity
from node.sim import care

HIGH, MEDIUM, LOW = Severity.HIGH, Severity.MEDIUM, Severity.LOW
strange = st.text("abcdefgh", min_size=1, max_size=12).map(lambda text: f"zz{text}")
"""Words that no list knows."""


@pytest.mark.parametrize(
    ("substance", "drug", "how", "severity"),
    [
        ("TXA", "Tranexamic acid 2 g", "same", HIGH),
        ("Morphine (hives)", "morphine sulphate", "same", HIGH),
        ("Bactrim", "Septra DS", "same", HIGH),
        ("moxifloxacin", "combat pill pack", "same", HIGH),
        ("Augmentin", "amoxicillin", "ingredient", HIGH),
        ("amoxicillin", "Augmentin", "ingredient", HIGH),
        ("trimethoprim", "Bactrim", "ingredient", HIGH),
        ("penicillin", "amoxicillin", "class", HIGH),
        ("PCN", "Zosyn", "class", HIGH),
        ("amoxicillin", "penicillin G", "class", HIGH),
        ("codeine", "morphine", "class", MEDIUM),
        ("opioids", "Fentanyl lozenge (OTFC)", "class", MEDIUM),
        ("narcotics", "tramadol", "class", MEDIUM),
        ("ibuprofen", "meloxicam", "class", HIGH),
        ("ibuprofen", "combat pill pack", "class", HIGH),
        ("NSAID", "Toradol", "class", HIGH),
        ("NSAIDs", "ibuprofen", "class", HIGH),
        ("ibuprofen", "an NSAID", "class", HIGH),
        ("sulfa", "sulfamethoxazole", "class", HIGH),
        ("sulfa drugs", "Bactrim", "class", HIGH),
        ("cephalosporins", "Rocephin", "class", HIGH),
        ("beta-lactams", "ertapenem", "class", HIGH),
        ("local anesthetics", "lidocaine 1 %", "class", HIGH),
        ("ciprofloxacin", "moxifloxacin", "class", HIGH),
        ("azithromycin", "erythromycin", "class", HIGH),
        ("penicillin", "ertapenem", "cross-class", LOW),
        ("penicillin", "cefazolin", "cross-class", LOW),
        ("amoxicillin", "Keflex", "cross-class", MEDIUM),
        ("cefazolin", "amoxicillin", "cross-class", MEDIUM),
        ("aspirin", "ibuprofen", "cross-class", HIGH),
        ("NSAIDs", "aspirin", "cross-class", HIGH),
        ("aspirin", "celecoxib", "cross-class", MEDIUM),
        ("sulfa", "celecoxib", "cross-class", MEDIUM),
        ("codeine", "tramadol", "cross-class", MEDIUM),
    ],
)
def test_an_allergy_speaks_against(substance: str, drug: str, how: str, severity: str) -> None:
    cover = allergy_covers(substance, drug)
    assert cover is not None
    assert (cover.how, cover.severity) == (how, severity)
    assert cover.words
    assert cover.source or how in {"same", "ingredient"}


@pytest.mark.parametrize(
    ("substance", "drug"),
    [
        ("latex", "Morphine"),
        ("shellfish", "povidone-iodine"),
        ("shellfish", "iodinated contrast"),
        ("Iodinated contrast", "povidone iodine"),
        ("sulfa", "morphine sulfate"),
        ("sulfa", "magnesium sulfate"),
        ("penicillin", "combat pill pack"),
        ("penicillin", "moxifloxacin"),
        ("morphine", "fentanyl"),
        ("morphine", "naloxone"),
        ("procaine", "lidocaine"),
        ("aspirin", "acetaminophen"),
        ("trimethoprim", "sulfadiazine"),
        ("txa", "detxab"),
        ("NKDA", "NKDA"),
        ("no known drug allergies", "morphine"),
        ("", "morphine"),
        ("morphine", ""),
    ],
)
def test_an_allergy_says_nothing_of(substance: str, drug: str) -> None:
    assert allergy_covers(substance, drug) is None


@pytest.mark.parametrize(("drug", "substance"), sorted(care.RELATED.items()))
def test_the_related_pairs_of_the_generator_are_covered(drug: str, substance: str) -> None:
    cover = allergy_covers(substance, drug)
    assert cover is not None
    assert cover.how == ("cross-class" if drug == "ertapenem" else "class")


@given(st.lists(strange, min_size=1, max_size=3), st.lists(strange, max_size=3))
@settings(deadline=None)
def test_an_unknown_substance_is_covered_where_all_its_words_stand_whole(
    substance: list[str], around: list[str]
) -> None:
    text = ", ".join([*around, *reversed(substance), *around])
    cover = allergy_covers(" ".join(substance).title(), text)
    assert cover is not None
    assert cover.how == "same"
    assert allergy_covers(" ".join([*substance, "qq"]), text + "-qqq") is None


@given(st.text(max_size=600), st.text(max_size=600))
@settings(deadline=None)
def test_no_text_raises(substance: str, drug: str) -> None:
    for pair in ((substance, drug), (f"{substance} penicillin", f"{drug} Augmentin")):
        cover = allergy_covers(*pair)
        assert cover is None or cover.how in HOW


@given(st.sampled_from(sorted(DRUGS)))
def test_every_drug_is_covered_by_an_allergy_to_itself_and_to_each_of_its_classes(
    name: str,
) -> None:
    itself = allergy_covers(name, name)
    assert itself is not None
    assert (itself.how, itself.severity) == ("same", HIGH)
    said = {one.name: one.said for one in CLASSES}
    for kind in DRUGS[name].classes:
        for text in filter(None, said[kind].split(", ")):
            cover = allergy_covers(text, name)
            assert cover is not None
            assert cover.how in {"class", "same"}  # penicillin is a drug and a class


def test_every_crossing_and_every_wider_class_is_of_known_classes() -> None:
    known = {one.name for one in CLASSES}
    assert len(known) == len(CLASSES)
    assert {name for pair in CROSSINGS for name in pair} <= known
    assert {one.within for one in CLASSES if one.within} <= known
    assert all(one.source and one.words for one in CROSSINGS.values())


def test_of_several_reasons_the_most_direct_and_most_severe_is_given() -> None:
    both = allergy_covers("penicillin, ertapenem", "ertapenem")
    assert both is not None
    assert both.how == "same"
    keflex = allergy_covers("penicillin", "cefazolin then cephalexin")
    assert keflex is not None
    assert keflex.severity == MEDIUM
    assert "cephalexin" in keflex.words
