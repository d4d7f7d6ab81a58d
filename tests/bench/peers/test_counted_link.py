"""The link in front of every peer: what it counts, what it lets through, what it makes wait."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.bench.peers.counted_link import HOST, CountedLink, Traffic, arrival

ROUND_TRIP_S = 0.05


@contextmanager
def serving(link: CountedLink, *, times: int = 2) -> Iterator[None]:
    """A server behind the link that sends back so many times what it gets."""
    with socket.create_server((HOST, 0)) as server:

        def serve() -> None:
            while True:
                try:
                    one, _ = server.accept()
                except OSError:
                    return
                with one:
                    while data := one.recv(65_536):
                        one.sendall(data * times)

        thread = threading.Thread(target=serve)
        thread.start()
        link.lead_to(server.getsockname()[1])
        try:
            yield
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def call(link: CountedLink) -> socket.socket:
    return socket.create_connection((HOST, link.port), 10)


def ask(one: socket.socket, data: bytes) -> bytes:
    one.sendall(data)
    answer = b""
    while len(answer) < 2 * len(data):
        answer += one.recv(65_536)
    return answer


def test_bytes_of_both_ways_connections_and_round_trips_are_counted() -> None:
    with CountedLink(round_trip_s=0.0) as link, serving(link):
        with call(link) as one:
            assert ask(one, b"a" * 10) == b"a" * 20
            assert ask(one, b"b" * 5) == b"b" * 10
        with call(link) as one:
            ask(one, b"c")
        assert link.passed() == Traffic(16, 32, connections=2, round_trips=3)


def test_what_is_said_without_being_answered_is_one_round_trip() -> None:
    with CountedLink(round_trip_s=0.0) as link, serving(link, times=0), call(link) as one:
        for _ in range(1_000):
            one.sendall(b"x" * 1_000)
        one.shutdown(socket.SHUT_WR)
        assert one.recv(1) == b""
        assert link.passed() == Traffic(1_000_000, 0, connections=1, round_trips=1)


def test_counting_begins_again_on_a_kept_connection() -> None:
    with CountedLink(round_trip_s=0.0) as link, serving(link), call(link) as one:
        ask(one, b"x")
        link.forget()
        ask(one, b"y")
        assert link.passed() == Traffic(1, 2, connections=0, round_trips=1)


def test_an_answer_takes_a_round_trip_and_the_first_one_two() -> None:
    open_at = 100.0 + ROUND_TRIP_S
    heard_at = arrival(100.0, open_at, ROUND_TRIP_S)
    answered_at = arrival(heard_at, open_at, ROUND_TRIP_S)
    assert answered_at - 100.0 == pytest.approx(2 * ROUND_TRIP_S)
    heard_at = arrival(answered_at, open_at, ROUND_TRIP_S)
    assert arrival(heard_at, open_at, ROUND_TRIP_S) - answered_at == pytest.approx(ROUND_TRIP_S)


def test_a_delayed_link_keeps_every_byte_in_order() -> None:
    sent = bytes(range(256)) * 1_000
    with (
        CountedLink(round_trip_s=ROUND_TRIP_S) as link,
        serving(link, times=1),
        call(link) as one,
    ):
        one.sendall(sent)
        one.shutdown(socket.SHUT_WR)
        assert b"".join(iter(lambda: one.recv(65_536), b"")) == sent


def test_a_cut_ends_connections_and_turns_new_ones_away_until_it_heals() -> None:
    with CountedLink(round_trip_s=0.0) as link, serving(link):
        with call(link) as one:
            ask(one, b"x")
            link.cut()
            with pytest.raises((ConnectionError, AssertionError)):
                assert one.recv(1)
        with call(link) as one, pytest.raises((ConnectionError, AssertionError)):
            assert one.recv(1)
        link.heal()
        with call(link) as one:
            assert ask(one, b"z") == b"zz"
