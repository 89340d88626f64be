"""Arrays from a submission's layout to the internal one and back."""

import itertools

import numpy as np
import pytest

from verifier.documents.network import to_internal_layout
from verifier.problem.submission import Convention, examples_to_internal, to_submitted_layout

WEIGHT = np.arange(12.0).reshape(3, 4)  # (in, out)


@pytest.mark.parametrize(("weights", "submitted"), [("in_out", WEIGHT), ("out_in", WEIGHT.T)])
def test_weights_are_converted_to_either_layout(weights, submitted):
    convention = Convention(weights=weights)
    internal = to_internal_layout({"layers.0.weight": submitted}, convention)
    np.testing.assert_array_equal(internal["layers.0.weight"], WEIGHT)
    np.testing.assert_array_equal(to_submitted_layout("layers.0.weight", WEIGHT, convention), submitted)


@pytest.mark.parametrize("shape", [(4,), (1, 4), (4, 1)])
@pytest.mark.parametrize("weights", ["in_out", "out_in"])
def test_biases_keep_the_shape_that_they_came_in(shape, weights):
    convention = Convention(weights=weights, bias_shapes={"layers.0.bias": shape})
    internal = to_internal_layout({"layers.0.bias": np.arange(4.0).reshape(shape)}, convention)
    bias = to_submitted_layout("layers.0.bias", internal["layers.0.bias"], convention)
    assert bias.shape == shape
    assert bias.ravel().tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("examples", "submitted"), [("rows", WEIGHT), ("columns", WEIGHT.T)])
def test_examples_are_converted_to_either_axis(examples, submitted):
    np.testing.assert_array_equal(examples_to_internal(submitted, Convention(examples=examples)), WEIGHT)


@pytest.mark.parametrize("examples", ["rows", "columns"])
def test_class_indices_are_a_list_either_way(examples):
    labels = np.arange(5.0)
    np.testing.assert_array_equal(examples_to_internal(labels, Convention(examples=examples)), labels)


def test_there_and_back_is_the_identity_in_every_convention():
    for weights, examples in itertools.product(("in_out", "out_in"), ("rows", "columns")):
        convention = Convention(weights, examples)
        there = to_internal_layout({"layers.1.weight": WEIGHT}, convention)["layers.1.weight"]
        np.testing.assert_array_equal(to_submitted_layout("layers.1.weight", there, convention), WEIGHT)
