"""Whatever stands in a document, it is a submission or malformed: never an exception of another kind."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.verifier.builders import small_document, with_value
from verifier import MalformedSubmission, Report, Submission, verify
from verifier.documents.files import parse_bytes
from verifier.documents.reading import read_any_submission, read_submission

BASE = small_document(
    masks={"layers.0": [[1.0] * 4] * 5},
    precision="float64",
    reported_loss=0.5,
    tolerance={"rtol": 1e-6, "atol": 0.0},
    name="fuzz",
)
BASE["loss"] = {
    "name": "cross_entropy",
    "factor": 1,
    "batch": "mean",
    "on": "logits",
    "l2": {"strength": 0.1, "factor": 0.5, "batch": "none", "biases": False},
    "l1": {"strength": 0.1},
}
BASE["network"]["layers"][0]["activation"] = {"name": "leaky_relu", "slope": 0.1}


def paths(value: Any, here: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here] + [path for key, item in inner for path in paths(item, (*here, key))]


WORDS = ["NaN", "Infinity", "-Infinity", "mse", "cross_entropy", "softmax", "sum", "mean", "in_out",
         "out_in", "rows", "columns", "float16", "probabilities", "layers.0", "layers.0.weight", "name",
         "preset", ""]  # fmt: skip
NUMBERS = st.one_of(
    st.integers(-3, 6),
    st.integers(),
    st.sampled_from([10**18, -(10**30), 10**400, 1e308, -1e308, 5e-324, 1e160, 1e-160, 0.0, -0.0]),
    st.floats(),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.sampled_from(WORDS), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(st.one_of(st.sampled_from(WORDS), st.text(max_size=8)), inner, max_size=4),
    ),
    max_leaves=12,
)
PATHS = sorted(paths(BASE), key=len)
NUMBERED = st.sampled_from([path for path in PATHS if path])


@given(st.sampled_from(PATHS), VALUES)
def test_any_value_at_any_place_makes_a_submission_or_a_malformed_one(path, value):
    try:
        outcome: Any = read_submission(with_value(BASE, path, value))
    except MalformedSubmission as error:
        outcome = error
    assert isinstance(outcome, Submission | MalformedSubmission)
    if isinstance(outcome, MalformedSubmission):
        assert outcome.errors
        assert all(mistake.detail.startswith("expected ") for mistake in outcome.errors)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("names",), {"x": [[14.0], {"a": 1}, None]}),
        (("names",), {"x": {"a": 1}}),
        (("loss", "ignore_index"), 10**400),
        (("loss", "class_weights"), {"0": 1}),
        (("inputs",), [1, [2]]),
        (("network", "layers", 0, "kind"), ["batch_norm"]),
    ],
)
def test_odd_values_of_further_fields_are_malformed(path, value):
    layers = [{"kind": "batch_norm"}, *BASE["network"]["layers"]]
    for document in (BASE, with_value(BASE, ("network", "layers"), layers)):
        with pytest.raises(MalformedSubmission):
            read_any_submission(with_value(document, path, value))


def give_plain_json_or_a_malformed_submission(path: Any, value: Any, diagnosis: bool) -> None:
    try:
        outcome: Any = verify(with_value(BASE, path, value), diagnosis=diagnosis)
        assert json.dumps(outcome.to_dict(), allow_nan=False)
        assert str(outcome)
    except MalformedSubmission as error:
        outcome = error
    assert isinstance(outcome, Report | MalformedSubmission)


@given(NUMBERED, NUMBERS)
def test_any_number_gives_a_report_in_plain_json_or_is_malformed(path, value):
    give_plain_json_or_a_malformed_submission(path, value, diagnosis=False)


@pytest.mark.nightly
@settings(max_examples=settings.default.max_examples // 5)  # each takes a second or two
@given(NUMBERED, NUMBERS)
def test_any_number_at_any_place_is_diagnosed(path, value):
    give_plain_json_or_a_malformed_submission(path, value, diagnosis=True)


@given(
    st.binary(max_size=64),
    st.sampled_from([b"", b"PK\x03\x04", b"{", b'{"inputs": ', b"\x02\0\0\0\0\0\0\0{}"]),
)
def test_any_bytes_are_a_document_or_malformed(content, start):
    try:
        outcome: Any = read_submission(parse_bytes(start + content))
    except MalformedSubmission as error:
        outcome = error
    assert isinstance(outcome, MalformedSubmission)
