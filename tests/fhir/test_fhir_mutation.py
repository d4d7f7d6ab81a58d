"""Resources with wrong types everywhere: nothing raises, nothing is lost, the rest goes on."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from conflict.slot import CATALOGUE
from conflict.statement import encode
from node.fhir import batch
from node.fhir.mapping import LONGEST_STAMP
from node.fhir.reading import Group
from tests.fhir.single import resource
from tests.fhir.synthea_bundle import Body, dumps, patient_bundle

RESOURCES = [
    json.loads(dumps(entry["resource"]))
    for seed in (4, 5)
    for entry in patient_bundle(seed)["entry"][:30]
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.sampled_from(["\ud800", "x" * 500, "entered-in-error", "2015-13-45", "Patient/", "#", "?"])
)
JUNK = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["coding", "code", "value", "reference", "text", "system", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path and path != ("resourceType",) else []
    if isinstance(value, dict):
        for name, inner in value.items():
            found += places(inner, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            found += places(inner, (*path, number))
    return found


@st.composite
def mutated(draw: st.DrawFn) -> Body:
    body = json.loads(json.dumps(draw(st.sampled_from(RESOURCES))))
    for _ in range(draw(st.integers(1, 4))):
        options = places(body)
        if not options:
            break
        *path, last = draw(st.sampled_from(options))
        holder = body
        for step in path:
            holder = holder[step]
        holder[last] = draw(JUNK)
    return body


@settings(max_examples=400, deadline=None)
@given(st.lists(mutated(), min_size=1, max_size=3))
def test_a_mutated_resource_is_mapped_or_kept_and_stops_nothing(bodies: list[Body]) -> None:
    resources = tuple(resource(one) for one in [*bodies, RESOURCES[0]])
    done = batch(Group(resources, ()))
    total = done.report.total
    assert total.read == len(resources) == total.mapped + total.verbatim
    drafts = [draft for one in done.imported for draft in one.drafts]
    assert {one.digest for one in resources} <= {one.source.content_hash for one in drafts}
    for draft in drafts:
        CATALOGUE[draft.slot].check(draft)
        encode(draft, LONGEST_STAMP)
    assert done == batch(Group(resources, ()))
