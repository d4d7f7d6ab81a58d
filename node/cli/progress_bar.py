"""A bar on stderr, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(word: str) -> Iterator[Callable[..., None]]:
    """Gives a function that moves it: to a share, 0 to 1, and another word if there is one."""
    if not sys.stderr.isatty():
        yield lambda _share, _word="": None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(word, total=1.0)
        yield lambda share, told="": bar.update(task, completed=share, description=told or word)
