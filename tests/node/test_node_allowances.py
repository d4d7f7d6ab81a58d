"""Budgets of a day, bars and halts, what of them is remembered, and what status says of them."""

from __future__ import annotations

import pytest

from conflict.identity import NodeId
from node.acquaintance import Acquaintance
from node.allowances import BUDGET_SPENT, MANUAL, SILENT, Allowances, day_ends_in_s, day_of
from node.status import state_words
from sync.effects import Phase
from sync.link_profile import LinkKind, LinkProfile
from sync.ports import Known, Summary

A, B, STRANGER = (NodeId(bytes([n]) * 16) for n in (1, 2, 3))
NOON = 1_794_484_800_000  # 2026-11-12 12:00Z
DAY_MS = 86_400_000
METERED = LinkProfile(kind=LinkKind.SATCOM, rate_bits_s=9_600, rtt_s=0.6, daily_bytes=100_000)
LAN = LinkProfile.lan()
HELD = Summary(3, b"d" * 8)


def allowances(
    default: LinkProfile = LAN, **profiles: LinkProfile
) -> tuple[Allowances, dict[NodeId, Acquaintance]]:
    known = {A: Acquaintance(A, "bas"), B: Acquaintance(B, "role3", "garrison")}
    named = {{"a": A, "b": B}[name]: profile for name, profile in profiles.items()}
    return Allowances(named, default, known), known


def linked(kind: LinkKind) -> LinkProfile:
    return METERED if kind is LinkKind.SATCOM else LinkProfile(kind=kind)


# -- the day --------------------------------------------------------------------------------------


def test_a_day_is_of_utc_and_ends_at_midnight() -> None:
    assert (day_of(NOON), day_ends_in_s(NOON)) == ("2026-11-12", 43_200)
    last_ms = NOON + 12 * 3_600_000 - 1
    assert (day_of(last_ms), day_of(last_ms + 1)) == ("2026-11-12", "2026-11-13")
    assert day_ends_in_s(last_ms + 1) == 86_400


def test_what_crosses_counts_against_the_day_and_the_next_day_starts_afresh() -> None:
    terms, _ = allowances(a=METERED)
    assert terms.left_bytes(A, NOON) == 100_000
    terms.charge(A, 60_000, NOON)
    terms.charge(A, 39_999, NOON + 1)
    assert (terms.left_bytes(A, NOON), terms.bars_dial(A, NOON)) == (1, "")
    terms.charge(A, 5_000, NOON)
    assert (terms.left_bytes(A, NOON), terms.bars_dial(A, NOON)) == (0, BUDGET_SPENT)
    assert (terms.left_bytes(A, NOON + DAY_MS), terms.bars_dial(A, NOON + DAY_MS)) == (100_000, "")


def test_a_link_without_budget_is_never_spent() -> None:
    terms, _ = allowances()
    terms.charge(A, 10**12, NOON)
    assert (terms.left_bytes(A, NOON), terms.spent(A, NOON)) == (None, False)


def test_the_days_account_survives_a_restart() -> None:
    terms, known = allowances(a=METERED)
    terms.charge(A, 70_000, NOON)
    terms.halt(B, BUDGET_SPENT, NOON)
    again, recalled = allowances(a=METERED)
    for node in (A, B):
        recalled[node].recall(known[node].remembered())
    assert again.left_bytes(A, NOON) == 30_000
    assert again.bars_dial(B, NOON) == BUDGET_SPENT


def test_what_older_software_remembered_is_kept_and_the_rest_is_new() -> None:
    one = Acquaintance(A)
    one.recall(b'{"last_contact_ms": 7, "equal_at_ms": 8, "epoch": "00"}')
    assert (one.last_contact_ms, one.equal_at_ms, one.spent_bytes) == (7, 8, 0)


@pytest.mark.parametrize("memory", [b"", b"[]", b"{", b"7", b"null"])
def test_unreadable_memory_is_no_memory(memory: bytes) -> None:
    one = Acquaintance(A, last_contact_ms=1)
    one.recall(memory)
    assert (one.last_contact_ms, one.equal_at_ms) == (None, None)


# -- who may be called ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "bar", "stopped"),
    [
        (LinkKind.LAN, "", ""),
        (LinkKind.SATCOM, "", ""),
        (LinkKind.MANUAL, MANUAL, ""),
        (LinkKind.SILENT, SILENT, SILENT),
    ],
)
def test_manual_and_silent_peers_are_not_called(kind: LinkKind, bar: str, stopped: str) -> None:
    terms, _ = allowances(a=linked(kind))
    assert (terms.bars_dial(A, NOON), terms.stopped(A, NOON)) == (bar, stopped)
    assert terms.bars_dial(B, NOON) == ""


def test_a_peer_that_ended_the_link_for_its_budget_is_left_alone_until_tomorrow() -> None:
    terms, _ = allowances()
    terms.halt(A, BUDGET_SPENT, NOON)
    assert terms.stopped(A, NOON) == BUDGET_SPENT
    assert terms.bars_dial(A, NOON + DAY_MS) == ""
    terms.resume(A)
    assert terms.bars_dial(A, NOON) == ""


def test_a_silent_node_is_silent_to_all_whatever_their_links_say() -> None:
    terms, _ = allowances(linked(LinkKind.SILENT), a=METERED)
    assert terms.silent
    for node in (A, B, STRANGER, None):
        assert terms.profile_of(node).kind is LinkKind.SILENT


def test_a_caller_is_given_the_time_of_the_slowest_link_to_say_who_it_is() -> None:
    terms, _ = allowances(a=METERED)
    assert terms.slowest() == METERED
    assert terms.profile_of(None) == LAN


def test_a_stranger_costs_nothing_and_is_nowhere_remembered() -> None:
    terms, known = allowances(METERED)
    terms.charge(STRANGER, 1_000, NOON)
    terms.halt(STRANGER, SILENT, NOON)
    assert terms.left_bytes(STRANGER, NOON) == 100_000
    assert STRANGER not in known


def test_the_profile_has_one_json_form() -> None:
    terms, _ = allowances(a=METERED)
    terms.charge(A, 40_000, NOON)
    assert terms.body(A, NOON) == {
        "kind": "satcom",
        "rate_bits_s": 9_600,
        "rtt_s": 0.6,
        "daily_bytes": 100_000,
        "left_bytes": 60_000,
    }
    assert terms.body(B, NOON)["left_bytes"] is None


# -- equality that may be built on ----------------------------------------------------------------


def test_the_last_proof_counts_while_neither_store_lost_anything() -> None:
    one, ours, theirs = Acquaintance(A), b"o" * 16, b"t" * 16
    one.answers_in(theirs, 1)
    assert one.known(ours) is None
    one.equal(Known(theirs, 41, HELD), ours, NOON)
    again = Acquaintance(A)
    again.recall(one.remembered())
    assert again.known(ours) == Known(theirs, 41, HELD)
    assert again.known(b"x" * 16) is None, "our store was restored: its arrival numbers start anew"
    again.answers_in(b"y" * 16, 1)
    assert again.known(ours) is None, "theirs was"


# -- words ----------------------------------------------------------------------------------------


def words(one: Acquaintance, stopped: str = "") -> list[str]:
    return state_words([one], HELD, {}, 0, {one.node: stopped} if stopped else {})


def test_a_spent_budget_is_said_with_its_code_and_what_to_do() -> None:
    (_, said) = words(Acquaintance(A, "role3"), BUDGET_SPENT)
    assert said == (
        "Stopped: budget-spent with role3 → goes on after 00:00Z, or now with `aidstation sync`"
    )


def test_silence_is_said_as_stopped_and_a_manual_link_as_waiting() -> None:
    (_, silent) = words(Acquaintance(A, "bas"), SILENT)
    assert silent.startswith("Stopped: silent with bas → `aidstation silent off`")
    (_, manual) = words(Acquaintance(A, "bas"))
    assert manual == "Waiting: no link to bas yet"


def test_a_link_that_a_person_opened_over_the_budget_is_said_as_it_stands() -> None:
    (_, said) = words(Acquaintance(A, "bas", phase=Phase.REPAIRING), BUDGET_SPENT)
    assert said == "Sending 0 to bas"
