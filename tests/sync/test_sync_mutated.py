"""Mutated frames over recorded sessions of all messages: a typed fault or none, and no lie is held.

The peer that speaks is enrolled and has proved who it is; every frame may be its own or a mutant.
18,500 here and 1,500 at a node's port (tests/system/test_system_mutated.py); 1,000,000 nightly.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from mutation_campaign import Campaign, Outcome, campaign, codes
from mutator import KINDS, Mutant, mutant
from recorded_sessions import recordings, types_heard

from sync import codec

SEED = "mutated-frames"
GROWTH_BYTES_MAX = 64 << 20
BY_THEMSELVES = {"live", "ended"}  # scenes in which a side acts: a recording has what it heard only


def test_every_message_type_is_heard_in_some_recorded_session() -> None:
    assert types_heard() == {kind.__name__ for kind in codec._TYPES}


def test_a_recording_heard_as_it_was_ends_no_session() -> None:
    for one in recordings():
        victim = one.victim()
        for heard in one.heard:
            victim.hear(heard)
        assert not victim.closed or one.scene.name in BY_THEMSELVES, (one.scene.name, codes(victim))


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_mutant_is_made_again_by_its_number(kind: str) -> None:
    frames = [frame for one in recordings() for frame in one.frames]
    made = [_of_kind(kind, number, frames) for number in range(400)]
    assert any(made)
    assert any(one.frames != (frames[at],) for at, one in enumerate(made) if one)
    assert made == [_of_kind(kind, number, frames) for number in range(400)]


def _of_kind(kind: str, number: int, frames: list[bytes]) -> Mutant | None:
    made = mutant(SEED, number, frames, number % len(frames))
    return made if made.kind == kind else None


def _told(count: int, found: Outcome) -> Outcome:
    grown = f"grown {found.grown / 1e6:.0f} MB"
    print(f"{count} mutants, {found.in_sessions} in sessions, {grown}: {dict(found.ended)}")
    return found


def test_18_500_mutants_end_in_typed_faults_and_nothing_is_held_that_its_author_did_not_sign() -> (
    None
):
    found = _told(18_500, campaign(SEED, 18_500))
    assert found.in_sessions > 7_000
    assert {"bad-frame", "out-of-turn", "proof-failed", "stands"} <= set(found.ended)
    assert found.grown < GROWTH_BYTES_MAX


@pytest.mark.nightly
def test_a_million_mutants_end_in_typed_faults_and_nothing_unsigned_is_held() -> None:
    found = _told(1_000_000, campaign(f"{SEED}-nightly", 1_000_000))
    assert found.in_sessions > 350_000
    assert found.grown < GROWTH_BYTES_MAX


# --- the campaign can fail --------------------------------------------------------------------------


def test_the_campaign_notices_an_untyped_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(frame: bytes) -> object:
        raise KeyError(frame)

    recordings()
    monkeypatch.setattr(codec, "decode", careless)
    with pytest.raises(AssertionError, match="seed careless case 0: "):
        Campaign("careless").run(range(10))


def test_the_campaign_notices_what_its_author_did_not_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    recordings()
    monkeypatch.setattr("sync.inbound.vet", lambda _run, _keyring: None)
    with pytest.raises(AssertionError, match="seed gullible case "):
        Campaign("gullible").run(range(20_000))
