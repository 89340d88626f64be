"""A backward function over graphs is right, or the smallest graph on which it is wrong is found."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from reference_impl.array import Array
from verifier import verify
from verifier.diagnosis.backward_sweep import Edge, Edges, backward_sweep
from verifier.documents.graph import read_graph
from verifier.documents.json import parse
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import values_of
from verifier.examples.graphs import correct_gradients
from verifier.problem.graph import node_name
from verifier.testing.graph_check_backward import GraphBackward, check_graph_backward, graph_failure_lines


def with_share(op: str, share: Callable[[Edge], Array]) -> GraphBackward:
    """Make a function that is right but for what one operation hands back."""

    def combine(name: str, arcs: Edges) -> Array | None:
        if not any(arc.node.operation.name == op for arc in arcs):
            return None
        shares = [share(arc) if arc.node.operation.name == op else arc.share for arc in arcs]
        return np.asarray(sum(shares[1:], shares[0]))

    return backward_function(combine)


def backward_function(settle: Callable[[str, Edges], Array | None]) -> GraphBackward:
    def backward(document: dict[str, Any]) -> Mapping[str, Any]:
        problem = read_graph({**document, "gradients": {}}).problem
        gradients = {
            name: gradient
            for name, _, gradient in backward_sweep(problem, values_of(problem, FLOATS), settle)
        }
        nodes = [f"nodes.{node.name}" for node in problem.nodes]
        return {key: gradients[node_name(key)] for key in (*problem.parameters, *nodes)}

    return backward


def last_path_alone(name: str, arcs: Edges) -> Array | None:
    return arcs[-1].share if arcs else None


MISTAKES = {
    "no derivative of tanh": (
        with_share("tanh", lambda arc: arc.upstream), "missing-activation-derivative", 1
    ),
    "sigmoid's derivative at its value": (
        with_share("sigmoid", lambda arc: arc.node.options["function"].vjp(
            arc.node.options["function"].forward(arc.operands[0]), arc.upstream)),
        "derivative-at-activation", 1,
    ),
    "a divisor's sign": (
        with_share("divide", lambda arc: -arc.share if arc.place else arc.share), "sign-flipped", 1
    ),
    "a mean that does not divide": (
        with_share("mean", lambda arc: arc.share * arc.node.options["count"]),
        "missing-activation-derivative", 2
    ),
    "assigned for accumulated": (backward_function(last_path_alone), "missing-path", 2),
}  # fmt: skip


def test_a_right_function_passes() -> None:
    assert check_graph_backward(correct_gradients, graphs=40) is None


@pytest.mark.parametrize(
    "mistake",
    [
        pytest.param(name, marks=pytest.mark.nightly if name == "assigned for accumulated" else ())
        for name in MISTAKES  # that one takes long to be found so small
    ],
)
def test_a_mistake_is_shown_by_a_tiny_graph_of_short_numbers_and_named(mistake: str) -> None:
    backward, named, most_nodes = MISTAKES[mistake]
    failure = check_graph_backward(backward)
    assert failure is not None
    assert len(failure.document["network"]["nodes"]) <= most_nodes
    drawn = [*failure.document["inputs"].values(), *failure.document["parameters"].values()]
    assert sum(array.size for array in drawn) <= 3
    assert all((array == array.round()).all() for array in drawn)
    lines = list(graph_failure_lines(failure))
    assert len(lines) <= 12
    assert named in "\n".join(lines)
    assert verify(parse(failure.replay.encode())).verdict == "incorrect"


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda document: 1 / 0, "ZeroDivisionError"),
        (lambda document: None, "got NoneType; the function must return them"),
        (lambda document: {}, "no gradient was given"),
        (lambda document: {name: np.zeros(7) for name in document["parameters"]}, "expected shape"),
    ],
    ids=["raises", "returns nothing", "gives none", "wrong shape"],
)
def test_a_function_that_gives_no_gradients_is_told_why(function: GraphBackward, said: str) -> None:
    failure = check_graph_backward(function, most_nodes=4)
    assert failure is not None
    assert said in "\n".join(graph_failure_lines(failure))


def test_only_operations_that_the_function_knows_are_asked() -> None:
    seen: set[str] = set()

    def backward(document: dict[str, Any]) -> Mapping[str, Any]:
        seen.update(node["op"] for node in document["network"]["nodes"])
        return correct_gradients(document)

    assert check_graph_backward(backward, operations=["exp", "multiply"], graphs=40) is None
    assert {"exp", "multiply"} <= seen <= {"exp", "multiply", "sum", "mean", "add", "mse"}
