"""Instances heard and lost: one node each, silence counts as goodbye, inventors are bounded."""

from __future__ import annotations

import pytest

from conflict.identity import NodeId
from discovery import SERVICE_TYPE, Advert, BadAdvert, Recognition, encode_properties
from discovery.limits import HEARD_MAX, OWN_NAMES_MAX
from discovery.sightings import Sightings, service_name

OWN = NodeId(b"\xff" * 16)


def _node(number: int) -> NodeId:
    return NodeId(number.to_bytes(8, "big") * 2)


def _sightings(**given: float) -> Sightings:
    return Sightings(OWN, _Few(), **given)


class _Few(Recognition):
    """The lab's: a tag names its node by its number, so that a theatre of hundreds is not searched."""

    def __init__(self) -> None:
        super().__init__(lambda: b"secret", list)

    def tag(self, label: str, node: NodeId) -> bytes:  # noqa: ARG002  the same under any name
        return node[:8]

    def node_of(self, label: str, tag: bytes) -> NodeId | None:  # noqa: ARG002
        return NodeId(tag * 2)


def _label(number: int, name: int = 0) -> str:
    return f"{name:08x}{number:08x}"


def _hear(
    sightings: Sightings, number: int, now: float, name: int = 0, by: Recognition | None = None
) -> Advert | None:
    advert = Advert(node=_node(number), port=8470, protocol=1)
    label = _label(number, name)
    return sightings.hear(
        service_name(label),
        encode_properties(advert, label, by or _Few()),
        hosts=["10.0.0.5", "fe80::1", "fe80::2%3"],
        port=8470,
        now=now,
    )


def test_an_address_that_cannot_be_dialled_from_here_is_left_out() -> None:
    found = _hear(_sightings(), 1, 0.0)
    assert found is not None
    assert found.hosts == ("10.0.0.5", "fe80::2%3")


def test_only_other_instances_of_our_service_concern_us() -> None:
    sightings = _sightings()
    sightings.name("aa")
    sightings.name("bb")
    assert sightings.concerns(service_name("cc"))
    assert not sightings.concerns(service_name("aa"))
    assert not sightings.concerns(service_name("bb"))
    assert not sightings.concerns("0001020304050607._http._tcp.local.")
    assert not sightings.concerns(SERVICE_TYPE)


def test_our_own_names_are_remembered_up_to_a_limit_and_recognised_beyond_it() -> None:
    sightings = Sightings(OWN, Recognition(lambda: b"secret", lambda: [OWN]))
    for number in range(OWN_NAMES_MAX + 1):
        sightings.name(f"{number}")
    assert sightings.concerns(service_name("0"))
    advert = Advert(node=OWN, port=8470, protocol=1)
    own = encode_properties(advert, "0", Recognition(lambda: b"secret", list))
    heard = sightings.hear(service_name("0"), own, hosts=["10.0.0.5"], port=8470, now=0.0)
    assert heard is None


def test_a_strangers_advert_is_passed_over_and_takes_no_room() -> None:
    sightings = Sightings(OWN, Recognition(lambda: b"secret", lambda: [_node(1)]))
    assert _hear(sightings, 1, 0.0, by=Recognition(lambda: b"another", list)) is None
    assert sightings.leave(service_name(_label(1))) is None
    assert sightings.overdue(1e9) == ()
    assert _hear(sightings, 1, 0.0, by=Recognition(lambda: b"secret", list)) is not None


def test_a_node_that_takes_another_name_is_not_lost_with_the_former_one() -> None:
    sightings = _sightings(silence_s_max=100.0)
    _hear(sightings, 1, 0.0, name=1)
    _hear(sightings, 1, 50.0, name=2)
    assert sightings.leave(service_name(_label(1, 1))) is None
    assert sightings.leave(service_name(_label(1, 2))) == _node(1)
    _hear(sightings, 2, 60.0, name=1)
    _hear(sightings, 2, 70.0, name=2)
    assert sightings.overdue(165.0) == ()
    assert sightings.overdue(170.0) == (_node(2),)


def test_an_instance_without_port_is_refused() -> None:
    advert = Advert(node=_node(1), port=8470, protocol=1)
    with pytest.raises(BadAdvert, match="port"):
        _sightings().hear(
            service_name("aa"),
            encode_properties(advert, "aa", _Few()),
            hosts=["10.0.0.5"],
            port=None,
            now=0.0,
        )


def test_a_goodbye_loses_the_node_once() -> None:
    sightings = _sightings()
    _hear(sightings, 1, 0.0)
    assert sightings.leave(service_name(_label(1))) == _node(1)
    assert sightings.leave(service_name(_label(1))) is None


def test_silence_loses_a_node_once_and_a_repeat_keeps_it() -> None:
    sightings = _sightings(silence_s_max=100.0)
    _hear(sightings, 1, 0.0)
    _hear(sightings, 2, 0.0)
    _hear(sightings, 2, 60.0)
    assert sightings.overdue(99.0) == ()
    assert sightings.overdue(100.0) == (_node(1),)
    assert sightings.overdue(100.0) == ()
    assert sightings.overdue(160.0) == (_node(2),)


def test_what_exceeds_the_limit_is_lost_oldest_first() -> None:
    sightings = _sightings()
    for number in range(HEARD_MAX):
        _hear(sightings, number, 0.0)
    _hear(sightings, 0, 1.0)
    assert sightings.overdue(1.0) == ()
    _hear(sightings, HEARD_MAX, 1.0)
    assert sightings.overdue(1.0) == (_node(1),)
