"""Whole imports: nothing dropped, everything fits a save, and a second import adds nothing."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from conflict import limits as record_limits
from conflict.clock import Stamp
from conflict.document import Entry, LaneWriter, admit
from conflict.fold import Folded, fold
from conflict.identity import ActorId, DocumentId, DocumentKind, NodeId, actor_id, document_kind
from conflict.slot import CATALOGUE
from conflict.statement import encode
from node.fhir import Batch, Imported, ImportReport, Progress, batch, import_paths
from node.fhir.exact import digest, exact_text, parse
from node.fhir.reading import Group
from tests.fhir.single import resource
from tests.fhir.synthea_bundle import Body, dumps, patient_bundle

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
BUNDLES = SHARED / "synthea-r4-bundles"
Held = dict[DocumentId, dict[ActorId, list[Entry]]]


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    for seed in range(4):
        text = dumps(patient_bundle(seed), 2 if seed % 2 else None).encode()
        name = f"patient{seed}.json" + (".gz" if seed == 3 else "")
        (tmp_path / name).write_bytes(gzip.compress(text) if seed == 3 else text)
    lines = [dumps(entry["resource"]) for entry in patient_bundle(9)["entry"]]
    (tmp_path / "bulk.ndjson").write_text("\n".join(lines))
    return tmp_path


def actor(number: int) -> ActorId:
    return actor_id(NodeId(bytes([number]) * 16), bytes(16))


def imported(path: Path) -> list[Batch]:
    return list(import_paths([path]))


def report_of(batches: Iterable[Batch]) -> ImportReport:
    total = ImportReport()
    for one in batches:
        total = total.plus(one.report)
    return total


def pieces(batches: Iterable[Batch]) -> Iterator[Imported]:
    for one in batches:
        yield from one.imported


def write(held: Held, batches: Iterable[Batch], number: int) -> None:
    """Write an import as one actor's lanes, a change for each piece."""
    writers: dict[DocumentId, LaneWriter] = {}
    for ms, piece in enumerate(pieces(batches), 1_700_000_000_000 + number):
        writer = writers.setdefault(piece.document, LaneWriter(actor(number)))
        written = writer.write([(draft, Stamp(ms, 0)) for draft in piece.drafts])
        admit_first(writer, written.raw)
        lanes = held.setdefault(piece.document, {})
        lanes.setdefault(actor(number), []).extend(written.entries)


def admit_first(writer: LaneWriter, raw: bytes) -> None:
    if writer.length == 1:
        admit(writer.actor, [raw])


def shown(held: Held) -> dict[DocumentId, tuple[object, ...]]:
    """What a person reads of each document, without who stored it when."""
    return {document: _shown(fold(document, lanes)) for document, lanes in sorted(held.items())}


def _shown(folded: Folded) -> tuple[object, ...]:
    readings = sorted(
        f"{name} {one.value} {one.state} {one.statements[0].by} {one.statements[0].at}"
        for name, view in folded.views.items()
        for one in view.readings
    )
    findings = sorted(one.text for one in folded.findings)
    return readings, findings, folded.unknown, folded.unreadable


def bodies(folder: Path) -> list[Body]:
    found: list[Body] = []
    for path in sorted(folder.iterdir()):
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
        if path.suffix == ".ndjson":
            found.extend(parse(line) for line in text.splitlines())
        else:
            found.extend(entry["resource"] for entry in parse(text)["entry"])
    return found


def test_every_resource_is_represented_and_none_refused(folder: Path) -> None:
    batches = imported(folder)
    total = report_of(batches)
    hashes = {draft.source.content_hash for one in pieces(batches) for draft in one.drafts}
    expected = [digest(exact_text(body)) for body in bodies(folder)]
    assert set(expected) <= hashes
    assert total.refusals == ()
    assert total.total.read == len(expected) == total.total.mapped + total.total.verbatim


def test_each_mapped_type_maps_and_the_rest_is_verbatim(folder: Path) -> None:
    types = report_of(imported(folder)).types
    for name in ("Patient", "AllergyIntolerance", "Condition", "Encounter", "Procedure",
                 "Immunization", "MedicationRequest", "MedicationAdministration"):  # fmt: skip
        assert types[name].mapped == types[name].read > 0, name
    assert types["Observation"].mapped * 12 == types["Observation"].read * 10
    for name in ("Claim", "ExplanationOfBenefit", "Organization", "DiagnosticReport"):
        assert types[name].verbatim == types[name].read > 0, name


def test_what_is_fully_mapped_has_no_word_that_its_statements_lack(folder: Path) -> None:
    """Leaves of a resource that is not kept are in its statements, or administration."""
    batches = imported(folder)
    drafts = [draft for one in pieces(batches) for draft in one.drafts]
    kept = {one.source.content_hash for one in drafts if one.slot == "source"}
    said: dict[str, str] = {}
    for one in drafts:
        text = f"{one.value} {one.at} {one.by} "
        said[one.source.content_hash] = said.get(one.source.content_hash, "") + text
    checked = 0
    for body in bodies(folder):
        name = digest(exact_text(body))
        if name not in kept:
            checked += 1
            missing = [leaf for leaf in leaves(body) if leaf not in said[name]]
            assert missing == []
    assert checked > 50


_CARRIED_BY_PLACE = {"resourceType", "id", "meta", "subject", "patient", "encounter", "context",
                     "category", "issued", "clinicalStatus", "verificationStatus", "type",
                     "requester", "criticality"}  # fmt: skip
_IMPLIED_SYSTEMS = ("unitsofmeasure.org", "v3-ActCode")
_CARRIED_BY_SLOT = {"final", "order", "completed"}


def leaves(body: Body) -> Iterator[str]:
    for name, value in body.items():
        is_sign = body.get("resourceType") == "Observation"
        if name in _CARRIED_BY_PLACE or (is_sign and name in {"code", "component"}):
            continue
        yield from (one for one in scalars(value, is_sign) if one not in _CARRIED_BY_SLOT)


def scalars(value: object, is_sign: bool) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            unit = is_sign and name in {"unit", "code", "system"}
            implied = name == "system" and str(inner).endswith(_IMPLIED_SYSTEMS)
            if not unit and not implied and name != "reference":  # who it is, is named
                yield from scalars(inner, is_sign)
    elif isinstance(value, list):
        for inner in value:
            yield from scalars(inner, is_sign)
    else:
        text = getattr(value, "text", str(value))
        yield text.removesuffix(".0") if is_sign else text


def test_every_draft_fits_its_slot_and_every_piece_one_save(folder: Path) -> None:
    for piece in pieces(imported(folder)):
        kind = document_kind(piece.document)
        for draft in piece.drafts:
            CATALOGUE[draft.slot].check(draft)
            assert kind in CATALOGUE[draft.slot].kinds
        size = sum(len(encode(one, Stamp(10**14, 9)).encode()) + 100 for one in piece.drafts)
        assert size <= record_limits.CHANGE_BYTES_MAX * 3 // 4


def test_a_long_history_is_split_into_saves_and_each_can_be_written() -> None:
    many = [
        {
            "resourceType": "Basic",
            "id": f"b{n}",
            "subject": {"reference": "Patient/p"},
            "n": "x" * n,
        }
        for n in range(1_500)
    ]
    done = batch(Group(tuple(resource(one) for one in many), ()))
    assert len({one.document for one in done.imported}) == 1
    assert len(done.imported) > 10
    assert sum(len(one.drafts) for one in done.imported) == 1_500
    write({}, [done], 1)


def test_large_originals_are_blobs_beside_the_drafts_that_name_them(folder: Path) -> None:
    batches = imported(folder)
    named = [
        draft.value["blob"]["hash"]
        for one in pieces(batches)
        for draft in one.drafts
        if draft.slot == "source" and "blob" in draft.value
    ]
    given = [digest(blob.decode()) for one in pieces(batches) for blob in one.blobs]
    assert named == given
    assert report_of(batches).blobs == len(given) > 0


def test_importing_twice_adds_nothing_to_the_chart(folder: Path) -> None:
    held: Held = {}
    write(held, imported(folder), 1)
    once = shown(held)
    write(held, imported(folder), 1 + 1)
    assert shown(held) == once
    assert any(readings for readings, *_ in once.values())


def test_two_nodes_that_import_one_folder_show_one_chart(folder: Path) -> None:
    first: Held = {}
    second: Held = {}
    write(first, imported(folder), 1)
    write(second, list(reversed(imported(folder))), 2)
    assert first.keys() == second.keys()
    both = {document: {**first[document], **second[document]} for document in first}
    assert shown(both) == shown(first)


def test_a_clean_import_raises_no_finding(folder: Path) -> None:
    held: Held = {}
    write(held, imported(folder), 1)
    found = [one for document, lanes in held.items() for one in fold(document, lanes).findings]
    assert found == []


def test_bundle_and_ndjson_of_one_patient_are_one_record() -> None:
    body = patient_bundle(1)
    whole = [resource(one["resource"], one["fullUrl"]) for one in body["entry"]]
    bare = [resource(one["resource"]) for one in body["entry"]]
    first = batch(Group(tuple(whole), ()))
    second = batch(Group(tuple(bare), ()))
    assert first.imported == second.imported


def test_another_version_of_a_record_is_a_finding_and_no_second_link() -> None:
    held: Held = {}
    body = patient_bundle(2)
    patients = [one for one in body["entry"] if one["resource"]["resourceType"] == "Patient"]
    write(held, [batch(Group(tuple(resource(one["resource"]) for one in body["entry"]), ()))], 1)
    patients[0]["resource"]["gender"] = "other"
    write(held, [batch(Group(tuple(resource(one["resource"]) for one in body["entry"]), ()))], 2)
    person = next(one for one in held if document_kind(one) is DocumentKind.PERSON)
    slots = {one.slot for one in fold(person, held[person]).findings}
    assert {"sex", "source"} <= slots
    assert "link" not in slots


def test_progress_reaches_its_end(folder: Path) -> None:
    seen: list[Progress] = []
    list(import_paths([folder], on_progress=seen.append))
    assert [one.bytes_done for one in seen] == sorted(one.bytes_done for one in seen)
    assert seen[-1].bytes_done == seen[-1].bytes_total > 0
    assert seen[-1].files_done == seen[-1].files_total == 5


def test_ids_that_are_unique_at_their_source_only_are_counted(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"resourceType":"Patient","id":"1","gender":"male"}')
    assert report_of(imported(tmp_path)).weak_ids == 1
    named = report_of(import_paths([tmp_path], system="urn:hospital"))
    assert named.weak_ids == 0


@pytest.mark.skipif(not BUNDLES.is_dir(), reason="../shared/data/synthea-r4-bundles is not here")
def test_the_shared_bundles_import_with_none_refused() -> None:
    batches = imported(BUNDLES)
    total = report_of(batches)
    assert total.files >= 20
    assert total.refusals == ()
    assert total.types["Patient"].mapped >= 20


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not here")
def test_nothing_under_the_shared_data_raises() -> None:
    total = report_of(imported(SHARED)).total
    assert total.read == total.mapped + total.verbatim + total.refused
