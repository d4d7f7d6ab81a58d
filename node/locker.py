"""Who may see what a running node holds: the lock of `locking.py` with its clock, vault and store.

The PIN's verifier and the counts of wrong attempts are settings of the encrypted store, so a PIN is
worth nothing to whoever has the disk. Keys stay in memory while it is locked: links, receiving and
relaying go on.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
from collections.abc import Callable
from typing import Any

from node import vault as vaults
from node.audit import Audit
from node.errors import BadRequest, Locked, NoVault, TryLater, WrongSecret
from node.home import Home
from node.listeners import Listeners
from node.locking import PIN_DIGITS_MAX, PIN_DIGITS_MIN, Attempts, Lock, is_pin
from node.unlocking import iterations_here, passphrase_bytes, read_vault
from node.vault import PASSPHRASE, DataKey
from storage import StorageError, Store
from sync.audit import Action

PIN_SETTING = "lock.pin"
ATTEMPTS_SETTING = "lock.attempts."
PIN, KEY = "pin", "key"
WAYS = (PASSPHRASE, PIN, KEY)
_SAID = {PASSPHRASE: "passphrase", PIN: "PIN", KEY: "key file"}


class Locker:
    """Safe from any thread. `data`: None for a plain node, which has nothing to lock with."""

    def __init__(
        self,
        store: Store,
        home: Home,
        data: DataKey | None,
        now_ms: Callable[[], int],
        idle_ms: int = 0,
        audit: Audit | None = None,
    ) -> None:
        self._audit = audit
        self._store = store
        self._home = home
        self._data = data
        self._now_ms = now_ms
        self._guard = threading.Lock()
        self._trying = threading.Lock()  # one attempt at a time: guesses do not run side by side
        self._idle_ms = idle_ms
        self._changed: Listeners[bool] = Listeners()
        self._lock = Lock(self._idle_here(), now_ms())
        self._attempts = {
            way: Attempts.decode(store.setting(ATTEMPTS_SETTING + way)) for way in WAYS
        }

    def _idle_here(self) -> int:
        """Only where a person opened it or can open it: a key file alone would lock a server."""
        if self._data is None:
            return 0
        vault = read_vault(self._home)
        person = bool(vault and vault.has(PASSPHRASE)) or self.has_pin
        return self._idle_ms if person else 0

    @property
    def has_pin(self) -> bool:
        """Whether a PIN is set."""
        return bool(self._store.setting(PIN_SETTING))

    def on_change(self, listener: Callable[[bool], None]) -> Callable[[], None]:
        """Tell `listener` whether it is locked now, on any thread; undo by calling."""
        return self._changed.add(listener)

    @property
    def locked(self) -> bool:
        """Whether nothing is shown."""
        with self._guard:
            before, self._lock = self._lock.locked, self._lock.at(self._now_ms())
            found = self._lock.locked
        if found and not before:
            self._moved(Action.LOCK, "idle")
        return found

    def check(self, *, use: bool) -> None:
        """Let a question pass; `use`: it reads or writes records. Raises `Locked`."""
        if self.locked:
            raise Locked("This node is locked: it receives and relays, and shows nothing")
        if use:
            with self._guard:
                self._lock = self._lock.used(self._now_ms())

    def lock(self) -> None:
        """Show nothing from now on. Raises `NoVault`: a plain node could not be unlocked again."""
        if self._data is None:
            raise NoVault("This node is not encrypted, so it has no secret to be locked with")
        with self._guard:
            self._lock = self._lock.lock()
        self._moved(Action.LOCK)

    def unlock(self, way: str, secret: str) -> None:
        """Show again, by passphrase, PIN or a key file's content in hexadecimal.

        Raises `WrongSecret`, `TryLater`, `NoVault`.
        """
        self.prove(way, secret)
        with self._guard:
            self._lock = self._lock.unlock(self._now_ms())
        self._moved(Action.UNLOCK, way)

    def end(self) -> None:
        """The keys are about to be destroyed: peers that are linked may still learn of it."""
        self._note(Action.ZEROIZE)

    def _moved(self, action: Action, purpose: str = "") -> None:
        self._note(action, purpose)
        self._changed.tell(action is Action.LOCK)

    def _note(self, action: Action, purpose: str = "", outcome: str = "") -> None:
        if self._audit and outcome:
            self._audit.refused(action, outcome)
        elif self._audit:
            self._audit.note(action, purpose=purpose)

    def prove(self, way: str, secret: str) -> None:
        """That whoever asks has the secret; what it costs to be wrong is in `locking.py`."""
        if self._data is None:
            raise NoVault("This node is not encrypted: it is never locked")
        if way not in WAYS:
            raise BadRequest(f"{', '.join(WAYS)}: one of them expected")
        with self._trying:
            before = self._attempts[way]
            if wait_ms := before.wait_ms(self._now_ms()):
                raise TryLater(
                    f"{before.failures} wrong attempts: the next {_SAID[way]} is taken in "
                    f"{-(-wait_ms // 1000)} s. Nothing was lost"
                )
            self._count(way, before.failed(self._now_ms()))  # a crash while trying is a failure too
            try:
                self._verify(way, secret)
            except WrongSecret as fault:
                self._note(Action.UNLOCK, outcome=fault.code)
                raise
            self._count(way, Attempts())

    def _count(self, way: str, attempts: Attempts) -> None:
        self._attempts[way] = attempts
        try:
            with self._store.write() as transaction:
                transaction.set_setting(ATTEMPTS_SETTING + way, attempts.encode())
        except StorageError:
            return  # a full disk keeps nobody out; this process goes on counting

    def _verify(self, way: str, secret: str) -> None:
        if way == PIN:
            self._verify_pin(secret)
            return
        vault = read_vault(self._home)
        slots = vault.slots if vault else ()
        if way == KEY:
            found = vaults.open_with_file(slots, _from_hex(secret))
        else:
            found = vaults.open_with_passphrase(slots, passphrase_bytes(secret))
        if self._data is None or not found.same(self._data):
            raise WrongSecret("the vault was replaced while this node runs: start it again")

    def _verify_pin(self, pin: str) -> None:
        raw = self._store.setting(PIN_SETTING)
        if not raw:
            raise NoVault("No PIN is set. Unlock with the passphrase, then `aidstation vault pin`")
        facts: dict[str, Any] = json.loads(raw)
        found = vaults.stretched(pin.encode(), facts)
        if not hmac.compare_digest(found, bytes.fromhex(facts["hash"])):
            raise WrongSecret("This is not the PIN")

    def set_pin(self, pin: str, iterations: int | None = None) -> None:
        """Set or, with an empty text, remove the PIN. Raises `BadRequest`, `NoVault`."""
        if self._data is None:
            raise NoVault("This node is not encrypted, so a PIN would lock nothing")
        if pin and not is_pin(pin):
            raise BadRequest(
                f"A PIN has {PIN_DIGITS_MIN} to {PIN_DIGITS_MAX} digits, not all the same and no run "
                "such as 1234. Nothing was changed"
            )
        with self._store.write() as transaction:
            transaction.set_setting(PIN_SETTING, _verifier(pin, iterations) if pin else b"")
            transaction.set_setting(ATTEMPTS_SETTING + PIN, Attempts().encode())
        self._note(Action.SETTINGS, "PIN of the lock")
        self._attempts[PIN] = Attempts()
        with self._guard:
            self._lock = self._lock._replace(idle_ms=self._idle_here())


def _verifier(pin: str, iterations: int | None) -> bytes:
    facts: dict[str, Any] = {
        "salt": secrets.token_hex(vaults.SALT_BYTES),
        "iterations": iterations or iterations_here(),
    }
    return json.dumps(facts | {"hash": vaults.stretched(pin.encode(), facts).hex()}).encode()


def _from_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as fault:
        raise BadRequest("key: hexadecimal expected") from fault
