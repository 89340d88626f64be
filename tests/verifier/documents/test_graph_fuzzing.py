"""Whatever stands in a graph's document, it is judged or malformed: never an exception of another kind."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.verifier.builders import with_value
from tests.verifier.documents.test_fuzzing import NUMBERS, VALUES, paths
from verifier import MalformedSubmission, Report, verify
from verifier.documents.reading import read_any_submission
from verifier.examples.layers import example_document
from verifier.problem.submission import GraphSubmission

BASE = example_document("cbow")
PATHS = sorted(paths(BASE), key=len)
IN_NETWORK = [path for path in PATHS if path[:1] == ("network",)]


@given(st.one_of(st.sampled_from(IN_NETWORK), st.sampled_from(PATHS)), VALUES)
def test_any_value_at_any_place_makes_a_graph_or_a_malformed_submission(path: Any, value: Any) -> None:
    try:
        outcome: Any = read_any_submission(with_value(BASE, path, value))
    except MalformedSubmission as error:
        outcome = error
    assert isinstance(outcome, GraphSubmission | MalformedSubmission)
    if isinstance(outcome, MalformedSubmission):
        assert outcome.errors
        assert all(mistake.detail.startswith("expected ") for mistake in outcome.errors)


@given(st.sampled_from([path for path in PATHS if path]), NUMBERS)
def test_any_number_at_any_place_is_judged_in_plain_json_or_malformed(path: Any, value: Any) -> None:
    try:
        outcome: Any = verify(with_value(BASE, path, value))
        assert json.dumps(outcome.to_dict(), allow_nan=False)
    except MalformedSubmission as error:
        outcome = error
    assert isinstance(outcome, Report | MalformedSubmission)
