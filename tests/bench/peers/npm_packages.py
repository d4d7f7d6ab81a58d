"""Packages of the peers that are Node programs: installed beside this file, from its lock file only."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from tests.bench.peers.pairs import Unavailable

HERE = Path(__file__).parent
NODE_MAJOR_MIN = 20
INSTALL_S_MAX = 300.0
_STAMP = HERE / "node_modules" / ".installed-from"


@cache
def node() -> str:
    """Path of Node, with the packages in place. Raises `Unavailable`."""
    program = shutil.which("node")
    if program is None:
        raise Unavailable("Node is not installed")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    major = said.stdout.strip().removeprefix("v").partition(".")[0]
    if not major.isdigit() or int(major) < NODE_MAJOR_MIN:
        raise Unavailable(
            f"Node {NODE_MAJOR_MIN} or later is needed, {said.stdout.strip()} is here"
        )
    _install()
    return program


def _install() -> None:
    lock = (HERE / "package-lock.json").read_text()
    if _STAMP.exists() and _STAMP.read_text() == lock:
        return
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("npm is not installed")
    command = [npm, "ci", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(
            command,
            cwd=HERE,
            env=os.environ | {"NO_UPDATE_NOTIFIER": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_S_MAX,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"npm ci was not over in {INSTALL_S_MAX:.0f} s") from None
    if done.returncode:
        faults = [line for line in done.stderr.splitlines() if line.startswith("npm error")]
        raise Unavailable(f"npm ci failed: {'; '.join(faults[:3]) or done.stderr[:300]}")
    _STAMP.write_text(lock)
