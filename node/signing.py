"""The authority's hand: key, log and store together, one command at a time.

What was signed last is kept beside the key before it goes to the store. So a command that was cut off
between the two is made good by the next one, and a store that came back from a backup cannot make the
authority sign a number twice.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from node import file_lock
from node.authority import Authority
from node.authority_key import AuthorityKey
from node.errors import BadConfiguration, BadRequest, NotEnrolled
from node.home import Home, write_atomic
from sync.trust import authority
from sync.trust.certificate import theatre_id
from sync.trust.errors import OtherTheatre

if TYPE_CHECKING:
    from node.membership import Membership

_WAIT_S = 5.0


def whole_log(desk: Membership) -> list[bytes]:
    """Every entry that is held here."""
    entries: list[bytes] = []
    while page := desk.authority_log(len(entries)):
        entries += page
    return entries


def alone(home: Home) -> AbstractContextManager[None]:
    """Nobody else signs with this machine's key until the block ends. Raises `AlreadyRunning`."""
    taken = "Another command is signing with the authority's key. Nothing was changed."
    return file_lock.alone(home.authority_lock, taken, _WAIT_S)


def at_work(home: Home, desk: Membership, key: AuthorityKey, now_ms: int) -> Authority:
    """The authority on top of the log as it is here, completed by what was signed last.

    Raises `NotEnrolled`, `OtherTheatre`, `BadRequest` where this machine's log is older.
    """
    here = desk.membership()
    if not here["theatre"]:
        raise NotEnrolled(
            "This machine has the authority's key and not its log. Nothing was changed. Bring the log: "
            "`aidstation garrison log --out FILE` on any device, then `garrison import-key … --log FILE`"
        )
    if here["theatre"] != theatre_id(key.root.public).hex():
        raise OtherTheatre("this node is in another theatre than the key here. Nothing was changed")
    _make_good(home, desk, here["log"])
    return Authority(key, whole_log(desk), now_ms, secrets.token_bytes)


def publish(home: Home, desk: Membership, at: Authority) -> None:
    """Make durable what was signed; before it, nothing made from it may be given away."""
    if at.signed:
        remember(home, at.signed)
        desk.add_authority(at.signed)
        at.signed.clear()


def remember(home: Home, signed: list[bytes]) -> None:
    """Keep what was signed beside the key."""
    body = {"signed": [base64.b64encode(one).decode() for one in signed]}
    write_atomic(home.authority_signed, json.dumps(body).encode())


def _make_good(home: Home, desk: Membership, head: int) -> None:
    try:
        texts = json.loads(home.authority_signed.read_bytes())["signed"]
        signed = [base64.b64decode(one, validate=True) for one in texts]
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError, binascii.Error) as fault:
        raise BadConfiguration(
            f"{home.authority_signed} is damaged. Nothing was changed. Compare `aidstation garrison log` "
            "with that of another device; when no entry is missing here, remove the file"
        ) from fault
    if not signed or authority.from_bytes(signed[-1]).number <= head:
        return
    first = authority.from_bytes(signed[0]).number
    if first > head + 1:
        raise BadRequest(
            f"the log here ends at entry {head}, and entry {first} was signed here already: this store "
            "came back from a backup. Nothing was changed. Let this node sync with any other first"
        )
    desk.add_authority(signed)
