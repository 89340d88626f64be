"""Bugs of graphs of which only some gradients were submitted, as those of the parameters."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from benchmarks.support.graph_students.rules import RULES
from benchmarks.support.graph_students.student import forward, sum_to_shape
from reference_impl.array import Array
from tests.pairwise import each
from tests.verifier.graph_builders import problem_of
from verifier import verify
from verifier.diagnosis.graph_mutants import graph_mutants
from verifier.examples.graphs import correct_gradients
from verifier.exporters.student_view import to_student_view
from verifier.report.report import Report
from verifier.testing.random_graphs import seeded_graph

N = 6


def node(name: str, op: str, *args: Any, **options: Any) -> dict[str, Any]:
    return {"name": name, "op": op, "args": list(args), **options}


def network(*hidden: dict[str, Any], inputs: Mapping[str, Array] | None = None) -> dict[str, Any]:
    """Return x W1 + b1, some nodes from a1 to h, and h W2 + b2 under squared error."""
    rng = np.random.default_rng(8)
    arrays = {"x": rng.normal(size=(N, 3)), "y": rng.normal(size=(N, 2)), **(inputs or {})}
    nodes = [
        node("p1", "matmul", "x", "W1"),
        node("a1", "add", "p1", "b1"),
        *hidden,
        node("p2", "matmul", "h", "W2"),
        node("f", "add", "p2", "b2"),
        node("loss", "mse", "f", "y", factor=1.0),
    ]
    return {
        "network": {"inputs": list(arrays), "nodes": nodes, "output": "loss"},
        "inputs": arrays,
        "parameters": {
            "W1": rng.normal(size=(3, 4)),
            "b1": rng.normal(size=4),
            "W2": rng.normal(size=(4, 2)),
            "b2": rng.normal(size=2),
        },
    }


MLP = network(node("h", "tanh", "a1"))


def judge(document: Mapping[str, Any], gradients: Mapping[str, Any]) -> Report:
    return verify({**document, "gradients": gradients}, oracles=["backpropagation"])


def gradients_of_parameters(document: Mapping[str, Any]) -> dict[str, Array]:
    gradients = correct_gradients(document)
    return {name: np.asarray(gradients[name]) for name in document["parameters"]}


@pytest.mark.parametrize(
    ("factor", "bug"),
    [
        (2.0, "factor-two"),
        (0.5, "factor-two"),
        (-1.0, "sign-flipped"),
        (N, "batch-sum-for-mean"),
        (1 / N, "batch-mean-for-sum"),
        (0.3, "constant-factor"),
    ],
)
def test_a_factor_of_the_whole_gradient_is_named_once(factor: float, bug: str) -> None:
    right = gradients_of_parameters(MLP)
    report = judge(MLP, {name: factor * gradient for name, gradient in right.items()})
    (row,) = report.diagnosis
    assert bug in (row.bug, *row.also_consistent)  # ½ is a mean over the two outputs, too
    assert row.node is None
    assert row.factor == pytest.approx(factor)
    assert set(row.parameters) == set(right)


def test_a_factor_of_a_single_number_names_nothing() -> None:
    document = {
        "network": {"nodes": [node("z", "power", "w", exponent=2)], "output": "z"},
        "parameters": {"w": 1.5},
    }
    report = judge(document, {"w": 2.1})
    assert "constant-factor" not in {row.bug for row in report.diagnosis}


@pytest.mark.parametrize(
    "rule", ["missing-activation-derivative", "derivative-at-activation", "sign-flipped"]
)
def test_a_wrong_rule_at_an_inner_node_is_named_there(rule: str) -> None:
    problem = problem_of(MLP)
    problem = problem.with_requested(tuple(problem.parameters))
    mutants = [mutant for mutant in graph_mutants(problem, [rule]) if mutant.at in ("a1", "h")]
    assert mutants
    for mutant in mutants:
        report = judge(MLP, mutant.gradients)
        (row,) = report.diagnosis
        assert rule in (row.bug, *row.also_consistent)
        assert set(row.parameters) == {"W1", "b1"}
        assert row.node in ("nodes.a1", "nodes.h")


def test_what_no_rule_explains_is_one_finding_with_a_stretch_of_nodes() -> None:
    """Mean and variance of a batch normalisation taken for constants on the way back."""
    normalisation = [
        node("centred", "subtract", "a1", "mean"),
        node("scaled", "multiply", "centred", "inverse"),
        node("h", "tanh", "scaled"),
    ]
    statistics = [
        node("squares", "power", "centred", exponent=2),
        node("variance", "mean", "squares", axis=0),
        node("safe", "add", "variance", 1e-5),
        node("inverse", "power", "safe", exponent=-0.5),
    ]
    mean, centred, *rest = node("mean", "mean", "a1", axis=0), *normalisation
    right = network(mean, centred, *statistics, *rest)
    a1 = right["inputs"]["x"] @ right["parameters"]["W1"] + right["parameters"]["b1"]
    constants = {"mean": a1.mean(axis=0), "inverse": (a1.var(axis=0) + 1e-5) ** -0.5}
    report = judge(right, gradients_of_parameters(network(*normalisation, inputs=constants)))
    (row,) = report.diagnosis
    assert (row.bug, row.node) == ("unexplained", "nodes.a1")
    assert set(row.parameters) == {"W1", "b1"}
    assert row.estimates["nodes"][0] == "a1"
    assert "h" in row.estimates["nodes"]
    assert "p2" not in row.estimates["nodes"]
    assert "does not follow" not in row.explanation


SHARED = network(
    node("s", "sigmoid", "a1"),
    node("g", "multiply", "a1", "s"),
    node("r", "add", "g", "a1"),
    node("h", "tanh", "r"),
)


def gradients_by_recursion(document: Mapping[str, Any], once: bool) -> dict[str, Array]:
    """Return gradients by a recursion from the output that follows no topological order."""
    values = forward(document)
    nodes = {row["name"]: row for row in document["network"]["nodes"]}
    gradients = {name: np.zeros(np.shape(array)) for name, array in values.items()}
    reached: set[str] = set()

    def visit(name: str) -> None:
        if name not in nodes or (once and name in reached):
            return
        reached.add(name)
        row = nodes[name]
        operands = [np.asarray(values[operand]) for operand in row["args"]]
        parts = RULES[row["op"]].back(gradients[name], operands, values[name], row)
        for operand, part in zip(row["args"], parts, strict=True):
            if part is not None:
                gradients[operand] = gradients[operand] + sum_to_shape(part, np.shape(values[operand]))
        for operand in row["args"]:
            visit(operand)

    gradients["loss"] = np.ones(())
    visit("loss")
    return gradients


@pytest.mark.parametrize(("once", "of_nodes"), [(True, True), (False, True), (False, False)])
def test_backward_steps_in_no_topological_order_are_one_mistake(once: bool, of_nodes: bool) -> None:
    gradients = gradients_by_recursion(SHARED, once)
    names = {name: name for name in SHARED["parameters"]}
    if of_nodes:
        names |= {f"nodes.{name}": name for name in ("a1", "s", "g", "r", "h")}
    (row,) = judge(SHARED, {key: gradients[name] for key, name in names.items()}).diagnosis
    assert (row.bug, row.node) == ("no-topological-order", None)
    assert {"W1", "b1"} <= set(row.parameters)
    assert "recursion" in row.explanation


def test_a_gradient_that_is_handed_on_early_is_named_where_it_arrives() -> None:
    problem = problem_of(SHARED)
    names = (*problem.parameters, "nodes.p1", "nodes.a1", "nodes.s", "nodes.r")
    mutants = graph_mutants(problem.with_requested(names), ["no-topological-order"])
    mutant = next(mutant for mutant in mutants if (mutant.at, mutant.use) == ("b1", "a1"))
    (row,) = judge(SHARED, mutant.gradients).diagnosis
    assert (row.bug, row.node, row.parameters) == ("no-topological-order", "b1", ("b1",))


def test_an_order_that_shows_in_one_gradient_is_named_there() -> None:
    """A recursion from the output runs the step of u twice, so the gradient of p alone counts it twice."""
    document = {
        "network": {
            "nodes": [node("u", "tanh", "p"), node("v", "multiply", "u", 3.0), node("l", "add", "u", "v")],
            "output": "loss",
        },
        "parameters": {"p": np.array([0.3, -0.7, 1.2])},
    }
    document["network"]["nodes"].append(node("loss", "sum", "l"))
    right = correct_gradients(document)
    gradients = {key: np.asarray(right[key]) for key in ("p", "nodes.u", "nodes.v", "nodes.l")}
    gradients["p"] = gradients["p"] + (1 - np.tanh(document["parameters"]["p"]) ** 2)
    (row,) = judge(document, gradients).diagnosis
    assert (row.bug, row.node, row.parameters) == ("no-topological-order", "p", ("p",))


def test_a_student_is_told_the_first_wrong_gradients_and_no_factor() -> None:
    right = gradients_of_parameters(MLP)
    report = judge(MLP, {name: 2.0 * gradient for name, gradient in right.items()})
    view = to_student_view(report)
    assert {row.node for row in view.diagnosis} <= set(right)
    assert all(row.factor is None and row.bug in ("", "unexplained") for row in view.diagnosis)


@each(range(300, 312))
def test_a_wrong_rule_of_a_random_graph_gets_no_other_name(seed: int) -> None:
    document = seeded_graph(seed, 14)
    problem = problem_of(document)
    problem = problem.with_requested(tuple(problem.parameters))
    mutants = list(graph_mutants(problem))
    for place in np.random.default_rng(seed).permutation(len(mutants))[:3]:
        mutant = mutants[place]
        report = judge(document, mutant.gradients)
        names = {bug for row in report.diagnosis for bug in (row.bug, *row.also_consistent)}
        # a node that sends nothing back is a missing path of what it uses
        same = {"missing-path"} if mutant.bug == "zero-gradient" else set()
        if mutant.bug == "assigned-not-accumulated":  # the last use may have a gradient of 0
            same = {"zero-gradient"}
        assert report.verdict != "incorrect" or names & {mutant.bug, "unexplained", *same}
