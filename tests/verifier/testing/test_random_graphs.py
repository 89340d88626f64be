"""Graphs drawn at random: all oracles agree, and a wrong local rule shows where it is."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest

from reference_impl.array import Array
from tests.pairwise import check_rows, each
from tests.verifier.graph_builders import problem_of
from verifier.documents.graph import read_graph
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import gradients_of, values_of
from verifier.engine.graph_rounding import rounding
from verifier.judging.consensus import combine_answers
from verifier.oracles import GRAPH_ORACLES, ask
from verifier.pipeline.graphs import judge_graph
from verifier.problem.graph import GraphProblem, node_name
from verifier.problem.precision import PRECISIONS
from verifier.testing.random_graph_forms import BASIC_OPERATIONS, FORMS
from verifier.testing.random_graphs import seeded_graph

FEW = range(30)
MANY = range(30, 200)
REFERENCE = ["backpropagation"]  # where a verdict is asked, and no agreement


def gradients(problem: GraphProblem) -> dict[str, Array]:
    actual = gradients_of(problem, values_of(problem, FLOATS), FLOATS)
    shapes = problem.shapes()
    return {key: actual.get(node_name(key), np.zeros(shapes[node_name(key)])) for key in problem.requested}


FURTHER = (*(name for name in FORMS if name not in BASIC_OPERATIONS), "add", "multiply", "tanh", "matmul")


def oracles_agree(seed: int, operations: Sequence[str] = BASIC_OPERATIONS, most: int = 16) -> None:
    problem = problem_of(seeded_graph(seed, most, operations))
    float64_rounding = rounding(problem, PRECISIONS["float64"])
    answers = ask(problem, float64_rounding, list(GRAPH_ORACLES))
    shapes = {key: problem.shapes()[node_name(key)] for key in problem.requested}
    consensus = combine_answers(answers, shapes)
    assert not consensus.disputes
    answering = [name for name, answer in answers.items() if answer.gradient]
    assert answering == list(GRAPH_ORACLES)
    if not float64_rounding.kinks:  # then everybody knows everything
        for name, answer in answers.items():
            if name == "high_precision":  # a sigmoid of x − x: no number of bits tells that from 0
                continue
            assert all(np.isfinite(estimate.error).all() for estimate in answer.gradient.values()), name


@each(FEW)
def test_all_oracles_agree_on_graphs_drawn_at_random(seed: int) -> None:
    oracles_agree(seed)


@pytest.mark.nightly
def test_all_oracles_agree_on_many_graphs_drawn_at_random() -> None:
    check_rows(oracles_agree, MANY)


@each(product(range(12), [FURTHER], [8]))
def test_all_oracles_agree_on_graphs_of_further_operations(seed: int, operations: Any, most: int) -> None:
    oracles_agree(seed, operations, most)


@pytest.mark.nightly
def test_all_oracles_agree_on_many_graphs_of_further_operations() -> None:
    check_rows(oracles_agree, product(range(12, 200), [FURTHER], [12]))


def check_right_gradients(precision: str, seed: int, operations: Sequence[str] = BASIC_OPERATIONS) -> None:
    import torch

    document = seeded_graph(seed, 16, operations)
    problem = problem_of(document)
    tensors = {
        name: torch.tensor(values, dtype=getattr(torch, precision), requires_grad=True)
        for name, values in problem.leaves()
    }
    for node in problem.nodes:
        operands = [tensors[name] for name in node.operands]
        value = node.operation.in_torch(torch, node, operands)
        tensors[node.name] = value * 1.0 if any(value is operand for operand in operands) else value
    keys = [key for key in problem.requested if "[" not in key]  # steps of compositions have no gradient
    requested = [tensors[node_name(key)] for key in keys]
    gradients = torch.autograd.grad(tensors[problem.output], requested, allow_unused=True)
    submitted = {
        key: np.zeros(tuple(tensor.shape)) if gradient is None else gradient.double().numpy()
        for key, tensor, gradient in zip(keys, requested, gradients, strict=True)
    }
    document |= {"gradients": submitted, "precision": precision, "tolerance": "strict"}
    report = judge_graph(read_graph(document), oracles=REFERENCE)
    wrong = [name for name, row in report.parameters.items() if row.incorrect]
    assert not wrong


@each(product(["float64", "float32", "float16"], range(12)))
def test_right_gradients_of_any_precision_are_not_called_incorrect(precision: str, seed: int) -> None:
    check_right_gradients(precision, seed)


@each(product(["float64", "float32"], range(100, 112), [FURTHER]))
def test_right_gradients_of_further_operations_are_not_called_incorrect(
    precision: str, seed: int, operations: Any
) -> None:
    check_right_gradients(precision, seed, operations)


@pytest.mark.nightly
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_right_gradients_of_many_graphs_of_further_operations(precision: str) -> None:
    check_rows(check_right_gradients, product([precision], range(200), [FURTHER]))


@pytest.mark.nightly
@pytest.mark.parametrize("precision", ["float64", "float32", "float16"])
def test_right_gradients_of_many_graphs_are_not_called_incorrect(precision: str) -> None:
    check_rows(check_right_gradients, product([precision], range(12, 40)))


def check_wrong_gradient(seed: int, operations: Sequence[str] = BASIC_OPERATIONS) -> None:
    document = seeded_graph(seed, 16, operations)
    problem = problem_of(document)
    right = {key: gradient for key, gradient in gradients(problem).items() if "[" not in key}
    keys = [key for key in right if np.abs(right[key]).max(initial=0.0) > 1e-9]
    off = keys[seed % len(keys)]
    document["gradients"] = {**right, off: right[off] * 1.01}
    report = judge_graph(read_graph(document), oracles=REFERENCE)
    assert [name for name, row in report.parameters.items() if row.incorrect] == [off]
    (caution,) = [warning for warning in report.warnings if warning.code == "chain-breaks"]
    assert off in caution.detail


@each(range(12))
def test_a_gradient_that_is_off_anywhere_is_found_and_placed(seed: int) -> None:
    check_wrong_gradient(seed)


@each(product(range(100, 112), [FURTHER]))
def test_a_gradient_that_is_off_is_found_among_further_operations(seed: int, operations: Any) -> None:
    check_wrong_gradient(seed, operations)


@pytest.mark.nightly
def test_it_is_found_and_placed_in_many_graphs() -> None:
    check_rows(check_wrong_gradient, range(12, 40))
    check_rows(check_wrong_gradient, product(range(200), [FURTHER]))
