"""A statement is one canonical JSON string: whoever wrote it, one text for one meaning, within limits."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conflict import limits
from conflict.clock import Stamp
from conflict.errors import BadStatement
from conflict.identity import StatementId
from conflict.statement import Draft, Json, Source, canonical, check_text, decode, encode
from tests.conflict.conflict_values import any_json, plain_text

REC = Stamp(1_795_401_431_123, 4)
ID = StatementId("00" * 16 + ".1")
drafts = st.builds(
    Draft,
    slot=st.just("note"),
    value=any_json,
    by=plain_text,
    at=st.none() | plain_text,
    precision=st.none() | plain_text,
    supersedes=st.lists(plain_text.map(StatementId), max_size=4).map(tuple),
    void=st.none() | plain_text,
    source=st.none() | st.builds(Source, plain_text, plain_text, plain_text),
)


def nested(levels: int) -> Json:
    """A value whose deepest place is `levels` below it."""
    return [] if not levels else [nested(levels - 1)]


@given(drafts)
@settings(deadline=None)
def test_what_is_written_reads_back_as_it_was_meant(draft: Draft) -> None:
    text = encode(draft, REC)
    read = decode("note", ID, text)
    assert (read.id, read.slot, read.value, read.rec) == (ID, "note", draft.value, REC)
    assert read.by == draft.by
    assert (read.at or None, read.void or None) == (draft.at or None, draft.void or None)
    assert read.precision == (draft.precision or None)
    assert read.supersedes == tuple(sorted(set(draft.supersedes)))
    assert read.source == draft.source
    assert not read.extra


@given(drafts)
@settings(deadline=None)
def test_one_meaning_has_one_text(draft: Draft) -> None:
    text = encode(draft, REC)
    body = orjson.loads(text)
    shuffled = dict(reversed(body.items()))
    assert canonical(shuffled) == text
    assert canonical(check_text(text)) == text


@given(any_json, st.sampled_from((" ", "\n", "\t")))
@settings(deadline=None)
def test_a_text_that_is_not_the_canonical_one_is_refused(value: Json, space: str) -> None:
    text = canonical({"rec": "1.0", "value": value})
    for other in (space + text, text + space, text.replace(":", ": ", 1)):
        with pytest.raises(BadStatement, match="canonical"):
            check_text(other)


@pytest.mark.parametrize(
    "text",
    [
        '{"value":1,"rec":"1.0"}',
        '{"rec":"1.0","rec":"1.0","value":1}',
        '{"rec":"1.0","value":"\\u0041"}',
        '{"rec":"1.0","value":-0}',
        '{"rec":"1.0","value":"\\/"}',
    ],
)
def test_unsorted_repeated_or_escaped_text_is_refused(text: str) -> None:
    with pytest.raises(BadStatement, match="canonical"):
        check_text(text)


@pytest.mark.parametrize("number", ["36.6", "1e5", "-0.0", "1.0", "18446744073709551616"])
def test_floating_point_is_refused_wherever_it_stands(number: str) -> None:
    for value in (number, f"[{number}]", f'{{"a":[{number}]}}'):
        with pytest.raises(BadStatement, match="floating point"):
            check_text(f'{{"rec":"1.0","value":{value}}}')


def test_an_author_cannot_write_floating_point() -> None:
    with pytest.raises(BadStatement, match="write decimals as strings"):
        encode(Draft(slot="vitals", value={"temperature": 36.6}), REC)


def test_a_decimal_keeps_its_digits() -> None:
    text = encode(Draft(slot="vitals", value={"temperature": "36.60"}), REC)
    assert decode("vitals", ID, text).value == {"temperature": "36.60"}


@pytest.mark.parametrize("text", ["", "{", "nil", '{"rec":"1.0",}', '{"value":"\\ud800"}', "NaN"])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(BadStatement, match="not JSON"):
        check_text(text)


@pytest.mark.parametrize("text", ["[]", "1", "null", '"a"', "true"])
def test_a_statement_is_an_object(text: str) -> None:
    with pytest.raises(BadStatement, match="object"):
        check_text(text)


def test_depth_eight_is_the_last_one_taken() -> None:
    deepest = nested(limits.STATEMENT_DEPTH_MAX - 2)  # under the statement and its value
    assert decode("note", ID, encode(Draft(slot="note", value=deepest), REC)).value == deepest
    with pytest.raises(BadStatement, match="deeper"):
        encode(Draft(slot="note", value=[deepest]), REC)
    with pytest.raises(BadStatement, match="deeper"):
        check_text(canonical({"rec": "1.0", "value": [deepest]}))


def test_a_thousand_levels_are_refused_not_a_crash() -> None:
    with pytest.raises(BadStatement):
        check_text('{"rec":"1.0","value":' + "[" * 5_000 + "]" * 5_000 + "}")
    with pytest.raises(BadStatement):
        encode(Draft(slot="note", value=nested(900)), REC)


def test_sixteen_kibibytes_are_the_most_in_bytes_not_letters() -> None:
    frame = len(encode(Draft(slot="note", value=""), REC))
    room = limits.STATEMENT_BYTES_MAX - frame
    assert len(encode(Draft(slot="note", value="x" * room), REC)) == limits.STATEMENT_BYTES_MAX
    for value in ("x" * (room + 1), "é" * (room // 2 + 1)):
        with pytest.raises(BadStatement, match="16384 bytes"):
            encode(Draft(slot="note", value=value), REC)


@given(st.dictionaries(plain_text.map(lambda name: "new " + name), any_json, max_size=3))
@settings(deadline=None)
def test_fields_of_newer_software_are_kept(extra: dict[str, Json]) -> None:
    text = canonical({"rec": "1.0", "value": 1, **extra})
    assert decode("note", ID, text).extra == extra


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rec", None),
        ("rec", 1),
        ("rec", "now"),
        ("at", 5),
        ("at", None),
        ("by", ["a"]),
        ("precision", {}),
        ("void", True),
        ("supersedes", 5),
        ("supersedes", None),
        ("supersedes", [1]),
        ("supersedes", "abc"),
        ("supersedes", {"a": 1}),
        ("supersedes", ["a"] * (limits.SUPERSEDES_MAX + 1)),
        ("source", []),
        ("source", "abc"),
        ("source", {"a": 1, "b": 2, "c": 3}),
        ("source", ["a", "b"]),
        ("source", 3),
    ],
)
def test_a_known_field_of_the_wrong_type_makes_the_statement_unreadable(
    name: str, value: Json
) -> None:
    body = {"rec": "1.0", "value": 1, name: value}
    with pytest.raises(BadStatement):
        decode("note", ID, canonical(check_text(canonical(body))))


@given(
    st.dictionaries(st.sampled_from(("rec", "at", "by", "supersedes", "source", "void")), any_json)
)
@settings(deadline=None)
def test_no_body_whatever_raises_anything_but_bad_statement(body: dict[str, Json]) -> None:
    for some in (body, {"rec": "1.0", **body}):
        try:
            decode("note", ID, canonical(some))
        except BadStatement:
            continue


@pytest.mark.parametrize(
    "draft",
    [
        Draft(slot="note", supersedes=tuple(StatementId(f"a.{n}") for n in range(257))),
        Draft(slot="", value=1),
        Draft(slot="a/b", value=1),
        Draft(slot="x" * 65, value=1),
        Draft(slot="é" * 33, value=1),
        Draft(slot="note", value={1, 2}),
        Draft(slot="note", value=1 << 64),
        Draft(slot="note", value="\ud800"),
        Draft(slot="note", by=5),  # type: ignore[arg-type]
    ],
    ids=lambda draft: f"{draft.slot[:9]!r} {str(draft.value)[:9]!r}",
)
def test_nobody_can_write_what_others_could_not_read(draft: Draft) -> None:
    with pytest.raises(BadStatement):
        encode(draft, REC)
