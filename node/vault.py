"""The vault: one random data key, wrapped once for each way in. Pure: no files, no clock, no dice.

A *slot* is a way in: a passphrase, a key file, or the private half of an escrow key. Each holds the
same 32-byte data key under AES-256-GCM and a wrapping key of its own, so that ways in come and go
without anything being encrypted anew. From the data key HKDF gives a key for each purpose.

While the data key changes, `next` holds the slots of the new one and `carry` that key under the old
one: whoever has a way in has both, until the last step forgets the old (`node/rekeying.py`).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from conflict.signature import SigningKey
from node.errors import VaultDamaged, WrongSecret
from sync.trust.derivation import agreed, derived, point

VERSION = 1
KEY_BYTES = 32
SALT_BYTES = 16
NONCE_BYTES = 12
ITERATIONS_MIN = 600_000
"""PBKDF2-HMAC-SHA512, never below: OWASP asks for 210,000 (2023)."""

ITERATIONS_MAX = 100_000_000
"""A vault that asks for more would only keep its owner waiting: it was tampered with."""

UNLOCK_S_MIN = 0.25
"""How long one guess at a passphrase takes on the machine that chose it."""

PASSPHRASE_BYTES_MIN = 12
PASSPHRASE_BYTES_MAX = 1024
KEY_FILE_BYTES_MAX = 4096
PASSPHRASE, KEY_FILE, ESCROW = "passphrase", "key-file", "escrow"
STORE, NODE_KEY = "store", "node-key"
SLOTS_MAX = 16
_DOMAIN = b"aidstation/vault/1/"
_PROBE_ITERATIONS = 100_000
_EPHEMERAL_ENTROPY_BYTES = 48

Entropy = Callable[[int], bytes]


class DataKey:
    """The secret itself. Its text form shows nothing."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise ValueError(f"a data key has {KEY_BYTES} bytes")
        self._secret = secret

    def derive(self, label: str) -> bytes:
        """32 bytes for one purpose (HKDF-SHA256); different labels tell nothing of one another."""
        return derived(self._secret, _DOMAIN + b"key/" + label.encode(), KEY_BYTES)

    def seal(self, label: str, content: bytes, nonce: bytes) -> bytes:
        """`content` readable with this key alone. `nonce`: 12 random bytes, never twice."""
        return encrypted(self.derive(label), nonce, content, _DOMAIN + label.encode())

    def unseal(self, label: str, sealed: bytes) -> bytes:
        """Inverse of `seal`. Raises `VaultDamaged`."""
        try:
            return decrypted(self.derive(label), sealed, _DOMAIN + label.encode())
        except ValueError as fault:
            raise VaultDamaged(
                f"what this vault sealed as {label} does not open with its key: the file is "
                "damaged or from another vault"
            ) from fault

    def same(self, other: DataKey) -> bool:
        """Whether both are one key, in constant time."""
        return hmac.compare_digest(self._secret, other._secret)

    def wrapped(self, key: bytes, nonce: bytes, bound: bytes) -> bytes:
        """This key under a wrapping key, bound to what stands beside it."""
        return encrypted(key, nonce, self._secret, bound)

    def carry(self, successor: DataKey, nonce: bytes) -> bytes:
        """The key that is to replace this one, for whoever has this one."""
        return self.seal("carry", successor._secret, nonce)

    def successor(self, carry: bytes) -> DataKey:
        """Inverse of `carry`. Raises `VaultDamaged`."""
        return DataKey(self.unseal("carry", carry))


class Slot(NamedTuple):
    """One way in. `facts`: what is public of it, bound to the wrap; `wrap`: the data key in it.

    passphrase: `{"salt", "iterations"}`; key-file: `{"salt", "path"}` (relative: to the home);
    escrow: `{"to", "from"}`, public points in hexadecimal, `from` used this once.
    """

    kind: str
    facts: Mapping[str, Any]
    wrap: bytes

    def body(self) -> dict[str, Any]:
        """JSON form."""
        return {"kind": self.kind, **self.facts, "wrap": base64.b64encode(self.wrap).decode()}


class Vault(NamedTuple):
    """What is in `vault.json`. `next`, `carry`: of a data key that is about to replace the other.

    `encrypting`: this home was plain and is not yet all encrypted.
    """

    slots: tuple[Slot, ...]
    next: tuple[Slot, ...] = ()
    carry: bytes = b""
    encrypting: bool = False

    def without(self, kind: str) -> Vault:
        """Less one kind of ways in."""
        return self._replace(slots=tuple(one for one in self.slots if one.kind != kind))

    def has(self, kind: str) -> bool:
        """Whether there is such a way in."""
        return any(slot.kind == kind for slot in self.slots)

    def encode(self) -> bytes:
        """The file."""
        body = {
            "vault": VERSION,
            "slots": [slot.body() for slot in self.slots],
            **({"next": [slot.body() for slot in self.next]} if self.next else {}),
            **({"carry": base64.b64encode(self.carry).decode()} if self.carry else {}),
            **({"encrypting": True} if self.encrypting else {}),
        }
        return json.dumps(body, indent=1).encode() + b"\n"


def encrypted(key: bytes, nonce: bytes, content: bytes, bound: bytes) -> bytes:
    """AES-256-GCM, the nonce in front. `bound` must be the same when it is opened."""
    return nonce + AESGCM(key).encrypt(nonce, content, bound)


def decrypted(key: bytes, sealed: bytes, bound: bytes) -> bytes:
    """Inverse of `encrypted`. Raises `ValueError`."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound)
    except InvalidTag as fault:
        raise ValueError("another key, or it was changed") from fault


# --- ways in --------------------------------------------------------------------------------------


def passphrase_slot(data: DataKey, passphrase: bytes, iterations: int, entropy: Entropy) -> Slot:
    """A slot that this passphrase opens. `iterations`: see `calibrated`."""
    facts = {"salt": entropy(SALT_BYTES).hex(), "iterations": iterations}
    return _wrapped(PASSPHRASE, facts, data, stretched(passphrase, facts), entropy)


def key_file_slot(data: DataKey, content: bytes, path: str, entropy: Entropy) -> Slot:
    """A slot that a file with this content opens. Raises `WrongSecret` for too short a one."""
    facts = {"salt": entropy(SALT_BYTES).hex(), "path": path}
    return _wrapped(KEY_FILE, facts, data, _of_file(content, facts), entropy)


def escrow_slot(data: DataKey, to: bytes, entropy: Entropy) -> Slot:
    """A slot that the private half of `to` (uncompressed P-256 point) opens, which need not be here."""
    once = SigningKey.from_entropy(entropy(_EPHEMERAL_ENTROPY_BYTES))
    facts = {"to": to.hex(), "from": once.public.hex()}
    return _wrapped(ESCROW, facts, data, _of_escrow(once.private, to, facts), entropy)


def _wrapped(
    kind: str, facts: Mapping[str, Any], data: DataKey, key: bytes, entropy: Entropy
) -> Slot:
    return Slot(kind, facts, data.wrapped(key, entropy(NONCE_BYTES), _context(kind, facts)))


def open_with_passphrase(slots: Iterable[Slot], passphrase: bytes) -> DataKey:
    """The data key. Raises `WrongSecret`."""
    return _first(slots, PASSPHRASE, lambda facts: stretched(passphrase, facts))


def open_with_file(slots: Iterable[Slot], content: bytes) -> DataKey:
    """The data key. Raises `WrongSecret`."""
    return _first(slots, KEY_FILE, lambda facts: _of_file(content, facts))


def open_with_escrow(slots: Iterable[Slot], private: ec.EllipticCurvePrivateKey) -> DataKey:
    """The data key, by the key that `escrow_slot` was made to. Raises `WrongSecret`."""
    return _first(
        slots, ESCROW, lambda facts: _of_escrow(private, bytes.fromhex(facts["from"]), facts)
    )


def _first(
    slots: Iterable[Slot], kind: str, wrapping: Callable[[Mapping[str, Any]], bytes]
) -> DataKey:
    for slot in slots:
        if slot.kind != kind:
            continue
        bound = _context(slot.kind, slot.facts)
        try:
            return DataKey(decrypted(wrapping(slot.facts), slot.wrap, bound))
        except ValueError:
            continue
    raise WrongSecret(f"this {kind.replace('-', ' ')} does not open this vault")


def stretched(passphrase: bytes, facts: Mapping[str, Any]) -> bytes:
    """PBKDF2-HMAC-SHA512 of a passphrase or PIN: what makes each guess cost `UNLOCK_S_MIN`."""
    salt, iterations = bytes.fromhex(facts["salt"]), facts["iterations"]
    return PBKDF2HMAC(hashes.SHA512(), KEY_BYTES, salt, iterations).derive(passphrase)


def _of_file(content: bytes, facts: Mapping[str, Any]) -> bytes:
    if not KEY_BYTES <= len(content) <= KEY_FILE_BYTES_MAX:
        raise WrongSecret(f"a key file holds {KEY_BYTES} to {KEY_FILE_BYTES_MAX} random bytes")
    return derived(content, _DOMAIN + b"key-file", KEY_BYTES, bytes.fromhex(facts["salt"]))


def _of_escrow(own: ec.EllipticCurvePrivateKey, other: bytes, facts: Mapping[str, Any]) -> bytes:
    return derived(agreed(own, other), _DOMAIN + b"escrow/" + _bound(facts), KEY_BYTES)


def calibrated(seconds_for: Callable[[int], float], at_least: int = ITERATIONS_MIN) -> int:
    """Iterations that take `UNLOCK_S_MIN` here, and never fewer than `at_least`.

    `seconds_for(n)`: how long n iterations take on this machine.
    """
    per_second = _PROBE_ITERATIONS / max(seconds_for(_PROBE_ITERATIONS), 1e-9)
    return min(max(at_least, int(per_second * UNLOCK_S_MIN)), ITERATIONS_MAX)


def _context(kind: str, facts: Mapping[str, Any]) -> bytes:
    return _DOMAIN + kind.encode() + b"/" + _bound(facts)


def _bound(facts: Mapping[str, Any]) -> bytes:
    """What a wrap is bound to. Not the path: a key file may move."""
    return json.dumps({k: facts[k] for k in sorted(facts) if k != "path"}).encode()


# --- the file -------------------------------------------------------------------------------------

_HEX = frozenset({"salt", "to", "from"})
_FACTS: Mapping[str, Mapping[str, type]] = {
    PASSPHRASE: {"salt": str, "iterations": int},
    KEY_FILE: {"salt": str, "path": str},
    ESCROW: {"to": str, "from": str},
}


def decode(raw: bytes) -> Vault:
    """Inverse of `Vault.encode`, for a file that anybody may have changed. Raises `VaultDamaged`."""
    try:
        body = json.loads(raw)
        version = body["vault"]
    except (ValueError, KeyError, TypeError) as fault:
        raise VaultDamaged("the vault's file is not what Aidstation writes") from fault
    if version != VERSION:
        raise VaultDamaged(
            f"the vault's file is of version {str(version)[:10]}, this software knows {VERSION}"
        )
    try:
        return Vault(
            _slots(body["slots"]),
            _slots(body.get("next", [])),
            base64.b64decode(body.get("carry", ""), validate=True),
            body.get("encrypting", False) is True,
        )
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as fault:
        raise VaultDamaged("a slot in the vault's file is not what Aidstation writes") from fault


def _slots(items: Sequence[Mapping[str, Any]]) -> tuple[Slot, ...]:
    if not isinstance(items, list) or len(items) > SLOTS_MAX:
        raise ValueError("not a list of slots")
    return tuple(_slot(dict(one)) for one in items)


def _slot(body: dict[str, Any]) -> Slot:
    kind, wrap = body.pop("kind"), base64.b64decode(body.pop("wrap"), validate=True)
    expected = _FACTS[kind]
    if body.keys() != expected.keys():
        raise ValueError("other facts")
    for name, value in body.items():
        if type(value) is not expected[name]:
            raise TypeError(name)
        if name in _HEX:
            bytes.fromhex(str(value))
    if kind == PASSPHRASE and not 1 <= body["iterations"] <= ITERATIONS_MAX:
        raise ValueError("iterations")  # fewer than the rest was made with opens nothing
    if kind == ESCROW:
        point(bytes.fromhex(body["to"]))
    return Slot(kind, body, wrap)
