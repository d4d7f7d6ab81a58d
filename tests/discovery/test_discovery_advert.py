"""Adverts and the TXT record: what one node encodes every node decodes, and nothing else passes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conflict.identity import NodeId, node_text
from discovery import Address, Advert, BadAdvert, decode_advert, encode_properties, instance_name
from discovery.limits import ADVERT_ADDRESSES_MAX, TXT_BYTES_MAX

NODE = NodeId(bytes(range(16)))
GOOD: dict[bytes, bytes | None] = {b"v": b"3", b"id": node_text(NODE).encode()}

hosts = st.lists(
    st.ip_addresses(v=4).filter(lambda ip: not (ip.is_multicast or ip.is_unspecified)).map(str),
    min_size=1,
    max_size=8,
    unique=True,
).filter(lambda found: "255.255.255.255" not in found)
adverts = st.builds(
    Advert,
    node=st.binary(min_size=16, max_size=16).map(NodeId),
    port=st.integers(1, 65535),
    protocol=st.integers(1, 65535),
    hosts=hosts.map(tuple),
)


@given(adverts)
def test_what_is_encoded_decodes_to_the_same_advert(advert: Advert) -> None:
    properties = encode_properties(advert)
    assert decode_advert(properties, hosts=advert.hosts, port=advert.port) == advert


@given(
    st.dictionaries(st.binary(max_size=8), st.none() | st.binary(max_size=60), max_size=8),
    st.lists(st.text(max_size=20), max_size=4),
    st.integers(-1, 70000),
)
def test_any_bytes_give_an_advert_or_a_typed_refusal(
    properties: dict[bytes, bytes | None], heard: list[str], port: int
) -> None:
    try:
        advert = decode_advert(properties, hosts=heard, port=port)
    except BadAdvert:
        return
    assert decode_advert(encode_properties(advert), hosts=advert.hosts, port=port) == advert


def test_a_refusal_has_a_stable_code_and_quotes_little() -> None:
    with pytest.raises(BadAdvert) as refusal:
        decode_advert({b"id": b"\x1b" * 300}, hosts=["10.0.0.5"], port=1)
    assert (refusal.value.code, refusal.value.retryable) == ("bad-advert", False)
    assert len(str(refusal.value)) < 250


def test_an_advert_says_nothing_but_version_and_node_id() -> None:
    advert = Advert(node=NODE, port=8470, protocol=3, hosts=("10.0.0.5",))
    assert encode_properties(advert) == GOOD


def test_unknown_keys_of_newer_software_are_ignored() -> None:
    newer = GOOD | {b"zz": b"\xff\x00", b"flag": None}
    assert decode_advert(newer, hosts=["10.0.0.5"], port=1).node == NODE


def test_addresses_keep_their_order_and_lose_repeats_and_spellings() -> None:
    advert = decode_advert(GOOD, hosts=["FD00::0:5", "10.0.0.5", "fd00::5", "fe80::1%3"], port=8470)
    assert advert.addresses == (
        Address("fd00::5", 8470),
        Address("10.0.0.5", 8470),
        Address("fe80::1%3", 8470),
    )


def test_the_instance_name_is_short_opaque_and_follows_the_node_id() -> None:
    assert instance_name(NODE) == "0001020304050607"
    assert instance_name(NODE) != instance_name(NodeId(bytes(reversed(NODE))))


@pytest.mark.parametrize(
    "change",
    [
        {b"id": None},
        {b"id": b""},
        {b"id": node_text(NODE).upper().encode()},
        {b"id": node_text(NODE).encode()[:-1]},
        {b"id": node_text(NODE).encode() + b"0"},
        {b"id": b"zz" * 16},
        {b"v": None},
        {b"v": b"0"},
        {b"v": b"03"},
        {b"v": b"+3"},
        {b"v": b"65536"},
        {b"v": b"9" * 300},
        {b"v": "٣".encode()},
        {b"pad": b"x" * TXT_BYTES_MAX},
    ],
)
def test_a_txt_record_with_a_bad_value_is_refused(change: dict[bytes, bytes | None]) -> None:
    with pytest.raises(BadAdvert, match="advert refused"):
        decode_advert(GOOD | change, hosts=["10.0.0.5"], port=8470)


@pytest.mark.parametrize(
    "heard",
    [
        [],
        ["0.0.0.0"],  # noqa: S104 - an address to refuse, not to bind
        ["224.0.0.251"],
        ["255.255.255.255"],
        ["::"],
        ["ff02::fb"],
        ["::ffff:224.0.0.251"],
        ["ward-7.example"],
        ["10.0.0.5", "10.0.0.256"],
        [f"10.0.1.{last}" for last in range(ADVERT_ADDRESSES_MAX + 1)],
    ],
)
def test_addresses_at_which_no_single_host_answers_are_refused(heard: list[str]) -> None:
    with pytest.raises(BadAdvert):
        decode_advert(GOOD, hosts=heard, port=8470)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_out_of_range_is_refused(port: int) -> None:
    with pytest.raises(BadAdvert, match="port"):
        decode_advert(GOOD, hosts=["10.0.0.5"], port=port)
    with pytest.raises(BadAdvert, match="port"):
        Advert(node=NODE, port=port, protocol=1)


def test_our_own_advert_is_held_to_the_same_rules() -> None:
    with pytest.raises(BadAdvert, match="node id"):
        Advert(node=NodeId(b"short"), port=1, protocol=1)
    with pytest.raises(BadAdvert, match="protocol"):
        Advert(node=NODE, port=1, protocol=0)
    with pytest.raises(BadAdvert, match="IP address"):
        Advert(node=NODE, port=1, protocol=1, hosts=("aid-post",))
