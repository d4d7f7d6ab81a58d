"""Looking after a node: `doctor`, `db rebuild`, `db check`, `version`."""

from __future__ import annotations

import platform
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from node.cli.asking import secrets_of
from node.cli.opening import AsJson, desk_of, home_of, settings_of
from node.cli.output import say, say_json, tell
from node.errors import EXIT_INTEGRITY

if TYPE_CHECKING:
    from storage import SqlStore
    from storage.shapes import Problem

_TOLD_EVERY = 1_000


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(doctor)
    app.command()(version)
    group = typer.Typer(help="The store itself; the node must not be running.")
    group.command("check")(check)
    group.command("rebuild")(rebuild)
    app.add_typer(group, name="db")


def doctor(context: typer.Context, as_json: AsJson = False) -> None:
    """Check this machine and node: a line each, with cause and cure. Exits 3 on a failure, 6 on damage."""
    from node.doctor import examine, exit_code

    checks = []
    for one in examine(home_of(context), secrets_of(context)):
        checks.append(one)
        if not as_json:
            say(f"{one.verdict:4}  {one.name}: {one.cause}")
            if one.cure:
                say(f"      → {one.cure}")
    code = exit_code(checks)
    if as_json:
        say_json({"exit_code": code, "checks": [one._asdict() for one in checks]})
    else:
        verdicts = [one.verdict for one in checks]
        counts = (f"{verdicts.count(word)} {word}" for word in ("ok", "warn", "fail"))
        say(", ".join(counts))
    raise typer.Exit(code)


def version(context: typer.Context, as_json: AsJson = False) -> None:  # noqa: ARG001  as all commands
    """Versions of what is installed, and the schema and API it speaks."""
    from node.desk import API_VERSION
    from node.version import VERSION
    from storage.schema import SCHEMA_OLDEST, SCHEMA_VERSION

    found = {
        "aidstation": VERSION,
        "python": platform.python_version(),
        "platform": sys.platform,
        "api": API_VERSION,
        "schema": SCHEMA_VERSION,
        "schema_oldest": SCHEMA_OLDEST,
    }
    if as_json:
        say_json(found)
        return
    for name, value in found.items():
        say(f"{name.replace('_', ' ')} {value}")


@contextmanager
def _store(context: typer.Context) -> Iterator[SqlStore]:
    from node.app import data_key, open_store
    from node.home import hold_lock

    home, settings = home_of(context), settings_of(context)
    with hold_lock(home):
        store = open_store(home, settings, data_key(home, settings, secrets_of(context)))
        try:
            yield store
        finally:
            store.close()


def check(context: typer.Context, as_json: AsJson = False) -> None:
    """Compare every record with its hashes and every cache with the record. Exits 6 on damage."""
    with _store(context) as store:
        problems = store.check()
    _say_problems(problems, "The store is whole.", as_json=as_json)


def rebuild(context: typer.Context, as_json: AsJson = False) -> None:
    """Recreate every cache from the signed changes. Exits 6 if changes themselves are damaged."""

    def on_progress(done: int) -> None:
        if done % _TOLD_EVERY == 0 and sys.stderr.isatty():
            tell(f"{done} documents")

    with _store(context) as store:
        outcome = store.rebuild(on_progress)
        if outcome.problems:
            _begin_epoch(store)
    _fold_all(context)
    if not as_json:
        say(f"Rebuilt {outcome.documents} documents from {outcome.lanes} lanes.")
    _say_problems(outcome.problems, "Nothing was damaged.", as_json=as_json)


def _begin_epoch(store: SqlStore) -> None:
    """Something is gone that others may have a receipt for: nobody goes on relying on those."""
    from node.app import now_ms
    from sync.custody import new_epoch

    store.renew_epoch(new_epoch(now_ms(), secrets.token_bytes(16), store.epoch()))


def _fold_all(context: typer.Context) -> None:
    """A desk opens once everything that the rebuild left waiting is folded."""
    with desk_of(context) as desk:
        waiting = int(desk.status()["waiting"])
    if waiting:
        tell(f"{waiting} documents still wait: see `aidstation doctor`.")


def _say_problems(problems: Sequence[Problem], none: str, *, as_json: bool) -> None:
    if as_json:
        say_json({"problems": [one._asdict() for one in problems]})
    else:
        for one in problems:
            say(f"{one.code}: {one.subject}\n  → {one.advice}")
        if not problems:
            say(none)
    if problems:
        raise typer.Exit(EXIT_INTEGRITY)
