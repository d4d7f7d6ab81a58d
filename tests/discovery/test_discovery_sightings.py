"""Instances heard and lost: one node each, silence counts as goodbye, inventors are bounded."""

from __future__ import annotations

import pytest

from conflict.identity import NodeId
from discovery import SERVICE_TYPE, Advert, BadAdvert, encode_properties
from discovery.limits import HEARD_MAX
from discovery.sightings import Sightings, service_name

OWN = NodeId(b"\xff" * 16)


def _node(number: int) -> NodeId:
    return NodeId(number.to_bytes(8, "big") * 2)


def _hear(sightings: Sightings, number: int, now: float, name: str | None = None) -> Advert:
    advert = Advert(node=_node(number), port=8470, protocol=1)
    return sightings.hear(
        name or service_name(advert.node),
        encode_properties(advert),
        hosts=["10.0.0.5", "fe80::1", "fe80::2%3"],
        port=8470,
        now=now,
    )


def test_an_address_that_cannot_be_dialled_from_here_is_left_out() -> None:
    assert _hear(Sightings(OWN), 1, 0.0).hosts == ("10.0.0.5", "fe80::2%3")


def test_only_other_instances_of_our_service_concern_us() -> None:
    sightings = Sightings(OWN)
    assert sightings.concerns(service_name(_node(1)))
    assert not sightings.concerns(service_name(OWN))
    assert not sightings.concerns("0001020304050607._http._tcp.local.")
    assert not sightings.concerns(SERVICE_TYPE)


def test_an_instance_cannot_speak_for_another_node() -> None:
    sightings = Sightings(OWN)
    with pytest.raises(BadAdvert, match="not named after its node"):
        _hear(sightings, 1, 0.0, name=service_name(_node(2)))
    assert sightings.leave(service_name(_node(2))) is None


def test_an_instance_without_port_is_refused() -> None:
    advert = Advert(node=_node(1), port=8470, protocol=1)
    with pytest.raises(BadAdvert, match="port"):
        Sightings(OWN).hear(
            service_name(advert.node),
            encode_properties(advert),
            hosts=["10.0.0.5"],
            port=None,
            now=0.0,
        )


def test_a_goodbye_loses_the_node_once() -> None:
    sightings = Sightings(OWN)
    _hear(sightings, 1, 0.0)
    assert sightings.leave(service_name(_node(1))) == _node(1)
    assert sightings.leave(service_name(_node(1))) is None


def test_silence_loses_a_node_once_and_a_repeat_keeps_it() -> None:
    sightings = Sightings(OWN, silence_s_max=100.0)
    _hear(sightings, 1, 0.0)
    _hear(sightings, 2, 0.0)
    _hear(sightings, 2, 60.0)
    assert sightings.overdue(99.0) == ()
    assert sightings.overdue(100.0) == (_node(1),)
    assert sightings.overdue(100.0) == ()
    assert sightings.overdue(160.0) == (_node(2),)


def test_what_exceeds_the_limit_is_lost_oldest_first() -> None:
    sightings = Sightings(OWN)
    for number in range(HEARD_MAX):
        _hear(sightings, number, 0.0)
    _hear(sightings, 0, 1.0)
    assert sightings.overdue(1.0) == ()
    _hear(sightings, HEARD_MAX, 1.0)
    assert sightings.overdue(1.0) == (_node(1),)
