"""Custody: an offer and its acceptance, and what is not certain about who has the casualty."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from conflict.rules import bounded
from conflict.statement import Json, Statement
from tests.conflict.conflict_charted import OTHER_EPISODE, charted, derived, error, found, write
from tests.conflict.conflict_said import BEN


def offer(to: str, *names: Statement, at: str = "13:00", **more: Any) -> Statement:
    value = {"action": "offer", "from_unit": "1 BN AID STATION", "to_unit": to}
    return write("handover", value, *names, at=at, **more)


def answer(
    offered: Statement | None, action: str = "accept", *names: Statement, **more: Any
) -> Statement:
    value: dict[str, Json] = {"action": action} | ({"of": offered.name} if offered else {})
    value |= {name: more.pop(name) for name in ("to_unit", "to_person") if name in more}
    return write("handover", value, *names, **{"at": "13:30", **more})


def custody(*statements: Statement) -> dict[str, Any]:
    shown = derived("custody", *statements, now="14:00")
    assert isinstance(shown, dict)
    return shown


def holders(*statements: Statement) -> list[str]:
    return [one["unit"] for one in custody(*statements).get("with", ())]


def rules(*statements: Statement) -> list[str]:
    return [one.rule for one in charted(*statements).findings]


def test_an_offer_that_nobody_confirmed_leaves_custody_where_it_was_and_is_said() -> None:
    first = offer("ROLE 2", ms=1)
    taken = answer(first, ms=2, by=BEN)
    second = offer("ROLE 3", at="13:40", ms=3)
    assert holders(first, taken, second) == ["ROLE 2"]
    (waiting,) = custody(first, taken, second)["open"]
    assert waiting["statement"] == second.name
    assert waiting["minutes"] == 20
    assert waiting["text"] == "offered to ROLE 3, not confirmed since 13:40Z"
    assert derived("custody", now="14:00") is None


def test_the_latest_accepted_offer_has_the_casualty() -> None:
    first = offer("ROLE 2", ms=1)
    second = offer("ROLE 3", ms=3, at="13:40", document=OTHER_EPISODE)
    statements = (first, answer(first, ms=2), second, answer(second, ms=4, at="13:50", by=BEN))
    assert holders(*statements) == ["ROLE 3"]
    assert custody(*statements)["state"] == "accepted"
    assert not custody(*statements)["open"]
    assert not rules(*statements)


def test_an_offer_in_one_episode_is_accepted_in_another() -> None:
    offered = offer("ROLE 2")
    accepted = answer(offered, by=BEN, document=OTHER_EPISODE)
    assert holders(offered, accepted) == ["ROLE 2"]


def test_a_declined_or_withdrawn_offer_is_not_open() -> None:
    for action in ("decline", "withdraw"):
        offered = offer("ROLE 2")
        shown = custody(offered, answer(offered, action))
        assert (shown["open"], shown.get("with")) == ([], None)
        assert not rules(offered, answer(offered, action))


def test_an_acceptance_entered_in_error_opens_the_offer_again() -> None:
    offered = offer("ROLE 2")
    accepted = answer(offered, by=BEN)
    shown = custody(offered, accepted, error(accepted))
    assert [one["statement"] for one in shown["open"]] == [offered.name]


def test_an_acceptance_of_what_was_since_corrected_is_of_the_correction() -> None:
    first = offer("ROLE 2")
    second = offer("ROLE 2E", first)
    assert holders(first, second, answer(first, by=BEN)) == ["ROLE 2E"]


def test_an_acceptance_that_replaces_the_offer_accepts_it() -> None:
    offered = offer("ROLE 2")
    for accepted in (
        answer(offered, "accept", offered, by=BEN),
        answer(None, "accept", offered, by=BEN),
    ):
        assert holders(offered, accepted) == ["ROLE 2"]
        assert not rules(offered, accepted)


def test_one_offer_accepted_by_two_units_is_a_contradiction() -> None:
    offered = offer("ROLE 2")
    one = answer(offered, to_unit="ROLE 2 A", ms=2)
    other = answer(offered, to_unit="ROLE 2 B", ms=3, by=BEN)
    (apart,) = found("handover-accepted-twice", offered, one, other)
    assert set(apart.statements) == {offered.name, one.name, other.name}
    assert apart.severity == "high"
    assert holders(offered, one, other) == ["ROLE 2 A", "ROLE 2 B"]
    assert custody(offered, one, other)["state"] == "disputed"


def test_one_offer_accepted_by_two_people_is_a_contradiction() -> None:
    offered = offer("ROLE 2")
    assert rules(offered, answer(offered), answer(offered, by=BEN)) == ["handover-accepted-twice"]
    for unit in ({"to_unit": "ROLE 2"}, {}):
        named = [answer(offered, to_person=name, by=BEN, **unit) for name in ("Li", "Cruz")]
        assert rules(offered, *named) == ["handover-accepted-twice"]
    same = [answer(offered, to_unit=name) for name in ("ROLE 2", "role 2 ")]
    assert not rules(offered, *same, answer(offered, by=BEN, to_unit="ROLE 2"))


def test_an_offer_both_accepted_and_withdrawn_leaves_custody_uncertain() -> None:
    offered = offer("ROLE 2")
    statements = (offered, answer(offered, by=BEN), answer(offered, "withdraw"))
    assert rules(*statements) == ["handover-accepted-and-refused"]
    assert custody(*statements)["state"] == "disputed"


def test_an_acceptance_that_names_no_held_offer_is_found_and_passes_no_custody() -> None:
    for accepted in (answer(None, by=BEN), answer(offer("ROLE 2"), by=BEN)):
        (one,) = found("handover-accepts-none", accepted)
        assert one.statements == (accepted.name,)
        shown = custody(accepted)
        assert (shown["names_none"], shown.get("with")) == ([accepted.name], None)


def test_an_acceptance_of_what_was_entered_in_error_passes_no_custody() -> None:
    offered = offer("ROLE 2")
    mistake = error(offered)
    for accepted in (
        answer(offered, by=BEN),
        answer(mistake, by=BEN),
        answer(None, "accept", offered, by=BEN),
    ):
        assert "handover-accepts-none" in rules(offered, mistake, accepted)
        assert "with" not in custody(offered, mistake, accepted)


def test_two_offers_accepted_at_once_by_different_units_ask_who_has_the_casualty() -> None:
    one, other = offer("ROLE 2 A", ms=1), offer("ROLE 2 B", ms=2, document=OTHER_EPISODE)
    statements = (one, answer(one, ms=3), other, answer(other, ms=4, by=BEN))
    (apart,) = found("handovers-accepted-apart", *statements)
    assert set(apart.statements) == {each.name for each in statements}
    assert apart.severity == "high"
    assert "who has the casualty?" in apart.text
    assert custody(*statements)["state"] == "disputed"
    assert set(holders(*statements)) == {"ROLE 2 A", "ROLE 2 B"}


def test_a_chain_of_handovers_leaves_one_holder() -> None:
    one, two = offer("ROLE 2", at="13:00", ms=1), offer("ROLE 3", at="13:40", ms=3)
    assert not rules(one, answer(one, ms=2), two, answer(two, at="13:50", ms=4, by=BEN))
    same = offer("role 2 ", ms=3)
    assert not rules(one, answer(one, ms=2), same, answer(same, ms=4, by=BEN))
    units = ("ROLE 1", "ROLE 2", "ROLE 3", "ROLE 4")
    made: list[Statement] = []
    for place, (giving, taking) in enumerate(pairwise(units)):
        value = {"action": "offer", "from_unit": giving, "to_unit": taking}
        given = write("handover", value, ms=10 * place + 1)  # nobody wrote a time
        made += [
            given,
            write("handover", {"action": "accept", "of": given.name}, ms=10 * place + 2),
        ]
    assert not rules(*made)
    assert holders(*made) == ["ROLE 4"]


def test_a_flood_of_answers_to_corrected_offers_is_one_finding_with_bounded_names_and_text() -> (
    None
):
    first = offer("ROLE 2", ms=1)
    versions = [offer("ROLE 2", first, ms=2 + place) for place in range(300)]
    accepts = [answer(first, to_unit=f"u{place}", ms=1_000 + place, by=BEN) for place in range(300)]
    (apart,) = found("handover-accepted-twice", first, *versions, *accepts)
    assert len(apart.statements) <= bounded.NAMED_MAX
    assert accepts[-1].name in apart.statements
    assert len(apart.text) < 4_000
