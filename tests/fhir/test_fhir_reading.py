"""Files to resources: exact JSON, every container, and damage that costs only itself."""

from __future__ import annotations

import gzip
from pathlib import Path
from random import Random

import pytest

from node.fhir import ImportReport, import_paths, limits
from node.fhir.exact import exact_text, parse
from tests.fhir.synthea_bundle import bundle, dumps

OBSERVATION = {"resourceType": "Basic", "id": "b1", "subject": {"reference": "Patient/p1"}}
PATIENT = {"resourceType": "Patient", "id": "p1", "gender": "male"}


def imported(*paths: Path) -> ImportReport:
    total = ImportReport()
    for batch in import_paths(paths):
        total = total.plus(batch.report)
    return total


def codes(report: ImportReport) -> list[tuple[str, str]]:
    return [(one.position, one.code) for one in report.refusals]


def test_numbers_and_their_zeros_survive() -> None:
    text = '{"a":36.60,"b":[1.0,1,1e2,-0,12345678901234567890.10],"c":"é\\u0001"}'
    assert exact_text(parse(text)) == text


def test_order_and_white_space_do_not_change_the_text() -> None:
    assert exact_text(parse('{ "b": 1,\n "a": [ ] }')) == exact_text(parse('{"a":[],"b":1}'))


def test_a_lone_surrogate_is_kept_as_its_escape() -> None:
    assert exact_text(parse('{"a":"x\\ud800"}')) == '{"a":"x\\ud800"}'


@pytest.mark.parametrize("name", ["b.json", "b.json.gz", "b.ndjson", "b.ndjson.gz", "b.jsonl"])
def test_every_container_is_read(tmp_path: Path, name: str) -> None:
    lines = "\n".join(dumps(one) for one in (PATIENT, OBSERVATION)) + "\n\n"
    whole = name.startswith("b.json") and not name.endswith("l")
    text = dumps(bundle([PATIENT, OBSERVATION]), 2) if whole else lines
    raw = b"\xef\xbb\xbf" + text.encode()
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
    report = imported(tmp_path)
    assert (report.total.read, report.total.mapped, report.total.verbatim) == (2, 1, 1)
    assert not report.refusals


def test_a_single_resource_and_a_nested_bundle_are_read(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(dumps(PATIENT))
    inner = bundle([PATIENT | {"id": "p2"}]) | {"id": "inner"}
    (tmp_path / "two.json").write_text(dumps(bundle([inner, OBSERVATION])))
    assert imported(tmp_path).total.read == 3


def test_folders_are_read_in_order_and_other_files_are_counted(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "a.json").write_text(dumps(PATIENT))
    (tmp_path / "README.md").write_text("not FHIR")
    report = imported(tmp_path)
    assert (report.files, report.passed_over, report.total.read) == (1, 1, 1)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "bad-json"),
        (b"hello", "bad-json"),
        (b"<Patient xmlns='http://hl7.org/fhir'/>", "not-json"),
        (b'{"name": "package"}', "not-fhir"),
        (b"[1, 2]", "not-fhir"),
        (b'{"resourceType": "Pat', "bad-json"),
        (b"\xff\xfe\x00", "bad-json"),
        (b'{"resourceType": 5}', "not-fhir"),
        (b"[" * 100_000, "bad-json"),
        (b'{"resourceType":"Basic","a":1,"a":2}', "field-twice"),
        (b'{"resourceType":"Basic","a":NaN}', "not-a-number"),
        (b'{"resourceType":"Bundle","entry":[],"entry":[]}', "field-twice"),
        (b'{"resourceType":"Basic","a":' + b"[" * 150 + b"]" * 150 + b"}", "too-deep"),
    ],
)
def test_a_file_that_is_not_fhir_is_refused_with_its_reason(
    tmp_path: Path, content: bytes, code: str
) -> None:
    (tmp_path / "x.json").write_bytes(content)
    (tmp_path / "y.json").write_text(dumps(PATIENT))
    report = imported(tmp_path)
    assert codes(report) == [("", code)]
    assert report.total.mapped == 1


def test_one_bad_line_costs_one_line(tmp_path: Path) -> None:
    good = dumps(PATIENT).encode()
    rows = [good, b"{bad", good, b"\xff{}", b"{}", b"[" * 100_000, good]
    (tmp_path / "x.ndjson").write_bytes(b"\n".join(rows))
    report = imported(tmp_path)
    assert codes(report) == [
        ("line 2", "bad-json"),
        ("line 4", "not-utf8"),
        ("line 5", "not-fhir"),
        ("line 6", "too-deep"),
    ]
    assert report.total.mapped == 3
    assert report.total.read == 7


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b'{"resource": {"resourceType": "Basic", "a": 01}}', "bad-json"),
        (b'{"resource": {"resourceType": "Basic", "a": "\xff"}}', "not-utf8"),
        (b'{"resource": {"resourceType": "Basic", "a": ' + b"[" * 5000 + b"]" * 5000 + b"}}", "too-deep"),
        (b'{"resource": {"resourceType": "Basic", "a": 1, "a": 2}}', "field-twice"),
        (b'{"resource": {"resourceType": "Basic", "a": Infinity}}', "not-a-number"),
        (b'{"resource": 7}', "not-fhir"),
        (b'{"fullUrl": "urn:uuid:x"}', "empty-entry"),
        (b"null", "empty-entry"),
    ],
)  # fmt: skip
def test_one_bad_entry_costs_one_entry(tmp_path: Path, bad: bytes, code: str) -> None:
    good = b'{"resource": ' + dumps(PATIENT).encode() + b"}"
    text = (
        b'{"type":"batch","resourceType":"Bundle","entry":[' + b",".join([good, bad, good]) + b"]}"
    )
    (tmp_path / "x.json").write_bytes(text)
    report = imported(tmp_path)
    assert codes(report) == [("entry 2", code)]
    assert report.total.mapped == 2


def test_a_bundle_cut_in_the_middle_gives_what_came_before(tmp_path: Path) -> None:
    text = dumps(bundle([PATIENT, OBSERVATION, PATIENT | {"id": "p2"}]), 2)
    (tmp_path / "x.json").write_text(text[: text.rindex('"p2"') + 2])
    report = imported(tmp_path)
    assert codes(report) == [("entry 3", "bad-json")]
    assert report.total.mapped + report.total.verbatim == 2


@pytest.mark.parametrize("name", ["x.ndjson.gz", "x.json.gz"])
def test_a_truncated_gzip_gives_what_came_before(tmp_path: Path, name: str) -> None:
    noise = Random(1)
    many = [PATIENT | {"id": f"{noise.getrandbits(256):x}"} for _ in range(2_000)]
    lines = "\n".join(dumps(one) for one in many)
    text = lines if "ndjson" in name else dumps(bundle(many))
    packed = gzip.compress(text.encode())
    (tmp_path / name).write_bytes(packed[: len(packed) // 2])
    report = imported(tmp_path)
    assert codes(report)[-1] == ("", "bad-gzip")
    assert report.total.mapped > 100


def test_a_gzip_bomb_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json.gz").write_bytes(gzip.compress(b" " * 20_000_000))
    assert codes(imported(tmp_path)) == [("", "gzip-bomb")]


def test_what_is_over_a_limit_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RESOURCE_BYTES_MAX", 500)
    monkeypatch.setattr(limits, "JSON_BYTES_MAX", 2_000)
    large = OBSERVATION | {"note": "x" * 600}
    (tmp_path / "a.json").write_text(dumps(bundle([PATIENT, large])))
    (tmp_path / "b.ndjson").write_text("\n".join(dumps(one) for one in (PATIENT, large, PATIENT)))
    (tmp_path / "c.json").write_text(dumps(bundle([large, large, large, large])))
    assert codes(imported(tmp_path)) == [
        ("entry 2", "resource-too-large"),
        ("line 2", "resource-too-large"),
        ("", "file-too-large"),
    ]


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert codes(imported(tmp_path / "nowhere")) == [("", "unreadable")]


def test_no_refusal_repeats_what_a_resource_says(tmp_path: Path) -> None:
    (tmp_path / "x.ndjson").write_text('{"resourceType":"Basic","name":"Ruiz"\n{"name":"Ruiz"}')
    assert "Ruiz" not in str(imported(tmp_path).refusals)


def test_a_signed_envelope_is_kept(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(dumps(bundle([PATIENT], signature={"who": "x"})))
    assert imported(tmp_path).types["Bundle"].verbatim == 1
