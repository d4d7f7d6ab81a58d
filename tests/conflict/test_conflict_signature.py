"""A lane head's signature holds for one author, document, place and head, and for nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from conflict.errors import BadIdentity
from conflict.identity import Lane
from conflict.signature import SigningKey, VerifyingKey, lane_message
from tests.conflict.conflict_lab import EPISODE, PERSON, LabAuthor, vitals_lane


def test_a_signature_cannot_be_moved() -> None:
    author, other = LabAuthor(1), LabAuthor(2)
    vitals_lane(author, 2)
    run = author.run(EPISODE)
    assert run.signature is not None
    key = VerifyingKey(author.key.public)
    assert key.verifies(lane_message(run), run.signature)
    moved = [
        replace(run, lane=Lane(PERSON, run.lane.actor)),
        replace(run, lane=Lane(EPISODE, other.actor)),
        replace(run, nonce=other.nonce),
        replace(run, first_seq=2),
        replace(run, head=hashlib.sha256(run.head).digest()),
    ]
    assert not any(key.verifies(lane_message(one), run.signature) for one in moved)
    assert not VerifyingKey(other.key.public).verifies(lane_message(run), run.signature)


def test_a_changed_or_cut_signature_is_refused() -> None:
    key = LabAuthor(1).key
    mine, signature = VerifyingKey(key.public), key.sign(b"message")
    assert mine.verifies(b"message", signature)
    for place in range(len(signature)):
        wrong = bytearray(signature)
        wrong[place] ^= 1
        assert not mine.verifies(b"message", bytes(wrong))
    for wrong_length in (b"", signature[:-1], signature + b"\0", b"\x01" + bytes(64)):
        assert not mine.verifies(b"message", wrong_length)


def test_signing_twice_gives_the_same_bytes() -> None:
    key = LabAuthor(1).key
    assert key.sign(b"message") == key.sign(b"message")
    assert SigningKey.from_pem(key.pem()).sign(b"message") == key.sign(b"message")


@pytest.mark.parametrize("public", [b"", bytes(65), b"\x04" + bytes(64), b"\x04" * 65])
def test_what_is_no_point_is_no_key(public: bytes) -> None:
    with pytest.raises(BadIdentity):
        VerifyingKey(public)


def test_a_compressed_point_is_no_key() -> None:
    public = LabAuthor(1).key.public
    with pytest.raises(BadIdentity, match="65 bytes"):
        VerifyingKey(bytes([2 + public[64] % 2]) + public[1:33])


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"])
def test_a_file_without_a_key_is_refused(pem: bytes) -> None:
    with pytest.raises(BadIdentity):
        SigningKey.from_pem(pem)


def test_a_key_takes_enough_entropy() -> None:
    with pytest.raises(BadIdentity):
        SigningKey.from_entropy(bytes(39))
