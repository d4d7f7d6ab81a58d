"""Many runs of one scenario, a seed each, on all processors; results come in the order of seeds."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from node.logs import configure
from node.sim.lab.run import Verdict, play
from node.sim.lab.scenario import load


class Outcome(NamedTuple):
    """What is kept of one run of many. `failed`: checkers that found something."""

    seed: int
    digest: str
    virtual_s: float
    nodes: int
    equal_s: float | None
    failed: tuple[Verdict, ...]

    @property
    def exit_code(self) -> int:
        """See `Result`."""
        return self.failed[0].code if self.failed else 0


def quiet() -> None:
    """What simulated nodes log is nobody's business; a run says what happened in its own words."""
    configure(level=logging.CRITICAL)


def outcomes(
    path: Path, seeds: range, workers: int = 0, done: Callable[[], None] = lambda: None
) -> Iterator[Outcome]:
    """One for each seed. `workers` 0: one for each processor."""
    count = min(workers or os.cpu_count() or 1, len(seeds))
    if count < 2:
        quiet()
        for seed in seeds:
            yield outcome(path, seed)
            done()
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(count, context, _begin) as pool:
        waiting = [pool.submit(outcome, path, seed) for seed in seeds]
        for one in waiting:
            one.add_done_callback(lambda _: done())
        try:
            yield from (one.result() for one in waiting)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and ends us
    quiet()


def outcome(path: Path, seed: int) -> Outcome:
    """One run, by itself."""
    scenario = load(path)
    result = play(scenario, seed, keeps_messages=False)
    return Outcome(
        seed,
        result.trace.digest,
        result.virtual_s,
        len(scenario.nodes),
        result.equal_s,
        tuple(result.failed),
    )
