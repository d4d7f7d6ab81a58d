"""Settings: who wins, where each value came from, and what every mistake is told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from conflict.signature import SigningKey
from node import config
from node.config import Listen, Loaded, PeerSettings, known_keys, load, parse_listen, write_toml
from node.errors import EXIT_USAGE, BadConfiguration
from node.home import Home, find_home
from sync.link_profile import LinkKind, LinkProfile
from tests.cli.cli_lab import aidstation, made

KEY = SigningKey.from_entropy(bytes(range(40)))
OTHER = SigningKey.from_entropy(bytes(range(1, 41)))
GOOD = '[node]\nname = "alpha"\n'


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Iterator[Home]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("AIDSTATION_")}
    with (
        patch.dict(os.environ, kept, clear=True),
        patch.object(config, "SYSTEM_FILE", tmp_path / "etc.toml"),
    ):
        yield Home(tmp_path, tmp_path / "config.toml")


def given(home: Home, text: str) -> Loaded:
    home.config.write_text(text)
    return load(home)


def refused(home: Home, text: str) -> str:
    with pytest.raises(BadConfiguration) as raised:
        given(home, text)
    return str(raised.value)


def test_defaults_stay_on_this_machine(home: Home) -> None:
    settings = given(home, GOOD).settings
    assert settings.sync.address == Listen("127.0.0.1", 8470)
    assert settings.api.address == Listen("127.0.0.1", 8471)
    assert (settings.node.role, settings.store.url, settings.workers.count) == ("field", "", 2)
    assert (settings.discovery.mdns, settings.peers) == (True, ())


def test_flag_beats_environment_beats_own_file_beats_system_file(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    listens = [f'[{name}]\nlisten = "127.0.0.1:1"\n' for name in ("sync", "api")]
    config.SYSTEM_FILE.write_text("[workers]\ncount = 1\n[node]\nname = 'etc'\n" + "".join(listens))
    home.config.write_text(GOOD + '[sync]\nlisten = "127.0.0.1:2"\n[api]\nlisten = "127.0.0.1:2"\n')
    monkeypatch.setenv("AIDSTATION_SYNC_LISTEN", "127.0.0.1:3")
    monkeypatch.setenv("AIDSTATION_API_LISTEN", "127.0.0.1:3")
    monkeypatch.setenv("AIDSTATION_DISCOVERY_MDNS", "false")
    loaded = load(home, {"api.listen": "127.0.0.1:4", "sync.listen": None})
    settings, origins = loaded
    assert (settings.api.address.port, origins["api.listen"]) == (4, "flag")
    assert (settings.sync.address.port, origins["sync.listen"]) == (3, "environment")
    assert (settings.node.name, origins["node.name"]) == ("alpha", str(home.config))
    assert origins["workers.count"] == str(config.SYSTEM_FILE)
    assert not settings.discovery.mdns
    assert "store.url" not in origins


def test_a_list_in_the_environment_is_json(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIDSTATION_DISCOVERY_INTERFACES", '["eth0"]')
    assert given(home, GOOD).settings.discovery.interfaces == ("eth0",)
    monkeypatch.setenv("AIDSTATION_PEERS", "[not json")
    with pytest.raises(BadConfiguration, match="JSON"):
        load(home)


def test_a_mistyped_variable_is_refused_with_the_nearest(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIDSTATION_SYNC_LISTN", "127.0.0.1:3")
    with pytest.raises(BadConfiguration, match="Did you mean AIDSTATION_SYNC_LISTEN"):
        given(home, GOOD)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + "[snyc]\n", "snyc is not a setting. Did you mean sync?"),
        (GOOD + "[sync]\nlistne = 1\n", "sync.listne is not a setting. Did you mean listen?"),
        (GOOD + "[zzz]\n", "Known here: node, sync"),
        (GOOD + "[workers]\ncount = 'two'\n", "workers.count = 'two'"),
        (GOOD + "[workers]\ncount = 0\n", "workers.count = '0'"),
        (GOOD + "[discovery]\nmdns = 'maybe'\n", "discovery.mdns = 'maybe'"),
        (GOOD + "[sync]\nlisten = '8470'\n", "write host:port"),
        (GOOD + "[sync]\nlisten = '127.0.0.1:99999'\n", "0..65535"),
        (GOOD + "sync = 5\n", "node.sync is not a setting"),
        ("sync = 5\n" + GOOD, "sync = '5'"),
        (GOOD + "role = 'boss'\n", "node.role = 'boss'"),
        ("[sync]\n", "node is missing"),
        ("[node]\n", "node.name is missing"),
        ("[node\n", "is not TOML"),
        (GOOD + "[store]\nurl = 'mysql://u:secret@h/d'\n", "store.url:"),
    ],
)
def test_a_mistake_names_file_key_and_what_was_given(home: Home, text: str, said: str) -> None:
    message = refused(home, text)
    assert said in message
    assert str(home.config) in message
    assert "secret" not in message
    assert message.endswith(".")


def test_an_unreadable_file_is_named_with_the_cause(home: Home) -> None:
    home.config.mkdir()
    with pytest.raises(BadConfiguration, match=r"config.toml cannot be read: Is a directory"):
        load(home)
    home.config.rmdir()
    home.config.write_bytes(b"\xff\xfe")
    with pytest.raises(BadConfiguration, match="UTF-8"):
        load(home)


def test_without_any_file_the_places_are_named(home: Home) -> None:
    with pytest.raises(BadConfiguration, match="aidstation init") as raised:
        load(home)
    assert str(home.config) in str(raised.value)
    assert str(config.SYSTEM_FILE) in str(raised.value)


def test_a_container_needs_no_file(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIDSTATION_NODE_NAME", "box")
    assert load(home).settings.node.name == "box"


# --- peers ----------------------------------------------------------------------------------------


def peer(**fields: str) -> str:
    lines = "".join(f'{name} = "{value}"\n' for name, value in fields.items())
    return f"{GOOD}[[peers]]\n{lines}"


def test_a_peer_is_named_by_its_id(home: Home) -> None:
    text = peer(name="b", node=KEY.node.hex(), address="[::1]:8470")
    (one,) = given(home, text).settings.peers
    assert one.node_id == KEY.node
    assert one.address == "[::1]:8470"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "b"}, "node is missing"),
        ({"name": "b", "node": "xyz"}, "not a node id"),
        ({"name": "b", "node": KEY.node.hex()[:-2]}, "not a node id"),
        ({"name": "b", "node": KEY.node.hex(), "address": "nowhere"}, "port is missing"),
        ({"name": "b", "node": KEY.node.hex(), "key": KEY.public.hex()}, "not a setting"),
        ({"name": "b", "nod": "04"}, "Did you mean node?"),
    ],
)
def test_a_peer_that_cannot_be_is_refused(home: Home, fields: dict[str, str], said: str) -> None:
    assert said in refused(home, peer(**fields))


def test_two_peers_may_not_share_name_or_id(home: Home) -> None:
    one = peer(name="b", node=KEY.node.hex())
    assert "same name" in refused(home, f'{one}[[peers]]\nname = "b"\nnode = "{"0" * 32}"\n')
    assert "same node" in refused(home, f'{one}[[peers]]\nname = "c"\nnode = "{KEY.node.hex()}"\n')


# --- links ------------------------------------------------------------------------


def linked(**fields: str) -> str:
    return peer(name="b", node=KEY.node.hex(), **fields)


def test_a_peer_has_the_link_that_it_describes_and_others_that_of_the_node(home: Home) -> None:
    settings = given(home, linked(link="satcom", rate="9600", rtt="600ms", daily="5MB")).settings
    (one,) = settings.peers
    assert one.profile == LinkProfile(
        kind=LinkKind.SATCOM, rate_bits_s=9600, rtt_s=0.6, daily_bytes=5_000_000
    )
    assert settings.sync.profile == LinkProfile.lan()
    (other,) = given(home, linked()).settings.peers
    assert other.profile is None


def test_a_satcom_link_without_round_trip_is_geostationary(home: Home) -> None:
    (one,) = given(home, linked(link="satcom", rate="64k")).settings.peers
    assert one.profile is not None
    assert one.profile.rtt_s == 0.6


def test_a_rate_may_be_a_bare_number(home: Home) -> None:
    sync = given(home, GOOD + '[sync]\nlink = "satcom"\nrate = 9600\n').settings.sync
    assert sync.profile.rate_bits_s == 9600


def test_links_can_be_set_in_the_environment(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIDSTATION_SYNC_LINK", "manual")
    assert given(home, GOOD).settings.sync.profile.kind is LinkKind.MANUAL


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"link": "radio"}, "'lan', 'satcom', 'manual' or 'silent'"),
        ({"link": "satcom"}, "rate: none was given"),
        ({"rate": "9600"}, "rate: was given without link"),
        ({"daily": "5MB"}, "daily: was given without link"),
        ({"link": "satcom", "rate": "9600x"}, "rate: '9600x' was given; write bits per second"),
        ({"link": "satcom", "rate": "50"}, "rate: 50 bit/s was given; the limits are 100"),
        ({"link": "satcom", "rate": "9600", "rtt": "600"}, "rtt: '600' was given; write a time"),
        ({"link": "satcom", "rate": "9600", "rtt": "61s"}, "rtt: 61 s was given"),
        ({"link": "satcom", "rate": "9600", "daily": "5"}, "daily: '5' was given; write a size"),
        ({"link": "satcom", "rate": "9600", "daily": "9kB"}, "daily: 9,000 B was given"),
        ({"link": "lan", "rate": "9600"}, "rate: was given for a lan link"),
    ],
)
def test_a_link_that_cannot_be_is_refused_by_field_and_value(
    home: Home, fields: dict[str, str], said: str
) -> None:
    message = refused(home, linked(**fields))
    assert said in message
    assert str(home.config) in message
    assert "peers.0" in message


def test_the_nodes_own_link_is_held_to_the_same_rules(home: Home) -> None:
    assert "sync: rate: none was given" in refused(home, GOOD + '[sync]\nlink = "satcom"\n')


# --- what is written and shown --------------------------------------------------------------------


@pytest.mark.parametrize("name", ['quote" and \\', "Ä ñ 站", "tab\tin"])
def test_what_init_writes_is_what_load_reads(home: Home, name: str) -> None:
    link = {"link": LinkKind.SATCOM, "rate": "9600", "daily": "5MB"}
    peers = (PeerSettings(name="b", node=KEY.node.hex(), **link),)
    settings = given(home, write_toml(name, "garrison", "[::1]:0", None, peers)).settings
    assert (settings.node.name, settings.node.role) == (name, "garrison")
    assert settings.sync.address == Listen("::1", 0)
    assert settings.peers == peers


@pytest.mark.parametrize("text", ["[::1]:8470", "0.0.0.0:0", "aid-post:65535"])
def test_an_address_reads_back_as_it_is_written(text: str) -> None:
    assert str(parse_listen(text)) == text


def test_show_names_every_key_with_its_origin_and_no_password(tmp_path: Path) -> None:
    made(tmp_path)
    url = "postgresql://user:hunter2@db/aid"
    found = aidstation(tmp_path, "config", "show", "--json", AIDSTATION_STORE_URL=url)
    assert set(found.result) == set(known_keys())
    assert found.result["store.url"] == {
        "value": "postgresql://user:***@db/aid",
        "origin": "environment",
    }
    assert found.result["node.name"]["origin"] == str(tmp_path / "config.toml")
    assert found.result["workers.count"]["origin"] == "default"
    text = aidstation(tmp_path, "config", "show", "--origin", AIDSTATION_STORE_URL=url).out
    assert "hunter2" not in text
    assert "default" in text


def test_check_and_path_work_before_there_is_a_node(tmp_path: Path) -> None:
    assert aidstation(tmp_path, "config", "check").code == EXIT_USAGE
    assert "(not there)" in aidstation(tmp_path, "config", "path").out
    (tmp_path / "config.toml").write_text(GOOD)
    assert aidstation(tmp_path, "config", "check", "--json").result == {"ok": True, "peers": 0}
    assert f"{tmp_path / 'config.toml'} (read)" in aidstation(tmp_path, "config", "path").out


def test_a_broken_file_stops_a_command_with_its_cause(tmp_path: Path) -> None:
    made(tmp_path)
    (tmp_path / "config.toml").write_text("[node\n")
    for command in ("status", "run", "config check", "config show"):
        answer = aidstation(tmp_path, *command.split())
        assert answer.code == EXIT_USAGE
        assert "config.toml is not TOML" in answer.err
        assert "line 1" in answer.err
        assert "next:" in answer.err


def test_the_home_is_the_flag_then_the_variable_then_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("AIDSTATION_HOME", raising=False)
    own = find_home()
    assert own.root == tmp_path / "data" / "aidstation"
    assert own.config == tmp_path / "config" / "aidstation" / "config.toml"
    monkeypatch.setenv("AIDSTATION_HOME", str(tmp_path / "named"))
    assert find_home().config == tmp_path / "named" / "config.toml"
    assert find_home(tmp_path / "flag").root == tmp_path / "flag"
