"""What status, peers and the API say of each link."""

from __future__ import annotations

from pathlib import Path

from conflict.signature import SigningKey
from node.cli.reading import left_words, link_words
from tests.cli.cli_lab import aidstation, made, running

KEY = SigningKey.from_entropy(bytes(range(40)))
NOWHERE = "127.0.0.1:9"


def with_peer(home: Path, **fields: str) -> Path:
    lines = {"name": "role3", "node": KEY.node.hex(), "address": NOWHERE, **fields}
    text = "".join(f'{name} = "{value}"\n' for name, value in lines.items())
    with (home / "config.toml").open("a") as file:
        file.write(f"\n[[peers]]\n{text}")
    return home


def test_each_peer_is_listed_with_its_link_and_what_is_left_of_the_day(tmp_path: Path) -> None:
    figures = {"rate": "9600", "rtt": "600ms", "daily": "5MB"}
    with running(with_peer(made(tmp_path), link="satcom", **figures)):
        (listed,) = aidstation(tmp_path, "peers", "--json").result
        (in_status,) = aidstation(tmp_path, "status", "--json").result["peers"]
        texts = [aidstation(tmp_path, command).out for command in ("peers", "status")]
    expected = {
        "kind": "satcom",
        "rate_bits_s": 9600,
        "rtt_s": 0.6,
        "daily_bytes": 5_000_000,
        "left_bytes": 5_000_000,
    }
    assert (listed["link"], in_status["link"]) == (expected, expected)
    for text in texts:
        assert "LEFT TODAY" in text
        assert "satcom 9,600 bit/s 600 ms" in text
        assert "5,000 of 5,000 kB" in text


def test_a_manual_peer_is_never_dialled_and_says_so(tmp_path: Path) -> None:
    with running(with_peer(made(tmp_path), link="manual")):
        (listed,) = aidstation(tmp_path, "peers", "--json").result
        state = aidstation(tmp_path, "status", "--json").result["state"]
    assert listed["link"]["kind"] == "manual"
    assert listed["last_contact_ms"] is None
    assert "Waiting: no link to role3 yet" in state


def test_words_of_a_link_say_what_is_given_and_no_more() -> None:
    assert link_words({"kind": "lan", "rate_bits_s": 0, "rtt_s": 0}) == "lan"
    assert link_words(None) == link_words("hostile\x1b[2J") == ""
    assert left_words({"daily_bytes": 0}) == left_words(None) == ""
    assert left_words({"daily_bytes": 20_000, "left_bytes": 0}) == "0 of 20 kB"
