"""Other people's programs: started in a group of their own, spoken to in JSON lines, always ended."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
import psutil  # type: ignore[import-untyped]  # it ships none

ANSWER_S_MAX = 240.0
END_S_MAX = 5.0
LOG_TAIL_BYTES = 800


class PeerFailed(Exception):
    """A peer's program ended, answered with an error, or was not over in time."""


class Program:
    """A process and all it starts. A context manager; `log` takes what it writes to stderr."""

    def __init__(self, command: Sequence[str], *, folder: Path, log: Path) -> None:
        self._log = log
        self._rest = b""
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_S_MAX)
                break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # what it left behind
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def ask(self, do: str, /, *, within_s: float = ANSWER_S_MAX, **told: Any) -> dict[str, Any]:
        """One command, one answer. Raises `PeerFailed`."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(orjson.dumps({"do": do} | told) + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failed("ended") from None
        answer = self._line(within_s)
        told_back: dict[str, Any] = orjson.loads(answer)
        if "error" in told_back:
            raise self._failed(f"{do}: {told_back['error']}")
        return told_back

    def _line(self, within_s: float) -> bytes:
        assert self._process.stdout is not None
        deadline = time.monotonic() + within_s
        descriptor = self._process.stdout.fileno()
        while b"\n" not in self._rest:
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not select.select([descriptor], [], [], left_s)[0]:
                raise self._failed(f"not over in {within_s:.0f} s")
            if not (data := os.read(descriptor, 65_536)):
                raise self._failed("ended")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _failed(self, what: str) -> PeerFailed:
        tail = self._log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace").strip()
        return PeerFailed(f"{what}\n{tail}" if tail else what)

    def peak_mb(self) -> float:
        """Most memory it held so far, with all it started, in MB."""
        return peak_mb(self._process.pid)


def peak_mb(pid: int) -> float:
    """Sum of the peak resident sizes of a process and its descendants, in MB (proc(5), VmHWM)."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return round(sum(map(_peak_kb, (one.pid for one in family))) * 1024 / 1e6, 1)


def _peak_kb(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody uses now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
