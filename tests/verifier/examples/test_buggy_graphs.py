"""Every graph example has a twin with a planted mistake: the same by hand, and named where it is."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from reference_impl.array import Array
from tests.pairwise import each
from verifier import verify
from verifier.examples.graphs import BUGGY_EXAMPLES, GRAPH_EXAMPLES
from verifier.examples.layers import EXAMPLES, example_document
from verifier.examples.named import list_examples, load_example

Arrays = Mapping[str, Array]


def elman(inputs: Arrays, parameters: Arrays, gradients: Arrays) -> dict[str, Array]:
    h = inputs["h0"]
    for step in range(1, 5):
        h = np.tanh(inputs[f"x{step}"] @ parameters["W"] + h @ parameters["U"] + parameters["b"])
    last = gradients["nodes.a5"]
    return {"W": inputs["x5"].T @ last, "U": h.T @ last, "b": last.sum(axis=0)}


def cbow(inputs: Arrays, parameters: Arrays, gradients: Arrays) -> dict[str, Array]:
    summed = np.zeros_like(parameters["E"])
    for row, vectors in zip(inputs["context"].astype(int), gradients["nodes.vectors"], strict=True):
        for word, gradient in zip(row, vectors, strict=True):
            summed[word] = gradient
    return {"E": summed}


def cs231n(inputs: Arrays, parameters: Arrays, gradients: Arrays) -> dict[str, Array]:
    slope = np.exp(-1.0) / (1 + np.exp(-1.0)) ** 2  # of the logistic function, at 1
    submitted = {f"w{place}": slope * parameters[f"w{place}"] for place in (0, 1)}
    return submitted | {f"inputs.x{place}": slope * inputs[f"x{place}"] for place in (0, 1)}


# what each mistake gives, written out; the right gradients of nodes behind it are given
BY_HAND: dict[str, Callable[[Arrays, Arrays, Arrays], dict[str, Array]]] = {
    "power-of-four": lambda inputs, parameters, gradients: {"x": np.asarray(4 * 7.0**3)},
    "two-path-diamond": lambda inputs, parameters, gradients: {
        "x": np.exp(parameters["x"]) * (1 - np.tanh(parameters["x"]) ** 2)
    },
    "olah": lambda inputs, parameters, gradients: {"b": np.asarray(2.0 * 3.0)},
    "cs231n-circuit": cs231n,
    "residual-block": lambda inputs, parameters, gradients: {
        "inputs.x": gradients["nodes.a1"] @ parameters["W1"].T
    },
    "tied-autoencoder": lambda inputs, parameters, gradients: {"W": inputs["x"].T @ gradients["nodes.a"]},
    "elman-5-steps": elman,
    "cbow": cbow,
}
NAMED = {
    "power-of-four": {"x": "missing-activation-derivative"},
    "two-path-diamond": {"x": "missing-path"},
    "olah": {"b": "paths-multiplied"},
    "cs231n-circuit": dict.fromkeys(("w0", "w1", "inputs.x0", "inputs.x1"), "multiply-operands-exchanged"),
    "residual-block": {"inputs.x": "missing-path"},
    "tied-autoencoder": {"W": "missing-path"},
    "elman-5-steps": dict.fromkeys(("W", "U", "b"), "assigned-not-accumulated"),
    "cbow": {"E": "repeated-rows-assigned"},
}


def arrays(document: Mapping[str, Any]) -> dict[str, Array]:
    return {name: np.asarray(array, float) for name, array in document.items()}


def test_every_graph_example_has_a_twin() -> None:
    assert list(BUGGY_EXAMPLES) == list(GRAPH_EXAMPLES)


@each(BUGGY_EXAMPLES)
def test_a_planted_mistake_is_what_it_says_and_all_else_is_right(name: str) -> None:
    right, wrong = example_document(name), BUGGY_EXAMPLES[name].document()
    expected = arrays(right["gradients"])
    mistaken = BY_HAND[name](arrays(right["inputs"]), arrays(right["parameters"]), expected)
    for key, gradient in arrays(wrong["gradients"]).items():
        np.testing.assert_allclose(gradient, mistaken.get(key, expected[key]), rtol=1e-12, atol=1e-15)
        assert (key in mistaken) != np.allclose(gradient, expected[key], rtol=1e-3), key
    same = ("network", "parameters", "inputs")
    assert {field: wrong[field] for field in same} == {field: right[field] for field in same}


@each(BUGGY_EXAMPLES)
def test_a_planted_mistake_is_named_where_it_was_made(name: str) -> None:
    report = verify(BUGGY_EXAMPLES[name].document())
    assert {row.node: row.bug for row in report.diagnosis} == NAMED[name]
    assert report.graph is not None
    assert set(report.graph.first_wrong) == set(NAMED[name])
    assert all(row.residual is not None and row.residual < 1e-12 for row in report.diagnosis)


def test_every_door_offers_the_twins_beside_the_examples() -> None:
    names = list(list_examples())
    assert [name for name in names if name.startswith("planted/")] == [
        f"planted/{name}" for name in GRAPH_EXAMPLES
    ]
    assert set(EXAMPLES) < set(names)
    document = load_example("planted/olah")
    assert (document["name"], document["gradients"]["b"]) == ("planted/olah", 6.0)
    with pytest.raises(KeyError):
        load_example("planted/nothing")


def test_a_row_that_is_looked_up_twice_is_told_from_a_path_that_is_missing() -> None:
    (row,) = verify(BUGGY_EXAMPLES["cbow"].document()).diagnosis
    assert "looks up a row of E more than once" in row.explanation
    assert row.also_consistent == ()
