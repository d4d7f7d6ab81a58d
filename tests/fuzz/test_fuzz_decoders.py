"""Every reader of foreign bytes, given honest bytes that were damaged: a value or a typed refusal.

Nothing else comes out, and bytes that have one reading are read as themselves. 200 mutants a reader
here, 20,000 nightly.
"""

from __future__ import annotations

import ast
import random
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.decoders import DECODERS, ELSEWHERE, OWN, Decoder
from tests.sync.mutator import BLIND

ROOT = Path(__file__).parents[2]
ROOMS = ("conflict", "sync", "storage", "discovery", "node")
_READS = re.compile(
    r"decode\w*|parse\w*|read|read_\w+|unpack\w*|unframe|unsqueeze|unseal|\w*from_bytes|opened|check|take"
    r"|root_public|public_key|json_of|frame_size|band_of"
)
_FOREIGN = re.compile(r"(bytes|str|Read|Json|Mapping\[bytes, bytes \| None\])( \| (None|str))?")
_NO_READERS = {
    "node.cli.handing_over.read_any": "a file's name",
    "node.cli.handing_over.read_source": "a file's name",
    "node.remote_desk.read": "a path of the API",
    "node.vault.unseal": "any byte of it changed fails authentication: test_node_vault.py",
    "storage.blobs.read": "a hash",
    "storage.settings.read": "a key",
    "sync.audit.readable": "`from_bytes`, with None for a refusal",
    "sync.trust.stream.opened": "sync.trust.sealing.opened is it with a header",
}

each = pytest.mark.parametrize("decoder", DECODERS, ids=lambda one: one.name)


@st.composite
def _mutants(draw: st.DrawFn, samples: list[bytes]) -> bytes:
    """An honest sample after up to four mutations, or spliced with another, or no sample at all."""
    how = draw(st.integers(0, 9))
    if how == 0:
        return draw(st.binary(max_size=300))
    data = draw(st.sampled_from(samples))
    if how == 1:
        other = draw(st.sampled_from(samples))
        return data[: draw(st.integers(0, len(data)))] + other[draw(st.integers(0, len(other))) :]
    dice = random.Random(draw(st.integers(0, 2**32)))
    for _ in range(draw(st.integers(1, 4))):
        data = BLIND[draw(st.sampled_from(sorted(BLIND)))](dice, data)
    return data


def _check(decoder: Decoder, raw: bytes) -> bool:
    """Whether it was read. Whatever else than its refusals comes out is an error of the test."""
    try:
        found = decoder.read(raw)
    except decoder.raises:
        return False
    if decoder.written:
        assert decoder.written(found) == raw
    return True


@each
def test_what_is_honest_is_read(decoder: Decoder) -> None:
    assert _check(decoder, decoder.samples()[0])


@each
def test_samples_whole_cut_and_empty_are_read_or_refused(decoder: Decoder) -> None:
    for sample in decoder.samples():
        for raw in (sample, sample[:-1], sample + b"\0", sample[: len(sample) // 2], b""):
            _check(decoder, raw)


def _fuzz(decoder: Decoder, count: int) -> None:
    samples = [one for one in decoder.samples() if len(one) < 20_000]

    @settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_mutants(samples))
    def run(raw: bytes) -> None:
        _check(decoder, raw)

    run()


@each
def test_any_bytes_are_read_or_refused_by_name(decoder: Decoder) -> None:
    _fuzz(decoder, 200)


@pytest.mark.nightly
@each
def test_any_bytes_at_length_are_read_or_refused_by_name(decoder: Decoder) -> None:
    _fuzz(decoder, 20_000)


def test_the_harness_notices_an_untyped_exception_and_a_second_reading() -> None:
    def careless(raw: bytes) -> bytes:
        return raw[:3] + bytes((raw[3],))

    with pytest.raises(IndexError):
        _fuzz(Decoder("careless", careless, (ValueError,), lambda: [b"four"]), 200)
    with pytest.raises(AssertionError):
        _fuzz(Decoder("lax", bytes.lower, (), lambda: [b"four"], lambda found: found), 200)


# --- the list is complete --------------------------------------------------------------------------


def _readers() -> set[str]:
    """Public functions that are called like readers and take bytes or text."""
    found = set()
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            if "versions" not in path.parts:
                found |= {f"{module}.{name}" for name in _read_in(ast.parse(path.read_text()))}
    return found


def _read_in(tree: ast.Module) -> set[str]:
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and _READS.fullmatch(node.name) and _foreign(node)
    }


def _foreign(node: ast.FunctionDef) -> bool:
    given = [one for one in node.args.args if one.arg not in {"self", "cls"}]
    kinds = [ast.unparse(one.annotation) for one in given[:2] if one.annotation]
    return any(_FOREIGN.fullmatch(kind) for kind in kinds)


def test_every_reader_is_fuzzed_here_or_elsewhere() -> None:
    fuzzed = {one.name for one in DECODERS}
    assert len(fuzzed) == len(DECODERS)
    listed = fuzzed | ELSEWHERE.keys() | OWN | _NO_READERS.keys()
    assert _readers() - listed == set()


def test_every_test_that_the_list_names_exists() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = [word for word in ELSEWHERE.values() if word.startswith("test_")]
    assert named
    assert [name for name in named if f"def {name}(" not in tests] == []
