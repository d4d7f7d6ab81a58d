"""What a node says about changes it was given: signed receipts, and refusals with the broken rule.

A receipt names the store epoch in which a lane is durable; it is made after commit only.
"""

from __future__ import annotations

from collections.abc import Sequence

from conflict.errors import LaneRefused
from conflict.lane import LaneRun, check_run
from conflict.signature import lane_message
from sync import codec, limits, messages
from sync.errors import ProofFailed
from sync.ports import Keyring, Receipt, SetAside, Signer

AUTHOR_UNKNOWN = "author-unknown"
BAD_SIGNATURE = "bad-signature"
_RECEIPT_DOMAIN = b"aidstation/receipt/1"


def vet(run: LaneRun, keyring: Keyring) -> SetAside | None:
    """None when a run may be held; else why it is set aside. Unsigned prefixes may be staged."""
    try:
        check_run(run)
    except LaneRefused as fault:
        return SetAside(run.lane, run.first_seq, fault.code, str(fault))
    if run.signature is None:
        return None
    verdict = keyring.verifies(run.author, lane_message(run), run.signature)
    if verdict:
        return None
    if verdict is None:
        detail = f"author {run.author.hex()} is not enrolled as far as is known here"
        return SetAside(run.lane, run.first_seq, AUTHOR_UNKNOWN, detail)
    return SetAside(run.lane, run.first_seq, BAD_SIGNATURE, "not its author's signature")


def refusal(aside: SetAside) -> messages.Refused:
    """The message that tells the sender."""
    detail = aside.detail[: limits.TEXT_CHARS_MAX]
    return messages.Refused(*aside.lane, aside.first_seq, aside.code, detail)


def signed_receipts(
    signer: Signer,
    epoch: bytes,
    frames: Sequence[int],
    receipts: Sequence[Receipt],
    refused: Sequence[tuple[int, int]],
) -> messages.Receipts:
    """A receipt for what these messages carried, which is durable now but for the refused runs."""
    signed = _RECEIPT_DOMAIN + codec.receipt_message(epoch, receipts)
    return messages.Receipts(tuple(frames), tuple(refused), signer.sign(signed))


def check_receipts(
    message: messages.Receipts,
    receipts: Sequence[Receipt],
    peer: messages.Hello,
    keyring: Keyring,
) -> None:
    """Hold a receipt to its sender: its signature over its epoch and what we sent it."""
    signed = _RECEIPT_DOMAIN + codec.receipt_message(peer.epoch, receipts)
    if not keyring.verifies(peer.node, signed, message.signature):
        raise ProofFailed("a receipt that its node did not sign, or not for what was sent")
