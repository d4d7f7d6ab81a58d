"""mDNS with real sockets on the loopback: two nodes in one process find and lose one another."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from zeroconf import NotRunningException
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from discovery import (
    SERVICE_TYPE,
    Address,
    Advert,
    Mdns,
    MulticastUnavailable,
    Recognition,
    mdns,
)
from discovery.interfaces import Interface, present
from tests.discovery.discovery_lab import THEATRE, WAIT_S_MAX, Station, multicast_on_loopback

LOOPBACK = ["127.0.0.1"]


@pytest.fixture
def stations() -> Iterator[list[Station]]:
    if not multicast_on_loopback():
        pytest.skip("multicast on the loopback interface is not permitted here")
    opened: list[Station] = []
    yield opened
    for station in opened:
        station.stop()


def _station(stations: list[Station], **mdns_settings: Any) -> Station:
    stations.append(Station(**{"interfaces": LOOPBACK, **mdns_settings}))
    return stations[-1]


def test_two_nodes_see_one_another_and_the_goodbye(stations: list[Station]) -> None:
    one = _station(stations).start(port=8470)
    other = _station(stations).start(port=8471)
    assert one.until_seen(other).addresses == (Address("127.0.0.1", 8471),)
    assert other.until_seen(one).addresses == (Address("127.0.0.1", 8470),)
    other.close()
    one.until_lost(other)


def test_a_node_never_sees_itself(stations: list[Station]) -> None:
    one = _station(stations).start()
    other = _station(stations).start()
    one.until_seen(other)  # by now its own announcements have come back to it as well
    one.rescan()
    other.rescan()
    one.until_seen(other)
    assert all(what != one.node for kind, what in list(one.events.queue) if kind == "on_lost")
    assert all(what.node != one.node for kind, what in list(one.events.queue) if kind == "on_seen")


def test_an_advert_that_repeats_itself_is_seen_again(stations: list[Station]) -> None:
    one = _station(stations).start()
    other = _station(stations).start()
    one.until_seen(other)
    other.rescan()
    assert one.until_seen(other).node == other.node


def test_a_node_that_falls_silent_is_lost_without_goodbye(stations: list[Station]) -> None:
    one = _station(stations, rescan_s=0.1, silence_s_max=1.0).start()
    other = _station(stations, rescan_s=0.1).start()
    one.until_seen(other)
    other.close(goodbye=False)
    one.until_lost(other)


def test_a_node_lost_to_silence_is_seen_when_it_speaks_again(stations: list[Station]) -> None:
    one = _station(stations, rescan_s=0.1, silence_s_max=0.5).start()
    other = _station(stations).start()
    one.until_seen(other)
    one.until_lost(other)
    other.rescan()
    assert one.until_seen(other).port == 8470


def test_a_fault_in_a_callback_reaches_the_loop_and_disturbs_nothing(
    stations: list[Station],
) -> None:
    one = _station(stations)
    defects: queue.Queue[dict[str, Any]] = queue.Queue()

    def failing(kind: str) -> Callable[[Any], None]:
        def fail(what: Any) -> None:
            one.events.put((kind, what))
            raise ZeroDivisionError(kind)

        return fail

    one.call(one.loop.set_exception_handler, lambda _, context: defects.put(context))
    one.start(on_seen=failing("on_seen"), on_lost=failing("on_lost"))
    for _ in range(2):
        other = _station(stations).start()
        one.until_seen(other)
        other.close()
        one.until_lost(other)
    told: set[str] = set()
    while told != {"on_seen", "on_lost"}:
        defect = defects.get(timeout=WAIT_S_MAX)["exception"]
        assert isinstance(defect, ZeroDivisionError)
        told.add(str(defect))


async def _publish(name: str, properties: dict[bytes, bytes | None]) -> AsyncZeroconf:
    net = AsyncZeroconf(interfaces=list(LOOPBACK))
    info = AsyncServiceInfo(
        SERVICE_TYPE,
        f"{name}.{SERVICE_TYPE}",
        port=8470,
        properties=properties,
        parsed_addresses=["127.0.0.1"],
    )
    await (await net.async_register_service(info, cooperating_responders=True))
    return net


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (lambda tag: {b"v": b"1", b"t": tag[1:]}, "tag"),
        (lambda tag: {b"v": b"0", b"t": tag}, "protocol version"),
    ],
)
def test_a_forged_advert_is_a_fault_and_no_peer(
    stations: list[Station], forge: Any, reason: str
) -> None:
    one = _station(stations).start()
    other = _station(stations)
    name = f"forged{other.node.hex()[:8]}"
    net = one.do(_publish(name, forge(THEATRE.tag(name, other.node).hex().encode())))
    try:
        assert one.until_fault("bad-advert", reason).retryable is False
        other.start()
        assert one.until_seen(other).node == other.node
    finally:
        one.do(net.async_close())


def test_a_strangers_advert_is_neither_a_peer_nor_a_fault(stations: list[Station]) -> None:
    one = _station(stations).start()
    other_theatre = Recognition(lambda: b"another secret", list)
    stranger = _station(stations, recognition=other_theatre).start()
    friend = _station(stations).start()
    one.until_seen(friend)
    stranger.rescan()
    friend.rescan()
    one.until_seen(friend)
    assert all(kind != "on_fault" for kind, _ in list(one.events.queue))
    assert all(
        what.node != stranger.node for kind, what in list(one.events.queue) if kind == "on_seen"
    )


def test_a_name_is_given_up_after_a_while_and_the_node_is_seen_on_under_the_next(
    stations: list[Station],
) -> None:
    one = _station(stations).start()
    other = _station(stations, rescan_s=0.1, rotate_s=0.4).start()
    one.until_seen(other)
    names = set()
    while len(names) < 4:
        one.until_seen(other)
        names.add(other.call(lambda: other.mdns._air._info.name))  # type: ignore[union-attr]
    assert not any(str(other.node.hex())[:8] in name for name in names)
    lost = [what for kind, what in list(one.events.queue) if kind == "on_lost"]
    assert lost == []


def test_each_start_has_a_name_of_its_own(stations: list[Station]) -> None:
    one = _station(stations).start()
    first = one.call(lambda: one.mdns._air._info.name)  # type: ignore[union-attr]
    one.close()
    one.start()
    assert one.call(lambda: one.mdns._air._info.name) != first  # type: ignore[union-attr]


def test_an_interface_that_refuses_keeps_no_other_out(
    stations: list[Station], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Interface("broken", 999_999, ("203.0.113.9",), ())
    monkeypatch.setattr(mdns, "present", lambda chosen: (broken, *present(chosen)))
    one = _station(stations).start()
    other = _station(stations).start()
    assert one.until_fault("multicast-unavailable", "interface 203.0.113.9").retryable
    one.until_seen(other)
    one.rescan()
    other.rescan()
    one.until_seen(other)
    faults = [what for kind, what in list(one.events.queue) if kind == "on_fault"]
    assert faults == [], "the same fault is told once while it lasts"


def test_sockets_that_cannot_be_opened_are_a_typed_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    async def start() -> None:
        await Mdns(THEATRE).start(
            Advert(node=Station().node, port=1, protocol=1), print, print, print
        )

    monkeypatch.setattr(mdns, "AsyncZeroconf", refuse)
    with pytest.raises(MulticastUnavailable, match="Configured peers still work") as fault:
        asyncio.run(start())
    assert "5353" in fault.value.next_step
    assert "Operation not permitted" in fault.value.cause


def test_a_start_that_fails_half_way_leaves_nothing_open_and_can_be_retried(
    stations: list[Station], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NotRunningException

    one = _station(stations)
    with monkeypatch.context() as patched:
        patched.setattr(mdns, "AsyncServiceBrowser", refuse)
        with pytest.raises(MulticastUnavailable, match="NotRunningException"):
            one.start()
    one.start()
    other = _station(stations).start()
    one.until_seen(other)


def test_a_start_that_is_cancelled_leaves_nothing_open_and_can_be_retried(
    stations: list[Station],
) -> None:
    one = _station(stations)

    async def start_and_think_again() -> None:
        advert = Advert(node=one.node, port=8470, protocol=1)
        start = asyncio.create_task(one.mdns.start(advert, print, print, print))
        await asyncio.sleep(0)  # it has begun
        start.cancel()
        with pytest.raises(asyncio.CancelledError):
            await start

    one.do(start_and_think_again())
    one.start()
    other = _station(stations).start()
    one.until_seen(other)


def test_a_rescan_under_way_ends_before_the_close(
    stations: list[Station], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = _station(stations).start()
    moved = Interface("lo", 1, ("127.0.0.2",), ())
    monkeypatch.setattr(mdns, "present", lambda _: (moved,))

    async def close_during_a_rescan() -> bool:
        rescan = asyncio.create_task(one.mdns.rescan())
        await asyncio.sleep(0)  # it has begun, and has a new address to announce
        await one.mdns.close(goodbye=False)
        return rescan.done()

    assert one.do(close_during_a_rescan())


def test_closing_twice_or_before_the_start_is_harmless(stations: list[Station]) -> None:
    one = _station(stations)
    one.close()
    one.start()
    one.close()
    one.close()
    one.rescan()


def test_a_second_start_is_refused_and_a_start_after_close_works(stations: list[Station]) -> None:
    one = _station(stations).start()
    with pytest.raises(RuntimeError, match="close it first"):
        one.start()
    one.close()
    one.start()
