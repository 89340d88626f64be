"""A wrong local rule is found at its node, by name, whatever is wrong behind it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from reference_impl.array import Array
from tests.verifier.graph_builders import problem_of
from verifier import verify
from verifier.diagnosis.backward_sweep import Edges, backward_sweep
from verifier.diagnosis.catalogue import LOCAL_RULES
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import values_of
from verifier.examples.layers import example_document
from verifier.problem.graph import GraphProblem, node_name
from verifier.testing.random_graphs import seeded_graph


def gradients_with_mistake(problem: GraphProblem, at: str, wrong: Array) -> dict[str, Array]:
    """Go back with a wrong gradient at one place; all before it inherits the mistake."""

    def wrong_gradient(name: str, arcs: Edges) -> Array | None:
        return wrong if name == at else None

    gradients = {
        name: gradient
        for name, _, gradient in backward_sweep(problem, values_of(problem, FLOATS), wrong_gradient)
    }
    return {key: gradients[node_name(key)] for key in problem.requested}


def arcs_into(problem: GraphProblem, at: str) -> Edges:
    sweep = backward_sweep(problem, values_of(problem, FLOATS), lambda *_: None)
    return next(arcs for name, arcs, _ in sweep if name == at)


def verify_gradients(document: Mapping[str, Any], gradients: Mapping[str, Array]) -> Any:
    return verify({**document, "gradients": dict(gradients)}, oracles=["backpropagation"])


PLANTED = {
    "power-of-four": ("moved", "derivative-at-activation"),
    "two-path-diamond": ("x", "missing-path"),
    "olah": ("b", "assigned-not-accumulated"),
    "cs231n-circuit": ("below", "sign-flipped"),
    "residual-block": ("x", "missing-path"),
    "tied-autoencoder": ("W", "assigned-not-accumulated"),
    "elman-5-steps": ("U", "assigned-not-accumulated"),
    "cbow": ("h", "untransposed-weights"),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_mistake_of_an_example_is_named_at_its_node(name: str) -> None:
    at, bug = PLANTED[name]
    document = example_document(name)
    problem = problem_of(document)
    arcs = arcs_into(problem, at)
    candidates = list(LOCAL_RULES[bug].candidates(arcs))
    if not candidates:
        pytest.fail(f"{bug} cannot be made at {at}")
    report = verify_gradients(document, gradients_with_mistake(problem, at, candidates[0][1]))
    assert report.verdict == "incorrect"
    (row,) = report.diagnosis
    assert node_name(row.node) == at
    assert bug in (row.bug, *row.also_consistent)


def test_a_logarithms_derivative_at_a_negative_value_is_named_too() -> None:
    nodes = [{"name": "l", "op": "log", "args": ["x"]}, {"name": "z", "op": "sum", "args": ["l"]}]
    document = {"network": {"nodes": nodes, "output": "z"}, "parameters": {"x": [0.3, 0.5, 2.0]}}
    problem = problem_of(document)
    (row,) = verify_gradients(
        document, gradients_with_mistake(problem, "x", 1.0 / np.log([0.3, 0.5, 2.0]))
    ).diagnosis
    assert (row.node, row.bug) == ("x", "derivative-at-activation")


def test_matrix_products_the_wrong_way_round_are_named() -> None:
    rng = np.random.default_rng(5)
    nodes = [
        {"name": "a", "op": "matmul", "args": ["x", "W"]},
        {"name": "h", "op": "tanh", "args": ["a"]},
        {"name": "loss", "op": "mse", "args": ["h", "y"]},
    ]
    square = {name: rng.normal(size=(3, 3)) for name in ("x", "y", "W")}
    document = {
        "network": {"inputs": ["x", "y"], "nodes": nodes, "output": "loss"},
        "inputs": {"x": square["x"], "y": square["y"]},
        "parameters": {"W": square["W"]},
    }
    problem = problem_of(document)
    arcs = arcs_into(problem, "W")
    for _, wrong in LOCAL_RULES["untransposed-weights"].candidates(arcs):
        (row,) = verify_gradients(document, gradients_with_mistake(problem, "W", wrong)).diagnosis
        assert (row.bug, row.node) == ("untransposed-weights", "W")


def test_broadcasting_that_is_not_summed_back_is_named() -> None:
    rng = np.random.default_rng(6)
    nodes = [
        {"name": "a", "op": "add", "args": ["x", "b"]},
        {"name": "h", "op": "tanh", "args": ["a"]},
        {"name": "loss", "op": "sum", "args": ["h"]},
    ]
    document = {
        "network": {"inputs": ["x"], "nodes": nodes, "output": "loss"},
        "inputs": {"x": rng.normal(size=(4, 3))},
        "parameters": {"b": rng.normal(size=3)},
    }
    problem = problem_of(document)
    arcs = arcs_into(problem, "b")
    for _, wrong in LOCAL_RULES["bias-not-summed"].candidates(arcs):
        (row,) = verify_gradients(document, gradients_with_mistake(problem, "b", wrong)).diagnosis
        assert row.bug == "bias-not-summed"


def test_several_mistakes_have_a_row_each_and_what_inherits_has_none() -> None:
    document = example_document("elman-5-steps")
    problem = problem_of(document)
    at_h3 = next(iter(LOCAL_RULES["sign-flipped"].candidates(arcs_into(problem, "h3"))))[1]
    gradients = gradients_with_mistake(problem, "h3", at_h3)
    gradients["V"] = -gradients["V"]
    report = verify_gradients(document, gradients)
    assert [(row.node, row.bug) for row in report.diagnosis] == [
        ("nodes.h3", "sign-flipped"),
        ("V", "sign-flipped"),
    ]


def test_what_no_rule_gives_is_unexplained_and_still_placed() -> None:
    document = example_document("residual-block")
    problem = problem_of(document)
    right = gradients_with_mistake(problem, "", np.zeros(()))
    report = verify_gradients(document, right | {"nodes.h": right["nodes.h"] + 0.3})
    assert (report.diagnosis[0].bug, report.diagnosis[0].node) == ("unexplained", "nodes.h")


def test_a_small_entry_that_is_wrong_beside_a_large_one_is_placed() -> None:
    nodes = [
        {"name": "h", "op": "tanh", "args": ["x"]},
        {"name": "m", "op": "multiply", "args": ["h", "w"]},
        {"name": "z", "op": "sum", "args": ["m"]},
    ]
    document = {
        "network": {"inputs": ["w"], "nodes": nodes, "output": "z"},
        "inputs": {"w": [1e7, 1e-3]},
        "parameters": {"x": [0.5, 0.3]},
    }
    right = gradients_with_mistake(problem_of(document), "", np.zeros(()))
    report = verify_gradients(document, right | {"x": right["x"] * np.array([1.0, 2.0])})
    assert [row.node for row in report.diagnosis] == ["x"]


def test_a_path_that_should_cancel_is_placed() -> None:
    nodes = [{"name": "q", "op": "divide", "args": ["x", "x"]}, {"name": "z", "op": "sum", "args": ["q"]}]
    document = {"network": {"nodes": nodes, "output": "z"}, "parameters": {"x": [0.3, 0.7, 1.1]}}
    problem = problem_of(document)
    wrong = next(iter(LOCAL_RULES["missing-path"].candidates(arcs_into(problem, "x"))))[1]
    (row,) = verify_gradients(document, gradients_with_mistake(problem, "x", wrong)).diagnosis
    assert (row.node, row.bug) == ("x", "missing-path")


@pytest.mark.parametrize("graphs", [30, pytest.param(120, marks=pytest.mark.nightly)])
def test_a_wrong_rule_in_a_graph_drawn_at_random_is_placed(graphs: int) -> None:
    made = placed = named = 0
    for seed in range(graphs):
        document = seeded_graph(seed, 16)
        problem = problem_of(document)
        right = gradients_with_mistake(problem, "", np.zeros(()))
        bug, rule = list(LOCAL_RULES.items())[seed % len(LOCAL_RULES)]
        for key in problem.requested:
            at = node_name(key)
            wrongs = [
                candidate
                for _, candidate in rule.candidates(arcs_into(problem, at))
                if candidate.shape == right[key].shape
                and not np.allclose(candidate, right[key], rtol=1e-4, atol=1e-9)
            ]
            if wrongs:
                report = verify_gradients(document, gradients_with_mistake(problem, at, wrongs[0]))
                if any(row.subgradients for row in report.parameters.values()):
                    break  # at a kink, of several largest entries, it may be right
                rows = report.diagnosis
                made += 1
                placed += [row.node for row in rows] == [key]
                named += any(bug in (row.bug, *row.also_consistent) for row in rows)
                break
    assert made >= graphs / 2
    assert placed >= 0.99 * made
    assert named >= 0.99 * made


@pytest.mark.parametrize("audience", ["grader", "student"])
def test_a_diagnosis_of_a_graph_passes_through_documents(audience: str) -> None:
    from verifier.exporters.student_view import to_student_view
    from verifier.report.reading import read_report

    document = example_document("two-path-diamond")
    problem = problem_of(document)
    wrong = next(iter(LOCAL_RULES["missing-path"].candidates(arcs_into(problem, "x"))))[1]
    report = verify_gradients(document, gradients_with_mistake(problem, "x", wrong))
    shown = report if audience == "grader" else to_student_view(report)
    assert read_report(shown.to_dict()).to_dict() == shown.to_dict()
    assert shown.diagnosis[0].node == "x"
    assert "nodes" in str(shown)
