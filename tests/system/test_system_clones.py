"""Copied homes and restored stores as real processes: everything both wrote is kept, and it is said."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from node.demo.founding import Member, found
from node.home import find_home, read_key
from tests.cli.cli_lab import aidstation, data_key, made, running

TRIES = 20


def introduce(home: Path, other: Path, name: str, address: str) -> None:
    node = read_key(find_home(other), data_key(other)).node.hex()
    with (home / "config.toml").open("a") as file:
        file.write(f'\n[[peers]]\nname = "{name}"\nnode = "{node}"\naddress = "{address}"\n')


def enrolled(**homes: Path) -> None:
    found(Member(name, find_home(home)) for name, home in homes.items())


def as_garrison(home: Path, url: str = "") -> Path:
    config = home / "config.toml"
    text = config.read_text()
    assert 'role = "field"' in text or "[node]" in text
    text = text.replace('role = "field"', 'role = "garrison"')
    if 'role = "garrison"' not in text:
        text = text.replace("[node]\n", '[node]\nrole = "garrison"\n')
    if url:
        text += f'\n[store]\nurl = "{url}"\n'
    config.write_text(text)
    return home


def address_of(home: Path) -> str:
    address: str = json.loads((home / "running.json").read_text())["sync"]
    return address


def record(home: Path, *words: str) -> str:
    answer = aidstation(home, "record", "note", *words, "--by", "Ruiz", "--json")
    assert answer.code == 0, answer.err
    document: str = answer.result["document"]
    return document


def status(home: Path) -> Any:
    return aidstation(home, "status", "--json").result


def sync(home: Path, peer: str) -> None:
    """Until equality is proved: the links of two copies displace one another."""
    for _ in range(TRIES):
        answer = aidstation(home, "sync", peer, "--timeout", "15", "--json")
        if answer.code == 0:
            return
    raise AssertionError(answer.out + answer.err)


def opened(home: Path) -> None:
    """Until nothing that came is still sealed: equality is of what is held, a chart shows what is open."""
    for _ in range(1000):
        if not status(home)["waiting"]:
            return
    raise AssertionError(status(home))


def stopped(home: Path) -> str:
    return "\n".join(one for one in status(home)["state"] if one.startswith("Stopped"))


def test_two_live_copies_of_one_home_lose_nothing_and_are_reported(tmp_path: Path) -> None:
    garrison = as_garrison(made(tmp_path / "g", "garrison"))
    one = made(tmp_path / "one", "one")
    enrolled(garrison=garrison, one=one)
    with running(garrison):
        introduce(one, garrison, "garrison", address_of(garrison))
        first = record(one, "--new", "episode", "text=before the copy")
        with running(one):
            sync(one, "garrison")
        other = tmp_path / "other"
        shutil.copytree(one, other)
        with running(one), running(other):
            for round_ in range(2):
                record(one, first, f"text=from the one {round_}")
                record(other, first, f"text=from the other {round_}")
                sync(one, "garrison")
                sync(other, "garrison")
                sync(one, "garrison")
        opened(garrison)
        shown = aidstation(garrison, "show", first).out
        for round_ in range(2):
            assert f"from the one {round_}" in shown
            assert f"from the other {round_}" in shown
        assert "one exists twice" in stopped(garrison)
        assert aidstation(garrison, "status").code == 3
        assert "came from peers" in stopped(one)
    checks = aidstation(other, "doctor", "--json").result["checks"]
    [epoch] = [check for check in checks if check["name"] == "store epoch"]
    assert "copied here" in epoch["cause"]
    [digest] = {status(home)["digest"] for home in (one, other, garrison)}
    assert digest


@contextmanager
def party(tmp_path: Path, garrison: Path) -> Iterator[tuple[Path, Path]]:
    """A garrison that runs, and a field node that is to run."""
    field = made(tmp_path / "field", "field")
    enrolled(garrison=garrison, field=field)
    introduce(field, garrison, "garrison", "127.0.0.1:1")
    yield garrison, field


def at(field: Path, garrison: Path) -> None:
    """The garrison listens somewhere else after each start."""
    config = field / "config.toml"
    lines = config.read_text().splitlines()
    lines = [
        f'address = "{address_of(garrison)}"' if line.startswith('address = "127') else line
        for line in lines
    ]
    config.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_garrison_restored_from_an_old_file_without_a_word_is_refilled(
    tmp_path: Path, elsewhere: bool
) -> None:
    garrison = as_garrison(made(tmp_path / "g", "garrison"))
    with party(tmp_path, garrison) as (_, field):
        first = record(field, "--new", "episode", "text=before the backup")
        with running(garrison):
            at(field, garrison)
            with running(field):
                sync(field, "garrison")
        shutil.copy(garrison / "store.db", tmp_path / "backup.db")
        with running(garrison):
            at(field, garrison)
            second = record(field, "--new", "episode", "text=after the backup")
            with running(field):
                sync(field, "garrison")
                before = status(garrison)
        target = tmp_path / "new" if elsewhere else garrison
        if elsewhere:  # another machine: key and configuration, and the backup of the store
            target.mkdir()
            for name in ("node.key", "config.toml", "vault.json"):
                shutil.copy(garrison / name, target / name)
        for name in ("store.db", "store.db-wal", "store.db-shm"):
            (target / name).unlink(missing_ok=True)
        shutil.copy(tmp_path / "backup.db", target / "store.db")
        with running(target):
            assert status(target)["documents"] == 1
            assert status(target)["epoch"] > before["epoch"]
            at(field, target)
            with running(field):
                sync(field, "garrison")
                after = status(target)
                assert (after["documents"], after["digest"]) == (2, before["digest"])
                opened(target)
                shown = (
                    aidstation(target, "show", second).out + aidstation(target, "show", first).out
                )
    assert "after the backup" in shown


def test_a_field_node_restored_from_an_old_copy_gets_its_own_records_back(tmp_path: Path) -> None:
    garrison = as_garrison(made(tmp_path / "g", "garrison"))
    with party(tmp_path, garrison) as (_, field), running(garrison):
        at(field, garrison)
        document = record(field, "--new", "episode", "text=before the copy")
        shutil.copy(field / "store.db", tmp_path / "backup.db")
        record(field, document, "text=after the copy")
        with running(field):
            sync(field, "garrison")
        for name in ("store.db", "store.db-wal", "store.db-shm"):
            (field / name).unlink(missing_ok=True)
        shutil.copy(tmp_path / "backup.db", field / "store.db")
        record(field, document, "text=after the restore")
        with running(field):
            sync(field, "garrison")
            opened(field)
        shown = aidstation(field, "show", document).out
        assert all(f"{when} the copy" in shown for when in ("before", "after"))
        assert "after the restore" in shown
        assert stopped(field) == ""
        epochs = [
            check["cause"]
            for check in aidstation(field, "doctor", "--json").result["checks"]
            if check["name"] == "store epoch"
        ]
        assert "copied here" in epochs[0] or "restored" in epochs[0]


def test_a_garrison_on_postgresql_restored_without_a_word_is_refilled(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue("postgres")
    url = server.create()
    garrison = as_garrison(made(tmp_path / "g", "garrison"), url)
    with party(tmp_path, garrison) as (_, field):
        record(field, "--new", "episode", "text=before the backup")
        with running(garrison):
            at(field, garrison)
            with running(field):
                sync(field, "garrison")
        backup = server.create(make_url(url).database)
        with running(garrison):
            at(field, garrison)
            record(field, "--new", "episode", "text=after the backup")
            with running(field):
                sync(field, "garrison")
                before = status(garrison)
        config = garrison / "config.toml"
        config.write_text(config.read_text().replace(url, backup))
        with running(garrison):
            at(field, garrison)
            assert status(garrison)["documents"] == 1
            assert status(garrison)["epoch"] > before["epoch"]
            with running(field):
                sync(field, "garrison")
                assert status(garrison)["digest"] == before["digest"]
