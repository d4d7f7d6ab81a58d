"""What the desk says of the theatre, on both of its ends; what is no log and no bytes is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conflict.signature import SigningKey
from node.errors import BadRequest
from sync import custody
from sync.custody import NO_ENTRY, CustodyEntry
from sync.trust.authority import Time
from sync.trust.errors import TrustError
from tests.http.http_lab import Lab, lab
from tests.theatre import SECRET, Authority

OWN, GARRISON = (SigningKey.from_entropy(entropy) for entropy in (bytes(40), b"g" * 48))


@pytest.fixture(name="desks")
def _desks() -> Iterator[Lab]:
    with lab() as found:
        yield found


@pytest.fixture(name="authority")
def _authority() -> Authority:
    found = Authority()
    found.enrol(GARRISON, "role3", "garrison")
    found.enrol(OWN, "bas-1", codes=["BAS-1", "ROLE2"])
    return found


def joined(desks: Lab, authority: Authority) -> None:
    device = authority.theatre.device(OWN.node)
    assert device is not None
    given = authority.certificate, device.certificate.der, SECRET, authority.entries
    assert desks.remote.join(*given, ["BAS-1", "ROLE2"])["standing"] == "enrolled"


def test_a_node_joins_and_both_ends_say_the_same(desks: Lab, authority: Authority) -> None:
    assert desks.remote.membership() == desks.local.membership()
    assert desks.local.membership()["theatre"] == ""
    joined(desks, authority)
    here = desks.remote.membership()
    assert here == desks.local.membership()
    assert [(one["name"], one["scopes"]) for one in here["devices"]] in (
        [("role3", None), ("bas-1", ["BAS-1", "ROLE2"])],
        [("bas-1", ["BAS-1", "ROLE2"]), ("role3", None)],
    )
    assert desks.remote.authority_log() == authority.entries
    assert desks.remote.authority_log(1, 1) == authority.entries[1:2]
    assert desks.remote.status()["membership"]["log"] == 2


def test_entries_of_the_log_are_added_once(desks: Lab, authority: Authority) -> None:
    joined(desks, authority)
    authority.say(Time())
    assert desks.remote.add_authority(authority.entries) == 1
    assert desks.remote.add_authority(authority.entries) == 0
    assert desks.local.membership()["log"] == 3


def test_what_does_not_belong_to_the_log_is_refused(desks: Lab, authority: Authority) -> None:
    joined(desks, authority)
    other = Authority("another")
    other.say(Time())
    for entries in ([b""], [b"x" * 100], [authority.entries[0] + b"\0"]):
        with pytest.raises(BadRequest, match="not an entry"):
            desks.remote.add_authority(entries)
    with pytest.raises(TrustError):
        desks.local.add_authority(other.entries)
    assert desks.local.membership()["log"] == 2


@pytest.mark.parametrize(
    "body",
    [
        {"entries": "x"},
        {"entries": [1]},
        {"entries": ["not base64!"]},
        {"other": 1},
        [],
    ],
)
def test_what_is_no_list_of_bytes_is_refused(desks: Lab, body: object) -> None:
    for path in ("/api/authority", "/api/join"):
        assert desks.allowed("POST", path, body).status == 400
    assert desks.allowed("GET", "/api/authority?after=x").status == 400
    assert desks.ask("GET", "/api/membership").status == 401


def test_positions_of_custody_logs_are_told_as_they_were_at_a_time(
    desks: Lab, authority: Authority
) -> None:
    joined(desks, authority)
    epoch, last = custody.new_epoch(1000, bytes(16)), None
    for at_ms in (1000, 2000, 3000):
        plain = CustodyEntry(
            garrison=GARRISON.node,
            epoch=epoch,
            number=last.number + 1 if last else 1,
            previous=last.link if last else NO_ENTRY,
            at_ms=at_ms,
            lanes=(),
            blobs=(),
        )
        last = custody.signed(plain, GARRISON)
        with desks.local._engine.store.write() as transaction:
            transaction.save_custody(last, at_ms)
    for until_ms, number in ((None, 3), (3000, 3), (2999, 2), (1000, 1)):
        (one,) = desks.remote.custody_positions(until_ms)
        assert one == {"node": GARRISON.node.hex(), "epoch": epoch.hex(), "number": number}
    assert desks.remote.custody_positions(999) == []  # the garrison had published nothing by then
