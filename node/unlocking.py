"""Ways into a home's vault, with the files: reading it, key files, and who opens it with what.

Passphrases come from a callable, because a terminal asks, a file is read and a request carries one;
a plain home opens with nothing and its data key is None.
"""

from __future__ import annotations

import os
import secrets
import time
import unicodedata
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from node import file_lock
from node import vault as vaults
from node.erasing import erase, keep_aside
from node.errors import (
    AlreadyRunning,
    BadConfiguration,
    BadRequest,
    Locked,
    NodeError,
    VaultDamaged,
    WaitsForSecret,
    WrongSecret,
)
from node.home import SEALED, Fresh, Home, hold_lock, read_key, write_atomic, write_new
from node.vault import ESCROW, KEY_FILE, PASSPHRASE, DataKey, Slot, Vault

if TYPE_CHECKING:
    from conflict.signature import SigningKey

OWN_KEY_FILE = "vault.key"
"""Name of a key file beside the vault that it opens: protects against a stolen database alone."""


class Secrets(NamedTuple):
    """What is at hand. `passphrase` asks for one (None: nobody to ask); `key_file`: instead of the
    place that the vault remembers."""

    passphrase: Callable[[], bytes] | None = None
    key_file: Path | None = None


NOTHING = Secrets()


class Opened(NamedTuple):
    """A vault and the data key in it."""

    vault: Vault
    data: DataKey

    @property
    def next(self) -> DataKey | None:
        """The key that is about to replace it. Raises `VaultDamaged`."""
        return self.data.successor(self.vault.carry) if self.vault.carry else None


def read_vault(home: Home) -> Vault | None:
    """The home's vault; None: it is plain. Raises `VaultDamaged`, `BadConfiguration`."""
    try:
        return vaults.decode(home.vault.read_bytes())
    except FileNotFoundError:
        if not _is_sealed(home):
            return None
    except OSError as fault:
        raise BadConfiguration(
            f"{home.vault} cannot be read: {fault.strerror}. Nothing was changed."
        ) from fault
    except VaultDamaged as fault:
        raise VaultDamaged(f"{home.vault}: {fault}. Nothing was changed.") from fault
    raise VaultDamaged(
        f"{home.vault} is gone, and with it what opens this home. Nothing was changed. If zeroize "
        "was interrupted, `aidstation zeroize` ends it."
    )


def changing(home: Home) -> AbstractContextManager[None]:
    """Alone among those who change the vault: read it inside. Raises `AlreadyRunning`.

    A change read before and written after another's would take that one's keys back out.
    """
    taken = "Another process is changing the vault. Nothing was changed."
    return file_lock.alone(home.root / "vault.lock", taken)


def refuse_waiting(home: Home) -> None:
    """Raise `WaitsForSecret` where another process owns this home and asks for its passphrase."""
    try:
        with hold_lock(home, wait_s=0):
            return
    except WaitsForSecret:
        raise
    except AlreadyRunning:
        return


def _is_sealed(home: Home) -> bool:
    try:
        with home.key.open("rb") as file:
            return file.read(len(SEALED)) == SEALED
    except OSError:
        return False


def write_vault(home: Home, vault: Vault) -> None:
    """Replace the home's vault; the one before is overwritten, with the ways in that it had."""
    before = keep_aside(home.vault) if home.vault.exists() else None
    write_atomic(home.vault, vault.encode())
    if before:
        erase(before)


def unlock(home: Home, given: Secrets = NOTHING) -> Opened | None:
    """The vault with its key, None for a plain home: by key file, else by passphrase.

    Raises `Locked` when nothing at hand may open it, `WrongSecret`, `VaultDamaged`.
    """
    vault = read_vault(home)
    return Opened(vault, open_vault(home, vault, given)) if vault else None


def open_vault(home: Home, vault: Vault, given: Secrets) -> DataKey:
    """The data key in a vault, which need not be that of `home`. Raises `Locked`, `WrongSecret`."""
    fault: NodeError | None = None
    if vault.has(KEY_FILE):
        try:
            return _by_file(home, vault, given.key_file)
        except (WrongSecret, Locked) as error:
            fault = error
    if vault.has(PASSPHRASE) and given.passphrase:
        return vaults.open_with_passphrase(vault.slots, given.passphrase())
    if fault and given.key_file:
        raise fault
    raise _locked(home, vault)


def own_key(home: Home, given: Secrets = NOTHING) -> SigningKey:
    """The node's key, whatever protects it. Raises `NotInitialised`, `Locked`, `WrongSecret`."""
    opened = unlock(home, given)
    try:
        return read_key(home, opened and opened.data)
    except VaultDamaged:
        if opened is None or opened.next is None:
            raise
        return read_key(home, opened.next)  # a change of keys was killed: the store's owner ends it


def _by_file(home: Home, vault: Vault, given: Path | None) -> DataKey:
    for path in [given] if given else key_files(home, vault):
        try:
            content = path.read_bytes()
        except OSError:
            continue
        return vaults.open_with_file(vault.slots, content)
    raise Locked("No key file of this vault is where it should be. Nothing was read.")


def key_files(home: Home, vault: Vault) -> list[Path]:
    """Where the vault says that its key files are; relative places are in the home."""
    slots = (*vault.slots, *vault.next)
    paths = [home.root / slot.facts["path"] for slot in slots if slot.kind == KEY_FILE]
    return list(dict.fromkeys(paths))


def _locked(home: Home, vault: Vault) -> Locked:
    kinds = " or ".join(dict.fromkeys(slot.kind.replace("-", " ") for slot in vault.slots))
    return Locked(
        f"The node in {home.root} is encrypted and nothing that opens it was given ({kinds or 'lost'}). "
        "Nothing was read"
    )


def passphrase_bytes(text: str) -> bytes:
    """The same bytes for the same letters, whatever keyboard made them (NFC, RFC 8265)."""
    return unicodedata.normalize("NFC", text).encode()


def check_new_passphrase(passphrase: bytes) -> bytes:
    """A passphrase fit for a new slot. Raises `BadRequest`."""
    if not vaults.PASSPHRASE_BYTES_MIN <= len(passphrase) <= vaults.PASSPHRASE_BYTES_MAX:
        raise BadRequest(
            f"A passphrase has at least {vaults.PASSPHRASE_BYTES_MIN} letters: five random words are "
            "easy to keep and hard to guess. Nothing was changed."
        )
    return passphrase


def iterations_here() -> int:
    """PBKDF2 iterations that take a quarter of a second on this machine, never too few."""
    facts = {"salt": bytes(vaults.SALT_BYTES).hex()}

    def seconds_for(iterations: int) -> float:
        began = time.thread_time()  # whatever else runs now makes guessing no slower
        vaults.stretched(b"calibration", facts | {"iterations": iterations})
        return time.thread_time() - began

    return vaults.calibrated(seconds_for)


# --- making ---------------------------------------------------------------------------------------


def fresh_vault(ways: Iterable[Callable[[DataKey], Slot]]) -> Fresh:
    """A vault with a new data key and a slot for each way in."""
    data = DataKey(secrets.token_bytes(vaults.KEY_BYTES))
    return Fresh(Vault(tuple(way(data) for way in ways)), data)


def by_passphrase(passphrase: bytes, iterations: int) -> Callable[[DataKey], Slot]:
    """A way in for `fresh_vault`."""
    return lambda data: vaults.passphrase_slot(data, passphrase, iterations, secrets.token_bytes)


def by_key_file(home: Home, path: Path | None) -> Callable[[DataKey], Slot]:
    """The same by a file, made when it is not there; None: the one in the home.

    Raises `BadConfiguration`, `WrongSecret`.
    """
    named = OWN_KEY_FILE if path is None else _remembered(home, path)
    content = _file_content(home.root / named)
    return lambda data: vaults.key_file_slot(data, content, named, secrets.token_bytes)


def by_escrow(point: bytes) -> Callable[[DataKey], Slot]:
    """The same to a public key, uncompressed P-256 point."""
    return lambda data: vaults.escrow_slot(data, point, secrets.token_bytes)


def _remembered(home: Home, path: Path) -> str:
    """Inside the home by its name there, so that a home may be moved."""
    whole = path.expanduser().absolute()
    return str(whole.relative_to(home.root)) if whole.is_relative_to(home.root) else str(whole)


def _file_content(path: Path) -> bytes:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            write_new(path, secrets.token_bytes(vaults.KEY_BYTES))
        return path.read_bytes()
    except OSError as fault:
        raise BadConfiguration(
            f"{path} cannot be used as key file: {fault.strerror or fault}. Nothing was changed."
        ) from fault


def same_ways(home: Home, opened: Opened, given: Secrets) -> list[Callable[[DataKey], Slot]]:
    """The vault's ways in again, for a new data key: each needs its secret, escrow none.

    Raises `Locked` for a way whose secret is not at hand, `WrongSecret`.
    """
    slots, ways = opened.vault.slots, []
    if opened.vault.has(PASSPHRASE):
        if given.passphrase is None:
            raise Locked("This vault also opens by a passphrase: give it too")
        passphrase = given.passphrase()
        vaults.open_with_passphrase(slots, passphrase)
        ways.append(by_passphrase(passphrase, iterations_here()))
    for slot in slots:
        if slot.kind == KEY_FILE:
            path = given.key_file or home.root / slot.facts["path"]
            if not os.access(path, os.R_OK):
                raise Locked(f"This vault also opens by the key file {path}, which is not there")
            vaults.open_with_file([slot], path.read_bytes())
            ways.append(by_key_file(home, path))
        elif slot.kind == ESCROW:
            ways.append(by_escrow(bytes.fromhex(slot.facts["to"])))
    return ways
