"""Sessions end when they should, guesses slow down, and a PIN opens only what a passphrase opened."""

from __future__ import annotations

import itertools

import pytest

from node.errors import BadRequest, SignInDelayed, SignInRefused
from node.sessions import (
    ABSOLUTE_S,
    DELAY_FIRST_S,
    DELAY_MAX_S,
    IDLE_S,
    NAMES_REMEMBERED_MAX,
    PIN_FAILURES_MAX,
    SESSIONS_PER_PERSON_MAX,
    Sessions,
    delay_s,
)
from node.verifiers import Verifier, made

WORDS = "correct horse battery"
FEW = 2  # rounds: what is tested is not the cost
RUIZ = made(WORDS, bytes(16), FEW)


def sessions() -> Sessions:
    numbers = itertools.count(1)
    return Sessions(lambda size: next(numbers).to_bytes(size, "big"))


def opened(found: Sessions, now_s: float, account: str = "ruiz") -> str:
    return found.sign_in(account, WORDS, [RUIZ], now_s, FEW)


def test_a_session_is_its_persons_until_signed_out() -> None:
    found = sessions()
    token = opened(found, 0)
    assert len(token) == 64
    assert found.of(token, 1) == ("ruiz", RUIZ)
    found.end(token)
    assert found.of(token, 2) is None
    assert found.of("", 2) is None


def test_ids_are_new_each_time_and_kept_only_as_hashes() -> None:
    found = sessions()
    tokens = {opened(found, 0) for _ in range(SESSIONS_PER_PERSON_MAX)}
    assert len(tokens) == SESSIONS_PER_PERSON_MAX
    kept = repr(vars(found))
    assert not any(token in kept for token in tokens)


def test_an_idle_session_ends_and_use_keeps_it() -> None:
    found = sessions()
    token = opened(found, 0)
    assert found.of(token, IDLE_S - 1)
    assert found.of(token, 2 * IDLE_S - 2, used=False)
    assert found.of(token, 2 * IDLE_S) is None
    assert found.of(token, 2 * IDLE_S - 2) is None


def test_no_use_keeps_a_session_beyond_the_absolute_limit() -> None:
    found = sessions()
    token, now_s = opened(found, 0), 0.0
    while now_s + IDLE_S / 2 < ABSOLUTE_S:
        now_s += IDLE_S / 2
        assert found.of(token, now_s)
    assert found.of(token, ABSOLUTE_S) is None


def test_a_clock_that_went_back_ends_a_session() -> None:
    found = sessions()
    assert found.of(opened(found, 1_000), 10) is None


def test_a_person_has_a_bounded_number_of_sessions() -> None:
    found = sessions()
    tokens = [opened(found, 0) for _ in range(SESSIONS_PER_PERSON_MAX + 1)]
    other = opened(found, 0, "chen")
    assert [bool(found.of(one, 1)) for one in tokens] == [False, *[True] * SESSIONS_PER_PERSON_MAX]
    assert found.of(other, 1)


def test_failures_are_answered_later_and_later() -> None:
    assert [delay_s(count) for count in range(7)] == [0, 3, 6, 12, 24, 30, 30]
    found, now_s = sessions(), 0.0
    for count in range(1, 7):
        with pytest.raises(SignInRefused):
            found.sign_in("ruiz", "wrong", [RUIZ], now_s, FEW)
        with pytest.raises(SignInDelayed):
            opened(found, now_s + delay_s(count) - 0.1)
        now_s += delay_s(count)
    assert opened(found, now_s)
    with pytest.raises(SignInRefused):
        found.sign_in("ruiz", "wrong", [RUIZ], now_s, FEW)
    assert opened(found, now_s + DELAY_FIRST_S)


def test_an_unknown_account_costs_and_is_delayed_like_a_wrong_passphrase(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rounds: list[int] = []

    def counted(self: Verifier, secret: str) -> bool:
        rounds.append(self.iterations)
        return False

    monkeypatch.setattr(Verifier, "fits", counted)
    found = sessions()
    refusals = []
    for account, verifiers in (("ruiz", [RUIZ]), ("nobody", [])):
        with pytest.raises(SignInRefused) as refused:
            found.sign_in(account, "wrong", verifiers, 0, FEW)
        with pytest.raises(SignInDelayed):
            found.sign_in(account, "wrong", verifiers, 1, FEW)
        refusals.append(str(refused.value))
    assert rounds == [FEW, FEW]
    assert len(set(refusals)) == 1


def test_names_that_fail_are_remembered_within_a_bound() -> None:
    found = sessions()
    for number in range(NAMES_REMEMBERED_MAX + 5):
        with pytest.raises(SignInRefused):
            found.sign_in(f"name{number}", "wrong", [], 0, 1)
    assert len(found._failures) == NAMES_REMEMBERED_MAX


def test_a_pin_opens_again_what_idleness_closed_up_to_the_absolute_limit() -> None:
    found = sessions()
    with pytest.raises(SignInRefused):
        found.reopen("ruiz", "4711", 0)
    token = opened(found, 0)
    with pytest.raises(BadRequest):
        found.set_pin(token, "47a1", 1)
    found.set_pin(token, "4711", 1)
    assert found.of(token, IDLE_S) is None
    again = found.reopen("ruiz", "4711", IDLE_S)
    assert again != token
    assert found.of(again, IDLE_S + 1) == ("ruiz", RUIZ)
    with pytest.raises(SignInRefused):
        found.reopen("ruiz", "4711", ABSOLUTE_S)


def test_three_wrong_pins_ask_for_the_passphrase() -> None:
    found = sessions()
    token = opened(found, 0)
    found.set_pin(token, "4711", 0)
    now_s = 0.0
    for _ in range(PIN_FAILURES_MAX):
        now_s += DELAY_MAX_S
        with pytest.raises(SignInRefused):
            found.reopen("ruiz", "0000", now_s)
    with pytest.raises(SignInRefused):
        found.reopen("ruiz", "4711", now_s + DELAY_MAX_S)
    assert found.of(token, now_s) is None
    assert opened(found, now_s + DELAY_MAX_S)


def test_signing_out_forgets_the_pin() -> None:
    found = sessions()
    token = opened(found, 0)
    found.set_pin(token, "4711", 0)
    found.end(token)
    with pytest.raises(SignInRefused):
        found.reopen("ruiz", "4711", 1)


def test_a_lock_ends_sessions_and_a_pin_opens_one_again() -> None:
    found = sessions()
    token = opened(found, 0)
    found.set_pin(token, "4711", 0)
    found.lock()
    assert found.of(token, 1) is None
    assert found.of(found.reopen("ruiz", "4711", 2), 3) == ("ruiz", RUIZ)
