"""The vault: each way in opens it and nothing else does; its file is never trusted blindly."""

from __future__ import annotations

import base64
import json
import random
import secrets

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from node import vault as vaults
from node.errors import VaultDamaged, WrongSecret
from node.vault import (
    ESCROW,
    ITERATIONS_MIN,
    KEY_FILE,
    PASSPHRASE,
    UNLOCK_S_MIN,
    DataKey,
    Slot,
    Vault,
    calibrated,
    decode,
)

FEW = 2  # PBKDF2 iterations: these tests are about slots, not about how slow a guess is
WORDS = b"correct horse battery"
FILE = bytes(range(32))
entropy = secrets.token_bytes


def data_key() -> DataKey:
    return DataKey(entropy(32))


def escrow_pair() -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    private = ec.generate_private_key(ec.SECP256R1())
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return private, point


def whole(data: DataKey, point: bytes) -> Vault:
    return Vault(
        (
            vaults.passphrase_slot(data, WORDS, FEW, entropy),
            vaults.key_file_slot(data, FILE, "vault.key", entropy),
            vaults.escrow_slot(data, point, entropy),
        )
    )


def test_each_way_in_opens_the_one_data_key_also_from_the_file() -> None:
    data, (private, point) = data_key(), escrow_pair()
    slots = decode(whole(data, point).encode()).slots
    assert [slot.kind for slot in slots] == [PASSPHRASE, KEY_FILE, ESCROW]
    for found in (
        vaults.open_with_passphrase(slots, WORDS),
        vaults.open_with_file(slots, FILE),
        vaults.open_with_escrow(slots, private),
    ):
        assert found.same(data)


def test_any_other_secret_opens_nothing() -> None:
    slots = whole(data_key(), escrow_pair()[1]).slots
    with pytest.raises(WrongSecret):
        vaults.open_with_passphrase(slots, WORDS + b" ")
    with pytest.raises(WrongSecret):
        vaults.open_with_file(slots, bytes(32))
    with pytest.raises(WrongSecret):
        vaults.open_with_escrow(slots, escrow_pair()[0])
    with pytest.raises(WrongSecret, match="random bytes"):
        vaults.open_with_file(slots, b"short")


def test_the_file_shows_no_secret_and_a_text_of_the_key_none_either() -> None:
    data = data_key()
    text = whole(data, escrow_pair()[1]).encode()
    for secret in (data._secret, WORDS, FILE, data.derive("store")):
        for form in (secret, secret.hex().encode(), base64.b64encode(secret)):
            assert form not in text
    assert data._secret.hex() not in repr(data)
    assert str(data._secret) not in repr(data)


@pytest.mark.parametrize(("name", "value"), [("salt", "00" * 16), ("iterations", FEW - 1)])
def test_a_slot_is_bound_to_what_stands_beside_it(name: str, value: object) -> None:
    slot = vaults.passphrase_slot(data_key(), WORDS, FEW, entropy)
    with pytest.raises(WrongSecret):
        vaults.open_with_passphrase([slot._replace(facts={**slot.facts, name: value})], WORDS)


def test_the_place_of_a_key_file_may_change() -> None:
    data = data_key()
    slot = vaults.key_file_slot(data, FILE, "vault.key", entropy)
    moved = slot._replace(facts={**slot.facts, "path": "/elsewhere"})
    assert vaults.open_with_file([moved], FILE).same(data)


def test_keys_for_different_purposes_differ_and_stay() -> None:
    data = data_key()
    keys = {data.derive(label) for label in ("store", "node-key", "audit")}
    assert len(keys) == 3
    assert data.derive("store") in keys
    assert all(len(key) == 32 for key in keys)
    assert data_key().derive("store") not in keys


def test_what_is_sealed_opens_with_that_key_and_label_only() -> None:
    data = data_key()
    sealed = data.seal("node-key", b"content", entropy(12))
    assert data.unseal("node-key", sealed) == b"content"
    for other, label in ((data, "store"), (data_key(), "node-key")):
        with pytest.raises(VaultDamaged):
            other.unseal(label, sealed)
    for damaged in (sealed[:-1], b"", sealed[:5], bytes([sealed[0] ^ 1]) + sealed[1:]):
        with pytest.raises(VaultDamaged):
            data.unseal("node-key", damaged)


def test_whoever_has_the_old_key_has_the_one_that_replaces_it() -> None:
    old, new = data_key(), data_key()
    assert old.successor(old.carry(new, entropy(12))).same(new)
    with pytest.raises(VaultDamaged):
        new.successor(old.carry(new, entropy(12)))


@pytest.mark.parametrize("speed", [1e3, 1e5, 2.4e6, 1e7, 1e12])
def test_iterations_take_a_quarter_second_and_are_never_too_few(speed: float) -> None:
    found = calibrated(lambda iterations: iterations / speed)
    assert ITERATIONS_MIN <= found <= vaults.ITERATIONS_MAX
    if found < vaults.ITERATIONS_MAX:
        assert found / speed >= UNLOCK_S_MIN * 0.999


VALID = json.loads(Vault((vaults.passphrase_slot(DataKey(bytes(32)), WORDS, FEW, bytes),)).encode())
SLOT = VALID["slots"][0]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        None,
        {"vault": 2, "slots": []},
        {"vault": 1},
        {"vault": 1, "slots": 3},
        {"vault": 1, "slots": [1]},
        {"vault": 1, "slots": [{}]},
        {"vault": 1, "slots": [SLOT] * (vaults.SLOTS_MAX + 1)},
        {"vault": 1, "slots": [SLOT | {"kind": "pin"}]},
        {"vault": 1, "slots": [SLOT | {"more": 1}]},
        {"vault": 1, "slots": [SLOT | {"salt": "xy"}]},
        {"vault": 1, "slots": [SLOT | {"wrap": "!"}]},
        {"vault": 1, "slots": [SLOT | {"wrap": 7}]},
        {"vault": 1, "slots": [SLOT | {"iterations": 0}]},
        {"vault": 1, "slots": [SLOT | {"iterations": True}]},
        {"vault": 1, "slots": [SLOT | {"iterations": 10**12}]},
        {"vault": 1, "slots": [{"kind": ESCROW, "to": "04", "from": "", "wrap": ""}]},
        {"vault": 1, "slots": [SLOT], "carry": 5},
    ],
)
def test_a_spoiled_file_is_refused(body: object) -> None:
    with pytest.raises(VaultDamaged):
        decode(json.dumps(body).encode())


@given(st.binary(max_size=200))
def test_noise_is_refused(raw: bytes) -> None:
    with pytest.raises(VaultDamaged):
        decode(raw)


def test_a_changed_byte_never_opens_as_another_key() -> None:
    """Mutations that still parse either open the same key or nothing."""
    data, rng = data_key(), random.Random(3)
    raw = Vault((vaults.key_file_slot(data, FILE, "k", entropy),)).encode()
    for _ in range(400):
        at = rng.randrange(len(raw))
        mutant = raw[:at] + bytes([rng.randrange(256)]) + raw[at + 1 :]
        try:
            found = vaults.open_with_file(decode(mutant).slots, FILE)
        except (VaultDamaged, WrongSecret):
            continue
        assert found.same(data)


def test_a_slot_of_another_kind_is_passed_over() -> None:
    data = data_key()
    first = Slot(KEY_FILE, {"salt": "00" * 16, "path": ""}, b"\0" * 60)
    slots = [first, vaults.key_file_slot(data, FILE, "", entropy)]
    assert vaults.open_with_file(slots, FILE).same(data)
