"""rsync of a folder of JSON files, one file a chart, through a daemon of its own.

Both ways: down, then up, the newer file wins (`-u`). What both sides changed in one file would be
lost, which is why nobody should pick it; bytes and seconds are what it is here for.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
import psutil  # type: ignore[import-untyped]  # it ships none

from node.desk import Save
from tests.bench.peers.counted_link import HOST, CountedLink
from tests.bench.peers.pairs import NothingKept, Pair, Unavailable
from tests.bench.peers.programs import ANSWER_S_MAX, PeerFailed, Program, free_ports, peak_mb
from tests.bench.peers.workload import Workload, plain_statements

START_S_MAX = 10.0
POLL_S = 0.02
MODULE = "charts"


@dataclass(frozen=True, slots=True)
class RsyncFiles:
    """See `System`."""

    name: str = "rsync -au -z"
    charts_max: int | None = None

    def prepare(self, folder: Path, work: Workload) -> None:
        """See `System`."""
        _rsync()
        (folder / MODULE).mkdir()
        for document, steps in work.charts:
            statements = [one for step in steps for one in plain_statements(step)]
            told = {"id": document.hex(), "statements": statements}
            (folder / MODULE / f"{document.hex()}.json").write_bytes(orjson.dumps(told))

    @contextmanager
    def pair(self, prepared: Path, folder: Path, link: CountedLink) -> Iterator[Pair]:
        """See `System`."""
        shutil.copytree(prepared / MODULE, folder / "source")
        (folder / "sink").mkdir()
        [port] = free_ports(1)
        settings = folder / "rsyncd.conf"
        settings.write_text(_settings(folder))
        command = [_rsync(), "--daemon", "--no-detach", f"--config={settings}"]
        command += [f"--address={HOST}", f"--port={port}"]
        with Program(command, folder=folder, log=folder / "daemon.log") as daemon:
            _wait_for(port)
            link.lead_to(port)
            yield _RsyncPair(daemon, folder, link)


@dataclass(slots=True)
class _RsyncPair(NothingKept):
    daemon: Program
    folder: Path
    link: CountedLink
    peaks: tuple[float, float] = (0.0, 0.0)

    def receive(self) -> None:
        self._run("-az", self._remote, self._local)

    def change(self, work: Workload) -> None:
        for save in work.edits.source:
            _add(self.folder / "source", save)
        for save in work.edits.sink:
            _add(self.folder / "sink", save)

    def meet(self) -> None:
        self._run("-auz", self._remote, self._local)
        self._run("-auz", self._local, self._remote)

    def digests(self) -> tuple[object, object]:
        return _digest(self.folder / "source"), _digest(self.folder / "sink")

    def peaks_mb(self) -> tuple[float, float]:
        return self.peaks

    @property
    def _remote(self) -> str:
        return f"rsync://{HOST}:{self.link.port}/{MODULE}/"

    @property
    def _local(self) -> str:
        return f"{self.folder}/sink/"

    def _run(self, *arguments: str) -> None:
        log = self.folder / "sink.log"
        with log.open("ab") as out:
            process = subprocess.Popen(
                [_rsync(), f"--timeout={ANSWER_S_MAX:.0f}", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
            while process.poll() is None:
                self._look(process.pid)
                time.sleep(POLL_S)  # between two looks at memory; rsync runs meanwhile
        if process.returncode:
            raise PeerFailed(f"rsync: {log.read_text(errors='replace')[-400:]}")

    def _look(self, sink: int) -> None:
        """Both sides start processes that are gone before anyone could ask how large they were."""
        with contextlib.suppress(psutil.NoSuchProcess):
            now = self.daemon.peak_mb(), peak_mb(sink)
            self.peaks = max(self.peaks[0], now[0]), max(self.peaks[1], now[1])


def _rsync() -> str:
    found = shutil.which("rsync")
    if found is None:
        raise Unavailable("rsync is not installed")
    return found


def _settings(folder: Path) -> str:
    lines = [f"log file = {folder / 'rsyncd.log'}", "use chroot = no"]
    if os.geteuid() == 0:
        lines += ["uid = 0", "gid = 0"]
    lines += [f"[{MODULE}]", f"path = {folder / 'source'}", "read only = no"]
    return "\n".join(lines) + "\n"


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_S_MAX
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(POLL_S)  # the daemon does not say when it listens
    raise PeerFailed("the rsync daemon did not start")


def _add(folder: Path, save: Save) -> None:
    path = folder / f"{save.document.hex()}.json"
    told = orjson.loads(path.read_bytes())
    told["statements"] += plain_statements(save.drafts)
    path.write_bytes(orjson.dumps(told))


def _digest(folder: Path) -> str:
    whole = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        whole.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()
