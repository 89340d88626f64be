"""Nodes that are alike are computed together, and nothing else changes."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from benchmarks.large_graphs import chain, neurons
from reference_impl.array import Array
from tests.pairwise import each
from tests.verifier.graph_builders import problem_of
from verifier import verify
from verifier.documents.graph import read_graph
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import gradients_of, values_of
from verifier.engine.batching import node_batches
from verifier.engine.graph_rounding import rounding
from verifier.judging.consensus import combine_answers
from verifier.oracles import GRAPH_ORACLES, ask
from verifier.problem.graph import node_name
from verifier.problem.precision import PRECISIONS
from verifier.testing.random_graphs import seeded_graph

SIZES = [3, 4, 4, 2]
EXAMPLES = 5
SUMMED_OTHERWISE = 1e-13  # relative to the largest: the same sums in another order


def random_network(seed: int, activation: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """One network as a graph of single numbers, and as layers."""
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=shape) for shape in pairwise(SIZES)]
    biases = [rng.normal(size=size) for size in SIZES[1:]]
    inputs, targets = rng.normal(size=(EXAMPLES, 3)), rng.normal(size=(EXAMPLES, 2))
    layers = [{"in": a, "out": b, "activation": activation} for a, b in pairwise(SIZES)]
    layers[-1]["activation"] = "identity"
    parameters = {f"layers.{i}.weight": weight for i, weight in enumerate(weights)}
    parameters |= {f"layers.{i}.bias": bias for i, bias in enumerate(biases)}
    of_layers = {
        "network": {"layers": layers},
        "loss": {"name": "mse", "factor": 1.0},
        "parameters": parameters,
        "inputs": inputs,
        "targets": targets,
        "gradients": {name: np.zeros_like(array) for name, array in parameters.items()},
    }
    return neurons(weights, biases, inputs, targets, activation), of_layers


def expected_of_layers(document: dict[str, Any]) -> dict[str, float]:
    """Return the gradients of the layers by backpropagation, by the names of single weights."""
    report = verify(document, entries="all")
    gradients = {}
    for name, row in report.parameters.items():
        _, layer, kind = name.split(".")
        assert row.entries is not None
        for index, value in np.ndenumerate(row.entries.expected):
            gradients["_".join([f"{kind[0]}{layer}", *map(str, index)])] = float(value)
    return gradients


def requested_gradients(document: dict[str, Any]) -> dict[str, Array]:
    problem = problem_of(document)
    gradients = gradients_of(problem, values_of(problem, FLOATS), FLOATS)
    shapes = problem.shapes()
    return {key: gradients.get(node_name(key), np.zeros(shapes[node_name(key)])) for key in problem.requested}


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "softplus", "relu", "leaky_relu", "gelu"])
def test_a_network_of_single_numbers_has_the_gradients_of_its_layers(activation: str) -> None:
    graph, layers = random_network(1, activation)
    expected = expected_of_layers(layers)
    report = verify(graph | {"gradients": expected})
    assert report.verdict == "correct"
    assert all(row.to_rounding for row in report.parameters.values())
    gradients = requested_gradients(graph)
    largest = max(map(abs, expected.values()))
    assert all(
        abs(float(gradients[name]) - value) <= SUMMED_OTHERWISE * largest for name, value in expected.items()
    )


def test_all_oracles_agree_on_a_network_of_single_numbers() -> None:
    graph, _ = random_network(2, "tanh")
    problem = read_graph(graph).problem
    answers = ask(problem, rounding(problem, PRECISIONS["float64"]), list(GRAPH_ORACLES))
    consensus = combine_answers(answers, dict.fromkeys(problem.requested, ()))
    assert not consensus.disputes
    assert all(row.entries == len(problem.requested) for row in consensus.evidence)


def test_its_nodes_are_computed_a_layer_of_them_at_a_time() -> None:
    graph, _ = random_network(1, "tanh")
    problem = read_graph(graph).problem
    assert len(problem.nodes) > 300
    assert len(node_batches(problem).all) < 50
    known = {name for name, _ in problem.leaves()}
    for band in node_batches(problem).all:
        nodes = [node for node in problem.nodes if node.name in band.names]
        assert all(known.issuperset(node.operands) for node in nodes)
        known.update(band.names)
    assert known >= {node.name for node in problem.nodes}


def test_a_wrong_gradient_of_one_number_among_many_is_found_and_placed() -> None:
    graph, _ = random_network(3, "tanh")
    right = requested_gradients(graph)
    for key in ("w1_2_3", "b0_1", "nodes.v7", "nodes.v200"):
        submitted = right | {key: right[key] + 1e-6}
        report = verify(graph | {"gradients": submitted}, oracles=["backpropagation"])
        assert [name for name, row in report.parameters.items() if row.incorrect] == [key]


def test_of_many_alike_the_one_at_its_kink_alone_has_several_slopes() -> None:
    graph, layers = random_network(4, "relu")
    layers["parameters"]["layers.0.bias"][2] = 0.0
    layers["parameters"]["layers.0.weight"][:, 2] = [1.0, -1.0, 0.0]
    layers["inputs"][:, 1] = layers["inputs"][:, 0] + 1.0
    layers["inputs"][3, 1] = layers["inputs"][3, 0]  # this example's unit 2 is at 0
    parameters = layers["parameters"]
    graph = neurons(
        [parameters[f"layers.{i}.weight"] for i in range(3)],
        [parameters[f"layers.{i}.bias"] for i in range(3)],
        layers["inputs"],
        layers["targets"],
        "relu",
    )
    of_layers = verify(layers)
    assert of_layers.parameters["layers.0.bias"].subgradients == 1
    for slope in (0.0, 0.3, 1.0):  # handed in as PyTorch has it, and with other slopes
        problem = problem_of(graph)
        assert len(rounding(problem, PRECISIONS["float64"]).kinks) == 1
        values = values_of(problem, FLOATS)
        gradients = gradients_of(problem, values, FLOATS)
        (at_kink,) = rounding(problem, PRECISIONS["float64"]).kinks
        (operand,) = next(node.operands for node in problem.nodes if node.name == at_kink)
        subgradient = slope * float(gradients[at_kink])
        submitted = {name: float(gradients[name]) for name in problem.parameters} | {
            f"nodes.{operand}": subgradient
        }
        submitted["b0_2"] += subgradient
        report = verify(graph | {"gradients": submitted})
        for name in ("b0_2", f"nodes.{operand}"):
            assert report.parameters[name].verdict == "correct", (slope, name)
            assert report.parameters[name].subgradients == 1
        outside = verify(
            graph | {"gradients": submitted | {f"nodes.{operand}": 1.5 * float(gradients[at_kink])}}
        )
        assert outside.parameters[f"nodes.{operand}"].verdict == "incorrect"


@pytest.mark.parametrize("times", [2, 3, 4, 5, 40])
def test_what_many_alike_nodes_use_adds_up_over_all_uses(times: int) -> None:
    names = [f"t{i}" for i in range(times)]
    nodes = [
        {"name": name, "op": "multiply", "args": ["x", "x" if i % 2 else "y"]} for i, name in enumerate(names)
    ]
    nodes += [
        {"name": "row", "op": "concatenate", "args": ["a", "b"]},
        {"name": "R", "op": "sum", "args": ["row"]},
    ]
    halves = names[: times // 2], names[times // 2 :]
    for name, operands in zip(("a", "b"), halves, strict=True):
        nodes.append({"name": name, "op": "concatenate", "args": operands})
    document = {
        "network": {"inputs": ["y"], "nodes": nodes, "output": "R"},
        "inputs": {"y": [3.0, -1.0]},
        "parameters": {"x": [2.0, 0.5]},
        "gradients": {"x": [0.0, 0.0]},
    }
    of_y, of_x = (times + 1) // 2, times // 2
    expected = [3.0 * of_y + 4.0 * of_x, -1.0 * of_y + 1.0 * of_x]
    report = verify(document | {"gradients": {"x": expected}}, oracles=list(GRAPH_ORACLES))
    assert report.verdict == "correct"
    assert all(row.agrees for row in report.evidence)


@each(range(12))
def test_the_short_way_says_of_a_right_graph_what_the_long_way_says(seed: int) -> None:
    document = seeded_graph(seed, 16)
    document["gradients"] = requested_gradients(document)
    short, long = verify(document), verify(document, entries="all")
    assert short.verdict is long.verdict
    assert short.warnings == long.warnings
    for name, long_row in long.parameters.items():
        other = short.parameters[name]
        for field in (
            "shape",
            "verdict",
            "correct",
            "incorrect",
            "undecided",
            "uninformative",
            "to_rounding",
            "worst",
        ):
            assert getattr(long_row, field) == getattr(other, field), (name, field)


def test_a_long_chain_is_judged_too() -> None:
    document = chain(1200)  # longer than Python's stack
    report = verify(document | {"gradients": requested_gradients(document)})
    assert report.verdict == "correct"
