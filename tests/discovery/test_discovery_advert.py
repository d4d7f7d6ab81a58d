"""Adverts and the TXT record: what one node encodes every node decodes, and nothing else passes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conflict.identity import NodeId
from discovery import (
    Address,
    Advert,
    BadAdvert,
    Recognition,
    decode_advert,
    encode_properties,
    new_label,
)
from discovery.limits import ADVERT_ADDRESSES_MAX, TXT_BYTES_MAX

NODE = NodeId(bytes(range(16)))
OTHER = NodeId(bytes(reversed(range(16))))
LABEL = "00112233aabbccdd"


def theatre(*known: NodeId, secret: bytes = b"a theatre secret") -> Recognition:
    return Recognition(lambda: secret, lambda: known)


OURS = theatre(OTHER, NODE)
GOOD: dict[bytes, bytes | None] = {b"v": b"3", b"t": OURS.tag(LABEL, NODE).hex().encode()}


def read(
    properties: dict[bytes, bytes | None],
    heard: Sequence[str] = ("10.0.0.5",),
    port: int = 8470,
    *,
    label: str = LABEL,
    by: Recognition = OURS,
) -> Advert | None:
    return decode_advert(properties, label, by, hosts=heard, port=port)


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
    by = theatre(OTHER, advert.node)
    properties = encode_properties(advert, LABEL, by)
    assert read(properties, advert.hosts, advert.port, by=by) == advert


@given(
    st.dictionaries(st.binary(max_size=8), st.none() | st.binary(max_size=60), max_size=8),
    st.lists(st.text(max_size=20), max_size=4),
    st.integers(-1, 70000),
)
def test_any_bytes_give_an_advert_or_a_typed_refusal(
    properties: dict[bytes, bytes | None], heard: list[str], port: int
) -> None:
    try:
        assert read(properties, heard, port) is None, "nobody guesses a tag"
    except BadAdvert:
        return


def test_a_refusal_has_a_stable_code_and_quotes_little() -> None:
    with pytest.raises(BadAdvert) as refusal:
        read({b"t": b"\x1b" * 300})
    assert (refusal.value.code, refusal.value.retryable) == ("bad-advert", False)
    assert len(str(refusal.value)) < 250


def test_an_advert_says_nothing_but_version_and_a_tag_of_its_name() -> None:
    advert = Advert(node=NODE, port=8470, protocol=3, hosts=("10.0.0.5",))
    assert encode_properties(advert, LABEL, OURS) == GOOD
    said = b"".join(key + (value or b"") for key, value in GOOD.items())
    assert NODE not in said
    assert NODE.hex()[:8].encode() not in said


def test_only_who_has_the_secret_and_knows_the_node_recognises_it_under_any_name() -> None:
    assert read(GOOD) == Advert(node=NODE, port=8470, protocol=3, hosts=("10.0.0.5",))
    assert read(GOOD, by=theatre(OTHER)) is None, "not a node that is known"
    assert read(GOOD, by=theatre(OTHER, NODE, secret=bytes(16))) is None, "another theatre"
    assert read(GOOD, label="ffffffffffffffff") is None, "a tag is of one name"


def test_no_two_names_of_a_node_have_a_part_in_common() -> None:
    advert = Advert(node=NODE, port=8470, protocol=3)
    labels = [new_label(bytes([number]) * 8) for number in range(200)]
    tags = {encode_properties(advert, label, OURS)[b"t"] for label in labels}
    assert len(tags) == len(set(labels)) == 200


def test_unknown_keys_of_newer_software_are_ignored() -> None:
    newer = GOOD | {b"zz": b"\xff\x00", b"flag": None}
    found = read(newer)
    assert found is not None
    assert found.node == NODE


def test_addresses_keep_their_order_and_lose_repeats_and_spellings() -> None:
    advert = read(GOOD, ["FD00::0:5", "10.0.0.5", "fd00::5", "fe80::1%3"])
    assert advert is not None
    assert advert.addresses == (
        Address("fd00::5", 8470),
        Address("10.0.0.5", 8470),
        Address("fe80::1%3", 8470),
    )


@pytest.mark.parametrize(
    "change",
    [
        {b"t": None},
        {b"t": b""},
        {b"t": b"AB" * 8},
        {b"t": b"ab" * 7},
        {b"t": b"ab" * 8 + b"0"},
        {b"t": b"zz" * 8},
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
        read(GOOD | change)


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
        read(GOOD, heard)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_out_of_range_is_refused(port: int) -> None:
    with pytest.raises(BadAdvert, match="port"):
        read(GOOD, port=port)
    with pytest.raises(BadAdvert, match="port"):
        Advert(node=NODE, port=port, protocol=1)


def test_our_own_advert_is_held_to_the_same_rules() -> None:
    with pytest.raises(BadAdvert, match="node id"):
        Advert(node=NodeId(b"short"), port=1, protocol=1)
    with pytest.raises(BadAdvert, match="protocol"):
        Advert(node=NODE, port=1, protocol=0)
    with pytest.raises(BadAdvert, match="IP address"):
        Advert(node=NODE, port=1, protocol=1, hosts=("aid-post",))
