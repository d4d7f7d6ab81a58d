"""Links between records that one of the two denies."""

from __future__ import annotations

import pytest

from conflict.identity import DocumentId, document_text
from conflict.statement import Statement
from tests.conflict.conflict_charted import OTHER_PERSON, found, write
from tests.conflict.conflict_lab import PERSON

RULE = "link-denied"


def link(at: DocumentId, to: str, relation: str, *names: Statement) -> Statement:
    return write("link", {"document": to, "relation": relation}, *names, document=at)


HERE, THERE = document_text(PERSON), document_text(OTHER_PERSON)


@pytest.mark.parametrize("relation", ["casualty", "same-person", "same-episode"])
def test_a_link_that_the_other_record_denies_is_a_contradiction_of_both(relation: str) -> None:
    says = link(PERSON, THERE, relation)
    denies = link(OTHER_PERSON, HERE, f"not-{relation}")
    (one,) = found(RULE, says, denies)
    assert (one.kind, one.severity) == ("contradiction", "high")
    assert set(one.statements) == {says.name, denies.name}


def test_it_is_over_when_both_say_the_same() -> None:
    says, denies = link(PERSON, THERE, "same-person"), link(OTHER_PERSON, HERE, "not-same-person")
    assert not found(RULE, says, denies, link(PERSON, THERE, "not-same-person", says))
    assert not found(RULE, says, denies, link(OTHER_PERSON, HERE, "same-person", denies))
    assert not found(RULE, says)


@pytest.mark.parametrize("spelt", [THERE.upper(), "kind1-" + THERE.partition("-")[2]])
def test_another_spelling_of_a_record_hides_no_contradiction(spelt: str) -> None:
    says, denies = link(PERSON, spelt, "same-person"), link(OTHER_PERSON, HERE, "not-same-person")
    assert found(RULE, says, denies)


def test_one_record_that_says_both_in_two_spellings_is_found() -> None:
    says = link(PERSON, "kind1-" + THERE.partition("-")[2], "same-person")
    denies = link(PERSON, THERE, "not-same-person")
    other = write("name", {"family": "Okafor"}, document=OTHER_PERSON)
    assert found(RULE, says, denies, other)
    same = link(PERSON, THERE, "same-person")
    assert not found(RULE, same, denies, other)  # one item: its slot finds that
