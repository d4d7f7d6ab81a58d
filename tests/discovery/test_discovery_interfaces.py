"""What is worth telling others about this machine's interfaces, and when they are not the same."""

from __future__ import annotations

import pytest

from discovery import interfaces
from discovery.interfaces import Interface, present, reachable, replugged, socket_keys
from discovery.limits import PUBLISHED_ADDRESSES_MAX

LO = Interface("lo", 1, ("127.0.0.1",), ("::1",))
LAN = Interface("lan", 2, ("203.0.113.5",), ("2001:db8::5", "fe80::5"))
RADIO = Interface("radio", 3, ("10.9.0.5",), ())


def test_addresses_are_published_best_first_and_loopback_is_kept_at_home() -> None:
    assert reachable((LO, LAN, RADIO)) == ("10.9.0.5", "203.0.113.5", "2001:db8::5", "fe80::5")


def test_loopback_is_published_when_there_is_nothing_else() -> None:
    assert reachable((LO,)) == ("127.0.0.1", "::1")
    assert reachable(()) == ()


def test_a_machine_with_many_addresses_publishes_the_best_few() -> None:
    many = Interface("many", 4, tuple(f"10.1.0.{last}" for last in range(1, 60)), ("fd00::5",))
    assert len(reachable((many,))) == PUBLISHED_ADDRESSES_MAX


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ((LO, LAN), False),
        ((LO,), False),
        ((LO, LAN, RADIO), False),
        ((LO, Interface("lan", 9, ("203.0.113.5",), ())), True),
        ((LO, Interface("lan", 9, ("203.0.113.6",), ("fe80::5",))), True),
        ((LO, Interface("lan", 9, ("203.0.113.6",), ())), False),
    ],
)
def test_an_address_on_a_new_device_is_told_from_one_that_stayed(
    after: tuple[Interface, ...], expected: bool
) -> None:
    assert replugged((LO, LAN), after) is expected


def test_ipv4_is_named_by_address_and_ipv6_by_device() -> None:
    assert socket_keys((LO, LAN, RADIO), ipv6=True) == ["127.0.0.1", "203.0.113.5", "10.9.0.5", 2]
    assert socket_keys((LO, LAN, RADIO), ipv6=False) == ["127.0.0.1", "203.0.113.5", "10.9.0.5"]


def test_interfaces_are_chosen_by_name_or_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interfaces, "_read", lambda: [RADIO, LAN, LO])
    assert present() == (LO, LAN, RADIO)
    assert present(["radio", "203.0.113.5"]) == (Interface("lan", 2, ("203.0.113.5",), ()), RADIO)
    assert present(["not-there"]) == ()


def test_the_machine_that_runs_this_has_a_loopback_address() -> None:
    assert any("127.0.0.1" in interface.ipv4 for interface in present())
