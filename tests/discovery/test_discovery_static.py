"""Configured peers: every good spelling of a place is one address, every bad one names its cure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conflict.identity import NodeId, node_text
from discovery import Address, BadStaticPeer, StaticPeer, parse_peer

NODE = NodeId(bytes(range(16)))
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


@given(static_peers)
def test_a_written_peer_reads_back_the_same(peer: StaticPeer) -> None:
    assert parse_peer(_text(peer)) == peer


@given(st.text(max_size=80))
def test_any_text_gives_a_peer_or_a_typed_refusal(text: str) -> None:
    try:
        peer = parse_peer(text)
    except BadStaticPeer:
        return
    assert parse_peer(_text(peer)) == peer


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


def test_a_long_hostile_text_is_cut_short_in_the_message() -> None:
    with pytest.raises(BadStaticPeer) as refusal:
        parse_peer("x" * 10_000 + "\x1b[2J")
    assert len(str(refusal.value)) < 300
    assert "\x1b" not in str(refusal.value)
