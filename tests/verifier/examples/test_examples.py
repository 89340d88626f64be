"""Every example is a submission that can be judged as it stands, in every format."""

import json

import numpy as np
import pytest

from tests.pairwise import each
from tests.verifier.native import loss_and_gradients
from verifier import verify
from verifier.documents.files import parse_bytes, write_document
from verifier.examples.layers import EXAMPLES, LAYER_EXAMPLES, example_document


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_correct_but_for_the_one_that_says_otherwise(name):
    report = verify(example_document(name))
    assert report.verdict == ("incorrect" if name == "wrong-layer" else "correct")
    assert all(row.uninformative < row.correct + row.incorrect for row in report.parameters.values())


@pytest.mark.parametrize("name", [name for name in LAYER_EXAMPLES if name not in ("pytorch", "wrong-layer")])
def test_an_examples_gradients_are_pytorchs(name):
    document = example_document(name)
    for parameter, gradient in loss_and_gradients(document)[1].items():
        assert document["gradients"][parameter] == pytest.approx(gradient, rel=1e-12, abs=1e-15)


def test_the_wrong_example_is_wrong_in_the_last_weight_alone():
    report = verify(example_document("wrong-layer"))
    wrong = [name for name, row in report.parameters.items() if row.verdict != "correct"]
    assert wrong == ["layers.1.weight"]


@each(EXAMPLES)
def test_an_example_survives_every_format(name):
    document = example_document(name)
    plain = verify(document, oracles=("backpropagation",)).to_dict()
    for format_name in ("json", "npz", "safetensors"):
        again = parse_bytes(write_document(document, format_name))
        other = verify(again, oracles=("backpropagation",)).to_dict()
        assert plain | {"seconds": 0} == other | {"seconds": 0}, format_name


@each(EXAMPLES)
def test_an_example_is_short_decimals_and_the_same_every_time(name):
    document = example_document(name)
    assert json.dumps(document, allow_nan=False) == json.dumps(example_document(name), allow_nan=False)
    for array in document["parameters"].values():
        assert (np.asarray(array) == np.round(array, 2)).all()


def test_an_unknown_example_is_a_key_error():
    with pytest.raises(KeyError):
        example_document("nonsense")
