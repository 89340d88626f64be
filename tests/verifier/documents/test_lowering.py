"""A network of layers and its graph: the same verdicts, entry by entry, and the same expected values."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from reference_impl.activations import ACTIVATIONS
from reference_impl.backpropagation import backpropagate
from reference_impl.losses import Penalty
from reference_impl.network import named
from reference_impl.problem import Problem
from tests.drawing import draw_problem
from tests.pairwise import check_rows, each
from verifier.documents.lowering import graph_document
from verifier.documents.writing import make_submission
from verifier.pipeline.layers import verify
from verifier.problem.precision import PRECISIONS

FEW = range(24)
MANY = range(24, 120)

LOSSES = (
    ("mse", "values", "identity"),
    ("mse", "values", "tanh"),
    ("cross_entropy", "logits", "identity"),
    ("cross_entropy", "probabilities", "softmax"),
    ("cross_entropy", "probabilities", "sigmoid"),
    ("binary_cross_entropy", "logits", "identity"),
    ("binary_cross_entropy", "probabilities", "sigmoid"),
)


def random_problem(seed: int) -> Problem:
    rng = np.random.default_rng(seed)
    loss, on, output = LOSSES[seed % len(LOSSES)]
    penalties = (
        Penalty("l2", 0.1, 0.5),
        Penalty("l1", 0.05, 1.0, batch="mean", biases=True),
    )
    return draw_problem(
        rng,
        activation_name=list(ACTIVATIONS)[seed % len(ACTIVATIONS)],
        output=output,
        loss=loss,
        on=on,
        batch=str(rng.choice(["mean", "sum"])),
        outputs="sum" if loss == "cross_entropy" else str(rng.choice(["mean", "sum"])),
        depth=int(rng.integers(1, 4)),
        penalties=penalties[: int(rng.integers(3))],
        bias=bool(rng.integers(2)),
        masked=seed % 5 == 0,
    )


def change_gradients(gradients: dict[str, Any], seed: int) -> dict[str, Any]:
    """Leave every third problem's gradients right; change one entry, or leave one parameter out."""
    if seed % 3 == 0:
        return gradients
    names = list(gradients)
    name = names[seed % len(names)]
    if seed % 3 == 1:
        return {key: gradient for key, gradient in gradients.items() if key != name}
    off = gradients[name].copy()
    off.flat[seed % off.size] += 0.01
    return {**gradients, name: off}


def check_graph_against_layers(precision: str, seed: int) -> None:
    problem = random_problem(seed)
    right = dict(named(backpropagate(problem)))
    if precision == "float32":
        right = {name: gradient.astype(np.float32).astype(float) for name, gradient in right.items()}
    submission = make_submission(problem, change_gradients(right, seed), precision=PRECISIONS[precision])
    of_layers = verify(submission, entries="all", diagnosis=False)
    of_graph = verify(graph_document(submission), entries="all", diagnosis=False)
    assert of_graph.verdict == of_layers.verdict, seed
    if np.isfinite(of_layers.loss.value):
        slack = of_graph.loss.uncertainty + of_layers.loss.uncertainty
        assert abs(of_graph.loss.value - of_layers.loss.value) <= slack, seed
    assert set(of_graph.parameters) == set(of_layers.parameters)
    for name, of_layer in of_layers.parameters.items():
        other = of_graph.parameters[name]
        assert (other.verdict, other.shape) == (of_layer.verdict, of_layer.shape), (seed, name)
        assert (other.correct, other.incorrect, other.undecided, other.subgradients) == (
            of_layer.correct, of_layer.incorrect, of_layer.undecided, of_layer.subgradients,
        ), (seed, name)  # fmt: skip
        finite = np.isfinite(of_layers.loss.value)
        if finite and of_layer.entries is not None and other.entries is not None:
            size = np.abs(of_layer.entries.expected).max(initial=1.0)
            distance = np.abs(of_layer.entries.expected - other.entries.expected)
            assert not (distance > 1e-12 * size).any(), (seed, name)


@each(product(["float64", "float32"], FEW))
def test_a_graph_of_layers_is_judged_as_the_layers_are(precision: str, seed: int) -> None:
    check_graph_against_layers(precision, seed)


@pytest.mark.nightly
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_many_graphs_of_layers_are_judged_as_the_layers_are(precision: str) -> None:
    check_rows(check_graph_against_layers, product([precision], MANY))
