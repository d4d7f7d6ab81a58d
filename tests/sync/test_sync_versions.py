"""Versions of the protocol, both ways round: which is used, and what a node says to one it cannot know."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from session_lab import Endpoint, Keys, Link, Node, document

from sync import codec, effects, messages
from sync.effects import Phase
from sync.payload import LAYOUT
from sync.ports import Precedence

OURS = (messages.VERSION_MIN, messages.VERSION_MAX)


def spoken(versions: tuple[int, int], *, newer_leads: bool, later_fields: int = 0) -> Link:
    """A link between this software and one whose HELLO names other versions."""
    keys = Keys()
    old, new = Node(1, keys), Node(2, keys)
    old.save(document(1)), new.save(document(2))
    link = Link(*((new, old) if newer_leads else (old, new)))
    newer = link.ends[0 if newer_leads else 1]
    for turn in range(1000):
        _rewrite(newer, versions, later_fields)
        if not link.step(turn % 2):
            break
    return link


def _rewrite(end: Endpoint, versions: tuple[int, int], later_fields: int) -> None:
    for at, frame in enumerate(end.outgoing):
        if codec.type_of(frame) == codec._TYPES[messages.Hello]:
            kind, _, _, *rest = codec._unpack(frame)
            end.outgoing[at] = codec._pack([kind, *versions, *rest[:8], *[b"later"] * later_fields])


def faults(link: Link) -> list[effects.Close]:
    return [one for end in link.ends for one in end.notices if isinstance(one, effects.Close)]


@pytest.mark.parametrize("newer_leads", [True, False])
@pytest.mark.parametrize("versions", [(1, 1), (1, 3), (1, 1 << 60)])
def test_nodes_with_a_version_in_common_become_equal(
    versions: tuple[int, int], *, newer_leads: bool
) -> None:
    link = spoken(versions, newer_leads=newer_leads)
    assert link.phases == (Phase.EQUAL, Phase.EQUAL)
    assert not faults(link)


@pytest.mark.parametrize("newer_leads", [True, False])
@pytest.mark.parametrize("versions", [(2, 3), (2, 2), (0, 0), (3, 1 << 60)])
def test_nodes_without_one_part_with_a_fault_that_names_both_ranges(
    versions: tuple[int, int], *, newer_leads: bool
) -> None:
    link = spoken(versions, newer_leads=newer_leads)
    assert link.phases == (Phase.CLOSED, Phase.CLOSED)
    assert {one.code for one in faults(link)} == {"version-mismatch"}
    for fault in faults(link):
        assert f"{OURS[0]} to {OURS[1]}" in fault.text
        assert f"{versions[0]} to {versions[1]}" in fault.text
    assert {end.node.store.summary().documents for end in link.ends} == {1}
    assert "Content" not in link.said


@pytest.mark.parametrize("newer_leads", [True, False])
@pytest.mark.parametrize(("versions", "code"), [((1, 2), ""), ((2, 2), "version-mismatch")])
def test_what_a_later_version_adds_to_hello_is_passed_over(
    versions: tuple[int, int], code: str, *, newer_leads: bool
) -> None:
    link = spoken(versions, newer_leads=newer_leads, later_fields=3)
    assert {one.code for one in faults(link)} == ({code} if code else set())


def told(frame: bytes) -> effects.Close:
    """What an equal session says to a frame."""
    keys = Keys()
    a, b = Node(1, keys), Node(2, keys)
    link = Link(a, b)
    link.settle()
    link.ends[0].perform(link.ends[0].session.receive(frame, link.now))
    (fault,) = faults(link)
    return fault


@pytest.mark.parametrize("kind", [0, 90, 99, 127])
def test_an_unknown_message_type_is_named(kind: int) -> None:
    fault = told(codec._pack([kind, 1]))
    assert fault.code == "unknown-message"
    assert f"message type {kind} " in fault.text


def test_an_unknown_layout_of_content_is_named() -> None:
    fault = told(codec._pack([6, 1, int(Precedence.ROUTINE), bytes((LAYOUT + 1,)) + b"later"]))
    assert fault.code == "bad-frame"
    assert f"layout {LAYOUT + 1}" in fault.text


@pytest.mark.parametrize("precedence", [0, 4, 5, 1 << 40])
def test_a_precedence_that_content_does_not_have_is_named(precedence: int) -> None:
    fault = told(codec._pack([6, 1, precedence, b"whatever"]))
    assert fault.code == "bad-frame"
    assert f"precedence {precedence} " in fault.text


def test_an_unknown_precedence_of_a_part_is_named() -> None:
    fault = told(codec._pack([13, 5, True, b"x"]))
    assert fault.code == "bad-frame"
    assert "precedence 5 " in fault.text
