"""Configured peers: every good spelling of a place is one address, every bad one names its cure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conflict.identity import NodeId, node_text
from discovery import Address, BadStaticPeer, StaticPeer, parse_peer, parse_peers
from discovery.limits import STATIC_PEERS_MAX

NODE = NodeId(bytes(range(16)))
OTHER = NodeId(bytes(16))
names = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?(\.[a-z]{1,8}){0,3}", fullmatch=True)
literals = st.ip_addresses(v=6).filter(
    lambda ip: not (ip.is_multicast or ip.is_unspecified or ip.ipv4_mapped)
)
addresses = st.builds(Address, names | literals.map(str), st.integers(1, 65535))
static_peers = st.builds(
    StaticPeer, addresses, st.none() | st.binary(min_size=16, max_size=16).map(NodeId)
)


def _text(peer: StaticPeer) -> str:
    return f"{node_text(peer.node)}@{peer.address}" if peer.node else str(peer.address)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.5:8470", Address("10.0.0.5", 8470)),
        ("[::1]:8470", Address("::1", 8470)),
        ("[FD00::0:5]:1", Address("fd00::5", 1)),
        ("[fe80::1%eth0]:8470", Address("fe80::1%eth0", 8470)),
        ("[::ffff:10.0.0.5]:8470", Address("10.0.0.5", 8470)),
        ("host.example:8470", Address("host.example", 8470)),
        ("Host.Example.:65535", Address("host.example", 65535)),
        ("  aid_post-2:8470 ", Address("aid_post-2", 8470)),
    ],
)
def test_a_place_has_one_canonical_address(text: str, address: Address) -> None:
    assert parse_peer(text) == StaticPeer(address)
    assert parse_peer(str(address)) == StaticPeer(address)


def test_a_peer_may_be_pinned_to_a_node() -> None:
    pinned = parse_peer(f"{node_text(NODE).upper()}@[::1]:8470")
    assert pinned == StaticPeer(Address("::1", 8470), NODE)


@given(st.lists(static_peers, max_size=6, unique_by=lambda peer: peer.address))
def test_a_written_list_reads_back_the_same(peers: list[StaticPeer]) -> None:
    assert parse_peers(", \n".join(map(_text, peers))) == tuple(peers)


@given(st.text(max_size=80))
def test_any_text_gives_peers_or_a_typed_refusal(text: str) -> None:
    try:
        peers = parse_peers(text)
    except BadStaticPeer:
        return
    assert parse_peers(" ".join(map(_text, peers))) == peers


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("10.0.0.5", "port is missing"),
        ("::1", "needs brackets"),
        ("::1:8470", "needs brackets"),
        ("[::1]", "written [address]:port"),
        ("[::1:8470", "written [address]:port"),
        ("[10.0.0.5]:8470", "written [address]:port"),
        ("[host:x]:8470", "neither"),
        ("10.0.0.256:8470", "neither"),
        ("10.0.0:8470", "neither"),
        ("0.0.0.0:8470", "neither"),
        ("224.0.0.251:8470", "neither"),
        ("-host:8470", "neither"),
        ("ho st:8470", "neither"),
        ("höst.example:8470", "neither"),
        (f"{'a' * 64}.example:8470", "neither"),
        (f"{'a.' * 127}ab:8470", "neither"),
        (":8470", "neither"),
        ("host:", "port ''"),
        ("host:0", "port '0'"),
        ("host:65536", "port '65536'"),
        ("host:+1", "port"),
        ("host:٨", "port"),
        ("host:0008470", "port"),
        ("@host:1", "no node id"),
        ("abc@host:1", "no node id"),
        (f"{'zz' * 16}@host:1", "no node id"),
    ],
)
def test_a_bad_peer_is_refused_with_cause_and_next_step(text: str, cause: str) -> None:
    with pytest.raises(BadStaticPeer) as refusal:
        parse_peer(text)
    assert cause in str(refusal.value)
    assert "10.0.0.5:8470" in str(refusal.value), "an example to follow"
    assert (refusal.value.code, refusal.value.retryable) == ("bad-static-peer", False)


def test_comments_and_separators_of_all_kinds_are_understood() -> None:
    text = "a.example:1 # the surgical team, b.example:2\n\n  c.example:3,d.example:4\t"
    assert [peer.address.host for peer in parse_peers(text)] == [
        "a.example",
        "c.example",
        "d.example",
    ]


def test_a_repeated_address_is_one_peer_and_keeps_its_pin() -> None:
    pinned = (StaticPeer(Address("a.example", 1), NODE),)
    assert parse_peers(f"a.example:1 {node_text(NODE)}@a.example:1 A.example:1") == pinned


def test_an_address_pinned_to_two_nodes_is_refused() -> None:
    with pytest.raises(BadStaticPeer, match="pinned to two nodes"):
        parse_peers(f"{node_text(NODE)}@a:1 {node_text(OTHER)}@a:1")


def test_more_peers_than_the_limit_are_refused() -> None:
    fitting = [f"10.0.{n // 250}.{n % 250 + 1}:8470" for n in range(STATIC_PEERS_MAX)]
    assert len(parse_peers(" ".join(fitting))) == STATIC_PEERS_MAX
    with pytest.raises(BadStaticPeer, match=f"at most {STATIC_PEERS_MAX}"):
        parse_peers(" ".join([*fitting, "one.more:1"]))


def test_a_long_hostile_text_is_cut_short_in_the_message() -> None:
    with pytest.raises(BadStaticPeer) as refusal:
        parse_peer("x" * 10_000 + "\x1b[2J")
    assert len(str(refusal.value)) < 300
    assert "\x1b" not in str(refusal.value)
