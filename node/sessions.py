"""Who is signed in, kept in this process's memory only: ids hashed, idle and absolute limits, delays.

Time is an argument: seconds of a clock that goes on while the machine sleeps. A PIN opens again what a
passphrase opened on this device in this process, never anything else. Safe from any thread.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from node.errors import SignInDelayed, SignInRefused
from node.verifiers import SALT_BYTES, VERIFIER_BYTES, Verifier, check_pin, made

TOKEN_BYTES = 32
IDLE_S = 15 * 60.0
"""A session unused for so long is locked: the PIN opens it again, or the passphrase."""
ABSOLUTE_S = 12 * 3600.0
"""A passphrase is asked for again after this, used or not."""
SESSIONS_PER_PERSON_MAX = 3
PIN_FAILURES_MAX = 3
"""Wrong PINs after which it is forgotten: then the passphrase."""
DELAY_FIRST_S, DELAY_MAX_S = 3.0, 30.0
"""After the first failure, doubling, and at most."""
FAILURES_FORGOTTEN_S = 15 * 60.0
NAMES_REMEMBERED_MAX = 1_000

_REFUSED = "Account and passphrase do not fit, or the account is not active. Nothing was read"


class Opened(NamedTuple):
    """Whose session it is, and the verifier that opened it: once it is replaced, the session is over."""

    account: str
    proof: Verifier


@dataclass(slots=True)
class _Session:
    opened: Opened
    began_s: float
    used_s: float


@dataclass(slots=True)
class _Pin:
    opened: Opened
    verifier: Verifier
    began_s: float
    failures: int = 0


class Sessions:
    """The sessions of one node. `entropy(n)`: n random bytes."""

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._entropy = entropy
        self._lock = threading.Lock()
        self._guessing = threading.Lock()  # one attempt at a time, or a delay could be overtaken
        self._sessions: OrderedDict[bytes, _Session] = OrderedDict()
        self._pins: dict[str, _Pin] = {}
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._decoy = Verifier(entropy(SALT_BYTES), 0, entropy(VERIFIER_BYTES))

    def sign_in(
        self, account: str, passphrase: str, verifiers: Sequence[Verifier], now_s: float, usual: int
    ) -> str:
        """A new session's id, if the passphrase fits one of the account's verifiers.

        No verifiers: there is no such account; then as much is computed as for one that there is,
        `usual` rounds. Raises `SignInDelayed`, `SignInRefused`.
        """
        with self._guessing:
            self._wait(account, now_s)
            checked = verifiers or (self._decoy._replace(iterations=usual),)
            fitting = [one for one in checked if one.fits(passphrase)]
            if not fitting:
                raise self._failed(account, now_s)
            with self._lock:
                self._pins.pop(account, None)
                return self._open(Opened(account, fitting[0]), now_s, now_s)

    def reopen(self, account: str, pin: str, now_s: float) -> str:
        """A new session's id by PIN, up to the absolute limit of the passphrase that came before it.

        Raises `SignInDelayed`, `SignInRefused`.
        """
        with self._guessing:
            self._wait(account, now_s)
            with self._lock:
                known = self._pins.get(account)
            if known is None or not 0 <= now_s - known.began_s < ABSOLUTE_S:
                raise SignInRefused("No PIN opens this account now: give the passphrase")
            if not known.verifier.fits(pin):
                known.failures += 1
                if known.failures >= PIN_FAILURES_MAX:
                    self.end_all(account)
                raise self._failed(account, now_s)
            known.failures = 0
            with self._lock:
                return self._open(known.opened, known.began_s, now_s)

    def set_pin(self, token: str, pin: str, now_s: float) -> None:
        """The PIN of whose session this is. Raises `BadRequest`, `SignInRefused`."""
        verifier = made(check_pin(pin), self._entropy(SALT_BYTES))
        with self._lock:
            found = self._live(token, now_s)
            if found is None:
                raise SignInRefused("No session is open: sign in with the passphrase first")
            self._pins[found.opened.account] = _Pin(found.opened, verifier, found.began_s)

    def of(self, token: str, now_s: float, *, used: bool = True) -> Opened | None:
        """A live session. `used`: the idle limit counts from now."""
        with self._lock:
            found = self._live(token, now_s)
            if found is None:
                return None
            if used:
                found.used_s = now_s
            return found.opened

    def end(self, token: str) -> None:
        """Sign out; the PIN goes too."""
        with self._lock:
            if found := self._sessions.pop(_hashed(token), None):
                self._pins.pop(found.opened.account, None)

    def end_all(self, account: str | None = None) -> None:
        """Every session and PIN of one person, whose account changed, or (None) of everybody."""
        with self._lock:
            gone = [
                key for key, one in self._sessions.items() if account in (None, one.opened.account)
            ]
            for key in gone:
                del self._sessions[key]
            for name in [one for one in self._pins if account in (None, one)]:
                del self._pins[name]

    def lock(self) -> None:
        """The node was locked: who unlocks it is not who was signed in. PINs open sessions again."""
        with self._lock:
            self._sessions.clear()

    def _live(self, token: str, now_s: float) -> _Session | None:
        key = _hashed(token)
        found = self._sessions.get(key)
        if found is None:
            return None
        idle, whole = now_s - found.used_s, now_s - found.began_s
        if not (0 <= idle < IDLE_S and 0 <= whole < ABSOLUTE_S):
            del self._sessions[key]
            return None
        return found

    def _open(self, opened: Opened, began_s: float, now_s: float) -> str:
        self._failures.pop(opened.account, None)
        own = [key for key, one in self._sessions.items() if one.opened.account == opened.account]
        for key in own[: max(0, len(own) - SESSIONS_PER_PERSON_MAX + 1)]:
            del self._sessions[key]
        token = self._entropy(TOKEN_BYTES).hex()
        self._sessions[_hashed(token)] = _Session(opened, began_s, now_s)
        return token

    def _wait(self, account: str, now_s: float) -> None:
        count, last_s = self._failures.get(account, (0, 0.0))
        left = last_s + delay_s(count) - now_s
        if count and 0 < left <= DELAY_MAX_S:
            raise SignInDelayed(f"{count} attempts failed: the next one counts in {left:.0f} s")

    def _failed(self, account: str, now_s: float) -> SignInRefused:
        count, last_s = self._failures.pop(account, (0, 0.0))
        if not 0 <= now_s - last_s < FAILURES_FORGOTTEN_S:
            count = 0
        self._failures[account] = count + 1, now_s
        while len(self._failures) > NAMES_REMEMBERED_MAX:
            self._failures.popitem(last=False)
        return SignInRefused(_REFUSED)


def delay_s(failures: int) -> float:
    """How long to wait after so many failures in a row."""
    return min(DELAY_FIRST_S * 2 ** min(failures - 1, 10), DELAY_MAX_S) if failures > 0 else 0.0


def _hashed(token: str) -> bytes:
    """Ids are compared by their hash, so that time says nothing about them."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def same_token(given: str, expected: str) -> bool:
    """Whether two bearer tokens are the same; takes as long either way."""
    return hmac.compare_digest(given.encode(errors="surrogateescape"), expected.encode())
