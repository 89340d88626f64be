"""Graphs that are layers are diagnosed by the search for layers, in the graph's own names."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from reference_impl.network import forward, named
from tests.pairwise import check_rows
from tests.verifier.builders import small_document
from tests.verifier.graph_builders import problem_of
from verifier import verify
from verifier.diagnosis.graph_layers import layers_of
from verifier.diagnosis.mutants import Mutant, mutants
from verifier.documents.importers.torch_tensor import from_torch_tensor
from verifier.documents.lowering import graph_document
from verifier.documents.reading import read_submission
from verifier.examples.graphs import correct_gradients

L2 = {"l2": {"strength": 0.1}}
NETWORKS: dict[str, dict[str, Any]] = {
    "a hidden layer": {},
    "squared error": {
        "loss": {"name": "mse", "outputs": "mean"},
        "targets": [[0.5, -1.0], [1.0, 0.0], [0.0, 2.0], [-0.5, 0.25], [1.5, 1.0]],
    },
    "a penalty": {"loss": {"name": "cross_entropy", "on": "logits", **L2}},
    "a mask": {
        "masks": {"layers.0": [[2.0, 0.0, 2.0, 2.0], [2.0, 2.0, 0.0, 0.0]] * 2 + [[0.0, 2.0, 2.0, 0.0]]}
    },
}


def bugs(document: Mapping[str, Any], gradients: Mapping[str, Any]) -> list[tuple[str, int | None]]:
    report = verify({**document, "gradients": gradients}, oracles=["backpropagation"])
    return [(row.bug, row.layer) for row in report.diagnosis]


def mutants_of(document: Mapping[str, Any]) -> list[Mutant]:
    problem = read_submission(document).problem
    return list(mutants(problem, forward(problem.network, problem.parameters, problem.batch)))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("every", [36, pytest.param(1, marks=pytest.mark.nightly)])
def test_a_bug_has_the_name_and_layer_that_it_has_in_layers(name: str, every: int) -> None:
    document = small_document(**NETWORKS[name])
    graph = graph_document(read_submission(document))

    def check(mutant: Mutant) -> None:
        gradients = dict(named(mutant.gradients))
        assert bugs(graph, gradients) == bugs(document, gradients), mutant.bug.id

    check_rows(check, mutants_of(document)[::every])


def torch_like(nodes: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Return tanh(x W1ᵀ + b1) W2ᵀ + b2 under squared error: weights are (out, in), as in PyTorch."""
    rng = np.random.default_rng(4)
    arrays = {"x": rng.normal(size=(5, 3)), "y": rng.normal(size=(5, 2))}
    default = [
        {"name": "t1", "op": "transpose", "args": ["W1"]},
        {"name": "p1", "op": "matmul", "args": ["x", "t1"]},
        {"name": "a1", "op": "add", "args": ["b1", "p1"]},
        {"name": "h", "op": "tanh", "args": ["a1"]},
        {"name": "t2", "op": "transpose", "args": ["W2"]},
        {"name": "p2", "op": "matmul", "args": ["h", "t2"]},
        {"name": "f", "op": "add", "args": ["p2", "b2"]},
        {"name": "loss", "op": "mse", "args": ["f", "y"]},
    ]
    shapes = {"W1": (4, 3), "b1": (1, 4), "W2": (2, 4), "b2": (2,)}
    return {
        "network": {"inputs": ["x", "y"], "nodes": nodes or default, "output": "loss"},
        "inputs": arrays,
        "parameters": {name: rng.normal(size=shape) for name, shape in shapes.items()},
    }


def test_transposed_weights_and_biases_as_rows_keep_their_names() -> None:
    document = torch_like()
    gradients = {name: np.asarray(array) for name, array in correct_gradients(document).items()}
    gradients = {name: gradients[name] for name in document["parameters"]}
    assert verify({**document, "gradients": gradients}).verdict == "correct"
    x, w2, b1, w1 = (document["inputs"]["x"], *(document["parameters"][name] for name in ("W2", "b1", "W1")))
    f = np.tanh(x @ w1.T + b1) @ w2.T + document["parameters"]["b2"]
    upstream = (f - document["inputs"]["y"]) / 5 @ w2  # without the derivative of tanh
    wrong = gradients | {"W1": upstream.T @ x, "b1": upstream.sum(axis=0, keepdims=True)}
    report = verify({**document, "gradients": wrong})
    (row,) = report.diagnosis
    assert (row.bug, row.layer, row.parameters) == ("missing-activation-derivative", 0, ("W1", "b1"))
    assert row.explanation.endswith("Layer 0 has the parameters W1 and b1.")
    assert "layers." not in str(report)


def nodes_without(*names: str) -> list[dict[str, Any]]:
    return [node for node in torch_like()["network"]["nodes"] if node["name"] not in names]


NOT_LAYERS = {
    "a residual connection": [
        *nodes_without("p2", "f", "loss"),
        {"name": "s", "op": "add", "args": ["h", "a1"]},
        {"name": "p2", "op": "matmul", "args": ["s", "t2"]},
        {"name": "f", "op": "add", "args": ["p2", "b2"]},
        {"name": "loss", "op": "mse", "args": ["f", "y"]},
    ],
    "two functions in a row": [
        *nodes_without("p2", "f", "loss"),
        {"name": "s", "op": "sigmoid", "args": ["h"]},
        {"name": "p2", "op": "matmul", "args": ["s", "t2"]},
        {"name": "f", "op": "add", "args": ["p2", "b2"]},
        {"name": "loss", "op": "mse", "args": ["f", "y"]},
    ],
    "a loss beside": [
        *nodes_without("loss"),
        {"name": "first", "op": "mse", "args": ["f", "y"]},
        {"name": "size", "op": "sum", "args": ["f"]},
        {"name": "loss", "op": "add", "args": ["first", "size"]},
    ],
    "a penalty on one weight": [
        *nodes_without("loss"),
        {"name": "first", "op": "mse", "args": ["f", "y"]},
        {"name": "squares", "op": "power", "args": ["W1"], "exponent": 2},
        {"name": "size", "op": "sum", "args": ["squares"]},
        {"name": "penalty", "op": "multiply", "args": ["size", 0.1]},
        {"name": "loss", "op": "add", "args": ["first", "penalty"]},
    ],
}


@pytest.mark.parametrize("name", NOT_LAYERS)
def test_a_graph_that_is_more_than_layers_is_not_taken_for_them(name: str) -> None:
    assert layers_of(problem_of(torch_like())) is not None
    document = torch_like(NOT_LAYERS[name])
    assert layers_of(problem_of(document)) is None
    gradients = {key: correct_gradients(document)[key] for key in document["parameters"]}
    halved = {key: 0.5 * np.asarray(array) for key, array in gradients.items()}
    assert bugs(document, halved) == [("factor-two", None)]


def test_all_parts_of_layers_are_read_back_from_their_graph() -> None:
    def check(name: str) -> None:
        problem = read_submission(small_document(**NETWORKS[name])).problem
        graph = problem_of(graph_document(read_submission(small_document(**NETWORKS[name]))))
        layers = layers_of(graph)
        assert layers is not None
        for (one, first), (other, second) in zip(
            named(problem.parameters), named(layers.problem.parameters), strict=True
        ):
            assert layers.names[one] == other == one
            np.testing.assert_array_equal(first, second)
        assert layers.problem.batch.masks.keys() == problem.batch.masks.keys()
        coefficients = [
            {penalty.coefficient(problem.batch.size) for penalty in risk.penalties}
            for risk in (problem.risk, layers.problem.risk)
        ]
        assert coefficients[0] == coefficients[1]

    check_rows(check, NETWORKS)


def test_a_live_graph_of_pytorchs_layers_is_diagnosed_as_layers() -> None:
    import torch

    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)).double()
    inputs = torch.randn(6, 3, dtype=torch.float64)
    loss = torch.nn.functional.cross_entropy(network(inputs), torch.tensor([0, 1, 1, 0, 1, 0]))
    loss.backward(retain_graph=True)
    document = from_torch_tensor(loss, module=network)
    assert verify(document).verdict == "correct"
    gradients = {name: np.array(array) for name, array in document["gradients"].items()}
    gradients["2.bias"] *= 0
    assert bugs(document, gradients) == [("bias-zero", 1)]
