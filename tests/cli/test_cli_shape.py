"""`shape` as a process between real sockets on loopback: intact, cut, healed, refused, told."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from node.errors import EXIT_FAILURE, EXIT_USAGE
from node.sim.link_proxy import CONNECTIONS_MAX
from node.sim.link_shape import PROFILES
from tests.cli.cli_lab import SCRIPT, aidstation, environment

QUICK = ("--rate", "20M", "--rtt", "10ms")
WAIT_S_MAX = 60


class Link:
    """A running link, the target behind it and its console."""

    def __init__(self, process: subprocess.Popen[str], target: socket.socket) -> None:
        self.process = process
        self.target = target
        self.said = [self.read()]
        if not self.said[-1].startswith("A link from"):
            self.source, self.said = self.said[0], [self.read()]
        host, _, port = self.said[0].split(" to ")[0].rpartition(" ")[2].rpartition(":")
        self.address = (host, int(port))
        self.said.append(self.read())

    def read(self) -> str:
        """Its next line beside the result."""
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def tell(self, line: str) -> str:
        """Type a line; what it answers."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.read()

    def pair(self) -> tuple[socket.socket, socket.socket]:
        """A connection through the link: both of its ends."""
        near = self.dial()
        far, _ = self.target.accept()
        far.settimeout(WAIT_S_MAX)
        return near, far

    def dial(self) -> socket.socket:
        """The end of somebody who connects."""
        return socket.create_connection(self.address, timeout=WAIT_S_MAX)

    def result(self) -> Any:
        """End it: the figures it leaves."""
        assert self.process.stdin is not None
        self.process.stdin.write("quit\n")
        out, _ = self.process.communicate(timeout=WAIT_S_MAX)
        return json.loads(out)["result"]


@contextmanager
def link(home: Path, *options: str, to: str = "") -> Iterator[Link]:
    with ExitStack() as stack:
        target = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        target.settimeout(WAIT_S_MAX)
        words = ["--to", to or f"127.0.0.1:{target.getsockname()[1]}"]
        process = stack.enter_context(
            subprocess.Popen(
                [*SCRIPT, "link", "--listen", "127.0.0.1:0", "--json", *words, *options],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment(home),
            )
        )
        stack.callback(process.kill)
        yield Link(process, target)


def all_of(one: socket.socket, size: int) -> bytes:
    """Exactly so many bytes."""
    with one.makefile("rb") as file:
        return file.read(size)


def test_bytes_arrive_intact_both_ways(tmp_path: Path) -> None:
    there, back = (bytes(range(251)) * 900, bytes(range(249, 0, -1)) * 700)
    harsh = ("--loss", "5%", "--jitter", "2ms", "--segment", "1200B")
    with link(tmp_path, *QUICK, *harsh) as shaped:
        near, far = shaped.pair()
        with near, far:
            sending = [
                Thread(target=one.sendall, args=(some,))
                for one, some in ((near, there), (far, back))
            ]
            for one in sending:
                one.start()
            assert all_of(far, len(there)) == there
            assert all_of(near, len(back)) == back
            for one in sending:
                one.join()
        result = shaped.result()
    assert (result["out"]["bytes_out"], result["back"]["bytes_out"]) == (len(there), len(back))
    assert result["out"]["segments_lost"] + result["back"]["segments_lost"] > 0
    assert result["connections"] == 1


def test_several_connections_share_the_link_and_are_not_mixed(tmp_path: Path) -> None:
    with link(tmp_path, *QUICK) as shaped, ExitStack() as stack:
        pairs = [shaped.pair() for _ in range(5)]
        for ends in pairs:
            stack.enter_context(ends[0])
            stack.enter_context(ends[1])
        for number, (near, far) in enumerate(pairs):
            near.sendall(b"%d" % number * 5_000)
            far.sendall(b"%d" % (number + 5) * 5_000)
        for number, (near, far) in enumerate(pairs):
            assert set(all_of(far, 5_000)) == set(b"%d" % number)
            assert set(all_of(near, 5_000)) == set(b"%d" % (number + 5))
        assert "5 open" in shaped.tell("status")


def test_a_reader_that_stops_holds_up_its_own_connection_only(tmp_path: Path) -> None:
    with link(tmp_path, *QUICK) as shaped:
        shaped.target.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        near, far = shaped.pair()
        with near, far:
            sending = Thread(target=near.sendall, args=(bytes(1_000_000),))
            sending.start()
            other_near, other_far = shaped.pair()
            with other_near, other_far:
                other_near.sendall(b"passes")
                assert all_of(other_far, 6) == b"passes"
            assert all_of(far, 1_000_000) == bytes(1_000_000)
            sending.join()


def test_a_crowd_is_turned_away(tmp_path: Path) -> None:
    with link(tmp_path, *QUICK) as shaped, ExitStack() as stack:
        shaped.tell("cut")
        for _ in range(CONNECTIONS_MAX):
            stack.enter_context(shaped.dial())
        with shaped.dial() as late, pytest.raises(ConnectionResetError):
            late.recv(1)
        assert f"{CONNECTIONS_MAX} connections are open" in shaped.read()


def test_a_half_closed_connection_still_answers(tmp_path: Path) -> None:
    with link(tmp_path, *QUICK) as shaped:
        near, far = shaped.pair()
        with near, far:
            near.sendall(b"question")
            near.shutdown(socket.SHUT_WR)
            assert far.makefile("rb").read() == b"question"
            far.sendall(b"answer")
            far.shutdown(socket.SHUT_WR)
            assert near.makefile("rb").read() == b"answer"


def test_a_reset_reaches_the_other_side(tmp_path: Path) -> None:
    with link(tmp_path, *QUICK) as shaped:
        near, far = shaped.pair()
        with far:
            near.sendall(b"x")
            assert far.recv(1) == b"x"
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            near.close()
            with pytest.raises(ConnectionResetError):
                far.recv(1)


def test_a_cut_holds_what_was_sent_and_healing_delivers_it(tmp_path: Path) -> None:
    with link(tmp_path, *QUICK) as shaped:
        near, far = shaped.pair()
        with near, far:
            near.sendall(b"before")
            assert all_of(far, 6) == b"before"
            assert "cut" in shaped.tell("cut")
            near.sendall(b"during")
            status = shaped.tell("status")
            while "out 12 B in" not in status:
                status = shaped.tell("status")
            assert "6 B out, 0 lost, cut; back" in status
            assert "cut" not in shaped.tell("heal")
            assert all_of(far, 6) == b"during"


def test_a_cut_can_be_one_way(tmp_path: Path) -> None:
    with link(tmp_path, *QUICK) as shaped:
        near, far = shaped.pair()
        with near, far:
            near.sendall(b"a")
            assert far.recv(1) == b"a"
            status = shaped.tell("cut out")
            assert "0 lost, cut; back" in status
            assert status.endswith("open\n")
            far.sendall(b"b")
            assert near.recv(1) == b"b"


def test_who_gives_up_while_the_link_is_cut_never_reaches_the_target(tmp_path: Path) -> None:
    with link(tmp_path, *QUICK) as shaped:
        shaped.tell("cut")
        shaped.dial().close()
        while "1 ever, 0 open" not in shaped.tell("status"):
            pass
        shaped.tell("heal")
        near, far = shaped.pair()
        with near, far:
            near.sendall(b"second")
            assert all_of(far, 6) == b"second"
        assert shaped.result()["connections"] == 2


def test_a_target_that_refuses_is_named_and_the_caller_is_closed(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # taken, and nobody listens
        to = f"127.0.0.1:{unused.getsockname()[1]}"
        with link(tmp_path, *QUICK, to=to) as shaped:
            for _ in range(2):
                with shaped.dial() as near, pytest.raises(ConnectionResetError):
                    near.recv(1)
            said = shaped.read()
            assert f"{to}: Connection refused. Is a node running there?" in said
            assert shaped.result()["refused"] == 2


def test_a_line_that_makes_no_sense_changes_nothing_and_names_the_right_ones(
    tmp_path: Path,
) -> None:
    with link(tmp_path, *QUICK) as shaped:
        assert "write cut [out|back], heal" in shaped.tell("explode")
        assert "write a time as 600ms" in shaped.tell("stall 70")
        assert "stall, 70 s more" in shaped.tell("stall 70s")
        assert "open" in shaped.tell("heal")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_with_the_figures(tmp_path: Path, number: signal.Signals) -> None:
    with link(tmp_path, *QUICK) as shaped:
        shaped.process.send_signal(number)
        out, _ = shaped.process.communicate(timeout=WAIT_S_MAX)
        assert shaped.process.returncode == 0
        assert json.loads(out)["result"]["connections"] == 0


def test_it_says_what_it_is_and_how_to_get_there(tmp_path: Path) -> None:
    with link(tmp_path, "--profile", "iridium", "--rtt", "1.2s", "--budget", "5MB") as shaped:
        assert shaped.said[0].endswith(
            "352,000 bit/s each way, 1,200 ms there and back, 2 % of 1,200 B segments lost, "
            "70 s of silence every 600 s, 5,000,000 B a day.\n"
        )
        assert "cut [out|back]" in shaped.said[1]
        assert "FFI report 20/01338. Assumed, not measured: loss, every.\n" in shaped.source


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--rate 9600bps", "rate: '9600bps' was given; write bits per second as 9600, 64k or 1M"),
        ("--rate 64K", "rate: '64K'"),
        ("--rate 10", "rate: 10 bit/s was given; the limits are 100 to"),
        ("--rate -1", "rate"),
        ("--rate 1k --rtt 600", "rtt: '600' was given; write a time as 600ms, 1.2s or 10min"),
        ("--rate 1k --rtt 2min", "rtt: 120 s was given; the limits are 0 to 60 s"),
        ("--rate 1k --loss 2", "loss: '2' was given; write a share as 2% or 0.5%"),
        ("--rate 1k --loss 99%", "loss: 99 % was given"),
        ("--rate 1k --stall 70s", "every: 0 s was given; it must be longer than the stall"),
        ("--rate 1k --budget 5mb", "budget: '5mb' was given; write a size as 512B, 64kB or 5MB"),
        ("--rate 1k --budget 10B", "budget: 10 B was given; it must hold one segment"),
        ("--rate 1k --segment 1.5B", "segment: '1.5B' was given; write whole bytes"),
        ("--rate 1k --jitter ½s", "jitter: '½s'"),
        ("--rtt 1s", "rate: none was given"),
        ("--profile dsl", "profile: 'dsl' was given; there are satcom-9600, satcom-64k"),
        ("--rate 1k --listen 9000", "listen: '9000' was given; write host:port"),
        ("--rate 1k --listen 192.0.2.1:0", "listen: 192.0.2.1:0 was given;"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(tmp_path: Path, words: str, said: str) -> None:
    answer = aidstation(tmp_path, "link", "--to", "127.0.0.1:8470", *words.split())
    assert answer.code == EXIT_USAGE
    assert said in answer.err
    assert answer.out == ""


def test_a_target_needs_a_port_and_a_listener_a_free_one(tmp_path: Path) -> None:
    nobody = aidstation(tmp_path, "link", "--to", "127.0.0.1:0", "--rate", "1k", "--json")
    assert (nobody.code, nobody.error["code"]) == (EXIT_USAGE, "bad-request")
    assert "port 0 is nobody's" in nobody.error["message"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        words = ("--to", "127.0.0.1:1", "--listen", listen, "--rate", "1k")
        answer = aidstation(tmp_path, "link", *words)
    assert answer.code == EXIT_FAILURE
    assert listen in answer.err
    assert "port-busy" in answer.err


def test_help_names_every_profile(tmp_path: Path) -> None:
    text = " ".join(aidstation(tmp_path, "link", "--help").out.split())
    assert f"{', '.join(list(PROFILES)[:-1])} or {list(PROFILES)[-1]};" in text
