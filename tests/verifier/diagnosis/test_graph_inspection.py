"""Inspection of graphs: caught, missed, hidden and confused rules, and informative numbers."""

import json
from typing import Any

import numpy as np
import pytest

from verifier import inspect, verify
from verifier.diagnosis.catalogue import LOCAL_RULES
from verifier.diagnosis.graph_mutants import graph_mutants
from verifier.diagnosis.random_problem import informative_graph_numbers
from verifier.documents.graph import read_graph
from verifier.examples.graphs import GRAPH_EXAMPLES, correct_gradients
from verifier.examples.layers import example_document, informative_document
from verifier.exporters.page.page import render_inspection
from verifier.report.inspection import BugDetection, Inspection
from verifier.report.outcome import InspectionOutcome
from verifier.testing.random_graphs import seeded_graph

WEAK: dict[str, Any] = {  # every pre-activation positive, both matrices alike when turned
    "name": "weak",
    "network": {
        "inputs": ["x"],
        "nodes": [
            {"name": "a", "op": "matmul", "args": ["x", "W"]},
            {"name": "h", "op": "relu", "args": ["a"]},
            {"name": "s", "op": "add", "args": ["h", "b"]},
            {"name": "z", "op": "mean", "args": ["s"]},
        ],
        "output": "z",
    },
    "inputs": {"x": [[1, 2], [2, 1]]},
    "parameters": {"W": [[1, 1], [1, 1]], "b": [0.5, 0.5]},
}


def row(inspection: Inspection, rule: str) -> BugDetection:
    return next(detection for detection in inspection.bugs if detection.bug == rule)


def test_numbers_that_hide_a_rule_are_told_with_its_node() -> None:
    inspection = inspect(WEAK)
    assert inspection.of_graph
    forgotten = row(inspection, "missing-activation-derivative")
    assert [at.node for at in forgotten.missed_at] == ["nodes.a"]
    turned = row(inspection, "untransposed-weights")
    assert (turned.caught, [at.node for at in turned.missed_at]) == (0, ["W"])
    assert inspection.mutation_score < 0.85
    assert any("example --strong --like" in advice for advice in inspection.advice)


def test_a_mean_not_divided_looks_like_its_derivative_left_out() -> None:
    assert row(inspect(WEAK), "batch-sum-for-mean").same_here_as == ("missing-activation-derivative",)


def test_a_recurrence_from_zero_hides_the_first_path_to_its_weights() -> None:
    inspection = inspect(example_document("elman-5-steps"))
    missed = {detection.bug for detection in inspection.bugs if detection.missed}
    assert missed == {"missing-path", "untransposed-weights", "sign-flipped", "paths-multiplied"}
    assert {at.node for detection in inspection.bugs for at in detection.missed_at} == {"U"}


@pytest.mark.parametrize("name", [*GRAPH_EXAMPLES, "weak"])
def test_strong_numbers_reveal_all_and_their_gradients_are_right(name: str) -> None:
    like = WEAK if name == "weak" else example_document(name)
    strong = informative_document(like)
    assert strong["network"] == like["network"]
    assert strong["name"] == f"{name}-strong"
    assert verify(strong, oracles=["backpropagation"]).verdict == "correct"
    inspection = inspect(strong)
    assert inspection.mutation_score == 1.0
    assert not any(detection.confused_with for detection in inspection.bugs)


@pytest.mark.parametrize(
    "seed", [0, 5, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(1, 5))]
)
def test_what_is_called_caught_is_incorrect_and_what_is_missed_is_not(seed: int) -> None:
    document = seeded_graph(seed, 10)
    document["gradients"] = correct_gradients(document)
    problem = read_graph(document).problem
    counts: dict[str, int] = {}
    for mutant in graph_mutants(problem):
        report = verify({**document, "gradients": dict(mutant.gradients)}, oracles=["backpropagation"])
        counts[mutant.bug] = counts.get(mutant.bug, 0) + (report.verdict == "incorrect")
    assert counts == {detection.bug: detection.caught for detection in inspect(document).bugs}


def test_a_rule_may_be_named_by_an_earlier_id() -> None:
    problem = read_graph({**example_document("elman-5-steps"), "gradients": {}}).problem
    chosen = {mutant.bug for mutant in graph_mutants(problem, ["wrong-sign", "broadcast-not-summed"])}
    assert chosen == {"sign-flipped", "bias-not-summed", "bias-mean-for-sum"}


def test_only_what_is_asked_is_inspected_and_influence_and_kinks_are_told() -> None:
    document = {**WEAK, "inputs": {"x": [[0, 0], [2, 1]]}, "parameters": WEAK["parameters"] | {"idle": 1.0}}
    inspection = inspect(document)
    assert set(inspection.uninformative) == {"W", "b", "idle"}
    assert {warning.code for warning in inspection.warnings} == {"no-influence", "kink"}
    everything = inspect(
        {**document, "gradients": {"nodes.h": [[0, 0], [0, 0]], "inputs.x": [[0, 0], [0, 0]]}}
    )
    assert everything.entries == inspection.entries + 8


DEFINED_ONLY = {
    "a logarithm of a parameter": [{"name": "z", "op": "log", "args": ["p"]}],
    "a root of a difference": [
        {"name": "d", "op": "subtract", "args": ["p", 1.5]},
        {"name": "z", "op": "sqrt", "args": ["d"]},
    ],
}


@pytest.mark.parametrize("case", DEFINED_ONLY)
def test_numbers_drawn_anew_stay_where_the_graph_is_defined(case: str) -> None:
    nodes = [*DEFINED_ONLY[case], {"name": "R", "op": "sum", "args": ["z"]}]
    document = {"network": {"nodes": nodes, "output": "R"}, "parameters": {"p": [2.0, 3.0]}, "gradients": {}}
    problem = read_graph(document).problem
    drawn = [informative_graph_numbers(problem, seed) for seed in range(4)]
    assert all((instance.parameters["p"] != problem.parameters["p"]).all() for instance in drawn)
    for instance in drawn:
        moved = {**document, "parameters": dict(instance.parameters)}
        assert np.isfinite(verify({**moved, "gradients": correct_gradients(moved)}).loss.value)


def test_indices_stay_indices_and_masks_stay_masks() -> None:
    problem = read_graph({**example_document("cbow"), "gradients": {}}).problem
    drawn = informative_graph_numbers(problem, 0)
    assert set(np.ravel(drawn.inputs["context"])) <= set(range(6))
    nodes = [
        {"name": "m", "op": "multiply", "args": ["p", "mask"]},
        {"name": "z", "op": "sum", "args": ["m"]},
    ]
    document = {
        "network": {"inputs": ["mask"], "nodes": nodes, "output": "z"},
        "inputs": {"mask": [2.0, 0.0, 2.0, 2.0]},
        "parameters": {"p": [1.0, 2.0, 3.0, 4.0]},
        "gradients": {},
    }
    drawn = informative_graph_numbers(read_graph(document).problem, 1)
    assert sorted(drawn.inputs["mask"]) == [0.0, 2.0, 2.0, 2.0]


def test_text_document_and_page_say_the_same() -> None:
    inspection = inspect(WEAK)
    text, document = str(inspection), inspection.to_dict()
    page = render_inspection([InspectionOutcome("weak.json", inspection)])
    assert "wrong local rules can show in a graph of this shape" in text
    assert "missed at nodes.a" in text
    assert json.dumps(document, allow_nan=False)
    places = {at["node"] for bug in document["bugs"] for at in bug["missed_at"]}
    assert places == {"nodes.a", "W"}
    assert "wrong local rules can show in a graph" in page
    assert "<bdi>nodes.a</bdi>" in page
    assert all(LOCAL_RULES[detection.bug].title.split("'")[0] in page for detection in inspection.bugs)
