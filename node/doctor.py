"""The doctor: is this machine fit to run this node, and is what the node keeps whole?

One check an idea, each with a verdict, the cause in words and the cure. Nothing is changed, and a
running node is not disturbed: its store is read beside it. The same checks run wherever a person
or a script asks.
"""

from __future__ import annotations

import shutil
import socket
import stat
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from node.errors import EXIT_DEGRADED, EXIT_INTEGRITY, EXIT_OK, Locked
from node.faults import translate
from node.home import Home, read_key, read_running
from node.unlocking import NOTHING, Opened, Secrets, key_files, unlock

if TYPE_CHECKING:
    from node.config import Listen, Settings
    from node.home import Running
    from node.vault import DataKey
    from storage import SqlStore

OK, WARN, FAIL = "ok", "warn", "fail"
INTEGRITY = "integrity"
FREE_BYTES_LOW = 1 << 30
FREE_BYTES_MIN = 100 << 20
CLOCK_BEHIND_S_MAX = 300
_MDNS_GROUP, _MDNS_PORT = "224.0.0.251", 5353
_BUILT = datetime(2026, 1, 1, tzinfo=UTC)


class Check(NamedTuple):
    """One verdict: ok, warn or fail. `cure` is what to do, empty when nothing."""

    name: str
    verdict: str
    cause: str
    cure: str = ""


@dataclass(slots=True)
class _Patient:
    """What the checks so far have opened."""

    home: Home
    given: Secrets = NOTHING
    opened: Opened | None = None
    locked: bool = False
    settings: Settings | None = None
    store: SqlStore | None = None
    running: Running | None = None


def exit_code(checks: Iterable[Check]) -> int:
    """6 when what is kept is damaged, 3 on any other failure; warnings alone are 0."""
    failed = {one.name for one in checks if one.verdict == FAIL}
    if INTEGRITY in failed:
        return EXIT_INTEGRITY
    return EXIT_DEGRADED if failed else EXIT_OK


def examine(home: Home, given: Secrets = NOTHING) -> Iterator[Check]:
    """Every check, in the order in which a person would mend things."""
    patient = _Patient(home, given)
    try:
        for name, check in _CHECKS:
            yield from _checked(name, check, patient)
    finally:
        if patient.store:
            patient.store.close()


def _checked(
    name: str, check: Callable[[_Patient], Iterator[Check]], patient: _Patient
) -> Iterator[Check]:
    """A check that cannot even be made has failed, with the cause that every edge would tell."""
    try:
        yield from check(patient)
    except Exception as error:  # noqa: BLE001  the edge: translated into a verdict
        fault = translate(error)
        damaged = fault.exit_code == EXIT_INTEGRITY
        yield Check(INTEGRITY if damaged else name, FAIL, fault.message, fault.next_step)


# --- the machine ----------------------------------------------------------------------------------


def _python(_patient: _Patient) -> Iterator[Check]:
    found = ".".join(map(str, sys.version_info[:3]))
    fits = (3, 11) <= sys.version_info[:2] <= (3, 12)
    cure = "" if fits else "install Aidstation with Python 3.11 or 3.12"
    yield Check("python", OK if fits else FAIL, found, cure)


def _disk(patient: _Patient) -> Iterator[Check]:
    place = next(one for one in (patient.home.root, *patient.home.root.parents) if one.exists())
    free = shutil.disk_usage(place).free
    verdict = FAIL if free < FREE_BYTES_MIN else WARN if free < FREE_BYTES_LOW else OK
    cure = "" if verdict == OK else f"free space on the disk that holds {place}"
    yield Check("disk", verdict, f"{free >> 20} MiB free", cure)


def _multicast(patient: _Patient) -> Iterator[Check]:
    from sync.link_profile import LinkKind

    if patient.settings is None:
        return
    if patient.settings.sync.profile.kind is LinkKind.SILENT:
        yield Check("multicast", OK, "off: this node is silent by configuration")
        return
    if not patient.settings.discovery.mdns:
        yield Check("multicast", OK, "off by configuration; only configured peers are dialled")
        return
    from discovery.interfaces import present

    chosen = patient.settings.discovery.interfaces or None
    addresses = [address for one in present(chosen) for address in one.ipv4]
    cause, cure = _join_all(addresses)
    verdict = WARN if cure else OK
    yield Check("multicast", verdict, cause, cure)


def _join_all(addresses: list[str]) -> tuple[str, str]:
    """Cause and cure, after hearing multicast on each address for a moment."""
    advice = "peers with an address in [[peers]] work without; else check network and firewall"
    if not addresses:
        return "no network interface that is configured is up", advice
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            ear.bind(("", _MDNS_PORT))
            for address in addresses:
                group = socket.inet_aton(_MDNS_GROUP) + socket.inet_aton(address)
                ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        except OSError as fault:
            return f"the system refuses multicast: {fault.strerror}", advice
    return f"works on {len(addresses)} addresses", ""


def _workers(_patient: _Patient) -> Iterator[Check]:
    from conflict.identity import DocumentKind, new_document
    from node.workers import ProcessWorkers
    from storage.shapes import DocumentWork

    workers = ProcessWorkers()
    try:
        began = time.monotonic()
        opened = workers.open([DocumentWork(new_document(DocumentKind.PERSON, bytes(15)), (), {})])
        took_ms = (time.monotonic() - began) * 1000
    finally:
        workers.close()
    if opened[0].row is None:
        cure = "check memory limits (ulimit -v) and whether this user may start processes"
        yield Check("workers", FAIL, "a document worker does not answer", cure)
    else:
        yield Check("workers", OK, f"a document worker answers in {took_ms:.0f} ms")


# --- the node -------------------------------------------------------------------------------------


def _at_rest(patient: _Patient) -> Iterator[Check]:
    if not patient.home.key.exists():
        return
    try:
        patient.opened = opened = unlock(patient.home, patient.given)
    except Locked:
        patient.locked = True
        cause = "encrypted, and not opened: key, store and content were not looked at"
        yield Check("at rest", WARN, cause, "run `aidstation doctor` where it can ask")
        return
    if opened is None:
        cause = "not encrypted: whoever has this disk has every record on it"
        cure = "stop the node and run `aidstation vault encrypt`"
        yield Check("at rest", WARN, cause, cure)
        return
    kinds = ", ".join(dict.fromkeys(slot.kind for slot in opened.vault.slots))
    yield Check("at rest", OK, f"encrypted; opens by {kinds}")
    near = [path for path in key_files(patient.home, opened.vault) if _is_beside(path, patient)]
    if near:
        cause = f"{near[0].name} lies beside what it opens: it protects a stolen store.db alone"
        yield Check("key beside", WARN, cause, "keep it elsewhere: `aidstation vault key-file`")


def _is_beside(path: Path, patient: _Patient) -> bool:
    return path.exists() and path.is_relative_to(patient.home.root)


def _data(patient: _Patient) -> DataKey | None:
    return patient.opened.data if patient.opened else None


def _key(patient: _Patient) -> Iterator[Check]:
    if patient.locked:
        return
    key, path = read_key(patient.home, _data(patient)), patient.home.key
    yield Check("key", OK, f"node {key.node.hex()}")
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield Check("key file", FAIL, f"others may read {path}", f"chmod 600 {path}")
    else:
        yield Check("key file", OK, "only its owner may read it")


def _configuration(patient: _Patient) -> Iterator[Check]:
    from node.config import load

    patient.settings = load(patient.home).settings
    yield Check("configuration", OK, f"{patient.settings.node.role} {patient.settings.node.name}")


def _peers(patient: _Patient) -> Iterator[Check]:
    if patient.settings is None:
        return
    peers = patient.settings.peers
    alone = "found by mDNS alone" if patient.settings.discovery.mdns else "nobody is called"
    found = ", ".join(peer.name for peer in peers) or f"none configured: {alone}"
    yield Check("peers", OK, found)


def _running(patient: _Patient) -> Iterator[Check]:
    patient.running = read_running(patient.home)
    running = patient.running
    yield Check("process", OK, f"runs as process {running.pid}" if running else "not running")


def _ports(patient: _Patient) -> Iterator[Check]:
    if patient.settings is None:
        return
    places = {"sync": patient.settings.sync.address, "api": patient.settings.api.address}
    for name, listen in places.items():
        if patient.running:
            where = patient.running.sync if name == "sync" else patient.running.api
            yield Check(f"{name} port", OK, f"ours, {where}")
        else:
            yield _free(name, listen)


def _free(name: str, listen: Listen) -> Check:
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        try:
            trial.bind((listen.host, listen.port))
        except OSError as fault:
            cause = f"{listen} cannot be used: {fault.strerror or 'no such address'}"
            cure = f"stop the other program, or set [{name}] listen to another address or port"
            return Check(f"{name} port", FAIL, cause, cure)
    return Check(f"{name} port", OK, f"{listen} is free")


# --- what it keeps --------------------------------------------------------------------------------


def _store(patient: _Patient) -> Iterator[Check]:
    """Opened for reading beside whoever owns it; a store that is not there is not created."""
    if patient.settings is None or patient.locked:
        return
    from node.vault import STORE
    from storage import SqlStore
    from storage.database import connect, embedded_path, make_durable, reading
    from storage.schema import SCHEMA_VERSION, refuse_newer

    url = patient.settings.store.url or patient.home.store
    if isinstance(url, Path) and not url.exists():
        yield Check("store", OK, "not there yet; the first start makes it")
        return
    data = _data(patient)
    engine = connect(url, data.derive(STORE) if data and embedded_path(url) else None)
    with reading(engine) as connection:
        version = refuse_newer(connection)
    if version < SCHEMA_VERSION:
        engine.dispose()
        cause = f"schema {version}, this software needs {SCHEMA_VERSION}"
        yield Check("store", WARN, cause, "start the node: it brings the schema up to date")
        return
    make_durable(engine)
    patient.store = SqlStore(engine)
    yield Check("store", OK, f"opens, schema {version}")
    yield Check("durability", OK, "what is acknowledged survives a power cut")


def _clock(patient: _Patient) -> Iterator[Check]:
    from conflict.clock import parse_stamp
    from node.authoring import CLOCK_SETTING

    present = datetime.now(UTC)
    last = patient.store.setting(CLOCK_SETTING) if patient.store else None
    behind_s = parse_stamp(last.decode()).ms / 1000 - present.timestamp() if last else 0.0
    said = present.strftime("%Y-%m-%d %H:%M:%SZ")
    cure = "set the clock (timedatectl); saving and exchange go on meanwhile"
    if present < _BUILT:
        yield Check("clock", FAIL, f"{said} is before this software was made", cure)
    elif behind_s > CLOCK_BEHIND_S_MAX:
        cause = f"{said} is {behind_s / 60:.0f} min before the last statement recorded here"
        yield Check("clock", FAIL, cause, cure)
    else:
        yield Check("clock", OK, said)


def _theatre(patient: _Patient) -> Iterator[Check]:
    from node.belonging import Belonging
    from node.standing_words import verdicts

    if patient.store is None:
        return
    here = Belonging(patient.store, read_key(patient.home, _data(patient))).described()
    wall_ms = int(datetime.now(UTC).timestamp() * 1000)
    role = patient.settings.node.role if patient.settings else ""
    yield from (Check(*one) for one in verdicts(here, wall_ms, role))


def _integrity(patient: _Patient) -> Iterator[Check]:
    if patient.store is None:
        return
    problems = patient.store.check()
    if not problems:
        yield Check(INTEGRITY, OK, "every record matches its hashes, every cache the record")
    for one in problems:
        yield Check(INTEGRITY, FAIL, f"{one.code}: {one.subject}", one.advice)


def _content(patient: _Patient) -> Iterator[Check]:
    if patient.store is None:
        return
    counts = patient.store.counts()
    yield Check("content", OK, f"{counts.documents} documents, {counts.statements} statements")
    waiting = counts.waiting and not patient.running
    cure = "start the node: it opens them" if waiting else ""
    yield Check("waiting", WARN if waiting else OK, f"{counts.waiting} documents to open", cure)
    aside = counts.set_aside + counts.refused
    cure = "aidstation set-aside list; everything else goes on" if aside else ""
    cause = f"{counts.set_aside} items set aside, {counts.refused} lanes refused"
    yield Check("set aside", WARN if aside else OK, cause, cure)


def _people(patient: _Patient) -> Iterator[Check]:
    """Whether anybody has to sign in: remembered, so the same as a running node would say."""
    if patient.store is None:
        return
    from node.roster import FOUNDED

    if patient.store.setting(FOUNDED) is None:
        cause = "no accounts: who owns this home may do everything"
        yield Check("people", OK, cause, "`aidstation account add NAME --role admin` begins")
    else:
        yield Check("people", OK, "accounts: without signing in nobody reads charts")


def _twins(patient: _Patient) -> Iterator[Check]:
    """Copies and rollbacks of this device and of others, as far as there are signs."""
    if patient.store is None:
        return
    from node.belonging import Belonging
    from node.lineage import began
    from node.twins import signs

    cause = began(patient.store)
    yield Check("store epoch", WARN if cause else OK, cause or "this store was not restored", "")
    found = list(
        signs(patient.store, Belonging(patient.store, read_key(patient.home, _data(patient))).names)
    )
    cure = "keep one copy; have the other one enrolled as a device of its own"
    for one in found:
        yield Check("device", FAIL, one, cure)
    if not found:
        yield Check("device", OK, "no device is known to exist twice")


_CHECKS: tuple[tuple[str, Callable[[_Patient], Iterator[Check]]], ...] = (
    ("python", _python),
    ("disk", _disk),
    ("at rest", _at_rest),
    ("key", _key),
    ("configuration", _configuration),
    ("peers", _peers),
    ("process", _running),
    ("ports", _ports),
    ("multicast", _multicast),
    ("workers", _workers),
    ("store", _store),
    ("clock", _clock),
    ("enrolment", _theatre),
    (INTEGRITY, _integrity),
    ("content", _content),
    ("people", _people),
    ("device", _twins),
)
